"""Weights that can be replaced: what compiling them takes, and what an update keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from lstm_edge import __version__
from lstm_edge.artifacts import selftest_tables
from lstm_edge.bundle import Bundle
from lstm_edge.choices import Unroll
from lstm_edge.data import Data
from lstm_edge.emit.blob import NO_HASH, Replaceable
from lstm_edge.emit.testing import Vector
from lstm_edge.emit.view import Constant
from lstm_edge.errors import DataError, InternalError, QuantizationError, TargetError
from lstm_edge.families import Cores
from lstm_edge.formats import Format
from lstm_edge.ir.program import Program
from lstm_edge.manifest import sha256
from lstm_edge.passes.decisions import OPTIONS, by_name, integer
from lstm_edge.passes.decisions import kept as kept_as
from lstm_edge.passes.given_formats import outside
from lstm_edge.passes.options import Options, Widths
from lstm_edge.passes.prove import Proof, prove

STEPS = "steps of the self-test"
"""Where a program keeps them, beside its decisions."""
MOST_STEPS = 2**20
"""Of a self-test."""
STAYS = (
    "formats stay as they were in an update: where a warning says to calibrate anew or to widen, "
    "compile this network and replace the code as well"
)


@dataclass(frozen=True)
class Kept:
    """What an update keeps. program: the one that code was made for; described: its options, in
    words; revision: of the new weights.
    """

    program: Program
    described: str
    revision: int

    @property
    def options(self) -> Options | None:
        """The widths; None of float32."""
        if self.program.is_float:
            return None
        return kept_as(OPTIONS, self.program.decisions, _options)


def _options(found: Any) -> Options:
    """The options of a program, from what it keeps of them."""
    given = dict(found)
    layers = by_name(lambda _, each: _widths(dict(each)), None)(given.pop("layers"))
    options = Options(**given, layers=layers)
    integer(8, 16)(options.activations)
    _one_of("cell_state", options.cell_state, (16, 32))
    _one_of("weights", options.weights, (4, 8, 16))
    _one_of("power_of_two", options.power_of_two, (False, True))
    _one_of("updatable", options.updatable, (True,))
    return options


def _widths(found: dict[str, Any]) -> Widths:
    widths = Widths(**{**found, "doubled": tuple(map(str, found["doubled"]))})
    _one_of("weights", widths.weights, (4, 8, 16))
    integer(8, 16)(widths.activations)
    return widths


def _one_of(name: str, found: object, usual: tuple[int, ...]) -> None:
    if type(found) is not type(usual[0]) or found not in usual:
        raise ValueError(f"{name} is {found!r:.60}")


def check_updatable(cores: Cores, unroll: Unroll) -> None:
    """TargetError where weights cannot be a block of their own."""
    if cores.several:
        raise TargetError(
            f"--updatable with --target {cores.name}: weights are packed for a core, so those of "
            "several are no one block; compile for one core at a time"
        )
    if unroll == "full":
        raise TargetError(
            "--updatable with --unroll full: that makes weights part of the code, which an update "
            "does not replace; use --unroll gates"
        )


def proved(program: Program, kept: Kept | None) -> Proof:
    """As `prove`. QuantizationError where other weights are beyond what the code has room for."""
    try:
        return prove(program)
    except InternalError as error:
        if kept is None:
            raise
        raise QuantizationError(
            f"with these weights the code that is to stay is not proved ({error}); train with "
            "smaller weights, or compile this network and replace the code as well"
        ) from None


def with_steps(program: Program, data: Data, kept: Kept | None) -> tuple[Program, list[Vector]]:
    """The tables of the self-test, of as many steps as the code tests, which the program keeps."""
    steps = None
    if kept is not None:
        steps = kept_as(STEPS, kept.program.decisions, integer(1, MOST_STEPS))
    tests = selftest_tables(program, data, steps)
    if not program.decisions:
        return program, tests
    given = {f"given_{port.name}" for port in program.inputs if not port.per_step}
    steps = next(len(each.numbers) for each in tests if each.name not in given)
    return replace(program, decisions={**program.decisions, STEPS: steps}), tests


def replaceable(model_sha256: str, proof: str, tests: list[Vector], revision: int) -> Replaceable:
    """What goes into a block beside its weights. proof: the certificate."""
    tables = (
        Constant(each.name, each.ctype, each.dims, each.numbers, f"of the self-test, {each.type}")
        for each in tests
    )
    hashed = sha256(proof.encode()) if proof else NO_HASH
    return Replaceable(model_sha256, hashed, revision, tuple(tables))


def beyond(program: Program, data: Mapping[str, tuple[Any, Any]]) -> list[str]:
    """Warnings of inputs that go beyond what they are stored in. data: by name of an input, the
    smallest and the largest number of each feature.
    """
    found = []
    for port in program.inputs:
        fmt: Format = program.values[port.value].format
        if program.is_float or port.limit or port.name not in data:
            continue
        far = outside(fmt.with_meaning(port.scale, port.zero_point), *data[port.name])
        if far is not None:
            found.append(
                f"input {port.name!r} goes from {far.low:g} to {far.high:g} in feature "
                f"{far.feature}, and the code that stays stores {far.least:g} to {far.most:g}: "
                "what is beyond counts as the nearest of these; compile this network and replace "
                "the code where that matters"
            )
    return found


def check_same_code(old: Bundle, new: Bundle) -> None:
    """DataError where the code of two bundles differs, with the first line that does."""
    own = {f"{new.program.name}_weights.c"}
    for name in (*old.code, old.selftest):
        if name in own:
            continue
        before, after = (each.files.get(name, b"").decode().splitlines() for each in (old, new))
        for k, (line, other) in enumerate(zip(before, after, strict=False), 1):
            if line != other:
                raise DataError(_differs(name, k, line, other))
        if len(before) != len(after):
            raise DataError(_differs(name, min(len(before), len(after)) + 1, "", ""))
    layouts = [each.manifest["replaceable"]["layout"] for each in (old, new)]
    if layouts[0] != layouts[1]:
        raise DataError("the tables of functions would differ; compile this network and replace it")


def _differs(name: str, line: int, before: str, after: str) -> str:
    return (
        f"this network needs other code, first in {name}, line {line}: {after.strip()!r}, not "
        f"{before.strip()!r}; give a network of the same layers, or compile this one and replace "
        "the code as well"
    )


def check_update_of(old: Bundle) -> None:
    """DataError for a bundle whose weights cannot be replaced."""
    if "replaceable" not in old.manifest:
        raise DataError(
            f"{old.program.name}: its weights are part of the code; compile the network that is in "
            "the field with --updatable, and ship that once"
        )
    version = old.manifest["tool"]["version"]
    if version != __version__:
        raise DataError(
            f"{old.program.name}: its code was made by lstm-edge {version}, and this is "
            f"{__version__}, which may write other code; install {version} to update it"
        )
    kept_as(STEPS, old.program.decisions, integer(1, MOST_STEPS))
