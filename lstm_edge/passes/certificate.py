"""The proof as a text that somebody can check: each value, its bound, and why it has that bound."""

from __future__ import annotations

from collections.abc import Iterable

from lstm_edge.formats import signed_bits
from lstm_edge.ir.program import LOAD, ONCE, Block, Program
from lstm_edge.operations import OPERATIONS
from lstm_edge.operations.call import Op
from lstm_edge.operations.intermediate import Intermediate
from lstm_edge.passes.prove import Proof

_HEAD = """\
Proof of {name} ({scheme}): no number that the C makes leaves its type.

Each line is a value, the smallest and the largest number that it can take, the bits that these
need, and why: the operation that makes it of values above. Bounds are integers as they are stored,
over all units. Indented lines are what C makes on the way to a value: the largest number of each
type. Inputs and states are anything that their formats hold, and each step puts every state back
into its format: so all of this holds for any input, after any number of steps.
docs/numerics.md says what the operations are, and how their bounds follow.
"""


def certificate(program: Program, proof: Proof) -> str:
    """Of a program that was proved."""
    lines = [_HEAD.format(name=program.name, scheme=program.scheme)]
    tightest = _tightest((name, way) for name, ways in proof.on_the_way.items() for way in ways)
    lines += ["Nearest to the end of their types, on the way to a result"]
    lines += [f"  {name}: {_way(way)}" for name, way in tightest]
    lines += ["", "Inputs and states"]
    states = {state.name: state for state in program.states}
    given = dict.fromkeys([*(port.value for port in program.inputs), *states])
    given |= dict.fromkeys(state.given for state in program.settable)
    for name in given:
        because = f"renewed by {states[name].next}" if name in states else "anything"
        lines.append(_value(program, proof, name, because))
    lines += ["", "Constants that operations read as values"]
    lines += [
        _value(program, proof, n, "as stored") for n in program.values if n in program.constants
    ]
    for block in program.blocks:
        lines += ["", f"{block.layer}, {_when(block)}"]
        for op in block.ops:
            lines.append(_value(program, proof, op.dest, _why(program, op)))
            ways = _tightest((op.dest, way) for way in proof.on_the_way.get(op.dest, ()))
            lines += [f"      {_way(way)}" for _, way in ways]
    lines += ["", "Places: C counts them in int32"]
    for name, length in proof.places.items():
        lines.append(f"  {name}[t * {length}]: {_steps(program, length)}")
    return "\n".join(lines) + "\n"


def _value(program: Program, proof: Proof, name: str, because: str) -> str:
    low, high = proof.bounds[name]
    fmt = program.values[name].format
    bits = signed_bits(low, high)
    return f"  {name}: [{low}, {high}], {bits} bits ({fmt.describe()}); {because}"


def _way(way: Intermediate) -> str:
    bits = f"{signed_bits(way.low, way.high)} of {way.holder.bits} bits"
    return f"{way.text}: [{way.low}, {way.high}] in {way.holder.text}, {bits}"


def _tightest(ways: Iterable[tuple[str, Intermediate]]) -> list[tuple[str, Intermediate]]:
    """Of each type the number that takes most of it, the first of several."""
    found: dict[str, tuple[str, Intermediate]] = {}
    for name, way in ways:
        kind = way.holder.text
        if kind.startswith("int") and (kind not in found or way.use > found[kind][1].use):
            found[kind] = (name, way)
    return list(found.values())


def _when(block: Block) -> str:
    names = {ONCE: "once", LOAD: "when a state is set"}
    return names.get(block.sweep, f"at each step of sweep {block.sweep}")


def _why(program: Program, op: Op) -> str:
    """The operation and all that it reads; a sum names its matrices beside their operands."""
    read = [*op.args, *op.matrices, *(name for name in (op.bias, op.table) if name)]
    numbers = [f"n = {op.n}"] if op.n else []
    numbers += [f"count = {op.count}"] if op.count else []
    if op.positions > 1:
        numbers += [f"at {op.positions} positions, {op.stride} apart"]
    wants = (want for want in OPERATIONS[op.kind].wants if want is not None)
    needed = ", ".join(dict.fromkeys(want.text for want in wants))
    what = f"{op.kind}({', '.join([*read, *numbers])})"
    return f"{what}, with {needed}" if needed else what


def _steps(program: Program, length: int) -> str:
    if program.steps is not None:
        return f"{program.steps} steps, {program.steps * length} numbers"
    return f"up to {(2**31 - 1) // length} steps at a time"
