# ruff: noqa: RUF001 (letters of other scripts are meant)
"""MGSM (Shi et al. 2022): 250 problems of GSM8K in eleven languages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phial.errors import PhialError
from phial.evals import compat, extract
from phial.evals.answers import maths_grade, number_gold
from phial.evals.files import FILE, rows
from phial.evals.items import checked, field, place, protocol_of, spread
from phial.evals.presets import GREEDY, PHI_4
from phial.evals.task import Extraction, Item, Protocol, Task

PROTOCOLS: Mapping[str, Protocol] = {
    "phial": Protocol("phial", "zero-shot chat, asked in the language of the problem, exact number compared", GREEDY),
    "phi-4": Protocol(
        "phi-4", "simple-evals' wording at temperature 0.5; signs and each language's separators are read", PHI_4
    ),
    "simple-evals": Protocol(
        "simple-evals", "temperature 0.5, last number behind the language's word for 'Answer'", PHI_4,
        extractor="compat:simple-evals",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Language:
    """simple-evals' words of a language: what stands before the answer, and the instruction."""

    prefix: str
    instruction: str


def load(folder: Path, protocol: str = "phial", limit: int | None = None) -> Task:
    """All languages that lie in a folder, split by language.

    Args:
        folder: with `mgsm_en.tsv`, `mgsm_de.tsv` … of google-research/url-nlp and the Hub's juletxara/mgsm (two columns
            without header: question, answer), or the Hub's `en/test-*.parquet` … (question, answer_number).
        protocol: one of `PROTOCOLS`.
        limit: so many items, at even distances, so that all languages are in.
    """
    chosen = protocol_of(PROTOCOLS, protocol, "mgsm")
    if next(folder.glob("*/test-*.parquet"), None):
        found, sha256 = rows(folder, ("*/test-*.parquet",), ("question", "answer_number"))
    else:
        found, sha256 = rows(folder, ("mgsm_*.tsv",), ("question", "answer"), headers=False)
    items = (_item(row, index) for index, row in spread(list(enumerate(found)), limit))
    extractors = {
        "phial": read,
        "compat:simple-evals": compat.simple_evals_mgsm,
        "compat:lm-eval": compat.lm_eval_gsm8k_flexible,
    }
    return Task("mgsm", chosen, checked(items, folder), extractors, maths_grade, sha256)


def read(reply: str, item: Item) -> Extraction:
    """A number behind the language's word for "Answer", else as in English; separators as that language has them."""
    text = extract.ascii_digits(reply[-100_000:])
    if item.tags["language"] in ("de", "es", "fr", "ru"):
        text = re.sub(
            r"(?<![\d.,])\d{1,3}(?:[.\u00a0\u202f ]\d{3})+(?![\d])", lambda match: re.sub(r"\D", "", match[0]), text
        )
        text = re.sub(r"(?<=\d),(?=\d{1,2}(?!\d))", ".", text)
    prefix = re.escape(item.data["prefix"])
    stated = re.findall(rf"{prefix}[\s*_`]*[:\uff1a][\s*_`]*([^\n]+)", text, re.IGNORECASE)
    for content in reversed(stated):
        if (found := extract.number(f"#### {content}")).answer is not None:
            return Extraction(found.answer, "answer-colon")
    return extract.number(text)


def _item(row: Mapping[str, Any], index: int) -> Item:
    path = Path(row[FILE])
    code = path.stem.removeprefix("mgsm_") if path.suffix == ".tsv" else path.parent.name
    language = LANGUAGES.get(code)
    if language is None:
        raise PhialError(f"no language of MGSM: {code!r}", where=place(row), do=f"give files of {', '.join(LANGUAGES)}")
    question = str(field(row, "question"))
    return Item(
        f"{code}-{index}",
        (("user", f"{language.instruction}\n\n{question}"),),
        number_gold(field(row, "answer_number", "answer"), place(row)),
        {"language": code, "script": "latin" if code in LATIN else "other"},
        data={"prefix": language.prefix},
    )


LATIN = ("de", "en", "es", "fr", "sw")
LANGUAGES: Mapping[str, Language] = {
    "bn": Language(
        "উত্তর",
        "এই গণিতের সমস্যাটি সমাধান করুন। চূড়ান্ত উত্তর দেওয়ার আগে যুক্তিসম্পন্ন পদক্ষেপ প্রদান করুন। "
        'চূড়ান্ত উত্তরটি একক সংখ্যা হিসাবে "উত্তর:" এর পরে শেষ লাইনে দিন। "উত্তর:" এর পরে অন্য কিছু '
        "যুক্ত করবেন না।.",
    ),
    "de": Language(
        "Antwort",
        "Löse dieses Mathematikproblem. Gib die Schritte zur Begründung an, bevor du die endgültige "
        'Antwort in der letzten Zeile alleine im Format "Antwort:" gibst. Füge nichts anderes als die '
        'ganzzahlige Antwort nach "Antwort:" hinzu.',
    ),
    "en": Language(
        "Answer",
        "Solve this math problem. Give the reasoning steps before giving the final answer on the last "
        'line by itself in the format of "Answer:". Do not add anything other than the integer answer '
        'after "Answer:".',
    ),
    "es": Language(
        "Respuesta",
        "Resuelve este problema matemático. Proporciona los pasos de razonamiento antes de dar la "
        'respuesta final en la última línea por sí misma en el formato de "Respuesta:". No añadas nada '
        'más que la respuesta entera después de "Respuesta:".',
    ),
    "fr": Language(
        "Réponse",
        "Résolvez ce problème de mathématiques. Donnez les étapes de raisonnement avant de fournir la "
        'réponse finale sur la dernière ligne elle-même dans le format de "Réponse:". N\'ajoutez rien '
        'd\'autre que la réponse entière après "Réponse:".',
    ),
    "ja": Language(
        "答え",
        "の数学の問題を解いてください。最終的な答えを出す前に、解答の推論過程を記述してください。"
        'そして最後の行には "答え:" の形式で答えを記述し、その後には整数の答え以外何も追加しないでください。',
    ),
    "ru": Language(
        "Ответ",
        "Решите эту математическую задачу. Объясните шаги рассуждения перед тем, как дать окончательный "
        'ответ в последней строке сам по себе в формате "Ответ:". Не добавляйте ничего, кроме '
        'целочисленного ответа после "Ответ:".',
    ),
    "sw": Language(
        "Jibu",
        "Suluhisha tatizo hili la hesabu. Toa hatua za mantiki kabla ya kutoa jibu la mwisho kwenye "
        'mstari wa mwisho peke yake katika muundo wa "Jibu:". Usiongeze chochote kingine isipokuwa jibu '
        'la integer baada ya "Jibu:".',
    ),
    "te": Language(
        "సమాధానం",
        "ఈ గణిత సమస్యను పరిష్కరించండి. చివరి సమాధానాన్ని ఇవ్వదానికి ముందు తర్కాత్మక అదుగులను ఇవ్వండి. "
        "చివరి పంక్తిలో మాత్రమే 'సమాధానం:' అనే ఆకారంలో చివరి సమాధానాద్ని ఇవ్వండి సమాధానం: తర్వాత "
        "పూర్ణాంక సమాధానానికి తప్పించి ఎదేనా చేర్చవద్దు.",
    ),
    "th": Language(
        "คำตอบ",
        "แก้ปัญหาคณิตศาสตร์นี้ "
        'ให้ให้ขั้นตอนการใช้เหตุผลก่อนที่จะให้คำตอบสุดท้ายในบรรทัดสุดท้ายโดยอยู่ในรูปแบบ "คำตอบ:" '
        'ไม่ควรเพิ่มอะไรนอกจากคำตอบที่เป็นจำนวนเต็มหลังจาก "คำตอบ:"',
    ),
    "zh": Language(
        "答案",
        '解决这个数学问题。在最后一行给出答案前，请提供推理步骤。最后一行应该以 "答案: " 的形式独立给出答案。'
        '在 "答案：" 后不要添加除整数答案之外的任何内容。',
    ),
}
