"""The command line: parse, call, print. What it promises is a contract: see docs/cli.md."""

from __future__ import annotations

import errno
import json
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from lstm_edge import __version__, bundle, frontend, printing
from lstm_edge.driver import Request, compile_model
from lstm_edge.errors import DataError, LstmEdgeError, VerificationError
from lstm_edge.families import all_sets
from lstm_edge.profile import report
from lstm_edge.profile.bundle_profile import profile_targets
from lstm_edge.targets import all_targets
from lstm_edge.verify import WHERE, answers_on, verify

FOLDER = click.Path(path_type=Path)
NO_SPACE = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)


def reports_errors(command: Callable[..., None]) -> Callable[..., None]:
    """Turn the project's errors into one line on stderr and an exit status."""

    @wraps(command)
    def guarded(*args: Any, **options: Any) -> None:
        try:
            command(*args, **options)
        except LstmEdgeError as error:
            click.echo(f"Error: {' '.join(str(error).splitlines()[:1])}", err=True)
            sys.exit(error.exit_status)
        except OSError as error:
            place = f" ({error.filename})" if error.filename else ""
            remedy = "free some space" if error.errno in NO_SPACE else "check its permissions"
            click.echo(f"Error: {error.strerror or error}{place}: {remedy}", err=True)
            sys.exit(1)
        except MemoryError:
            click.echo("Error: not enough memory for this model or data", err=True)
            sys.exit(1)

    return guarded


class Bytes(click.ParamType[int]):
    """A size: 8192, 64K or 1M."""

    name = "size"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        """The number of bytes; usage error for anything else."""
        if isinstance(value, int):
            return value
        text = str(value).upper()
        unit = {"K": 1024, "M": 1024**2}.get(text[-1:], 1)
        digits = text[:-1] if unit > 1 else text
        if not digits.isdecimal():
            self.fail(f"{value!r} is not a size such as 8192, 64K or 1M", param, ctx)
        return int(digits) * unit


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lstm-edge")
def main() -> None:
    """Compile trained recurrent networks to C for microcontrollers, exact to the bit."""


@main.command("compile", epilog="Example: lstm-edge compile model.onnx --target cortex-m4")
@click.argument("model", type=FOLDER)
@click.option("--target", required=True, help="Core, or several: see `targets`.")
@click.option("-o", "--output", type=FOLDER, help="Folder to write; default build/<name>.")
@click.option("--calibration", type=FOLDER, help="npz with arrays named like the inputs.")
@click.option(
    "--rename",
    multiple=True,
    metavar="OLD=NEW",
    help="Name of an input, output or state; OLD may be its place: input0, output0.",
)
@click.option("--name", help="C identifier that prefixes everything; default from the file.")
@click.option(
    "--scheme",
    type=click.Choice(["int8", "fixed", "float32"]),
    default="int8",
    show_default=True,
    help="Number system; fixed: all scales are powers of two.",
)
@click.option(
    "--weights",
    type=click.Choice(["int4", "int8", "int16", "auto"]),
    default="int8",
    show_default=True,
    help="Width of the weights; auto: the cheapest that hold the bound, layer by layer.",
)
@click.option(
    "--activations",
    type=click.Choice(["8", "12", "16", "auto"]),
    default="12",
    show_default=True,
    help="Bits of inputs and hidden states; auto: as for the weights.",
)
@click.option(
    "--cell-state",
    type=click.Choice(["16", "32"]),
    default="32",
    show_default=True,
    help="Bits of the cell state.",
)
@click.option(
    "--unroll",
    type=click.Choice(["none", "gates", "full"]),
    default="gates",
    show_default=True,
    help="Loops, unrolled columns, or straight-line code.",
)
@click.option(
    "--optimize",
    type=click.Choice(["speed", "size"]),
    default="speed",
    show_default=True,
    help="Fewest instructions, or least code: nothing unrolled or written twice.",
)
@click.option("--steps", type=click.IntRange(min=1), help="Sequence length, where it is open.")
@click.option(
    "--state",
    type=click.Choice(["kept", "explicit"]),
    default="kept",
    show_default=True,
    help="States that the model takes and gives: kept by the code, or arguments of each call.",
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
@click.option("--dump-ir", metavar="PASS", help="Print the model, real, integer or schedule form.")
@click.option("--max-flash", type=Bytes(), help="Fail above this, for instance 64K.")
@click.option("--max-ram", type=Bytes(), help="Fail above this, for instance 8K.")
@click.option("--max-stack", type=Bytes(), help="Fail where a call may use more stack than this.")
@click.option("--max-insn", type=click.IntRange(min=0), help="Fail above so many in a step.")
@click.option("--max-cycles", type=click.IntRange(min=0), help="Fail above so many in a step.")
@reports_errors
def compile_command(model: Path, **options: Any) -> None:
    """Compile MODEL (.onnx, .npz, .keras or .h5) to C."""
    dump = options.pop("dump_ir")
    request = _request(model, options)
    with printing.progress("calibrating") as show, printing.progress("trying widths") as tried:
        compiled = compile_model(request, show, tried)
    for warning in compiled.warnings:
        click.echo(f"Warning: {warning}", err=True)
    if dump is not None:
        click.echo(printing.dump(compiled, dump))
        return
    bundle.write(compiled.folder, compiled.files)
    click.echo(printing.compiled(compiled))


def _request(model: Path, options: dict[str, Any]) -> Request:
    """The options as a request."""
    context = click.get_current_context()
    for option in ("weights", "activations", "cell_state", "max_error", "max_drop", "labels"):
        given = context.get_parameter_source(option) is ParameterSource.COMMANDLINE
        if options["scheme"] == "float32" and given:
            name = option.replace("_", "-")
            raise DataError(f"--{name} has no meaning with --scheme float32; leave it out")
    for option in ("weights", "activations"):
        bits = options[option].removeprefix("int")
        options[option] = None if bits == "auto" else int(bits)
    options["cell_state"] = int(options["cell_state"])
    options["rename"] = tuple(_renamed(text) for text in options["rename"])
    return Request(model=model, **options)


def _renamed(text: str) -> tuple[str, str]:
    """The two names of OLD=NEW; usage error for anything else."""
    old, equals, new = text.rpartition("=")
    if not (old and equals and new):
        raise click.UsageError(f"--rename {text}: expected OLD=NEW, for instance input0=x")
    return old, new


@main.command(
    epilog="Example: lstm-edge run build/digits --inputs test.npz --on host -o result.npz"
)
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--inputs", required=True, type=FOLDER, help="npz with arrays [N, *input shape].")
@click.option("--on", "where", type=click.Choice(WHERE), default="numpy", show_default=True)
@click.option("--stream", is_flag=True, help="Arrays are [S, K, *shape]; the state lives on.")
@click.option("--raw", is_flag=True, help="Write the stored integers.")
@click.option("--target", "core", help="Which of several targets, with --on qemu; else the first.")
@click.option("-o", "--output", required=True, type=FOLDER, help="npz to write.")
@reports_errors
def run(
    folder: Path, inputs: Path, where: str, stream: bool, raw: bool, core: str | None, output: Path
) -> None:
    """Run a compiled model on arrays."""
    if core is not None and where != "qemu":
        raise DataError(f"--target {core} has no meaning with --on {where}; leave it out")
    compiled = bundle.read(folder)
    compiled = compiled if core is None else compiled.on(core)
    arrays = answers_on(compiled, where, inputs, stream=stream, raw=raw)
    bundle.write(output.parent, {output.name: bundle.array_bytes(arrays)}, is_bundle=False)
    shapes = ", ".join(f"{name} {list(a.shape)}" for name, a in arrays.items())
    chosen = where == "qemu" and bundle.CORES in compiled.manifest
    place = f"qemu, {compiled.emulated[0].name}" if chosen else where
    click.echo(f"{output}: {shapes}, computed on {place}")


@main.command("verify", epilog="Example: lstm-edge verify build/digits --on host,qemu")
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--inputs", type=FOLDER, help="npz; default: the held-back calibration samples.")
@click.option("--labels", type=FOLDER, help="npz with classes or numbers for outputs, to score.")
@click.option("--on", "places", default=None, help="host, qemu or both; default: all there are.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@reports_errors
def verify_command(
    folder: Path, inputs: Path | None, labels: Path | None, places: str | None, as_json: bool
) -> None:
    """Prove that numpy and C agree bit for bit, and measure the error against float."""
    compiled = bundle.read(folder)
    default = ("host", "qemu") if compiled.emulated else ("host",)
    wanted = tuple(p.strip() for p in places.split(",")) if places else default
    for place in wanted:
        if place not in ("host", "qemu"):
            raise click.UsageError(f"--on {places}: expected host, qemu, or host,qemu")
    known = bundle.read_arrays(labels) if labels else None
    result = verify(compiled, inputs, wanted, known)
    if as_json:
        click.echo(json.dumps(printing.verified_json(compiled, result), indent=2))
    else:
        click.echo(printing.verified(compiled, result))
    if not result.ok:
        places_text = ", ".join(f"{p}: {text}" for p, text in result.differences.items())
        raise VerificationError(f"the executions differ ({places_text})")


@main.command(epilog="Example: lstm-edge profile build/digits --board stm32l4r5")
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--board", metavar="PART", help="Part to tell the energy of; unknown names list all.")
@click.option("--target", "core", help="One of several targets that the C is for; else all.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@reports_errors
def profile(folder: Path, board: str | None, core: str | None, as_json: bool) -> None:
    """Count what a step costs on the target: instructions, cycles, memory, energy."""
    compiled = bundle.read(folder)
    compiled = compiled if core is None else compiled.on(core)
    found = profile_targets(compiled, board)
    if not as_json:
        click.echo("\n\n".join(report.text(each) for each in found))
        return
    made = [report.to_json(each) for each in found]
    several = {"name": compiled.program.name, "target": compiled.name, "cores": made}
    click.echo(json.dumps(several if len(compiled.targets) > 1 else made[0], indent=2))


@main.command(epilog="Example: lstm-edge inspect model.onnx")
@click.argument("model", type=FOLDER)
@click.option("--steps", type=click.IntRange(min=1), help="Sequence length, where it is open.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@reports_errors
def inspect(model: Path, steps: int | None, as_json: bool) -> None:
    """Say what a model file holds."""
    loaded = frontend.load(model, steps=steps)
    for warning in loaded.warnings:
        click.echo(f"Warning: {warning}", err=True)
    if as_json:
        click.echo(json.dumps(printing.model_json(loaded), indent=2))
    else:
        click.echo(printing.model(loaded))


@main.command(epilog="Example: lstm-edge targets")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@reports_errors
def targets(as_json: bool) -> None:
    """List the cores that code can be generated for."""
    found, sets = all_targets(), all_sets()
    if as_json:
        listed = {
            "targets": [printing.target_json(target) for target in found],
            "sets": [printing.cores_json(cores) for cores in sets],
        }
        click.echo(json.dumps(listed, indent=2))
        return
    for target in found:
        features = ", ".join(target.features) or "-"
        click.echo(f"{target.name:14} {target.title:48} {features}")
    for cores in sets:
        members = ", ".join(target.name for target in cores.targets)
        click.echo(f"{cores.name:14} {cores.title:48} {members}")
