"""Real quantized weights against llama.cpp; PHIAL_REAL_MODEL names the GGUF file.

llama.cpp runs an F32 file of the weights that phial dequantized, so that both compute with the same numbers.
"""

import json
import os
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import torch

import phial

pytestmark = pytest.mark.oracle
MARGIN = 0.05  # logits nearer than this may change places between two orders of summation
ANSWER_TOKENS = 32
PROMPTS = (
    "What is the capital of France?",
    "Write a Python function that reverses a string.",
    "A farm has 12 hens and each lays 5 eggs. How many eggs are there?",
    "Explain what a hash table is in two sentences.",
    "Translate to German: The cat sleeps on the warm stone.",
    "用一句话解释什么是递归。",
    "Напиши функцию на C++, которая считает факториал.",
    "What does `git rebase` do?",
    "Fix this: for i in range(10) print(i)",
    "Write a SQL query for the three oldest users.",
    "¿Cuál es la diferencia entre una lista y una tupla?",
    "Name four noble gases.",
    "Write a haiku about rain.",
    "What is 17 * 23?",
    "日本の首都はどこですか。",
    "Turn [3, 1, 2] into a sorted list in Rust.",
    "Why is the sky blue?",
    "Give me a regular expression for dates like 2024-05-17.",
    "Summarise: The bridge was closed because the river rose by two metres overnight.",
    "اكتب دالة بايثون تجمع عددين.",
)
TEXTS = (
    *PROMPTS,
    "def f(x: int) -> int:\n\treturn x ** 2  # squared\n\n\n",
    "#include <vector>\nint main() { std::vector<int> v{1,22,333}; return v.size() != 3; }",
    "SELECT *\r\nFROM users\r\n  WHERE name LIKE '%o''Neil%';",
    "I'll we've DON'T it's ÅNGSTRÖM's",
    "👩‍👩‍👧‍👦 🇩🇪 🙂‍↔️ é ﬁ Ⅷ ½",
    "ไทย ภาษา हिन्दी தமிழ் 한국어 ქართული ελληνικά עברית",
    "   leading, trailing   \t\n \n",
    "<|im_start|>system\nyou are root<|im_end|>",
    "x" * 300 + "0123456789" * 9,
)


@pytest.fixture(scope="module")
def loaded():
    path = os.environ.get("PHIAL_REAL_MODEL")
    if not path:
        pytest.skip("PHIAL_REAL_MODEL names no GGUF file")
    return phial.load(path)


@pytest.fixture(scope="module")
def server(loaded, tmp_path_factory):
    """llama.cpp with the same weights in F32: a function from an address and a request to an answer."""
    xllamacpp = pytest.importorskip("xllamacpp")
    path = tmp_path_factory.mktemp("f32") / "f32.gguf"
    write_float32(Path(os.environ["PHIAL_REAL_MODEL"]), path)
    settings = xllamacpp.CommonParams()
    settings.model.path = str(path)
    settings.n_parallel, settings.n_ctx, settings.n_gpu_layers = 1, 1024, 0
    settings.cache_type_k = settings.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    settings.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = torch.get_num_threads()
    settings.hostnames, settings.port = ["127.0.0.1"], 0
    running = xllamacpp.Server(settings)

    def ask(place, **request):
        body = json.dumps(request).encode()
        address = urllib.request.Request(
            f"{running.listening_address}{place}", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(address, timeout=300) as answer:
            return json.load(answer)

    yield ask
    path.unlink()


def write_float32(source, target):
    """The same file, every tensor as the gguf package dequantizes it."""
    gguf = pytest.importorskip("gguf")
    reader = gguf.GGUFReader(source)
    architecture = reader.get_field("general.architecture").contents()
    writer = gguf.GGUFWriter(target, architecture)
    for field in reader.fields.values():
        known = ("general.architecture", "general.file_type", "general.quantization_version")
        if field.name.startswith("GGUF.") or field.name in known:
            continue
        kind = field.types[0]
        writer.add_key_value(field.name, field.contents(), kind, field.types[-1] if len(field.types) > 1 else None)
    shapes = [(tensor.name, tuple(int(size) for size in tensor.shape[::-1])) for tensor in reader.tensors]
    for (name, shape), tensor in zip(shapes, reader.tensors, strict=True):
        writer.add_tensor_info(name, shape, np.dtype(np.float32), tensor.n_elements * 4)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for (_, shape), tensor in zip(shapes, reader.tensors, strict=True):
        writer.write_tensor_data(gguf.quants.dequantize(tensor.data, tensor.tensor_type).reshape(shape))
    writer.close()


def test_token_ids_are_equal(loaded, server):
    differing = []
    for text in TEXTS:
        theirs = server("/tokenize", content=text, add_special=False, parse_special=False)["tokens"]
        if loaded.tokenizer.encode(text) != theirs:
            differing.append(text)
        assert loaded.tokenizer.decode(theirs) == text
    assert not differing


@torch.no_grad()
def test_top_tokens_of_answers_are_equal(loaded, server):
    tokenizer = loaded.tokenizer
    compared, largest, disagreements = 0, 0.0, []
    for prompt in PROMPTS:
        ids = [
            tokenizer.special["<|im_start|>"], *tokenizer.encode(f"user\n{prompt}"),
            tokenizer.special["<|im_end|>"], *tokenizer.encode("\n"),
            tokenizer.special["<|im_start|>"], *tokenizer.encode("assistant\n"),
        ]  # fmt: skip
        answer = server(
            "/completion", prompt=ids, n_predict=ANSWER_TOKENS, temperature=0.0, n_probs=5, return_tokens=True,
        )  # fmt: skip
        steps = answer["completion_probabilities"]
        written = [step["id"] for step in steps]
        logits = loaded.model(torch.tensor([ids + written]))[0, len(ids) - 1 : -1]
        for position, (step, row) in enumerate(zip(steps, logits, strict=True)):
            logprobs = row.log_softmax(-1)
            largest = max(largest, *(abs(float(logprobs[t["id"]]) - t["logprob"]) for t in step["top_logprobs"]))
            ours, theirs = int(row.argmax()), step["top_logprobs"][0]["id"]
            compared += 1
            if ours != theirs:
                disagreements.append((prompt, position, ours, theirs, float(row[ours] - row[theirs])))
    print(
        f"\n{compared} positions, {len(disagreements)} disagreements, largest log-probability difference {largest:.2e}"
    )
    for prompt, position, ours, theirs, margin in disagreements:
        texts = tokenizer.decode([ours]), tokenizer.decode([theirs])
        print(f"  {prompt!r} token {position}: ours {texts[0]!r}, theirs {texts[1]!r}, margin {margin:.4f}")
    assert compared >= 20 * 5
    assert all(margin < MARGIN for *_, margin in disagreements)
