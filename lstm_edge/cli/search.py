"""`lstm-edge search`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from lstm_edge.cli.options import CELLS, FOLDER, JSON, STEPS, Bytes, reports_errors, say

CHOICES = ("weights", "activations", "cell_state", "scheme", "unroll", "optimize")
EXAMPLE = "Example: lstm-edge search a.onnx b.onnx --target cortex-m4 --study /shared/a.study"


@click.command("search", epilog=EXAMPLE)
@click.argument("models", nargs=-1, required=True, type=FOLDER, metavar="MODEL...")
@click.option("--target", required=True, help="Core, or several: see `targets`.")
@click.option("--study", required=True, help="File on a shared disk, or URL of a database.")
@click.option("--study-name", default="search", show_default=True, help="Of several in one place.")
@click.option("--calibration", type=FOLDER, help="npz with arrays named like the inputs.")
@click.option("--labels", type=FOLDER, help="npz with labels of the calibration samples.")
@click.option("--budget", metavar="TIME", help="Begin nothing after 2h, 30m or 90s.")
@click.option("--trials", type=click.IntRange(min=1), help="Most points, by all processes.")
@click.option(
    "--objectives",
    default="error,flash,instructions",
    show_default=True,
    help="Of error, score, missed, flash, ram, instructions and cycles.",
)
@click.option("--weights", default="int4,int8,int16", show_default=True, help="To choose from.")
@click.option("--activations", default="8,12,16", show_default=True, help="To choose from.")
@click.option("--cell-state", default="16,32", show_default=True, help="To choose from.")
@click.option("--scheme", default="int8", show_default=True, help="Of int8, fixed and float32.")
@click.option("--unroll", default="gates", show_default=True, help="Of none and gates.")
@click.option("--optimize", default="speed", show_default=True, help="Of speed and size.")
@STEPS
@CELLS
@click.option("--max-error", type=click.FloatRange(min=0.0), metavar="DB", help="Least SQNR.")
@click.option(
    "--max-drop", type=click.FloatRange(min=0.0), metavar="POINTS", help="Most that a score loses."
)
@click.option(
    "--code/--no-code",
    default=None,
    help="Count code in flash; default: where the target's compiler is installed.",
)
@click.option("--max-flash", type=Bytes(), help="Most flash, for instance 64K.")
@click.option("--max-ram", type=Bytes(), help="Most states and scratch, for instance 8K.")
@click.option("--max-stack", type=Bytes(), help="Most stack of a call, which is built and counted.")
@click.option("--max-insn", type=click.IntRange(min=0), help="Most instructions of a step.")
@click.option("--max-cycles", type=click.IntRange(min=0), help="Most cycles of a step, counted.")
@JSON
@reports_errors
def command(models: tuple[Path, ...], **options: Any) -> None:
    """Choose models, widths and options with other processes; print the Pareto front."""
    from lstm_edge.search.asked import Asked, searched
    from lstm_edge.search.limits import Limits
    from lstm_edge.search.storage import import_optuna

    optuna = import_optuna()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    words = {kind: options.pop(kind) for kind in CHOICES}
    limits = Limits(
        options.pop("max_flash"),
        options.pop("max_ram"),
        options.pop("max_insn"),
        options.pop("max_error"),
        options.pop("max_drop"),
        options.pop("max_cycles"),
        options.pop("max_stack"),
    )
    shown = sys.stderr.isatty()

    def tell(done: int, most: int | None, front: int) -> None:
        total = "" if most is None else f" of {most}"
        click.echo(f"\rsearching: {done}{total}, {front} on the front", nl=False, err=True)

    text = searched(Asked(models, limits=limits, **options), words, tell if shown else None)
    if shown:
        click.echo(err=True)
    if options["as_json"]:
        click.echo(text)
    else:
        say(text)
