"""What lm-eval's own filters and metrics make of replies; run by a Python that has lm-eval and its extra `math`.

    LM_EVAL_PYTHON bench/lm_eval_filters.py < questions > answers

A question is a line of JSON [kind, reply, gold] (of "drop" [kind, spans, right spans], and of "gpqa-flexible" gold is
[letter, options]); an answer is a line of JSON [what was extracted, whether it is right],
null where lm-eval does not tell it. Patterns are read from the task files of the installed package.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lm_eval
import yaml
from lm_eval.api.metrics import exact_match_hf_evaluate
from lm_eval.filters.extraction import MultiChoiceRegexFilter, RegexFilter

TASKS = Path(lm_eval.__file__).parent / "tasks"
INVALID = ("[invalid]", "[invalidanswer]")


def configuration(path: str) -> dict[str, Any]:
    """A task file, with functions of the package left out."""

    class Loader(yaml.SafeLoader):
        pass

    Loader.add_constructor("!function", lambda loader, node: None)
    return yaml.load((TASKS / path).read_text(), Loader)


def filtered(path: str, name: str) -> Callable[[str, str], list[Any]]:
    """A task's filter of this name, and its exact match."""
    task = configuration(path)
    (steps,) = (entry["filter"] for entry in task["filter_list"] if entry["name"] == name)
    regex = RegexFilter(**{key: value for key, value in steps[0].items() if key != "function"})
    metric = {
        key: value
        for key, value in task["metric_list"][0].items()
        if key.startswith("ignore") or key == "regexes_to_ignore"
    }

    def answer(reply: str, gold: str) -> list[Any]:
        found = regex.apply([[reply]], [{}])[0][0]
        match = exact_match_hf_evaluate(predictions=[found], references=[gold], **metric)["exact_match"]
        return [found, bool(match)]

    return answer


def hendrycks(reply: str, gold: str) -> list[Any]:
    """hendrycks_math tells only whether a reply is right."""
    from lm_eval.tasks.hendrycks_math.utils import process_results

    return [None, bool(process_results({"solution": rf"\boxed{{{gold}}}"}, [reply])["exact_match"])]


def aime(reply: str, gold: str) -> list[Any]:
    """aime24 and aime25, likewise."""
    from lm_eval.tasks.aime.utils import process_results

    return [None, bool(process_results({"answer": gold}, [reply])["exact_match"])]


def minerva(reply: str, gold: str) -> list[Any]:
    """minerva_math in its normal form, and whether SymPy takes it for the right one."""
    from lm_eval.tasks.minerva_math.utils import get_unnormalized_answer, is_equiv, normalize_final_answer

    found = get_unnormalized_answer(reply)
    right = normalize_final_answer(gold)
    return [
        found if found in INVALID else normalize_final_answer(found),
        bool(is_equiv(normalize_final_answer(found), right)),
    ]


def gpqa_flexible(reply: str, gold: list[Any]) -> list[Any]:
    """gpqa_main_cot_zeroshot's filter, which looks at the options as well."""
    task = configuration("gpqa/cot_zeroshot/_gpqa_cot_zeroshot_yaml")
    (steps,) = (entry["filter"] for entry in task["filter_list"] if entry["name"] == "flexible-extract")
    chosen = MultiChoiceRegexFilter(**{key: value for key, value in steps[0].items() if key != "function"})
    letter, options = gold
    found = chosen.apply([[reply]], [{"choices": options}])[0][0]
    match = exact_match_hf_evaluate(
        predictions=[found], references=[f"({letter})"], ignore_case=True, ignore_punctuation=True
    )["exact_match"]
    return [found, bool(match)]


def drop(spans: list[str], gold: list[str]) -> list[Any]:
    """The authors' exact match and F1, as lm-eval has them."""
    from lm_eval.tasks.drop.utils import get_metrics

    exact, f1 = get_metrics(spans, gold)
    return [float(f1), bool(exact)]


def main() -> None:
    """Answer the questions on standard input."""
    logging.disable(logging.CRITICAL)
    kinds: dict[str, Callable[[Any, Any], list[Any]]] = {
        "gsm8k-strict": filtered("gsm8k/gsm8k.yaml", "strict-match"),
        "gsm8k-flexible": filtered("gsm8k/gsm8k.yaml", "flexible-extract"),
        "mmlu-pro": filtered("mmlu_pro/_default_template_yaml", "custom-extract"),
        "gpqa-strict": filtered("gpqa/cot_zeroshot/_gpqa_cot_zeroshot_yaml", "strict-match"),
        "gpqa-flexible": gpqa_flexible,
        "drop": drop,
        "hendrycks": hendrycks,
        "aime": aime,
        "minerva": minerva,
    }
    for line in sys.stdin:
        kind, reply, gold = json.loads(line)
        print(json.dumps(kinds[kind](reply, gold)), flush=True)


if __name__ == "__main__":
    main()
