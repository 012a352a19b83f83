"""`lstm-edge compile`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

import lstm_edge
from lstm_edge.cli.options import (
    CELLS,
    FOLDER,
    STATE_PAIRS,
    STEPS,
    Bits,
    Bytes,
    Renaming,
    once,
    reports_errors,
    say,
    warn,
)
from lstm_edge.errors import DataError
from lstm_edge.files import unchanged
from lstm_edge.stopwatch import Stopwatch


@click.command("compile", epilog="Example: lstm-edge compile model.onnx --target cortex-m4")
@click.argument("model", type=FOLDER)
@click.option("--target", required=True, help="Core, or several: see `targets`.")
@click.option("-o", "--output", type=FOLDER, help="Folder to write; default build/<name>.")
@click.option("--calibration", type=FOLDER, help="npz with arrays named like the inputs.")
@click.option(
    "--rename",
    type=Renaming(),
    multiple=True,
    metavar="OLD=NEW",
    help="Name of an input, output or state; OLD may be its place: input0, output0.",
)
@click.option("--name", help="C identifier that prefixes everything; default from the file.")
@click.option(
    "--scheme",
    type=click.Choice(["int8", "fixed", "float32"]),
    show_default="int8",
    help="Number system; fixed: all scales are powers of two.",
)
@click.option(
    "--weights",
    type=Bits("int4", "int8", "int16", "auto"),
    show_default="int8",
    help="Width of the weights; auto: the cheapest that hold the bound, layer by layer.",
)
@click.option(
    "--activations",
    type=Bits("8", "12", "16", "auto"),
    show_default="12",
    help="Bits of inputs and hidden states; auto: as for the weights.",
)
@click.option(
    "--cell-state",
    type=Bits("16", "32"),
    show_default="32",
    help="Bits of the cell state.",
)
@click.option(
    "--unroll",
    type=click.Choice(["none", "gates", "full"]),
    show_default="gates",
    help="Loops, unrolled columns, or straight-line code.",
)
@click.option(
    "--optimize",
    type=click.Choice(["speed", "size"]),
    show_default="speed",
    help="Fewest instructions, or least code: nothing unrolled or written twice.",
)
@STEPS
@STATE_PAIRS
@CELLS
@click.option(
    "--state",
    type=click.Choice(["kept", "explicit"]),
    default="kept",
    show_default=True,
    help="States that the model takes and gives: kept by the code, or arguments of each call.",
)
@click.option(
    "--outputs",
    type=click.Choice(["probabilities", "logits"]),
    default="probabilities",
    show_default=True,
    help="What a last sigmoid or softmax gives, or the sum before it.",
)
@click.option(
    "--max-error",
    type=click.FloatRange(min=0.0),
    metavar="DB",
    help="Fail below this SQNR of an output on held-back samples; 40 for auto alone.",
)
@click.option(
    "--max-drop",
    type=click.FloatRange(min=0.0),
    metavar="POINTS",
    help="Fail where a score on the labels loses more than this.",
)
@click.option("--labels", type=FOLDER, help="npz with labels of the calibration samples.")
@click.option(
    "--input-scale",
    multiple=True,
    metavar="[NAME=]F",
    help="Real value of one step of a raw integer; makes C for such integers.",
)
@click.option(
    "--input-zero",
    multiple=True,
    metavar="[NAME=]N",
    help="The raw integer that stands for real 0.",
)
@click.option(
    "--inputs-like",
    type=FOLDER,
    metavar="DIR",
    help="Store inputs as a compiled model does: its scales, zero points and width.",
)
@click.option(
    "--from-study",
    metavar="STUDY[:TRIAL]",
    help="A point that `search` found, by default the cheapest that holds its bound.",
)
@click.option("--updatable", is_flag=True, help="Weights that `update` can replace in the field.")
@click.option("--package", "systems", metavar="LIST", help="Also a package for build systems.")
@click.option("--package-info", type=FOLDER, metavar="FILE.toml", help="Its version, licence, ...")
@click.option(
    "--dump-ir", metavar="PASS", help="Print the model, real, formats, integer or schedule form."
)
@click.option("--max-flash", type=Bytes(), help="Fail above this, for instance 64K.")
@click.option("--max-ram", type=Bytes(), help="Fail above this, for instance 8K.")
@click.option("--max-stack", type=Bytes(), help="Fail where a call may use more stack than this.")
@click.option("--max-insn", type=click.IntRange(min=0), help="Fail above so many in a step.")
@click.option("--max-cycles", type=click.IntRange(min=0), help="Fail above so many in a step.")
@click.option("--verbose", is_flag=True, help="Print the seconds of each pass on stderr.")
@reports_errors
def command(
    model: Path,
    output: Path | None,
    name: str | None,
    steps: int | None,
    cells: Path | None,
    rename: tuple[tuple[str, str], ...],
    state_pairs: tuple[tuple[str, str], ...],
    systems: str | None,
    package_info: Path | None,
    dump_ir: str | None,
    input_scale: tuple[str, ...],
    input_zero: tuple[str, ...],
    verbose: bool,
    **options: Any,
) -> None:
    """Compile MODEL (.onnx, .npz, .keras or .h5) to C."""
    from lstm_edge.interpret.raw import named_numbers
    from lstm_edge.packages.about import About, read_about
    from lstm_edge.packages.pack import default_folder, package_of
    from lstm_edge.packages.systems import parse_systems
    from lstm_edge.printing import compiled, dump, packed

    if systems is None and package_info is not None:
        raise DataError("--package-info has no meaning without --package LIST; give both")
    chosen = () if systems is None else parse_systems(systems)
    options["input_scale"] = named_numbers("--input-scale", input_scale)
    options["input_zero"] = named_numbers("--input-zero", input_zero)
    watch = Stopwatch()
    with _told(watch, verbose), unchanged():
        about = About() if package_info is None else read_about(package_info)
        with watch.lap("read model"):
            network = lstm_edge.load(
                model,
                name=name,
                steps=steps,
                rename=once("--rename", rename),
                state_pairs=once("--state-pair", state_pairs),
                cells=cells,
            )
        made = _compiled(network, watch, options)
    warn(made.warnings)
    if dump_ir is not None and made.compilation is not None:
        say(dump.dump(made.compilation, dump_ir))
        return
    folder = output or Path("build") / made.name
    package = package_of(made.bundle, chosen, about) if chosen else None
    made.save(folder)
    say(compiled.compiled(made.bundle, made.errors, folder))
    if package is not None:
        place = default_folder(folder, made.name)
        package.write(place)
        say(packed.packed(package, place))


def _compiled(
    network: lstm_edge.Network, watch: Stopwatch, options: dict[str, Any]
) -> lstm_edge.Compiled:
    """With bars on a terminal."""
    from lstm_edge.printing import progress

    with progress.bar("calibrating") as show, progress.bar("trying widths") as tried:
        return lstm_edge.compile(
            network, **options, progress=show, searching=tried, stopwatch=watch
        )


@contextmanager
def _told(watch: Stopwatch, verbose: bool) -> Iterator[None]:
    """What it timed is printed behind the work, even if that fails."""
    from lstm_edge.printing.laps import laps

    try:
        yield
    finally:
        if verbose:
            click.echo(laps(watch), err=True)
