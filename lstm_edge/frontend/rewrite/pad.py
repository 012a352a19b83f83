"""A Pad with zeros in front of a convolution is padding of the convolution."""

from __future__ import annotations

import numpy as np
from onnx import NodeProto, helper

from lstm_edge.frontend.onnx_walk import attributes_of
from lstm_edge.frontend.rewrite.sketch import Array, Sketch

Pads = dict[int, tuple[int, int]]
"""Axis -> how much is added before and behind."""


def pad_convolutions(sketch: Sketch) -> None:
    """Move each Pad that only convolutions read, at once or behind moved axes, into these."""
    for node in list(sketch.nodes):
        if node.op_type != "Pad":
            continue
        pads = _zeros_added(sketch, node)
        readers = None if pads is None else _convolutions(sketch, node.output[0], pads)
        if readers is None:
            continue
        for convolution, added in readers:
            _widen(convolution, added)
        same = helper.make_node("Identity", [node.input[0]], [node.output[0]], name=node.name)
        sketch.replace([node], [same])
        sketch.changed()


def _zeros_added(sketch: Sketch, node: NodeProto) -> Pads | None:
    """What a Pad adds to each axis; None where that is no zeros, or not known."""
    attributes = attributes_of(node)
    if attributes.get("mode", "constant") != "constant":
        return None
    if sketch.opset < 11:
        numbers, value = np.array(attributes.get("pads", [])), attributes.get("value", 0.0)
        axes = None
    else:
        given = [_constant(sketch, node, k) for k in (1, 2, 3)]
        if given[0] is None or any(
            a is None and len(node.input) > k and node.input[k] for k, a in enumerate(given, 1)
        ):
            return None
        numbers, value = given[0], 0.0 if given[1] is None else float(given[1].reshape(-1)[0])
        axes = given[2]
    half = len(numbers) // 2
    if value != 0.0 or not half or numbers.min(initial=0) < 0:
        return None
    places = list(range(half)) if axes is None else [int(a) for a in axes.reshape(-1)]
    if min(places) < 0:
        return None
    return {a: (int(numbers[k]), int(numbers[k + half])) for k, a in enumerate(places)}


def _constant(sketch: Sketch, node: NodeProto, k: int) -> Array | None:
    return sketch.constant(node.input[k]) if len(node.input) > k and node.input[k] else None


def _convolutions(sketch: Sketch, name: str, pads: Pads) -> list[tuple[NodeProto, Pads]] | None:
    """The convolutions that read a tensor, each with the padding of its axes; None where anything
    else reads it, or where batch or channels are padded.
    """
    if sketch.is_output(name) or not sketch.users(name):
        return None
    found: list[tuple[NodeProto, Pads]] = []
    for user in sketch.users(name):
        if user.op_type == "Conv" and user.input[0] == name:
            plain = attributes_of(user).get("auto_pad", "NOTSET") in ("NOTSET", "VALID")
            if not plain or any(pads.get(axis, (0, 0)) != (0, 0) for axis in (0, 1)):
                return None
            found.append((user, pads))
            continue
        moved = _moved(sketch, user, pads)
        more = None if moved is None else _convolutions(sketch, user.output[0], moved)
        if more is None:
            return None
        found += more
    return found


def _moved(sketch: Sketch, node: NodeProto, pads: Pads) -> Pads | None:
    """The padding of the axes behind a node that moves them or adds some; None for any other."""
    attributes = attributes_of(node)
    if node.op_type == "Transpose" and "perm" in attributes:
        return {k: pads[a] for k, a in enumerate(attributes["perm"]) if a in pads}
    if node.op_type != "Unsqueeze":
        return None
    axes = attributes.get("axes") if sketch.opset < 13 else _constant(sketch, node, 1)
    rank = len(pads)
    if axes is None or max(pads) >= rank:
        return None  # not all axes are named, so their number is not known
    total = rank + len(axes)
    added = {int(a) % total if a < 0 else int(a) for a in axes}
    free = [k for k in range(total) if k not in added]
    return {free[a]: pad for a, pad in pads.items()}


def _widen(convolution: NodeProto, added: Pads) -> None:
    """Add to the pads of a convolution."""
    attributes = attributes_of(convolution)
    spatial = max(len(attributes.get("kernel_shape", [])), max(added) - 1)
    pads = list(attributes.get("pads", [0] * 2 * spatial))
    for k in range(spatial):
        before, behind = added.get(k + 2, (0, 0))
        pads[k] += before
        pads[k + spatial] += behind
    for name in ("pads", "auto_pad"):
        for attribute in [a for a in convolution.attribute if a.name == name]:
            convolution.attribute.remove(attribute)
    convolution.attribute.append(helper.make_attribute("pads", pads))
