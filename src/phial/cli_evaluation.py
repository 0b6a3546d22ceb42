"""The verbs of `phial eval`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from phial.errors import PhialError

if TYPE_CHECKING:
    from phial.evals.respondent import Respondent
    from phial.evals.task import Task

DEFAULT_FOLDER = Path("evals")


class RunByDefault(TyperGroup):
    """`phial eval MODEL …` is `phial eval run MODEL …`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # some versions of typer have a click of their own
        """See click."""
        return super().resolve_command(ctx, args if args[0] in self.commands else ["run", *args])


app = typer.Typer(cls=RunByDefault, no_args_is_help=True, help="Put benchmarks to a model, and read the logs.")

Benchmarks = Annotated[
    Path | None, typer.Option("--benchmarks", help="Folder with one folder of published files a benchmark.")
]
Logs = Annotated[list[Path], typer.Argument(help="Sample logs.")]
To = Annotated[Path, typer.Option("--to", help="Folder of the logs; run again to go on with what is there.")]
ModelOrEndpoint = Annotated[
    str, typer.Argument(help="A run's name, a folder, a .gguf file, a name on the Hub, or https://HOST/v1.")
]
EndpointModel = Annotated[str, typer.Option("--endpoint-model", help="The name that the endpoint knows the model by.")]
KeyEnv = Annotated[str, typer.Option("--key-env", help="Environment variable with the endpoint's key.")]
Opened = Annotated[
    bool, typer.Option("--opened-thinking", help="The endpoint's template ends with an opening <think>.")
]
Concurrency = Annotated[int, typer.Option(min=1, help="Requests in flight at an endpoint at most.")]
MaxTokens = Annotated[int | None, typer.Option(min=1, help="Longest answer, instead of the protocol's.")]
Temperature = Annotated[float | None, typer.Option(min=0.0, help="Instead of the protocol's.")]
Repeats = Annotated[int | None, typer.Option(min=1, help="Answers an item, instead of the protocol's.")]
Seed = Annotated[int | None, typer.Option(min=0, help="Of sampling, and of generated items.")]
Workspace = Annotated[Path, typer.Option(help="Workspace that a run is in.")]


@app.callback()
def main() -> None:
    """Put benchmarks to a model, and read the logs."""


@app.command()
def run(
    model: ModelOrEndpoint,
    tasks: Annotated[str, typer.Option(help="NAME[:PROTOCOL][@KEY=VALUE], or file.py:function; commas between.")],
    benchmarks: Benchmarks = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Items of each task at most.")] = None,
    repeats: Repeats = None,
    to: To = DEFAULT_FOLDER,
    max_tokens: MaxTokens = None,
    temperature: Temperature = None,
    seed: Seed = None,
    endpoint_model: EndpointModel = "",
    key_env: KeyEnv = "",
    opened_thinking: Opened = False,
    concurrency: Concurrency = 64,
    workspace: Workspace = Path("runs"),
) -> None:
    """Ask a model every item of some tasks, grade and log its replies; run it again to go on where it stopped.

    Example: phial eval microsoft/Phi-4-mini-instruct --tasks gsm8k,math500:phi-4 --benchmarks published
    """
    from phial.evals.task_by_name import asked_so, load_task

    texts = [text.strip() for text in tasks.split(",") if text.strip()]
    loaded = [(text, load_task(text, benchmarks, limit, seed)) for text in texts]
    asked = [(text, asked_so(task, max_tokens, temperature, repeats, seed)) for text, task in loaded]
    respondent = _respondent(model, endpoint_model, key_env, opened_thinking, concurrency, workspace)
    facts = {} if seed is None else {"seed of items": seed}
    _answered(respondent, [(text, task, {"asked as": text, **facts}) for text, task in asked], to)


@app.command()
def judge(
    log: Annotated[Path, typer.Argument(help="A finished log, of arena-hard, rubric or simpleqa for example.")],
    model: ModelOrEndpoint,
    benchmarks: Benchmarks = None,
    protocol: Annotated[str, typer.Option(help="Of the judging.")] = "phial",
    to: To = DEFAULT_FOLDER,
    max_tokens: MaxTokens = None,
    temperature: Temperature = None,
    endpoint_model: EndpointModel = "",
    key_env: KeyEnv = "",
    opened_thinking: Opened = False,
    concurrency: Concurrency = 64,
    workspace: Workspace = Path("runs"),
) -> None:
    """Have a model judge every reply of a log; its verdicts are a log of their own.

    Example: phial eval judge evals/small/arena-hard-answers.phial.jsonl https://HOST/v1 --endpoint-model large
    """
    from phial.evals.log import read
    from phial.evals.task_by_name import asked_so, judged_task

    replies = read(log)
    task = asked_so(judged_task(replies, benchmarks, protocol), max_tokens, temperature)
    respondent = _respondent(model, endpoint_model, key_env, opened_thinking, concurrency, workspace)
    facts = {"judged model": replies.run.model, "judged log": log.name}
    _answered(respondent, [(task.name, task, facts)], to / f"of {replies.run.model}".replace("/", "-"))


@app.command()
def rescore(
    logs: Logs,
    extractor: Annotated[str, typer.Option(help="phial, or compat:HARNESS; the task's file has them.")],
    benchmarks: Benchmarks = None,
    task: Annotated[str, typer.Option(help="As it was asked for; by default what the log says.")] = "",
    to: Annotated[
        Path | None, typer.Option("--to", help="Folder for the new logs; without it, nothing is kept.")
    ] = None,
) -> None:
    """Grade the replies of logs again under another extractor; nothing is asked.

    Example: phial eval rescore evals/small/gsm8k.phial.jsonl --extractor compat:lm-eval-strict --benchmarks published
    """
    from phial.evals.grading import rescore as graded_again
    from phial.evals.log import read, write
    from phial.evals.task_by_name import load_task
    from phial.evals.terminal import print_scores

    found = []
    for path in logs:
        log = read(path)
        made = log.run.made
        text = task or made.get("asked as", "")
        if not text:
            raise PhialError("the log does not say how its task was asked for", where=str(path), do="give --task NAME")
        again = graded_again(log, load_task(text, benchmarks, log.run.items, made.get("seed of items")), extractor)
        found += [log, again]
        if to is not None:
            to.mkdir(parents=True, exist_ok=True)
            write(to / f"{path.name.removesuffix('.jsonl')}.{extractor.replace(':', '-')}.jsonl", again)
    print_scores(found)


@app.command()
def report(
    logs: Logs,
    to: Annotated[Path, typer.Option("--to", help="The page.")] = Path("evaluation.html"),
    baseline: Annotated[str | None, typer.Option(help="Model that the others are compared with.")] = None,
    training: Annotated[
        list[Path] | None, typer.Option(help="Training data: a workspace, a curation, shards or texts; repeat it.")
    ] = None,
) -> None:
    """Write one page of logs: scores with intervals, comparisons, extraction, budgets, every sample.

    Example: phial eval report evals/*/*.jsonl --to evaluation.html
    """
    from phial.evals.contamination import contamination
    from phial.evals.log import read
    from phial.evals.report.page import write_report

    found = {path: contamination(read(path), training) for path in logs} if training else None
    typer.echo(write_report(logs, to, baseline, found))


@app.command()
def compare(
    first: Annotated[Path, typer.Argument(help="A sample log.")],
    second: Annotated[Path, typer.Argument(help="Another model's log of the same task.")],
) -> None:
    """Compare two logs item by item: the gap with its interval, an exact test, the smallest gap that would be found.

    Example: phial eval compare evals/one/gsm8k.phial.jsonl evals/other/gsm8k.phial.jsonl
    """
    from phial.evals.compare import compare as compared
    from phial.evals.compare_terminal import print_comparison
    from phial.evals.log import read

    print_comparison(compared(read(first), read(second)))


@app.command()
def scores(logs: Logs) -> None:
    """Print the scores of logs with their intervals.

    Example: phial eval scores evals/*/*.jsonl
    """
    from phial.evals.log import read
    from phial.evals.terminal import print_scores

    print_scores(map(read, logs))


@app.command()
def arena(
    logs: Logs,
    style: Annotated[bool, typer.Option("--style-control/--as-judged", help="Take differences in style out.")] = True,
) -> None:
    """Print the win rates of judged Arena-Hard or rubric logs against their baseline, with intervals by question.

    Example: phial eval arena "evals/of small/large/arena-hard.phial.jsonl"
    """
    from phial.evals.arena import table
    from phial.evals.log import read
    from phial.evals.terminal import print_arena

    print_arena(table([read(log) for log in logs], style))


@app.command()
def export(
    log: Annotated[Path, typer.Argument(help="A sample log.")],
    form: Annotated[str, typer.Option("--format", help="inspect or lm-eval.")],
    to: Annotated[Path | None, typer.Option("--to", help="The file; by default beside the log.")] = None,
) -> None:
    """Write a log in another harness's form.

    Example: phial eval export evals/small/gsm8k.phial.jsonl --format inspect
    """
    from phial.evals.export import export as exported

    typer.echo(exported(log, form, to))


@app.command("tasks")
def list_tasks() -> None:
    """List the tasks, their protocols and extractors.

    Example: phial eval tasks
    """
    from phial.evals.task_by_name import described

    for line in described():
        typer.echo(line)


@app.command("self-test")
def self_test(benchmarks: Benchmarks = None) -> None:
    """Put labelled cases to the readers and graders themselves.

    Example: phial eval self-test
    """
    from phial.evals.self_test import run_self_test

    outcomes = run_self_test(benchmarks)
    for outcome in outcomes:
        typer.echo(f"{outcome.name}: {outcome.count - len(outcome.failures)} of {outcome.count} graded as labelled")
        for failure in outcome.failures:
            typer.echo(f"  {failure}")
    if any(outcome.failures for outcome in outcomes):
        raise typer.Exit(1)


def _answered(respondent: Respondent, asked: list[tuple[str, Task, dict[str, Any]]], to: Path) -> None:
    from phial.evals.run import evaluate
    from phial.evals.task_by_name import log_path
    from phial.evals.terminal import print_scores
    from phial.recipe.progress import Reporter

    reporter, logs = Reporter(), []
    try:
        for text, task, facts in asked:
            path = log_path(to, respondent.name, text, task)
            with reporter.task(task.name, len(task.items) * task.protocol.repeats, "replies") as track:
                logs.append(evaluate(respondent, task, path, track, facts))
            reporter.line(f"{task.name}: {path}")
    finally:
        respondent.close()
    print_scores(logs)


def _respondent(model: str, known_as: str, key_env: str, opened: bool, concurrency: int, workspace: Path) -> Respondent:
    if model.startswith(("http://", "https://", "$")):
        from phial.evals.endpoint_respondent import EndpointRespondent
        from phial.synth.endpoint import Endpoint

        if not known_as:
            raise PhialError("an endpoint without a model", where=model, do="give --endpoint-model NAME")
        endpoint = Endpoint(model, key_env=key_env, concurrency=concurrency)
        return EndpointRespondent(endpoint, known_as, opened)
    from phial.evals.engine_respondent import EngineRespondent, folder_identity, open_engine
    from phial.recipe.quantization import ready_model

    folder = ready_model(model, workspace, lambda line: typer.echo(line, err=True))
    name = Path(model).name if Path(model).exists() else model
    return EngineRespondent(open_engine(folder), name, folder_identity(folder), str(folder))
