"""`lstm-edge profile`."""

from __future__ import annotations

import json
from pathlib import Path

import click

import lstm_edge
from lstm_edge.cli.options import FOLDER, JSON, reports_errors, say


@click.command("profile", epilog="Example: lstm-edge profile build/digits --board stm32l4r5")
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--board", metavar="PART", help="Part to tell the energy of; unknown names list all.")
@click.option("--target", "core", help="One of several targets that the C is for; else all.")
@JSON
@reports_errors
def command(folder: Path, board: str | None, core: str | None, as_json: bool) -> None:
    """Count what a step costs on the target: instructions, cycles, memory, energy."""
    from lstm_edge.printing.progress import working
    from lstm_edge.profile import report

    compiled = lstm_edge.open(folder)
    compiled = compiled if core is None else compiled.on(core)
    with working("profile") as tell:
        found = compiled.profile(board, tell=tell)
    if not as_json:
        say("\n\n".join(report.text(each) for each in found))
        return
    made = [report.to_json(each) for each in found]
    several = {"name": compiled.name, "target": compiled.bundle.name, "cores": made}
    click.echo(json.dumps(several if len(compiled.bundle.targets) > 1 else made[0], indent=2))
