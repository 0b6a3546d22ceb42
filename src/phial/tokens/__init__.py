"""Text to tokens: tokenizer, chat format, packing and token shards."""
