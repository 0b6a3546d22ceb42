"""The verbs `phial data …`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

data = typer.Typer(no_args_is_help=True, help="Make, curate and look at data.")
LedgerOption = Annotated[
    Path | None,
    typer.Option("--ledger", help="Of the teacher's requests; without it, the nearest ledger.sqlite above."),
]
ExecutorOption = Annotated[
    str, typer.Option("--executor", help="processes: on this machine; slurm: as a member of a job array; ray.")
]
WorkersOption = Annotated[int, typer.Option(min=1, help="Processes or Ray tasks.")]
AddressOption = Annotated[str, typer.Option(help="Of a Ray cluster; a local one by default.")]


@data.callback()
def data_main() -> None:
    """Make, curate and look at data."""


@data.command("run")
def data_run(
    flow: Annotated[str, typer.Argument(help='A built-in flow such as "exercises", or my_flow.py:my_flow.')],
    seeds: Annotated[Path, typer.Option(help="File or folder: texts, .jsonl, .html, Parquet of records, also .gz.")],
    folder: Annotated[Path, typer.Option("--to", help="Folder of the run; its ledger is beside it by default.")],
    lines: Annotated[bool, typer.Option("--lines", help="Each line of the seeds is a topic of its own.")] = False,
    license: Annotated[str, typer.Option(help="SPDX expression of the seeds.")] = "LicenseRef-unknown",
    accept: Annotated[int | None, typer.Option(min=1, help="Stop at so many accepted records.")] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="Of the flow: --set count=2")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the flow's randomness.")] = 0,
    teacher: Annotated[
        str, typer.Option(help='URL up to /v1, "offline", or "replay" to ask nobody; several URLs with commas between.')
    ] = "offline",
    model: Annotated[str, typer.Option(help="As the server calls it.")] = "",
    api: Annotated[str, typer.Option(help="chat, completions or anthropic.")] = "chat",
    key_env: Annotated[str, typer.Option(help="Environment variable with the key.")] = "",
    revision: Annotated[str, typer.Option(help="To be changed when the weights behind the model's name change.")] = "",
    price: Annotated[str, typer.Option(help="Of a million prompt and answer tokens: 0.07,0.14")] = "0,0",
    most_requests: Annotated[int | None, typer.Option(min=1, help="Hard limit.")] = None,
    most_tokens: Annotated[int | None, typer.Option(min=1, help="Hard limit.")] = None,
    most_cost: Annotated[float | None, typer.Option(min=0, help="Hard limit, in the price's currency.")] = None,
    together: Annotated[int, typer.Option(min=1, help="Seeds under way at a time.")] = 256,
    ledger: Annotated[Path | None, typer.Option(help="Of the workspace; on a local disk.")] = None,
    executor: ExecutorOption = "processes",
    workers: WorkersOption = 1,
    address: AddressOption = "",
    estimate: Annotated[bool, typer.Option("--estimate", help="Only say what it will cost.")] = False,
) -> None:
    """Run one flow over seeds; run it again to go on where it stopped.

    Example: phial data run exercises --seeds topics.txt --lines --accept 20 --to work/exercises
    """
    from phial.recipe.run_command import Asked, run_one

    asked = Asked(flow, seeds, folder, lines, license, accept, list(settings or []), seed, together, ledger)
    who = {"teacher": teacher, "model": model, "api": api, "key_env": key_env, "revision": revision, "price": price}
    budget = {"requests": most_requests, "tokens": most_tokens, "cost": most_cost}
    run_one(asked, who, budget, {"executor": executor, "workers": workers, "address": address}, estimate)


@data.command("curate")
def data_curate(
    inputs: Annotated[list[Path], typer.Argument(help="Files, folders, runs of flows, curations.")],
    folder: Annotated[Path, typer.Option("--to", help="Folder of everything made; it may hold earlier curations.")],
    benchmarks: Annotated[Path | None, typer.Option(help="Folder whose items must not be in the data.")] = None,
    languages: Annotated[str, typer.Option(help='ISO 639 codes with commas between; "" keeps all.')] = "en",
    fewest_words: Annotated[int, typer.Option(min=0, help="Of a record.")] = 10,
    duplicates: Annotated[float, typer.Option(help="Similarity from which two records are near duplicates.")] = 0.7,
    license: Annotated[str, typer.Option(help="SPDX, of what does not state its own.")] = "LicenseRef-unknown",
    executor: ExecutorOption = "processes",
    workers: WorkersOption = 1,
    address: AddressOption = "",
    estimate: Annotated[bool, typer.Option("--estimate", help="Only say how much there is, and how long.")] = False,
) -> None:
    """Filter, deduplicate and decontaminate files; run it again to go on where it stopped.

    Example: phial data curate raw work/exercises --benchmarks benchmarks --to work
    """
    from phial.curate.reading import Reading
    from phial.recipe.curate_command import curate_files
    from phial.recipe.data_schema import DataCuration, Scale
    from phial.recipe.flow_job import executor_of
    from phial.recipe.schema import checked

    wanted = {
        "languages": [code.strip() for code in languages.split(",") if code.strip()],
        "fewest_words": fewest_words,
        "duplicates": duplicates,
        "benchmarks": str(benchmarks.resolve()) if benchmarks else "",
    }
    scale = checked(Scale, {"executor": executor, "workers": workers, "address": address}, "phial data curate")
    section = checked(DataCuration, wanted, "phial data curate")
    curate_files(inputs, folder, section, Reading(license=license), executor_of(scale), estimate)


@data.command("look")
def data_look(
    folder: Annotated[Path, typer.Argument(help="A flow's run, a curation, or a folder of Parquet files of records.")],
    html: Annotated[Path | None, typer.Option("--html", help="Write a page instead, to this file.")] = None,
    samples: Annotated[int, typer.Option(min=0, help="Records to show of each kind.")] = 5,
    score: Annotated[str, typer.Option(help="To order them by; by default the quality.")] = "",
    ledger: LedgerOption = None,
    quality: Annotated[
        Path | None, typer.Option(help="Report of the quality classifier; by default the quality.json in the folder.")
    ] = None,
) -> None:
    """Show samples by kind and score, the funnel with examples, cost and speed, duplicates, contamination.

    Example: phial data look work/problems --html problems.html
    """
    from phial.recipe.look import look

    found = look(folder, samples, score, ledger, quality)
    if html is None:
        from phial.recipe.look_terminal import print_look

        print_look(found)
    else:
        from phial.recipe.look_page import write_page

        write_page(found, html)
        typer.echo(html)
