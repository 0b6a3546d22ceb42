"""Ask a respondent every item of a task, and log its graded replies."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from phial import __version__
from phial.errors import PhialError
from phial.evals.grading import begins_in_thinking, changed, graded
from phial.evals.line_file import LineFile, objects
from phial.evals.log import Log, Run, Sample, line, read_run, read_sample, write
from phial.evals.respondent import Key, Question, Reply, Respondent
from phial.evals.task import Item, OptionScore, Task

REPLIES = ".replies"
_SEED_BITS = 31  # some servers know no larger ones


def evaluate(
    respondent: Respondent,
    task: Task,
    path: Path,
    watch: Callable[[int], None] | None = None,
    made: Mapping[str, Any] = MappingProxyType({}),
) -> Log:
    """Have a task answered, as often as its protocol says, and every reply graded.

    A reply is kept in a file beside the log from its arrival until it is graded; a killed run goes on with what is
    missing from both, so that nothing is asked twice. Grading happens beside answering, in threads.

    Args:
        respondent: answers.
        task: asks and grades.
        path: the log, created or continued.
        watch: told of the number of samples in the log.
        made: further facts for a new log's `Run.made`.

    Returns:
        The log, its samples in the task's order whatever the order of their arrival.

    Raises:
        PhialError: the log is of another run, or is being written; or what the respondent raises.
    """
    questions = questions_of(task)
    with LineFile(path) as log:
        run, samples = _continued(log, header(respondent, task, made))
        known = {(sample.item, sample.repeat): sample for sample in samples}
        with LineFile(path.with_name(path.name + REPLIES)) as replies:
            _Evaluation(task, run, log, replies, known, watch).finish(respondent, questions)
        whole = Log(run, tuple(known[question.key] for question in questions))
        found = _learned(whole, task)
        if found != whole:
            write(path, found)
        replies.path.unlink()
    return found


def header(respondent: Respondent, task: Task, made: Mapping[str, Any]) -> Run:
    """What a log of a respondent's answers to a task says of itself."""
    protocol = task.protocol
    return Run(
        task=task.name,
        protocol=protocol.name,
        description=protocol.description,
        sha256=task.sha256,
        items=len(task.items),
        model=respondent.name,
        identity=_as_json(respondent.identity),
        sampling=_as_json(asdict(protocol.sampling) | {"stop": protocol.stop}),
        repeats=protocol.repeats,
        system=protocol.system,
        extractor=protocol.extractor,
        made={
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "phial": __version__,
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "address": respondent.address,
            **made,
        },
    )


def seed_of(seed: int, item: str, repeat: int) -> int:
    """The seed of one answer: the same whichever items are asked beside it."""
    digest = hashlib.sha256(json.dumps([seed, item, repeat]).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> (64 - _SEED_BITS)


def questions_of(task: Task) -> list[Question]:
    """All that a task asks, in order: every item once, then every item again."""
    protocol = task.protocol

    def question(item: Item, repeat: int) -> Question:
        prompt = item.prompt
        if protocol.system and not isinstance(prompt, str):
            prompt = (("system", protocol.system), *prompt)
        sampling = replace(protocol.sampling, seed=seed_of(protocol.sampling.seed, item.id, repeat))
        return Question(item.id, repeat, prompt, sampling, protocol.stop, item.options)

    return [question(item, repeat) for repeat in range(protocol.repeats) for item in task.items]


def _continued(log: LineFile, run: Run) -> tuple[Run, list[Sample]]:
    """The run and the samples of a log that is there; the run is written where it is new.

    Raises:
        PhialError: it is of another run, or damaged.
    """
    lines = objects(log.path)
    first = next(lines, None)
    if first is None:
        log.add(line(run))
        return run, []
    begun = read_run(*first)
    there, now = _facts(begun), _facts(run)
    other = [name for name in sorted(there.keys() | now.keys()) if there.get(name) != now.get(name)]
    if other:
        told = "; ".join(f"{name}: {_short(there.get(name))} there, {_short(now.get(name))} now" for name in other)
        raise PhialError(
            f"the log is of another run: {told}",
            where=str(log.path),
            do="give another folder, or ask as that log did to go on with it",
        )
    return begun, [read_sample(fields, where) for fields, where in lines]


def _facts(run: Run) -> dict[str, Any]:
    """All that decides a log's answers, flat."""
    fields = {name: value for name, value in asdict(run).items() if name != "made"}
    flat: dict[str, Any] = {}
    for name, value in fields.items():
        flat |= {f"{name} {key}": one for key, one in value.items()} if isinstance(value, dict) else {name: value}
    return flat


def _as_json(value: Mapping[str, Any]) -> dict[str, Any]:
    """As it will be read back."""
    return json.loads(json.dumps(dict(value)))


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:60] + "…"


def _learned(log: Log, task: Task) -> Log:
    """The log, regraded where its replies tell that they began inside of their thinking."""
    if log.run.identity.get("opened") or not begins_in_thinking(log):
        return log
    items = {item.id: item for item in task.items}
    again = {
        (one.item, one.repeat): graded(_reply_of(one), items[one.item], one.repeat, task, opened=True)
        for one in changed(log.samples)
    }
    return replace(log, samples=tuple(again.get((one.item, one.repeat), one) for one in log.samples))


class _Evaluation:
    """Takes replies as they come: keeps them, has them graded, and logs the samples."""

    def __init__(
        self,
        task: Task,
        run: Run,
        log: LineFile,
        replies: LineFile,
        known: dict[Key, Sample],
        watch: Callable[[int], None] | None,
    ) -> None:
        self._task, self._log, self._replies, self._known, self._watch = task, log, replies, known, watch
        self._opened = bool(run.identity.get("opened"))
        self._items = {item.id: item for item in task.items}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(os.cpu_count(), "phial grading")
        self._fault: BaseException | None = None

    def finish(self, respondent: Respondent, questions: list[Question]) -> None:
        """Have all questions answered and graded."""
        asked = set(self._known)
        try:
            for fields, where in objects(self._replies.path):
                key, reply = _read_reply(fields, where)
                if key not in asked:
                    asked.add(key)
                    self._grade(key, reply)
            if len(asked) < len(questions):
                respondent.answer(questions, asked, self._take)
        except BaseException:
            self._pool.shutdown(cancel_futures=True)  # their replies are kept
            raise
        self._pool.shutdown()
        if self._fault:
            raise self._fault

    def _take(self, question: Question, reply: Reply) -> None:
        if self._fault:  # what nobody can grade need not be asked
            raise self._fault
        self._replies.add(json.dumps({"item": question.item, "repeat": question.repeat, **asdict(reply)}) + "\n")
        self._grade(question.key, reply)

    def _grade(self, key: Key, reply: Reply) -> None:
        item, repeat = self._items[key[0]], key[1]
        self._pool.submit(graded, reply, item, repeat, self._task, self._opened).add_done_callback(self._graded)

    def _graded(self, future: Future[Sample]) -> None:
        """Log a sample; called by the thread that graded it."""
        if future.cancelled():
            return
        try:
            sample = future.result()
            self._log.add(line(sample))
            with self._lock:
                self._known[(sample.item, sample.repeat)] = sample
                if self._watch:
                    self._watch(len(self._known))
        except BaseException as fault:  # told to whoever asks, in `_take` or at the end
            self._fault = self._fault or fault


def _reply_of(sample: Sample) -> Reply:
    options = tuple(OptionScore(*option) for option in sample.options)
    return Reply(
        sample.reply, sample.reasoning, sample.finish, sample.prompt_tokens, sample.tokens, sample.seconds, options,
        sample.cpu_seconds, sample.joules,
    )  # fmt: skip


def _read_reply(fields: Mapping[str, Any], where: str) -> tuple[Key, Reply]:
    try:
        rest = {name: value for name, value in fields.items() if name not in ("item", "repeat")}
        options = tuple(OptionScore(**option) for option in rest.pop("options"))
        return (fields["item"], fields["repeat"]), Reply(**rest, options=options)
    except (TypeError, KeyError) as error:
        raise PhialError(f"damaged line: {error}", where=where, do="remove that file and evaluate again") from error
