"""`lstm-edge package`."""

from __future__ import annotations

from pathlib import Path

import click

import lstm_edge
from lstm_edge.cli.options import FOLDER, reports_errors, say


@click.command("package", epilog="Example: lstm-edge package build/digits --package cmake,arduino")
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--package", "systems", required=True, metavar="LIST", help="Build systems, or all.")
@click.option("-o", "--output", type=FOLDER, help="Folder to write; default DIR-package/<name>.")
@click.option("--archives", is_flag=True, help="Also a .zip (Arduino) and a .pack (CMSIS) beside.")
@click.option("--info", type=FOLDER, metavar="FILE.toml", help="Has what the options below say.")
@click.option("--version", help="Such as 1.2.0.")
@click.option("--license", help="SPDX expression; without one nothing is granted.")
@click.option("--author", help="Who made the model and maintains the package.")
@click.option("--email", help="Of the author.")
@click.option("--vendor", help="Prefix of the CMSIS pack.")
@click.option("--url", help="Where more is said about it.")
@reports_errors
def command(
    folder: Path,
    systems: str,
    output: Path | None,
    archives: bool,
    info: Path | None,
    **said: str | None,
) -> None:
    """Make a package of a compiled model, for build systems to take as it is."""
    from lstm_edge.packages.about import About, read_about, with_values
    from lstm_edge.packages.pack import default_folder, package_of
    from lstm_edge.packages.systems import parse_systems
    from lstm_edge.printing.packed import packed

    chosen = parse_systems(systems)
    about = with_values(
        About() if info is None else read_about(info),
        {key: value for key, value in said.items() if value is not None},
    )
    compiled = lstm_edge.open(folder)
    made = package_of(compiled.bundle, chosen, about, archives=archives)
    place = output or default_folder(folder, compiled.name)
    made.write(place)
    say(packed(made, place))
