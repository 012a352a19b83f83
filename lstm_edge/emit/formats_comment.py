"""The number formats of a program whose scales are powers of two: for the header and the manifest.

With them and the arrays of the weights file, every number can be computed by hand.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Any

import numpy as np

from lstm_edge.emit.memory import c_name
from lstm_edge.emit.ports import port_names
from lstm_edge.formats import fraction_bits, signed_bits
from lstm_edge.ir.program import LOAD, Block, Port, Program
from lstm_edge.operations import OPERATIONS, multiplied
from lstm_edge.operations.call import Op
from lstm_edge.operations.record import Form
from lstm_edge.passes.widths import ctype_of

WIDTH = 96
INTRODUCTION = (
    "Number formats. An integer in Qm.n stands for itself times 2^-n; besides its sign, m bits are "
    "before the point. A sum has as many fractional bits as the weight and the number that it "
    "multiplies have together, or those of its bias."
)


def formats(program: Program) -> list[dict[str, Any]]:
    """All formats, in the order of the program; none where scales are no powers of two.

    `fraction` are fractional bits, of each feature or row where these differ.
    """
    if program.scheme != "fixed":
        return []
    names = port_names(program)
    found = [_port(program, p, "input", names[p.name]) for p in program.inputs]
    found += [_port(program, p, "output", names[p.name]) for p in program.outputs]
    for state in program.states:
        found.append({"kind": "state", "name": c_name(state.name), **_value(program, state.name)})
    for block in program.blocks:
        if block.sweep != LOAD:
            found += _block(program, block)
    return found


def comment(program: Program) -> tuple[str, ...]:
    """The same as lines of text; none where scales are no powers of two. Those of rows come with
    weights that can be replaced, not with the code.
    """
    lines: list[str] = []
    layer = ""
    running = {c_name(state.name) for state in program.states if state.accumulator}
    for each in formats(program):
        if program.decisions and (each["kind"] == "sum" or each["name"] in running):
            continue
        if each.get("layer", "") != layer:
            layer = each["layer"]
            lines += ["", layer]
        lines += _TEXTS[each["kind"]](each)
    return (*textwrap.wrap(INTRODUCTION, WIDTH), "", *lines) if lines else ()


def _port(program: Program, port: Port, kind: str, name: str) -> dict[str, Any]:
    if port.limit:
        return {"kind": "integers", "name": name, "type": "int32_t", "limit": port.limit}
    bits = [_fraction(scale) for scale in port.scale]
    return {
        "kind": kind,
        "name": name,
        "type": ctype_of(program, port.value),
        "bits": _bits(program, port.value),
        "fraction": _alike(bits),
        "zero_point": _alike(port.zero_point),
    }


def _value(program: Program, name: str) -> dict[str, Any]:
    """Of a value that is kept or computed; a running sum counts row by row."""
    return {
        "type": ctype_of(program, name),
        "bits": _bits(program, name),
        "fraction": _alike(_fractions(program, name)),
    }


def _block(program: Program, block: Block) -> list[dict[str, Any]]:
    """What a layer multiplies and looks up, and its results that have a meaning of their own."""
    found = []
    for op in block.ops:
        name = _short(op.dest, block)
        here = {"layer": block.layer, "name": name}
        record = OPERATIONS[op.kind]
        if record.multiplies:
            here["name"] = name.removesuffix("_acc")
            found.append({"kind": "sum", **here, **_sum(program, op)})
        elif record.form is Form.ROW:
            table = {"table": _short(op.matrices[0], block), "bits": op.count}
            found.append({"kind": "lookup", **here, **_value(program, op.dest), **table})
        elif op.dest in program.stands_for and not _is_requantized(program, op):
            found.append({"kind": "value", **here, **_value(program, op.dest)})
    return found


def _sum(program: Program, op: Op) -> dict[str, Any]:
    """A sum of products: what it multiplies, and how its rows become results."""
    terms = []
    for matrix, operand in zip(op.matrices, multiplied(op), strict=True):
        terms.append(
            {
                "matrix": matrix.rpartition(".")[2],
                "operand": c_name(operand),
                "bits": op.n,
                "operand_fraction": _alike(_fractions(program, operand)),
            }
        )
    found: dict[str, Any] = {"fraction": _alike(_fractions(program, op.dest)), "terms": terms}
    left_shift, shifted = _shift_after(program, op.dest)
    if shifted is None:
        return found
    counts: Any = shifted.n if shifted.kind == "shift" else program.constants[shifted.args[1]]
    result = _value(program, shifted.dest)
    return found | {"left_shift": left_shift, "shift": _alike(counts), "result": result["fraction"]}


def _fractions(program: Program, name: str) -> list[int]:
    """Fractional bits of each number of a value."""
    value = program.values[name]
    return [_fraction(scale) for scale in value.format.scales(value.length)]


def _readers(program: Program, name: str) -> Iterable[Op]:
    return (op for block in program.blocks for op in block.ops if name in op.args)


def _shift_after(program: Program, name: str) -> tuple[int, Op | None]:
    """By how many bits a sum is moved left, and the operation that moves it right."""
    for op in _readers(program, name):
        if op.kind == "shift" and op.n < 0:
            return -op.n, _shift_after(program, op.dest)[1]
        if op.kind in ("shift", "drop"):
            return 0, op
    return 0, None


def _is_requantized(program: Program, op: Op) -> bool:
    """True for a sum that was shifted, which the line of the sum shows."""
    sums = {product.dest for product in program.products}
    sums |= {o.dest for n in tuple(sums) for o in _readers(program, n) if o.kind == "shift"}
    return op.kind in ("shift", "drop") and op.args[0] in sums


def _fraction(scale: float) -> int:
    bits = fraction_bits(abs(float(scale)))
    assert bits is not None, "a scale of the fixed scheme is a power of two"
    return bits


def _alike(numbers: Any) -> Any:
    """One number where all are the same, else all of them."""
    every = [int(n) for n in np.atleast_1d(np.asarray(numbers))]
    return every[0] if len(set(every)) == 1 else every


def _short(name: str, block: Block) -> str:
    return name.removeprefix(f"{block.layer}.")


def _q(fraction: int, bits: int) -> str:
    return f"Q{max(bits - 1 - fraction, 0)}.{fraction}" if fraction >= 0 else f"* 2^{-fraction}"


def _range(least: int, most: int, bits: int) -> str:
    """From the least to the most fractional bits."""
    one, other = _q(least, bits), _q(most, bits)
    return one if least == most else f"{one} to {other}"


def _ends(numbers: Any) -> tuple[int, int]:
    every = np.atleast_1d(np.asarray(numbers))
    return int(every.min()), int(every.max())


def _bits(program: Program, name: str) -> int:
    """Bits that a value can take, its sign among them."""
    fmt = program.values[name].format
    return signed_bits(fmt.low, fmt.high)


def _port_text(each: dict[str, Any]) -> list[str]:
    least, most = _ends(each["fraction"])
    text = f"{each['kind']} {each['name']}: {_range(least, most, each['bits'])}"
    text += f" in {each['type']}"
    if least != most:
        text += f"; fractional bits of its features: {_listed(each['fraction'])}"
    if each["zero_point"] != 0:
        text += f"; less its zero point {_listed(each['zero_point'])}"
    return textwrap.wrap(text, WIDTH, subsequent_indent="    ")


def _integers_text(each: dict[str, Any]) -> list[str]:
    return [f"{each['name']}: integers from 0 to {each['limit'] - 1} in {each['type']}"]


def _listed(numbers: Any) -> str:
    return " ".join(str(n) for n in np.atleast_1d(np.asarray(numbers)))


def _kept_text(each: dict[str, Any]) -> list[str]:
    what = "state " if each["kind"] == "state" else "  "
    least, most = _ends(each["fraction"])
    return [f"{what}{each['name']}: {_range(least, most, each['bits'])} in {each['type']}"]


def _sum_text(each: dict[str, Any]) -> list[str]:
    least, most = _ends(each["fraction"])
    text = f"  {each['name']}: sum {_range(least, most, 32)}"
    if "shift" in each:
        one, other = _ends(each["shift"])
        up = f" << {each['left_shift']}" if each["left_shift"] else ""
        by = str(one) if one == other else f"{one} to {other}, row by row"
        text += f"{up} >> {by}; result {_q(each['result'], 32)}"
    lines = [text]
    for term in each["terms"]:
        low, high = _ends(term["operand_fraction"])
        ways = ["the row's shift"] if least != most else []
        ways += ["its feature's scale"] if low != high else []
        by = f", by {' and '.join(ways)}" if ways else ""
        bits = _range(least - high, most - low, term["bits"])
        lines.append(f"    {term['matrix']} of {term['operand']}: {bits} in int{term['bits']}{by}")
    return lines


def _lookup_text(each: dict[str, Any]) -> list[str]:
    return [f"  {each['table']}: {_q(each['fraction'], each['bits'])} in int{each['bits']}"]


_TEXTS = {
    "input": _port_text,
    "output": _port_text,
    "integers": _integers_text,
    "state": _kept_text,
    "value": _kept_text,
    "sum": _sum_text,
    "lookup": _lookup_text,
}
