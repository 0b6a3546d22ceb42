"""The command line: verbs only, each a call into a room."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

import phial
from phial.cli_data import LedgerOption, data
from phial.cli_evaluation import app as evaluation
from phial.errors import PhialError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Make, run and measure small language models from textbook-quality data.",
)

Workspace = Annotated[Path, typer.Option("--to", help="Workspace folder that holds artifacts and runs.")]
DEFAULT_WORKSPACE = Path("runs")


def _version(show: bool) -> None:
    if show:
        typer.echo(f"phial {phial.__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    """Make, run and measure small language models from textbook-quality data."""


@app.command()
def make(
    recipe: Annotated[str, typer.Argument(help="A .toml file, or the name of an embedded recipe: nano, tutor.")],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Override a key: --set pretrain.tokens=500000, --set flow.exercises.accept=90"),
    ] = None,
    to: Workspace = DEFAULT_WORKSPACE,
    benchmarks: Annotated[
        Path | None,
        typer.Option(
            help="nano: folder with the published gsm8k/ and svamp/ files, to be scored as well. tutor: folder of "
            "benchmark files whose items must not be in the data."
        ),
    ] = None,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Only say what a recipe for data will ask of its teacher, and cost.")
    ] = False,
) -> None:
    """Make everything a recipe describes; run it again to go on where it stopped.

    Example: phial make nano --to runs
    """
    from phial.recipe.making import make_or_estimate

    make_or_estimate(recipe, list(settings or []), to, benchmarks, estimate)


@app.command()
def runs(to: Workspace = DEFAULT_WORKSPACE) -> None:
    """List the runs of a workspace.

    Example: phial runs --to runs
    """
    from phial.recipe.runs import print_runs

    print_runs(to)


@app.command()
def trace(
    record: Annotated[str, typer.Argument(help="A record's id, or its first digits.")],
    to: Annotated[
        Path, typer.Option("--to", help="Workspace, or a folder of records: a flow's run, a curation.")
    ] = DEFAULT_WORKSPACE,
    ledger: LedgerOption = None,
) -> None:
    """Follow a record back to its seed, generator, prompts, replies and verdicts, and on to its tokens.

    Example: phial trace 3fa9c1 --to runs
    """
    from phial.recipe.runs import print_trace

    print_trace(record, to, ledger)


@app.command()
def models(
    json_output: Annotated[bool, typer.Option("--json", help="Print a JSON array, sizes in bytes.")] = False,
) -> None:
    """List the released Phi models: parameters, context, attention, memory by format, cache of a token.

    Example: phial models --json
    """
    from phial.model.catalogue import print_models

    print_models(json_output)


@app.command()
def download(
    name: Annotated[str, typer.Argument(help="organisation/model, with @revision and :file.gguf where wanted.")],
    offline: Annotated[bool, typer.Option("--offline", help="Only look in the cache.")] = False,
) -> None:
    """Bring a model of the Hub to this machine and print where it lies; run it again to go on where it broke off.

    Example: phial download microsoft/Phi-4-mini-instruct
    """
    from phial.model.hub import download as bring
    from phial.model.hub import parse_name

    wanted = parse_name(name)
    if wanted is None:
        raise PhialError(
            f"{name!r} is no name on the Hub", do="write organisation/model, or organisation/model@revision"
        )
    found = bring(wanted, offline)
    typer.echo(f"{found.path}\ncommit {found.commit}")


@app.command()
def quantize(
    model: Annotated[
        str, typer.Argument(help="A checkpoint folder, a .gguf file, a run's name, or a name on the Hub.")
    ],
    folder: Annotated[Path, typer.Option("--to", help="Folder to make; it must not exist yet.")],
    format: Annotated[str, typer.Option("--format", help="int4.")] = "int4",
    method: Annotated[
        str, typer.Option(help="rtn: round to nearest, minutes. gptq: calibrated, several times that.")
    ] = "rtn",
    group_size: Annotated[int, typer.Option(help="Weights that share a scale: 32, 64 or 128.")] = 128,
    rotate: Annotated[
        bool, typer.Option("--rotate", help="QuaRot: turn the model so that no value stands out.")
    ] = False,
    by_group: Annotated[
        bool, typer.Option("--by-group", help="Activations get a scale a group, not one a token.")
    ] = False,
    bits_budget: Annotated[
        float | None, typer.Option(help="Bits a weight, scales included: lifts sensitive matrices to int8 up to it.")
    ] = None,
    text: Annotated[
        Path | None, typer.Option(help="Text to calibrate and measure with; by default the standard library's own.")
    ] = None,
    held_out: Annotated[int, typer.Option(min=2, help="Tokens of it to measure with.")] = 2048,
    calibration: Annotated[int, typer.Option(min=512, help="Tokens of it for gptq.")] = 16384,
    workspace: Annotated[Path, typer.Option(help="Workspace that the run is in.")] = DEFAULT_WORKSPACE,
) -> None:
    """Quantize a model, measure what that costs against the float weights, and write both.

    Example: phial quantize microsoft/Phi-4-mini-instruct --method gptq --bits-budget 4.5 --to phi-4-mini-int4
    """
    from phial.quant.quantize import Settings
    from phial.recipe.quantization import find_weights, quantize_model

    if format != "int4":
        raise PhialError(f"format {format!r}", where="quantize", do="give --format int4")
    settings = Settings(method, group_size, rotate=rotate, by_group=by_group)
    report = quantize_model(
        find_weights(model, workspace), folder, settings, bits_per_weight=bits_budget, text=text,
        calibration_tokens=calibration, held_out_tokens=held_out,
        progress=lambda line: typer.echo(line, err=True),
    )  # fmt: skip
    typer.echo("\n".join([*report.lines(), f"written to {folder}"]))


AdapterOption = Annotated[Path | None, typer.Option("--adapter", help="Folder of a LoRA adapter in peft's layout.")]
ModelArgument = Annotated[
    str | None,
    typer.Argument(help="A run's name, a folder, a .gguf file, or a name on the Hub; without it, the embedded model."),
]


@app.command()
def ask(
    words: Annotated[list[str], typer.Argument(help="[RUN] QUESTION", metavar="[RUN] QUESTION")],
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    max_tokens: Annotated[int, typer.Option(min=1, help="Longest answer, in tokens.")] = 200,
    temperature: Annotated[float, typer.Option(min=0.0, help="0 = greedy.")] = 0.0,
    adapter: AdapterOption = None,
    to: Workspace = DEFAULT_WORKSPACE,
) -> None:
    """Answer one question on standard output.

    Example: phial ask "Ada has 12 pens. Ben has 30 pens. How many pens do they have together?"
    """
    from phial.engine.console import run_ask

    if len(words) > 2:
        raise PhialError(f"{len(words)} arguments", do='quote the question: phial ask [RUN] "…"')
    model = _model(words[0] if len(words) == 2 else None, to)
    raise typer.Exit(run_ask(model, words[-1], json_output, max_tokens, temperature, adapter))


@app.command()
def chat(
    model: ModelArgument = None,
    max_tokens: Annotated[int, typer.Option(min=1, help="Longest answer, in tokens.")] = 200,
    temperature: Annotated[float, typer.Option(min=0.0, help="0 = greedy.")] = 0.0,
    adapter: AdapterOption = None,
    to: Workspace = DEFAULT_WORKSPACE,
) -> None:
    """Talk to a model: /reset forgets, Ctrl-C stops an answer, Ctrl-D ends.

    Example: phial chat
    """
    from phial.engine.console import run_chat

    raise typer.Exit(run_chat(_model(model, to), max_tokens, temperature, adapter))


app.add_typer(data, name="data")


app.add_typer(evaluation, name="eval")

bench = typer.Typer(no_args_is_help=True, help="Measure this machine.")
app.add_typer(bench, name="bench")


@bench.callback()
def bench_main() -> None:
    """Measure this machine."""


@bench.command("engine")
def bench_engine(
    model: Annotated[
        str, typer.Argument(help="A quantized folder, or a name of `phial models`, whose shape gets random weights.")
    ] = "Phi-3-mini-4k-instruct",
    layers: Annotated[int | None, typer.Option(min=1, help="Cut a shape to so many layers.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="One a core by default.")] = None,
    cache_bits: Annotated[int, typer.Option(help="16, or 8 for int8 keys and values.")] = 16,
    measures: Annotated[
        str, typer.Option(help='"decode N", "streams N" and "prefill N", with commas between.')
    ] = "decode 16,decode 2048,streams 8,prefill 128,prefill 512",
    form: Annotated[str | None, typer.Option(help="Of a shape's weights, such as 'g64 token head8 rotated'.")] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Tokens a second of the int4 engine, beside what the memory and the integer units could give.

    Example: phial bench engine Phi-4-mini-instruct --layers 8
    """
    from phial.engine.measure import bench_engine as run_bench

    run_bench(model, layers, threads, cache_bits, [name.strip() for name in measures.split(",")], json_output, form)


def _model(name: str | None, workspace: Path) -> Path:
    from phial.embedded import embedded_model

    if name is None:
        return embedded_model()
    from phial.recipe.quantization import ready_model

    return ready_model(name, workspace, lambda line: typer.echo(line, err=True))


def run() -> None:
    """Entry point: a PhialError is printed without a traceback and exits with 1."""
    try:
        app()
    except PhialError as error:
        print("error: " + "\n".join(error.lines()), file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    run()
