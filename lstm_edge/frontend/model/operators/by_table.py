"""Other steps of a sequence of known length, each the sum of all steps times a row of a table.

All steps are kept, and read as one vector in a later sweep.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from lstm_edge.errors import ModelError
from lstm_edge.frontend.model.axes import View, describe
from lstm_edge.frontend.model.operators.across_time import all_steps, steps_of
from lstm_edge.frontend.model.operators.attention import MOST_PRODUCTS
from lstm_edge.frontend.model.operators.features import size_known
from lstm_edge.frontend.model.operators.rates import fastest, take_for_time
from lstm_edge.frontend.model.walk import OnnxNode, Walk
from lstm_edge.layers.attention import contraction
from lstm_edge.layers.embedding import embedding
from lstm_edge.layers.over_time import numbered

Doubles = npt.NDArray[np.float64]

MOST_SHARES = 2**20
"""Entries of a table."""


def by_table(
    walk: Walk, node: OnnxNode, view: View, k: int, count: int, shares: Callable[[], Doubles]
) -> View:
    """So many new steps of a settled sequence along axis k. shares: [new steps, steps], made once
    it is known that they are not too many.
    """
    (time,) = walk.pieces(view.axes[k])
    draft, label = walk.draft, node.label
    if time.open:
        raise node.error(
            f"makes other steps of {describe(view.axes)}, of which the length is not known; give "
            "it with --steps"
        )
    features = size_known(walk, view)
    if time.size * features > MOST_PRODUCTS:
        raise _too_long(node, view, time.size * features, MOST_PRODUCTS)
    if time.size * count > MOST_SHARES:
        raise _too_long(node, view, time.size * count, MOST_SHARES)
    whole = all_steps(walk, node, view)
    fast = fastest(walk, count)
    if fast is not None:
        take_for_time(walk, fast)
    new, over, root = steps_of(walk, node, count)
    ids = draft.layer(
        "step", numbered(count), whole.tensor, 1, {}, label, reverse=None, over=over, follows=root
    )["y"]
    walk.limits[ids] = count
    table = {"E": np.ascontiguousarray(shares(), np.float32)}
    rows = draft.layer("by_step", embedding(), ids, time.size, table, label)["y"]
    numbers = np.arange(time.size * features).reshape(time.size, features)
    left = np.tile(np.arange(time.size), features).tolist()
    sizes = time.size, time.size * features
    cell, params = contraction(left, numbers.T.ravel().tolist(), time.size, sizes)
    made = draft.layer(
        "interpolated", cell, rows, features, params, label, more={"y": whole.tensor}
    )
    return replace(view.with_axis(k, (new,)), tensor=made["y"])


def _too_long(node: OnnxNode, view: View, count: int, most: int) -> ModelError:
    return node.error(
        f"makes each step of {describe(view.axes)} of all of them, {count} numbers, more than "
        f"{most}; make the sequence or its features fewer, or compile what is before and "
        "what is after as two networks"
    )
