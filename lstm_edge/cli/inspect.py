"""`lstm-edge inspect`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

import lstm_edge
from lstm_edge.cli.options import (
    CELLS,
    FOLDER,
    JSON,
    STATE_PAIRS,
    STEPS,
    once,
    reports_errors,
    say,
    warn,
)
from lstm_edge.errors import QuantizationError


@click.command("inspect", epilog="Example: lstm-edge inspect model.onnx")
@click.argument("model", type=FOLDER)
@STEPS
@STATE_PAIRS
@CELLS
@click.option("--target", default="cortex-m4", show_default=True, help="Core of the estimate.")
@JSON
@reports_errors
def command(
    model: Path,
    steps: int | None,
    state_pairs: tuple[tuple[str, str], ...],
    cells: Path | None,
    target: str,
    as_json: bool,
) -> None:
    """Say what a model file holds, and about what it takes on a core."""
    from lstm_edge.printing.costs import estimated

    pairs = once("--state-pair", state_pairs)
    network = lstm_edge.load(model, steps=steps, state_pairs=pairs, cells=cells)
    warn(network.warnings)
    try:
        cost = network.estimate(target)
    except QuantizationError as error:  # what the file holds is told all the same
        cost = None
        warn((f"no estimate as int8: {error}",))
    if as_json:
        told = None if cost is None else asdict(cost)
        click.echo(json.dumps({**network.to_json(), "estimate": told}, indent=2))
    else:
        say(str(network) if cost is None else f"{network}\n{estimated(cost)}")
