"""`lstm-edge update`."""

from __future__ import annotations

from pathlib import Path

import click

import lstm_edge
from lstm_edge.cli.options import (
    CELLS,
    FOLDER,
    STATE_PAIRS,
    once,
    reports_errors,
    say,
    warn,
)
from lstm_edge.files import unchanged


@click.command(
    "update",
    epilog="Example: lstm-edge update build/digits retrained.onnx --calibration samples.npz",
)
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.argument("model", type=FOLDER)
@click.option("-o", "--output", type=FOLDER, help="Folder to write; default DIR with -update.")
@click.option("--calibration", type=FOLDER, help="npz with arrays named like the inputs.")
@click.option(
    "--revision",
    type=click.IntRange(0, 2**32 - 1),
    default=1,
    show_default=True,
    help="Number that the header of the weights says.",
)
@STATE_PAIRS
@CELLS
@reports_errors
def command(
    folder: Path,
    model: Path,
    output: Path | None,
    calibration: Path | None,
    revision: int,
    state_pairs: tuple[tuple[str, str], ...],
    cells: Path | None,
) -> None:
    """Make weights of MODEL for the code in DIR, which was compiled with --updatable."""
    from lstm_edge.printing import compiled, progress

    with unchanged():
        old = lstm_edge.open(folder)
        place = output or folder.resolve().with_name(f"{folder.resolve().name}-update")
        network = lstm_edge.load(
            model,
            name=old.name,
            steps=old.program.steps,
            rename=old.renamed,
            state_pairs=once("--state-pair", state_pairs),
            cells=cells,
        )
        with progress.bar("calibrating") as show:
            made = lstm_edge.update(
                old, network, calibration=calibration, revision=revision, progress=show
            )
    warn(made.warnings)
    made.save(place)
    say(compiled.compiled(made.bundle, made.errors, place))
