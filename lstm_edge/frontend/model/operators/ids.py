"""Integers: ids that an embedding looks up, and the index that ArgMax finds.

A view of integers shows a function of them, number by number, that the graph computes before it
looks something up: exporters wrap negative ids, for instance. What matters is what the function
gives for the few ids that a table has rows for, and that is computed here, for each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper

from lstm_edge.errors import ModelError
from lstm_edge.frontend.graph.fold import fold
from lstm_edge.frontend.model.axes import Axis, View, describe, size_of
from lstm_edge.frontend.model.operators import move
from lstm_edge.frontend.model.operators import reduce as reduction
from lstm_edge.frontend.model.operators.arithmetic import scaled
from lstm_edge.frontend.model.operators.features import usual_role
from lstm_edge.frontend.model.operators.join import axis_of
from lstm_edge.frontend.model.operators.pending import settled
from lstm_edge.frontend.model.operators.steps_by_number import step_before
from lstm_edge.frontend.model.operators.words import joined_words
from lstm_edge.frontend.model.walk import OnnxNode, Value, Walk
from lstm_edge.ir.model import Layer, Slice, Step
from lstm_edge.layers.embedding import MOST_ROWS, embedding

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]

INTEGERS: Mapping[int, type[np.integer[Any]]] = {
    TensorProto.INT8: np.int8,
    TensorProto.UINT8: np.uint8,
    TensorProto.INT16: np.int16,
    TensorProto.UINT16: np.uint16,
    TensorProto.INT32: np.int32,
    TensorProto.INT64: np.int64,
}
"""Element types of integers that can be looked up, or be data."""
MOST_TRIED = 2**16
"""Integers for which arithmetic on them is tried."""
MOST_CLASSES = 2**10
"""Depth of a OneHot, whose table has the square of it."""
_MOVES = "Transpose Reshape Flatten Squeeze Unsqueeze Identity Expand Dropout Slice"
_NUMBERWISE = (
    "Abs Add And Cast Clip Equal Greater GreaterOrEqual Less LessOrEqual Max Min Mod Mul Neg Not "
    "Or Sub Where Xor"
)

MOVES = frozenset(_MOVES.split())
"""Operators that move integers, or take some of them, as they do with any data."""
RECURRENT = ("LSTM", "GRU", "RNN")
"""Operators that take integers as lengths of sequences."""
NUMBERWISE = frozenset(_NUMBERWISE.split())
"""Operators that act on each integer alone, with constants that are one number."""
RANGES = ("kept", "delayed", "held", "held_first")
"""Layers that give vectors of a sequence as they are."""
AFFINE = ("Add", "Sub", "Mul", "Neg")
"""Those of them that a model does with real numbers before it reads them."""


COMPARED: Mapping[str, Callable[[Array, Array], Array]] = {
    "Equal": np.equal,
    "Less": np.less,
    "LessOrEqual": np.less_equal,
    "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal,
}


def integers(kind: int) -> Callable[[Array], Array]:
    """The integers themselves, of an ONNX element type."""
    return lambda ids: ids.astype(INTEGERS[kind])


def numberwise(walk: Walk, node: OnnxNode) -> list[Value]:
    """An operator on each integer of one tensor alone: computed once it is known for which."""
    first = next(v for v in node.inputs if isinstance(v, View) and v.ids is not None)
    for value in node.inputs:
        if isinstance(value, View):
            fits = value.ids is not None and (value.tensor, value.axes) == (
                first.tensor,
                first.axes,
            )
        elif isinstance(value, np.ndarray):
            fits = value.size == 1 and value.ndim <= len(first.axes)
        else:
            fits = value is None
        if not fits:
            raise _not_ids(node, first)
    proto = helper.make_node(
        node.op, list(node.input_names), [node.outputs[0]], **dict(node.attributes)
    )

    def compute(ids: Array) -> Array:
        inputs = [
            v.ids(ids)
            if isinstance(v, View) and v.ids
            else np.reshape(v, -1)
            if isinstance(v, np.ndarray)
            else None
            for v in node.inputs
        ]
        return fold(node.label, proto, inputs)[0]

    return [replace(first, ids=compute)]


def cast(walk: Walk, node: OnnxNode) -> list[Value]:
    """A Cast to float32, which data are; an input that is cast to integers holds them."""
    view = node.view(0)
    computed = walk.draft.producer(view.tensor) is not None
    if node.attributes.get("to") not in INTEGERS or computed or view.pending:
        return move.cast(walk, node)
    return [replace(view, ids=integers(node.attributes["to"]))]


def with_data(walk: Walk, node: OnnxNode) -> OnnxNode:
    """The node with integers of an input as data, where they were cast to real numbers and it does
    with them what is done with data.
    """
    views = [v for v in node.inputs if isinstance(v, View) and v.ids is not None]
    alone = len(views) == sum(isinstance(v, View) for v in node.inputs)
    numbers = (v for v in node.inputs if isinstance(v, np.ndarray))
    counted = node.op in NUMBERWISE and alone and all(v.size == 1 for v in numbers)
    if node.op in AFFINE and any(_is_real(v) for v in views):
        counted = False  # rounded: no function of integers that could be told from its results
    if not views or counted or node.op in MOVES or node.op in ("Gather", "OneHot"):
        return node
    data = {id(v): d for v in views if (d := _as_data(walk, node, v)) is not None}
    return replace(node, inputs=tuple(data.get(id(v), v) for v in node.inputs))


def _is_real(view: View) -> bool:
    """Whether integers were cast to real numbers."""
    return view.ids is not None and view.ids(np.zeros(1, np.int64)).dtype.kind == "f"


def _moved_from(walk: Walk, tensor: str) -> str | None:
    """The input of which a tensor is some features or steps, itself where it is one; None for what
    the model computes.
    """
    node = walk.draft.producer(tensor)
    while node is not None:
        moves = isinstance(node.op, Slice | Step)
        if not moves and not (isinstance(node.op, Layer) and node.op.cell.name in RANGES):
            return None
        tensor = node.inputs["x"]
        node = walk.draft.producer(tensor)
    return tensor


def of_step(walk: Walk, node: OnnxNode, view: View) -> View:
    """Integers of an input as a recurrent step reads them, which computes with real numbers."""
    found = _as_data(walk, node, view, cast=False) if view.ids is not None else view
    if found is None:
        raise node.error(
            "reads integers that the model computes; cast the input that they are of to real "
            "numbers, and compute with these"
        )
    return found


def _as_data(walk: Walk, node: OnnxNode, view: View, cast: bool = True) -> View | None:
    """Integers of an input that were cast to real numbers, scaled and shifted where the graph did
    that; None for any other function of them, and for what the model computes. cast: whether those
    that were not are another function.
    """
    assert view.ids is not None
    given = _moved_from(walk, view.tensor)
    if given is None or (cast and not _is_real(view)):
        return None
    limit = walk.limits.get(given, 0)
    if 0 < limit <= MOST_CLASSES and given == view.tensor and not walk.columns.get(given):
        numbers = view.ids(np.arange(limit)).astype(np.float64)[:, None]
        made = _embedded(walk, node, replace(view, ids=lambda n: n), numbers)
        return replace(made, axes=view.axes)
    if limit:
        raise node.error(
            f"{node.op} reads integers as numbers that an embedding looks up, or that count steps; "
            "not supported: give the numbers as an input of float32 of their own, too"
        )
    tried = np.arange(-MOST_TRIED // 2, MOST_TRIED, dtype=np.int64)
    kind = walk.kinds.get(given)
    if kind is not None:
        bounds = np.iinfo(kind)
        tried = tried[(tried >= bounds.min) & (tried <= bounds.max)]
    found = view.ids(tried).astype(np.float64)
    start = int(np.flatnonzero(tried == 0)[0])
    offset, scale = found[start], found[start + 1] - found[start]
    if not np.array_equal(found, tried * scale + offset):
        return None
    walk.real.add(given)
    data = replace(view, ids=None)
    if (scale, offset) == (1.0, 0.0):
        return data
    return scaled(walk, node, data, np.full(1, scale), np.full(1, offset))


def _as_mask(walk: Walk, node: OnnxNode, view: View) -> View:
    """Integers that are added up over the steps, 0 or 1 each: a table, made at the end, when it is
    known how many there are.
    """
    assert view.ids is not None
    if walk.draft.producer(view.tensor) is not None:
        raise _not_ids(node, view)
    for atom in walk.pieces(view.axes[-1]):
        if walk.roles.setdefault(atom, "time") == "time":
            walk.guessed.add(atom)
    params = {"E": np.zeros((1, 1), np.float32)}
    made = walk.draft.layer("mask", embedding(), view.tensor, 1, params, node.label)["y"]
    walk.masks.append((made, view.tensor, view.ids))
    return walk.true(View(made, view.axes))


def fill_masks(walk: Walk) -> None:
    """Make the tables of masks that are computed from integers."""
    for made, ids, function in walk.masks:
        at = next(k for k, n in enumerate(walk.draft.nodes) if made in n.makes)
        node = walk.draft.nodes[at]
        rows = walk.limits.setdefault(ids, 2)
        numbers = function(np.arange(rows)).astype(np.float32)
        if not np.isin(numbers, (0.0, 1.0)).all():
            raise ModelError(
                node.source,
                "adds up integers over the steps, which only masks of 0 and 1 can be; "
                "make their sum an input",
            )
        assert isinstance(node.op, Layer)
        op = replace(node.op, params={"E": numbers[:, None]})
        walk.draft.nodes[at] = replace(node, op=op)


def lookup(walk: Walk, node: OnnxNode) -> list[Value]:
    """Gather of rows of a constant table: an embedding."""
    ids, table = node.inputs[1], node.inputs[0]
    assert isinstance(ids, View)
    if isinstance(table, View):
        axis = axis_of(node, len(table.axes))
        if usual_role(walk, table, axis) == "time":
            table = settled(walk, table)
            found = step_before(walk, node, table, axis, ids)
            return [found.with_axis(axis, *ids.axes)]
    if not isinstance(table, np.ndarray) or ids.ids is None:
        raise node.error(
            f"looks up {node.input_names[1]!r} in {node.input_names[0]!r}: only integers from an "
            "input of the model can be looked up, in a constant table"
        )
    if table.ndim != 2 or axis_of(node, table.ndim) != 0 or not table.size:
        raise node.error(
            f"looks up along axis {node.attributes.get('axis', 0)} of a table "
            f"{list(table.shape)}; expected rows of a table [rows, units], axis 0: "
            "transpose the table"
        )
    return [_embedded(walk, node, ids, node.numbers(table, "table"))]


def one_hot(walk: Walk, node: OnnxNode) -> list[Value]:
    """OneHot along a new last axis: a lookup in a table that is on along its diagonal."""
    ids = node.view(0)
    depth, values = node.constant(1, "depth"), node.constant(2, "values")
    if depth is None or values is None or depth.size != 1 or values.shape != (2,):
        raise node.error("expected a depth and two values, off and on")
    count = int(depth.reshape(-1)[0])
    if node.attributes.get("axis", -1) not in (-1, len(ids.axes)):
        raise node.error("attribute axis: only -1 is supported; transpose afterwards")
    if not 0 < count <= MOST_CLASSES:
        raise node.error(f"its depth is {count}, expected 1 to {MOST_CLASSES}")
    off, on = values.astype(np.float64)
    return [_embedded(walk, node, ids, np.eye(count) * (on - off) + off)]


def _compared(node: OnnxNode, ids: View) -> Doubles | None:
    """The table of ids that are compared with 0, 1, 2, ... along a last axis of their own: which of
    these each is, as a class, or which are below it, as a length.
    """
    other = next((v for v in node.inputs if isinstance(v, np.ndarray)), None)
    if node.op not in COMPARED or other is None or not ids.axes or ids.axes[-1]:
        return None
    numbers = np.arange(other.size)
    counted = other.shape[-1:] == (other.size,) and np.array_equal(other.reshape(-1), numbers)
    if not counted or not 2 <= other.size <= MOST_CLASSES:
        return None
    rows = np.arange(other.size + (node.op != "Equal"))[:, None]
    pair = (numbers, rows) if isinstance(node.inputs[0], np.ndarray) else (rows, numbers)
    return COMPARED[node.op](*pair).astype(np.float64)


def _embedded(walk: Walk, node: OnnxNode, ids: View, table: Doubles) -> View:
    """Rows of a table [rows, units] in place of the ids."""
    if len(table) > MOST_ROWS:
        raise node.error(f"its table has {len(table)} rows, more than {MOST_ROWS}")
    rows = _rows(walk, node, ids, len(table))
    known = walk.limits.get(ids.tensor, len(rows))
    if walk.draft.step_of(ids.tensor) is not None:
        raise node.error("looks up an id of one step; look up all of them, take the step then")
    if walk.draft.producer(ids.tensor) is not None and known > len(rows):
        raise node.error(
            f"looks up an index of ArgMax below {known} in a table of {len(rows)} rows"
        )
    walk.limits[ids.tensor] = min(known, len(rows))
    with np.errstate(over="ignore"):
        entries = np.ascontiguousarray(table[rows], np.float32)
    columns = _columns(walk, node, ids)
    results = [
        walk.draft.layer(
            "embedding", embedding(k), ids.tensor, entries.shape[1], {"E": entries}, node.label
        )["y"]
        for k in range(size_of(columns))
    ]
    feature = walk.new_axis("embedding", entries.shape[1], "feature")
    grid = (*columns, *feature) if columns else ()
    return View(walk.draft.concat(results, node.label), (*ids.axes, feature), grid=grid)


def _columns(walk: Walk, node: OnnxNode, ids: View) -> Axis:
    """The axis that counts the ids of one step: the third, where there is one."""
    axis = walk.pieces(ids.axes[-1]) if len(ids.axes) == 3 else ()
    if len(axis) == 1 and not axis[0].open:
        walk.roles.setdefault(axis[0], "layer")
        axis = axis if walk.roles[axis[0]] == "layer" else ()
    else:
        axis = ()
    if walk.columns.setdefault(ids.tensor, axis) != axis:
        raise node.error(
            f"looks up {describe(ids.axes)}, of which another node looks up other "
            "parts; make an input for each"
        )
    return axis


def _rows(walk: Walk, node: OnnxNode, view: View, count: int) -> Array:
    """The row for each id from 0 on, as many as lead to rows of the table."""
    assert view.ids is not None
    kind = walk.kinds.get(view.tensor)
    most = 2 * count if kind is None else min(2 * count, np.iinfo(kind).max + 1)
    found = view.ids(np.arange(most, dtype=np.int64))
    if found.dtype.kind in "iu":
        inside = (found >= -count) & (found < count)
        valid = min(count, most) if inside.all() else int(inside.argmin())
        if valid > 0:
            return found[:valid]
    raise node.error(f"looks up {node.input_names[1]!r}, which is no number of a row for id 0")


def run_ids(walk: Walk, node: OnnxNode) -> list[Value] | None:
    """What a node makes of integers; None where it reads none, or moves them like any data."""
    view = next((v for v in node.inputs if isinstance(v, View) and v.ids is not None), None)
    lengths = node.op in RECURRENT and node.inputs[0] is not view
    selects = node.op == "Gather" and node.inputs[0] is view
    if view is None or selects or lengths or node.op in MOVES:
        return None
    if node.op == "Gather":
        return lookup(walk, node)
    if node.op == "ReduceSum" and node.inputs[0] is view:
        mask = _as_mask(walk, node, view)
        return reduction.reduce(walk, replace(node, inputs=(mask, *node.inputs[1:])))
    if node.op == "OneHot" and node.inputs[0] is view:
        return one_hot(walk, node)
    if (table := _compared(node, view)) is not None:
        made = _embedded(walk, node, replace(view, axes=view.axes[:-1]), table)
        rank = max(np.ndim(v) for v in node.inputs if isinstance(v, np.ndarray))
        more = ((),) * (rank - len(view.axes))  # that numbers compared with have in front
        return [walk.true(replace(made, axes=(*more, *made.axes)))]
    if node.op in NUMBERWISE:
        return numberwise(walk, node)
    if node.op == "Concat" and (joined := joined_words(walk, node)) is not None:
        return [joined]
    raise _not_ids(node, view)


def _not_ids(node: OnnxNode, view: View) -> ModelError:
    assert view.ids is not None
    name = node.input_names[next(k for k, v in enumerate(node.inputs) if v is view)]
    kind = view.ids(np.zeros(1, np.int64)).dtype
    return node.error(
        f"{node.op} reads {name!r} of type {kind}, which holds integers or is computed from them; "
        "not supported: integers can be looked up in a constant table (Gather, an embedding; "
        "OneHot) and be an output of ArgMax"
    )


def check_ids(walk: Walk, label: str, view: View) -> int:
    """The limit of an output of integers, which must be those of ArgMax."""
    assert view.ids is not None
    step = walk.draft.step_of(view.tensor)
    whole = view.tensor if step is None else step.inputs["x"]
    limit = walk.limits.get(whole)
    if walk.draft.producer(whole) is None or limit is None:
        raise ModelError(label, "is computed from integers alone; compute it outside of the model")
    if not np.array_equal(view.ids(np.arange(limit, dtype=np.int64)), np.arange(limit)):
        raise ModelError(label, "is computed from an index of ArgMax; make that the output")
    return limit
