"""Convolution and pooling along time: layers that see several steps at once."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt

from lstm_edge.frontend.model.axes import View, describe, size_of
from lstm_edge.frontend.model.convolution import (
    conv_matrix,
    convolved,
    over_window,
    with_scale,
)
from lstm_edge.frontend.model.operators.across_time import has_steps
from lstm_edge.frontend.model.operators.features import require_features
from lstm_edge.frontend.model.operators.inner import conv_inside, pool_inside
from lstm_edge.frontend.model.operators.linear import contract
from lstm_edge.frontend.model.operators.pending import (
    combined,
    foldable,
    settled,
    settled_along,
)
from lstm_edge.frontend.model.operators.sight import (
    Sight,
    along_axis,
    groups_and_bias,
    in_sight,
    inner_axis,
    real_share,
    sees_all,
    sight_of,
)
from lstm_edge.frontend.model.walk import OnnxNode, Value, Walk
from lstm_edge.layers.window import LOWEST, average_pool, max_pool

Doubles = npt.NDArray[np.float64]


def conv(walk: Walk, node: OnnxNode) -> list[Value]:
    """1-d convolution; Conv with a second spatial axis of size 1 is one, too.

    A scale that waits goes into the weights, an offset as well where there is no padding, whose
    zeros it would not be added to.
    """
    view = node.view(0)
    weights = node.weights(1, "input W")
    if weights is None or weights.ndim != len(view.axes) or weights.ndim < 3:
        raise node.error(f"input W does not fit data {describe(view.axes)}")
    seen = [*weights.shape[2:]]
    if [*node.attributes.get("kernel_shape", seen)] != seen:
        raise node.error(
            f"attribute kernel_shape = {node.attributes['kernel_shape']}, but input W sees {seen}"
        )
    if not any(view.axes[2:]) and not has_steps(walk, view):
        return [_of_one_vector(walk, node, view, weights)]
    inner = inner_axis(walk, node, view, list(weights.shape[2:]))
    if inner is not None:
        return [conv_inside(walk, node, view, weights, inner)]
    sight = sight_of(walk, node, view, list(weights.shape[2:]))
    require_features(walk, node, view, view.axes[1])
    units, features = len(weights), size_of(view.axes[1])
    group, bias = groups_and_bias(node, weights, features)
    padded = sight.window.left or sight.window.right
    keep = settled if padded and view.offset is not None else foldable
    view = keep(walk, view)
    scale, offset = (
        np.broadcast_to(usual if given is None else given, (features,))
        for given, usual in ((view.scale, np.ones(1)), (view.offset, np.zeros(1)))
    )
    taps = weights.reshape(units, weights.shape[1], -1)
    taps, bias = with_scale(taps, bias, group, scale, offset)
    tensor = convolved(
        walk.draft, view.tensor, taps, bias, group, sight.window, sight.dilation, node.label
    )
    made = in_sight(walk, node, replace(view.plain, tensor=tensor), sight.axis, sight)
    return [replace(made.with_axis(1, walk.new_axis("units", units, "feature")), grid=())]


def _of_one_vector(walk: Walk, node: OnnxNode, view: View, weights: Doubles) -> View:
    """Of a vector of the whole sequence a dense layer: what is around it is 0."""
    units, own, *kernel = weights.shape
    groups, bias = groups_and_bias(node, weights, size_of(view.axes[1]))
    middle = weights
    for k, size in enumerate(kernel):
        along = along_axis(walk, node, view, k + 2, size)
        at, between = divmod(along.pad[0], along.dilation)
        one = (sum(along.pad) + 1 - along.seen) // along.stride == 0 and not between
        if not one or at >= size:
            raise node.error(
                f"slides a kernel {kernel} over one vector of the whole sequence, which gives "
                "several or none; use a kernel of 1, or Gemm"
            )
        middle = middle.take([at], axis=k + 2)
    taps = middle.reshape(units, own, 1)
    matrix = conv_matrix(taps, groups, own * groups, 1, node.label).T
    last = replace(view, axes=(*view.axes[:1], *view.axes[2:], view.axes[1]))
    made = contract(walk, node, last, matrix, bias)
    return replace(made, axes=(*made.axes[:1], made.axes[-1], *made.axes[1:-1]))


def pool(walk: Walk, node: OnnxNode) -> list[Value]:
    """MaxPool and AveragePool along time. A scale and an offset may wait until after a mean."""
    view = node.view(0)
    if len([name for name in node.outputs if name]) > 1:
        raise node.error("output Indices is not supported; export without return_indices")
    shape = node.attributes.get("kernel_shape")
    if not shape or len(view.axes) < 3:
        raise node.error(f"kernel_shape {shape} does not fit {describe(view.axes)}")
    inner = inner_axis(walk, node, view, list(shape))
    if inner is not None:
        return [pool_inside(walk, node, view, list(shape), inner)]
    sight = sight_of(walk, node, view, list(shape))
    window = sight.window
    require_features(walk, node, view, view.axes[1])
    if node.attributes.get("storage_order", 0) or sight.dilation > 1:
        raise node.error(
            "attributes storage_order and dilations: write it as Max of shifted Slices"
        )
    padded = window.left or window.right
    largest = node.op == "MaxPool"
    keep = settled if largest or padded else partial(settled_along, axis=sight.axis)
    view = keep(walk, view)
    if sees_all(view, sight):
        walk.fix_time(node)
        tensor = walk.draft.reduce("max" if largest else "mean", view.tensor, node.label)
        return [replace(view.with_axis(sight.axis, ()), tensor=tensor)]
    cell = max_pool(window.kernel) if largest else average_pool(window.kernel)
    start = LOWEST if largest else 0.0
    tensor = over_window(walk.draft, cell, view.tensor, window, node.label, start)
    made = in_sight(walk, node, replace(view, tensor=tensor), sight.axis, sight)
    if largest or not padded or node.attributes.get("count_include_pad", 0):
        return [made]
    return [_of_real_steps(walk, node, view, made, sight)]


def _of_real_steps(walk: Walk, node: OnnxNode, view: View, made: View, sight: Sight) -> View:
    """Means over windows with padding as means over what is in them of the sequence."""
    window, time = sight.window, made.axes[sight.axis]
    if any(atom.open for atom in time):
        raise node.error(
            "attribute pads: a mean that leaves padding out, of a sequence of any length; give its "
            "length with --steps"
        )
    walk.fix_time(node)
    share = real_share(size_of(view.axes[sight.axis]), size_of(time), window)
    return combined(walk, made, share, np.zeros(1), walk.pieces(time), node.label)
