"""`lstm-edge verify`."""

from __future__ import annotations

import json
from pathlib import Path

import click

import lstm_edge
from lstm_edge.cli.options import FOLDER, JSON, reports_errors, say
from lstm_edge.errors import VerificationError


@click.command("verify", epilog="Example: lstm-edge verify build/digits --on host,qemu")
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--inputs", type=FOLDER, help="npz; default: the held-back calibration samples.")
@click.option("--stream", is_flag=True, help="Inputs are [S, K, *shape], or [K, *shape] in a row.")
@click.option("--labels", type=FOLDER, help="npz with classes or numbers for outputs, to score.")
@click.option("--on", "places", default=None, help="host, qemu or both; default: all there are.")
@JSON
@reports_errors
def command(
    folder: Path,
    inputs: Path | None,
    stream: bool,
    labels: Path | None,
    places: str | None,
    as_json: bool,
) -> None:
    """Prove that numpy and C agree bit for bit, and measure the error against float."""
    from lstm_edge.printing import progress, verified

    compiled = lstm_edge.open(folder)
    wanted = tuple(p.strip() for p in places.split(",")) if places else None
    for place in wanted or ():
        if place not in ("host", "qemu"):
            raise click.UsageError(f"--on {places}: expected host, qemu, or host,qemu")
    with progress.working("verify") as tell:
        result = compiled.compare(inputs, on=wanted, stream=stream, labels=labels, tell=tell)
    if as_json:
        click.echo(json.dumps(verified.verified_json(compiled.bundle, result), indent=2))
    else:
        say(verified.verified(compiled.bundle, result))
    if not result.ok:
        raise VerificationError(result.told)
