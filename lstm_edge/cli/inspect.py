"""`lstm-edge inspect`."""

from __future__ import annotations

import json
from pathlib import Path

import click

import lstm_edge
from lstm_edge.cli.options import FOLDER, JSON, STEPS, reports_errors, warn


@click.command("inspect", epilog="Example: lstm-edge inspect model.onnx")
@click.argument("model", type=FOLDER)
@STEPS
@JSON
@reports_errors
def command(model: Path, steps: int | None, as_json: bool) -> None:
    """Say what a model file holds."""
    network = lstm_edge.load(model, steps=steps)
    warn(network.warnings)
    click.echo(json.dumps(network.to_json(), indent=2) if as_json else str(network))
