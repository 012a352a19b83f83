"""`lstm-edge targets`."""

from __future__ import annotations

import json

import click

from lstm_edge.cli.options import JSON, reports_errors, say


@click.command("targets", epilog="Example: lstm-edge targets")
@JSON
@reports_errors
def command(as_json: bool) -> None:
    """List the cores that code can be generated for."""
    from lstm_edge.families import all_sets
    from lstm_edge.printing.targets import cores_json, target_json
    from lstm_edge.targets import all_targets

    found, sets = all_targets(), all_sets()
    if as_json:
        listed = {
            "targets": [target_json(target) for target in found],
            "sets": [cores_json(cores) for cores in sets],
        }
        click.echo(json.dumps(listed, indent=2))
        return
    for target in found:
        say(f"{target.name:14} {' '.join(target.features) or '-':18} {target.title}")
    for cores in sets:
        members = ", ".join(target.name for target in cores.targets)
        say(f"{cores.name:14} {'several':18} {cores.title}\n    {members}")
