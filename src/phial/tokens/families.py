"""The special tokens of each family, and how to know a family by them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from phial.tokens import formats
from phial.tokens.byte_level import CL100K_PATTERN, O200K_PATTERN
from phial.tokens.chat_format import ChatFormat

# llama.cpp knows this pre-tokenizer as "qwen2": words, single digits, punctuation runs, line ends.
QWEN2_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

BOS, EOS, SYSTEM, USER, ASSISTANT, END = "<s>", "<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"
SPECIAL_TOKENS = (BOS, EOS, SYSTEM, USER, ASSISTANT, END)


@dataclass(frozen=True)
class Family:
    """A vocabulary's special tokens and the format of its chats.

    Attributes:
        name: of the family.
        signature: tokens whose presence tells this family from those further down in FAMILIES.
        bos: opens a document.
        eos: closes a document.
        pad: fills what is left of a row.
        stops: end an answer, those that the tokenizer has.
        chat: how its chats are written.
        special: ids that the published model gives its special tokens.
        spaces: further tokens of the published model that are ordinary text.
        strips: special tokens that swallow the whitespace after them.
        ranks: number of tokens in its rank file, 0 for none.
        pattern: how its rank file's vocabulary cuts text into words.
    """

    name: str
    signature: frozenset[str]
    bos: str
    eos: str
    pad: str
    stops: tuple[str, ...]
    chat: ChatFormat
    special: Mapping[str, int] = field(default_factory=dict)
    spaces: Mapping[str, int] = field(default_factory=dict)
    strips: frozenset[str] = frozenset()
    ranks: int = 0
    pattern: str = ""


PHIAL = Family("phial", frozenset(SPECIAL_TOKENS), BOS, EOS, EOS, (END, EOS), formats.PHIAL)

# Runs of 31 down to 2 spaces, then of 9 down to 2 tabs.
_RUNS = {" " * count: 50288 - count for count in range(2, 32)} | {"\t" * n: 50296 - n for n in range(2, 10)}

CODEGEN = Family(
    "codegen",
    frozenset([EOS]),
    EOS,
    EOS,
    EOS,
    (EOS,),
    formats.INSTRUCT,
    {EOS: 50256},
    spaces=_RUNS,
)

_PHI3_CHAT = {
    EOS: 32000,
    ASSISTANT: 32001,
    **{f"<|placeholder{n}|>": 32001 + n for n in range(1, 5)},
    SYSTEM: 32006,
    END: 32007,
    "<|placeholder5|>": 32008,
    "<|placeholder6|>": 32009,
    USER: 32010,
}
PHI3 = Family(
    "phi-3",
    frozenset(["<unk>", "<s>", USER, END]),
    BOS,
    EOS,
    EOS,
    (END, EOS, ASSISTANT),
    formats.PHI3,
    {"<unk>": 0, "<s>": 1, "</s>": 2} | _PHI3_CHAT,
    strips=frozenset(_PHI3_CHAT) - {EOS},
)

PHI3_VISION = Family(
    "phi-3-vision",
    PHI3.signature | {"<|image|>"},
    BOS,
    EOS,
    EOS,
    PHI3.stops,
    formats.PHI3_VISION,
    {**PHI3.special, "<|image|>": 32044},
    strips=PHI3.strips,
)

PHI3_SMALL = Family(
    "phi-3-small",
    frozenset([SYSTEM, USER, ASSISTANT, END]),
    EOS,
    EOS,
    EOS,
    (END, EOS),
    formats.PHI3_SMALL,
    {EOS: 100257, SYSTEM: 100261, USER: 100262, ASSISTANT: 100263, END: 100266},
    ranks=100256,
    pattern=CL100K_PATTERN,
)

_PHI4_NAMED = {
    EOS: 100257,
    "<|fim_prefix|>": 100258,
    "<|fim_middle|>": 100259,
    "<|fim_suffix|>": 100260,
    "<|im_start|>": 100264,
    "<|im_end|>": 100265,
    "<|im_sep|>": 100266,
    "<|endofprompt|>": 100276,
}
# The ids between and after the named ones are dummies, numbered upwards.
_DUMMIES = {
    f"<|dummy_{number}|>": index
    for number, index in enumerate(i for i in range(100256, 100352) if i not in _PHI4_NAMED.values())
}
_PHI4_PAD = "<|dummy_85|>"
PHI4 = Family(
    "phi-4",
    frozenset(["<|im_start|>", "<|im_sep|>", "<|im_end|>"]),
    EOS,
    "<|im_end|>",
    _PHI4_PAD,
    ("<|im_end|>", EOS),
    formats.PHI4,
    _PHI4_NAMED | _DUMMIES,
    ranks=100256,
    pattern=CL100K_PATTERN,
)
PHI4_REASONING = Family(
    "phi-4-reasoning",
    frozenset(["<|im_sep|>", "<think>", "</think>"]),
    EOS,
    "<|im_end|>",
    _PHI4_PAD,
    ("<|im_end|>", EOS),
    formats.PHI4_REASONING,
    {name: index for name, index in PHI4.special.items() if index < 100350} | {"<think>": 100350, "</think>": 100351},
    ranks=100256,
    pattern=CL100K_PATTERN,
)

_MINI_SPECIAL = {
    EOS: 199999,
    **{f"<|endoftext{n}|>": 200000 + n for n in (10, 11)},
    "<|endofprompt|>": 200018,
    ASSISTANT: 200019,
    END: 200020,
    USER: 200021,
    SYSTEM: 200022,
    "<|tool|>": 200023,
    "<|/tool|>": 200024,
    "<|tool_call|>": 200025,
    "<|/tool_call|>": 200026,
    "<|tool_response|>": 200027,
    "<|tag|>": 200028,
}
PHI4_MINI = Family(
    "phi-4-mini",
    frozenset([SYSTEM, USER, ASSISTANT, END, "<|tool|>"]),
    EOS,
    EOS,
    EOS,
    (END, EOS),
    formats.PHI4_MINI,
    _MINI_SPECIAL,
    ranks=199998,
    pattern=O200K_PATTERN,
)
PHI4_MINI_REASONING = Family(
    "phi-4-mini-reasoning",
    PHI4_MINI.signature,
    EOS,
    EOS,
    EOS,
    (END, EOS),
    formats.PHI4_MINI_REASONING,
    _MINI_SPECIAL,
    ranks=199998,
    pattern=O200K_PATTERN,
)

QWEN2 = Family(
    "qwen2",
    frozenset(["<|im_start|>", "<|im_end|>"]),
    EOS,
    "<|im_end|>",
    EOS,
    ("<|im_end|>", EOS),
    formats.QWEN2,
    {EOS: 151643, "<|im_start|>": 151644, "<|im_end|>": 151645, "<tool_call>": 151657, "</tool_call>": 151658},
    ranks=151643,
    pattern=QWEN2_PATTERN,
)

LLAMA3 = Family(
    "llama-3",
    frozenset(["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]),
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|end_of_text|>",
    ("<|eot_id|>", "<|end_of_text|>", "<|eom_id|>"),
    formats.LLAMA3,
    {
        "<|begin_of_text|>": 128000,
        "<|end_of_text|>": 128001,
        "<|start_header_id|>": 128006,
        "<|end_header_id|>": 128007,
        "<|eom_id|>": 128008,
        "<|eot_id|>": 128009,
        "<|python_tag|>": 128010,
    },
    ranks=128000,
    pattern=CL100K_PATTERN,
)

# The first whose signature a tokenizer has is its family.
FAMILIES = (
    PHI4_REASONING,
    PHI4,
    LLAMA3,
    QWEN2,
    PHI3_VISION,
    PHI3,
    PHIAL,
    PHI4_MINI,
    PHI4_MINI_REASONING,
    PHI3_SMALL,
    CODEGEN,
)
