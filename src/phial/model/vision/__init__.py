"""Images for Phi-3-vision: opened, cut into crops, embedded by a CLIP tower, and put into a prompt.

crops = [cut(open_image(source), vision) for source in sources]
message = Message("user", (Image(), Image(), "What differs?"))
ids, _ = encode_chat(tokenizer, [message], generation_prompt=True)
prompt = place_images(ids, [decoder.embed_image(image) for image in crops], vision)
ids, images = prompt.part(0, len(prompt.ids))
logits = decoder.extend(torch.tensor([ids]), KeyValueCache(decoder.config, 1), images=images)
"""
