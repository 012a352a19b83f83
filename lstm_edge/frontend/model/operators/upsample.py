"""More places along an inner axis of each step: transposed convolution, each place repeated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lstm_edge.frontend.model.axes import Atom, View, describe, size_of
from lstm_edge.frontend.model.operators.inner import conv_inside, placed
from lstm_edge.frontend.model.operators.pending import settled
from lstm_edge.frontend.model.operators.rates import check_interpolation, repeated_steps, repeats
from lstm_edge.frontend.model.operators.sight import INNER, inner_axis, numbers_of, other_axis
from lstm_edge.frontend.model.walk import OnnxNode, Value, Walk


def conv_transpose(walk: Walk, node: OnnxNode) -> list[Value]:
    """ConvTranspose along an inner axis: a convolution of the places with zeros between them, of
    the kernel the other way round. Along time, where that is another axis, without a stride.
    """
    view, weights = node.view(0), node.weights(1, "input W")
    if weights is None or weights.ndim != len(view.axes) or weights.ndim < 3:
        raise node.error(f"input W does not fit data {describe(view.axes)}")
    kernel = list(weights.shape[2:])
    axis = inner_axis(walk, node, view, kernel)
    rank = len(kernel)
    given = {
        name: numbers_of(node, name, [usual] * rank * times)
        for name, usual, times in (
            *(("strides", 1, 1), ("dilations", 1, 1)),
            *(("output_padding", 0, 1), ("pads", 0, 2)),
        )
    }
    others = [k for k in range(rank) if k + 2 != axis]
    along_time = any(given["strides"][k] > 1 or given["output_padding"][k] for k in others)
    auto = node.attributes.get("auto_pad", "NOTSET")
    if min(*given["strides"], *given["dilations"]) < 1:
        raise node.error(f"attributes strides, dilations = {given}, expected 1 or more")
    if axis is None or along_time or auto != "NOTSET" or "output_shape" in node.attributes:
        time = tuple(atom for k in others for atom in walk.pieces(view.axes[k + 2]))
        raise other_axis(
            walk,
            node,
            time if along_time else (),
            "makes more steps, or has the attribute auto_pad or output_shape; only strides along "
            "an axis of each step with explicit pads are supported: repeat steps outside of the "
            "model",
        )
    view = settled(walk, view)
    seen = [(k - 1) * d + 1 for k, d in zip(kernel, given["dilations"], strict=True)]
    before = [n - 1 - p for n, p in zip(seen, given["pads"][:rank], strict=True)]
    behind = [
        n - 1 - p + more
        for n, p, more in zip(seen, given["pads"][rank:], given["output_padding"], strict=True)
    ]
    spread = _spread(size_of(view.axes[axis]), given["strides"][axis - 2])
    places = _cropped(spread, before[axis - 2], behind[axis - 2])
    view = placed(walk, view, axis, places, 0.0, node.label)
    before[axis - 2] = behind[axis - 2] = 0
    if min(*before, *behind) < 0:
        raise node.error(f"attribute pads = {given['pads']} leaves out steps")
    groups = int(node.attributes.get("group", 1))
    if groups < 1 or len(weights) % groups or size_of(view.axes[1]) != len(weights):
        raise node.error(f"input W {list(weights.shape)} does not fit its data")
    attributes = {
        "dilations": given["dilations"],
        "pads": [*before, *behind],
        "group": groups,
    }
    turned = np.flip(weights, axis=tuple(range(2, weights.ndim)))
    rows, own = weights.shape[:2]
    apart = turned.reshape(groups, rows // max(groups, 1), own, *kernel).swapaxes(1, 2)
    made = replace(node, op="Conv", attributes=attributes)
    as_conv = np.ascontiguousarray(apart.reshape(groups * own, -1, *kernel))
    return [conv_inside(walk, made, view, as_conv, axis)]


def _spread(size: int, stride: int) -> np.ndarray:
    """The places of an axis with `stride` - 1 zeros, as -1, between each two."""
    found = np.full((size - 1) * stride + 1, -1)
    found[::stride] = np.arange(size)
    return found


def _cropped(places: np.ndarray, before: int, behind: int) -> np.ndarray:
    """Places with zeros around them, or fewer of them where a count is below 0."""
    inside = places[max(0, -before) : len(places) - max(0, -behind)]
    return np.pad(inside, (max(0, before), max(0, behind)), constant_values=-1)


def resize(walk: Walk, node: OnnxNode) -> list[Value]:
    """Resize to whole multiples of an inner axis, each place several times (nearest)."""
    view = node.view(0)
    sizes = node.integers(3, "sizes")
    scales = node.weights(2, "scales")
    times = _times(view, sizes, None if scales is None or not scales.size else scales.tolist())
    mode = node.attributes.get("mode", "nearest")
    others = {"antialias": 0, "keep_aspect_ratio_policy": "stretch", "axes": None}
    plain = all(node.attributes.get(name, usual) == usual for name, usual in others.items())
    grown = [x for n, x in zip(times or (), view.axes, strict=False) if n > 1]
    outer = [a for axis in grown for a in walk.pieces(axis) if walk.roles.get(a) not in INNER]
    if outer and not _is_computed(walk, view, outer):
        check_interpolation(node, mode)
    if _is_computed(walk, view, outer):
        raise node.error(
            f"makes more steps of a computed sequence, mode {mode}; only steps of an input can be "
            "repeated: compile what makes them as a model of its own, and make the longer sequence "
            "an input"
        )
    if times is None or mode != "nearest" or not plain:
        raise node.error(
            f"resizes {describe(view.axes)} to {sizes or scales}, mode {mode}; only whole "
            "multiples of an axis of each step, mode nearest, are supported"
        )
    usual = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    form = {k: str(node.attributes.get(k, "")) for k in usual}
    if form["coordinate_transformation_mode"] not in ("asymmetric", "half_pixel", ""):
        raise node.error(
            "attribute coordinate_transformation_mode = "
            f"{form['coordinate_transformation_mode']!r} is not supported; export 'asymmetric'"
        )
    for k, n in enumerate(times):
        if n == 1:
            continue
        size, atoms = size_of(view.axes[k]), walk.pieces(view.axes[k])
        if repeats(_nearest(size, n, form).tolist(), size) == n:
            held = repeated_steps(walk, node, view, k, n)
            if held is not None:
                view = held
                continue
        if not atoms or not {walk.roles.get(a) for a in atoms} <= INNER:
            raise other_axis(
                walk,
                node,
                atoms,
                f"repeats axis {k} of {describe(view.axes)}, which is none of each step's own; "
                "only such axes behind a convolution along them can be resized",
            )
        view = settled(walk, view)
        view = placed(walk, view, k, _nearest(size, n, form), 0.0, node.label)
    return [view]


def _is_computed(walk: Walk, view: View, atoms: Sequence[Atom]) -> bool:
    """Whether atoms count the steps of a sequence that is no input's."""
    steps = any(walk.roles.get(atom) == "time" for atom in atoms)
    made = walk.draft.producer(view.tensor) is not None and view.tensor not in walk.slow
    return steps and made


def _times(view: View, sizes: list[int] | None, scales: list[float] | None) -> list[int] | None:
    """How many times each axis is there, None where that is no whole number."""
    shape = view.shape
    given = scales if sizes is None else [n / m for n, m in zip(sizes, shape, strict=False)]
    if given is None or len(given) != len(shape) or any(n < 1 or n % 1 for n in given):
        return None
    return [int(n) for n in given]


def _nearest(size: int, times: int, form: dict[str, str]) -> np.ndarray:
    """Of each new place the old one, as ONNX rounds."""
    at = np.arange(size * times)
    asymmetric = form["coordinate_transformation_mode"] == "asymmetric"
    exact = at / times if asymmetric else (at + 0.5) / times - 0.5
    rounded = {
        "floor": np.floor(exact),
        "ceil": np.ceil(exact),
        "round_prefer_ceil": np.floor(exact + 0.5),
    }.get(form["nearest_mode"], np.ceil(exact - 0.5))
    return np.clip(rounded, 0, size - 1).astype(np.int64)
