"""`lstm-edge run`."""

from __future__ import annotations

from pathlib import Path

import click

import lstm_edge
from lstm_edge.choices import Place
from lstm_edge.cli.options import FOLDER, reports_errors, say
from lstm_edge.errors import DataError


@click.command(
    "run", epilog="Example: lstm-edge run build/digits --inputs test.npz --on host -o result.npz"
)
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--inputs", required=True, type=FOLDER, help="npz with arrays [N, *input shape].")
@click.option(
    "--on",
    "where",
    type=click.Choice(["numpy", "host", "qemu", "float"]),
    default="numpy",
    show_default=True,
)
@click.option("--stream", is_flag=True, help="Arrays are [S, K, *shape]; the state lives on.")
@click.option("--raw", is_flag=True, help="Write the stored integers.")
@click.option("--target", "core", help="Which of several targets, with --on qemu; else the first.")
@click.option("-o", "--output", required=True, type=FOLDER, help="npz to write.")
@reports_errors
def command(
    folder: Path,
    inputs: Path,
    where: Place,
    stream: bool,
    raw: bool,
    core: str | None,
    output: Path,
) -> None:
    """Run a compiled model on arrays."""
    from lstm_edge.archive import array_bytes
    from lstm_edge.folders import put_file
    from lstm_edge.printing.progress import working

    if core is not None and where != "qemu":
        raise DataError(f"--target {core} has no meaning with --on {where}; leave it out")
    if output.suffix == ".npy":
        raise DataError(f"-o {output}: results are arrays by name; call the file .npz")
    compiled = lstm_edge.open(folder)
    compiled = compiled if core is None else compiled.on(core)
    with working(f"run on {where}"):
        arrays = compiled.run(inputs, on=where, stream=stream, raw=raw)
    put_file(output, array_bytes(arrays))
    shapes = ", ".join(f"{name} {list(a.shape)}" for name, a in arrays.items())
    chosen = where == "qemu" and "cores" in compiled.manifest
    place = f"qemu, {compiled.bundle.emulated[0].name}" if chosen else where
    say(f"{output}: {shapes}, computed on {place}")
