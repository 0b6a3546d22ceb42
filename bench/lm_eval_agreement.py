"""Claim: on the same replies, the compat extractors read and grade GSM8K as lm-eval does, item by item.

    python bench/lm_eval_agreement.py --peer LM_EVAL_PYTHON --url http://127.0.0.1:8000/v1 --model NAME \\
        --data BENCHMARKS/gsm8k [--limit 100]

lm-eval runs its own GSM8K task, offline, from files in `--data` (test.jsonl and train.jsonl.gz) against an
OpenAI-compatible server, and writes its samples; each of its replies is then read by our extractors of both its filters
and graded, and compared with what it filtered and scored. Disagreements are printed one by one. What our own extractor
makes of the same replies is printed beside it. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from phial.evals import compat, compat_forms, extract
from phial.evals.answers import maths_grade, number_gold
from phial.evals.task import Extraction, Item

FILTERS: dict[str, Callable[[str, Item], Extraction]] = {
    "strict-match": compat.lm_eval_gsm8k_strict,
    "flexible-extract": compat.lm_eval_gsm8k_flexible,
}
_TASK = """include: {task}
task: gsm8k_local
dataset_path: json
dataset_name: null
dataset_kwargs: {{data_files: {{train: {train}, test: {test}}}}}
"""


def samples(options: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """What lm-eval asked, got, filtered and scored: a dictionary an item and filter."""
    where = "import lm_eval, pathlib; print(pathlib.Path(lm_eval.__file__).parent / 'tasks/gsm8k/gsm8k.yaml')"
    task = subprocess.run([options.peer, "-c", where], text=True, stdout=subprocess.PIPE, check=True).stdout.strip()
    data = options.data.resolve()
    (train,) = data.glob("train.jsonl*")
    (folder / "gsm8k_local.yaml").write_text(_TASK.format(task=task, train=train, test=data / "test.jsonl"))
    environment = {
        name: value for name, value in os.environ.items() if name != "PYTHONPATH"
    } | {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "OPENAI_API_KEY": "x"}  # fmt: skip
    arguments = (
        f"model={options.model},base_url={options.url.rstrip('/')}/chat/completions,num_concurrent={options.concurrent},"
        "max_retries=2,tokenized_requests=False"
    )
    command = [options.peer, "-m", "lm_eval", "run", "--model", "local-chat-completions", "--model_args", arguments,
               "--include_path", str(folder), "--tasks", "gsm8k_local", "--apply_chat_template", "--log_samples",
               "--output_path", str(folder / "out"), "--limit", str(options.limit)]  # fmt: skip
    subprocess.run(command, check=True, env=environment, stdout=sys.stderr)
    (path,) = (folder / "out").rglob("samples_*.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


def main() -> None:
    """Run lm-eval, read its replies again, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", required=True, help="a Python with lm-eval[api]")
    parser.add_argument("--url", required=True, help="of an OpenAI-compatible server, with /v1")
    parser.add_argument("--model", default="model")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=100)
    parser.add_argument("--concurrent", type=int, default=4)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = samples(options, Path(folder))
    result: dict[str, Any] = {"items": len({sample["doc_id"] for sample in found})}
    own: dict[int, float] = {}
    for name, read in FILTERS.items():
        rows = [sample for sample in found if sample["filter"] == name]
        disagreements = 0
        for sample in rows:
            reply, item = sample["resps"][0][0], Item(str(sample["doc_id"]), "", sample["doc"]["answer"])
            answer = read(reply, item).answer
            right = float(answer is not None and compat_forms.gsm8k_grade(answer, item).score)
            theirs = sample["filtered_resps"][0]
            if (answer or "[invalid]", right) != (theirs, float(sample["exact_match"])):
                disagreements += 1
                print(f"{name}, item {item.id}: lm-eval {theirs!r} {sample['exact_match']}, phial {answer!r} {right}")
            gold = Item(item.id, "", number_gold(item.gold.rpartition("####")[2], f"item {item.id}"))
            stated = extract.number(reply).answer
            own[sample["doc_id"]] = 0.0 if stated is None else maths_grade(stated, gold).score
        score = sum(float(sample["exact_match"]) for sample in rows) / len(rows)
        agreement = 1 - disagreements / len(rows)
        print(f"{name}: {len(rows)} replies, lm-eval's score {score:.3f}, agreement {agreement:.2%}")
        result[name] = {"replies": len(rows), "score": round(score, 4), "agreement": agreement, "claim": agreement == 1}
    result["own_extractor_score"] = round(sum(own.values()) / len(own), 4)
    print(f"our own extractor on the same replies: {result['own_extractor_score']:.3f}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
