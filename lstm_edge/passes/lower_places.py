"""Numbers that are moved in integers: joined, cut, taken from one step, kept for a window."""

from __future__ import annotations

import numpy as np

from lstm_edge.errors import InternalError
from lstm_edge.formats import Format
from lstm_edge.ir.expr import Expr
from lstm_edge.ir.model import Layer, Node
from lstm_edge.passes.builder import Builder
from lstm_edge.passes.fixed.over_time import slide
from lstm_edge.passes.fixed.rescale import as_fixed
from lstm_edge.passes.fixed.shifts import fraction_of, with_fraction
from lstm_edge.passes.lower_input import holds_zero, stored, unpacked
from lstm_edge.passes.moves import cut, taken, windowed
from lstm_edge.passes.numbers import Integer, Joined, Kept, Number, number, wide
from lstm_edge.passes.storing import Storing


def concatenated(b: Builder, parts: list[Number], prefix: str, name: str) -> Number:
    """Vectors end to end, all in the coarsest of their formats."""
    length = sum(part.length for part in parts)
    values = [unpacked(b, x, f"{prefix}{k}").value for k, x in enumerate(parts)]
    if len({value.format.unit for value in values}) > 1:
        values = [as_fixed(b, v, f"{prefix}{k}") for k, v in enumerate(values)]
        coarsest = min(fraction_of(v) for v in values)
        values = [with_fraction(b, v, coarsest, f"{prefix}{k}") for k, v in enumerate(values)]
    low, high = min(v.format.low for v in values), max(v.format.high for v in values)
    joined = Format("int32", values[0].format.unit, low, high)
    return number(b.emit("concat", name, tuple(values), joined, length=length))


def cut_number(storing: Storing, x: Number, features: range, name: str) -> Number:
    """Some features of a vector; of a model input, with their scales."""
    value = cut(storing.builder, x.value, features, name)
    return number(value) if x.packed is None else storing.packed(value, x.packed.take(features))


def taken_number(storing: Storing, x: Integer, units: tuple[int, ...], name: str) -> Integer:
    """Units of a vector in any order, of both forms where it is kept in two."""
    whole = wide(x)
    value = taken(storing.builder, whole.value, units, name)
    if value.name == whole.name:
        return x
    found = number(value)
    if whole.packed is not None:
        found = storing.packed(value, whole.packed.take(units))
    if not isinstance(x, Kept):
        return storing.seen_as(found, name) if whole.packed is None else found
    narrow = taken(storing.builder, x.narrow.value, units, f"{name}_narrow")
    return Kept(storing.seen_as(found, name), storing.seen_as(number(narrow), name))


def joined(
    storing: Storing, parts: list[Integer], node: Expr, layer: Node[Layer], name: str
) -> Integer:
    """Vectors end to end; where only matrix products of the layer read them, no value at all."""
    results = layer.op.cell.results.values()
    readers = layer.op.cell.readers.get(id(node), ())
    multiply = readers and all(e.kind == "affine" and e.positions == 1 for e in readers)
    if multiply and all(e is not node for e in results):
        return Joined(name, tuple(parts))
    return concatenated(storing.builder, [wide(x) for x in parts], f"{name}_part", name)


def step_of(storing: Storing, x: Number, n: int, name: str) -> Number:
    """The vector of one step."""
    value = storing.builder.emit("step_at", name, (x.value,), x.value.format, n=n)
    return number(value) if x.packed is None else storing.packed(value, x.packed)


def alike(storing: Storing, x: Integer) -> Integer:
    """What is read at several positions, with one scale and zero point for all its numbers."""
    if isinstance(x, Joined):
        raise InternalError(f"{x.real} is read at several positions and has several scales")
    narrow = x.narrow if isinstance(x, Kept) else x
    scale, zero_point = narrow.meaning()
    if len({*scale}) == len({*zero_point}) == 1:
        return x
    made = wide(x)
    if made.packed is None:
        return made
    return storing.seen_as(unpacked(storing.builder, made, made.name), made.real)


def window(
    storing: Storing, layer: Node[Layer], given: Integer, kernel: int, ends: int, node: Expr
) -> Number:
    """The last vectors as they are stored, and what pads them; see `Rules.recent`."""
    x, pad = wide(given), float(layer.op.initial.get("recent", np.zeros(1))[0])
    padded = layer.op.window is not None and (layer.op.window.left or layer.op.window.right)
    padded = padded or any(node.units)
    if padded and pad == 0.0 and not holds_zero(x):
        given = x = storing.seen_as(unpacked(storing.builder, x, f"{layer.name}.x"), x.real)
    nodes = layer.op.cell.nodes
    products = any(e.kind == "affine" for e in nodes)
    weighed = any(e.kind == "mul" and "param" in (a.kind for a in e.args) for e in nodes)
    if weighed and x.packed is not None:  # once, not in front of each weight
        given = x = storing.seen_as(unpacked(storing.builder, x, f"{layer.name}.x"), x.real)
    if products or weighed or node.positions > 1:  # in as few bytes as what multiplies takes
        x = wide(storing.storable(given, layer.name))
    places = np.arange(windowed(node, x.length, kernel)) % x.length
    first = stored(x, pad)[places]
    value = slide(storing.builder, layer.name, x.value, first, ends, node)
    if x.packed is None:
        return number(value)
    return storing.packed(value, x.packed.take(places))
