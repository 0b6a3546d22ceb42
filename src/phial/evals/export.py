"""Sample logs in the forms that other harnesses read: Inspect's `.eval` logs and lm-eval's lines of samples."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import phial
from phial.errors import PhialError
from phial.evals.log import Log, Sample, read
from phial.evals.scores import grouped, mean_at

FORMATS = {"inspect": ".eval", "lm-eval": ".jsonl"}
EPOCH = "1970-01-01T00:00:00+00:00"  # of a log that does not say when it was made
_STOPS = {"stop": "stop", "length": "max_tokens", "prompt-too-long": "model_length", "refused": "content_filter"}
# What Inspect calls the settings of a run's sampling.
_SETTINGS = ("temperature", "top_p", "top_k", "max_tokens", "seed", "presence_penalty", "frequency_penalty")


def export(path: Path, form: str, to: Path | None = None) -> Path:
    """Write a sample log in another harness' form; scores, answers and texts stay as they are.

    Args:
        path: of the log.
        form: "inspect" or "lm-eval".
        to: the file; beside the log by default, named as the harness names its files.

    Returns:
        The file.

    Raises:
        PhialError: an unknown form, a damaged or empty log, a file of the wrong ending, or a missing package.
    """
    if form not in FORMATS:
        raise PhialError(f"no form {form!r} to export to", where="--format", do=f"name one of {', '.join(FORMATS)}")
    log = read(path)
    if not log.samples:
        raise PhialError("a sample log without samples", where=str(path), do="evaluate first")
    beside = path.with_suffix(".eval") if form == "inspect" else path.with_name(f"samples_{path.stem}.jsonl")
    target = to or beside
    if target.suffix != FORMATS[form]:
        raise PhialError(f"{form} reads files that end in {FORMATS[form]}", where=str(target), do="name it so")
    try:
        if form == "inspect":
            _write_inspect(log, target)
        else:
            lines = [json.dumps(one, ensure_ascii=False, default=str) + "\n" for one in lm_eval_samples(log)]
            target.write_bytes("".join(lines).encode("utf-8", "backslashreplace"))
    except OSError as error:
        do = "name a file in a folder that is there and may be written to"
        raise PhialError(f"cannot be written: {error.strerror}", where=str(target), do=do) from error
    return target


def lm_eval_samples(log: Log) -> list[dict[str, Any]]:
    """The lines of an lm-eval `samples_TASK.jsonl` (its SampleResult, 0.4.13), one an item, in the order of the log."""
    lines = []
    for number, (item, samples) in enumerate(grouped(log.samples).items()):
        first = samples[0]
        prompt = _continued(log, first)
        target = first.gold if isinstance(first.gold, str) else json.dumps(first.gold, ensure_ascii=False)
        doc = {"id": item, "gold": first.gold, **first.tags}
        answers = ["[invalid]" if sample.answer is None else sample.answer for sample in samples]
        if first.options:  # one request an option; its text is not in the log
            calls = [(prompt, f"option {place + 1}") for place in range(len(first.options))]
            replies: Any = [
                [[str(sample.options[place][0]), "False"] for sample in samples] for place in range(len(first.options))
            ]
            filtered: Any = [one[0] for one in replies]
        else:
            calls = [(prompt, _generation(log.run.sampling))]
            replies = [[sample.reply for sample in samples]]
            filtered = answers if len(samples) == 1 else [answers]
        lines.append(
            {
                "doc_id": number,
                "doc": doc,
                "target": target,
                "arguments": {
                    f"gen_args_{place}": {f"arg_{at}": value for at, value in enumerate(call)}
                    for place, call in enumerate(calls)
                },
                "resps": replies,
                "filtered_resps": filtered,
                "filter": log.run.extractor,
                "metrics": ["acc"],
                "doc_hash": _hash(json.dumps(doc, indent=2, ensure_ascii=False)),
                "prompt_hash": _hash(prompt),
                "target_hash": _hash(target),
                "acc": math.fsum(sample.score for sample in samples) / len(samples),
            }
        )
    return lines


def _continued(log: Log, sample: Sample) -> str:
    """A prompt as lm-eval logs it: a text, or a chat's messages as JSON."""
    if isinstance(sample.prompt, str):
        return sample.prompt
    return json.dumps([{"role": role, "content": text} for role, text in _messages(log, sample)], ensure_ascii=False)


def _messages(log: Log, sample: Sample) -> list[tuple[str, str]]:
    """A chat as it was asked: the run's system message stands before the item's own messages."""
    before = [("system", log.run.system)] if log.run.system else []
    return [*before, *sample.prompt]


def _generation(sampling: Mapping[str, Any]) -> dict[str, Any]:
    temperature = sampling.get("temperature", 0.0)
    return {
        "until": [],
        "do_sample": temperature > 0,
        "temperature": temperature,
        "max_gen_toks": sampling.get("max_tokens"),
    }


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()


def _write_inspect(log: Log, to: Path) -> None:
    try:
        from inspect_ai.log import write_eval_log
    except ImportError as error:
        do = 'pip install "phial-lm[inspect]"'
        raise PhialError("Inspect's logs are written by inspect-ai, which is missing", where=str(to), do=do) from error
    write_eval_log(inspect_log(log), str(to), format="eval")


def inspect_log(log: Log) -> Any:
    """An `inspect_ai.log.EvalLog` of a sample log: a sample each reply, its score under the extractor's name."""
    from inspect_ai.log import (
        EvalConfig,
        EvalDataset,
        EvalLog,
        EvalMetric,
        EvalResults,
        EvalScore,
        EvalSpec,
        EvalStats,
    )
    from inspect_ai.model import GenerateConfig

    run, score = log.run, mean_at(log)
    items = list(dict.fromkeys(sample.item for sample in log.samples))
    when = str(run.made.get("at", EPOCH))
    metrics = {"mean": score.value, "low": score.low, "high": score.high}
    return EvalLog(
        status="success",
        eval=EvalSpec(
            created=when,
            task=run.task,
            task_args={"protocol": run.protocol, "system": run.system},
            dataset=EvalDataset(name=run.task, samples=len(items), sample_ids=list(items), shuffled=False),
            model=run.model,
            model_generate_config=GenerateConfig(
                **{key: run.sampling[key] for key in _SETTINGS if run.sampling.get(key) is not None}
            ),
            config=EvalConfig(epochs=run.repeats),
            packages={"phial-lm": phial.__version__},
            metadata={
                "protocol": run.description,
                "data_sha256": run.sha256,
                "identity": dict(run.identity),
                "made": dict(run.made),
            },
        ),
        results=EvalResults(
            total_samples=run.items * run.repeats,
            completed_samples=len(log.samples),
            scores=[
                EvalScore(
                    name=run.extractor,
                    scorer=run.extractor,
                    metrics={name: EvalMetric(name=name, value=value) for name, value in metrics.items()},
                )
            ],
        ),
        stats=EvalStats(started_at=when, completed_at=when),
        samples=[_inspect_sample(log, sample) for sample in log.samples],
    )


def _inspect_sample(log: Log, sample: Sample) -> Any:
    from inspect_ai.log import EvalSample
    from inspect_ai.model import (
        ChatCompletionChoice,
        ChatMessageAssistant,
        ChatMessageSystem,
        ChatMessageUser,
        ContentReasoning,
        ContentText,
        ModelOutput,
        ModelUsage,
    )
    from inspect_ai.scorer import Score

    kinds = {"system": ChatMessageSystem, "user": ChatMessageUser, "assistant": ChatMessageAssistant}
    asked: Any = (
        _whole(sample.prompt)
        if isinstance(sample.prompt, str)
        else [kinds[role](content=_whole(text)) for role, text in _messages(log, sample)]
    )
    reply = _whole(sample.reply)
    content: Any = reply
    if sample.reasoning:
        content = [ContentReasoning(reasoning=_whole(sample.reasoning)), ContentText(text=reply)]
    said = ChatMessageAssistant(content=content, model=log.run.model)
    usage = ModelUsage(
        input_tokens=sample.prompt_tokens or 0,
        output_tokens=sample.tokens or 0,
        total_tokens=(sample.prompt_tokens or 0) + (sample.tokens or 0),
    )
    target = sample.gold if isinstance(sample.gold, str) else json.dumps(sample.gold, ensure_ascii=False)
    return EvalSample(
        id=_whole(sample.item),
        epoch=sample.repeat + 1,
        input=asked,
        target=_whole(target),
        messages=[*([ChatMessageUser(content=asked)] if isinstance(asked, str) else asked), said],
        output=ModelOutput(
            model=log.run.model,
            choices=[ChatCompletionChoice(message=said, stop_reason=_STOPS.get(sample.finish, "unknown"))],  # type: ignore[arg-type]
            usage=usage,
            time=sample.seconds,
        ),
        scores={
            log.run.extractor: Score(
                value=sample.score,
                answer=None if sample.answer is None else _whole(sample.answer),
                explanation=_whole(sample.detail) or None,
                metadata={
                    "rule": sample.rule,
                    "truncated": sample.truncated,
                    "parts": {name: list(part) for name, part in sample.parts.items()},
                },
            )
        },
        metadata=dict(sample.tags),
        model_usage={log.run.model: usage},
        total_time=sample.seconds,
    )


def _whole(text: str) -> str:
    """Text without halves of surrogate pairs, which Inspect cannot write."""
    return text.encode("utf-8", "replace").decode()
