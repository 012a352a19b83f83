"""`lstm-edge report`."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import click

import lstm_edge
from lstm_edge.cli.options import FOLDER, reports_errors


@click.command("report", epilog="Example: lstm-edge report build/digits --open")
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--inputs", type=FOLDER, help="npz; default: the held-back calibration samples.")
@click.option("--stream", is_flag=True, help="Inputs are [S, K, *shape], or [K, *shape] in a row.")
@click.option("--labels", type=FOLDER, help="npz with classes or numbers for outputs, to score.")
@click.option("--board", metavar="PART", help="Part to tell the energy of; unknown names list all.")
@click.option("--target", "core", help="One of several targets that the C is for; else all.")
@click.option("-o", "--output", type=FOLDER, help="File to write; default DIR/report.html.")
@click.option("--open", "opens", is_flag=True, help="Show it in a browser.")
@reports_errors
def command(
    folder: Path,
    inputs: Path | None,
    stream: bool,
    labels: Path | None,
    board: str | None,
    core: str | None,
    output: Path | None,
    opens: bool,
) -> None:
    """Verify and profile a compiled model, and write a report as one HTML file."""
    from lstm_edge.printing.progress import working

    compiled = lstm_edge.open(folder)
    compiled = compiled if core is None else compiled.on(core)
    path = output or folder / "report.html"
    with working("report") as tell:
        compiled.report(path, x=inputs, stream=stream, labels=labels, board=board, tell=tell)
    click.echo(str(path))
    if opens:
        webbrowser.open(path.resolve().as_uri())
