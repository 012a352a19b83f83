"""Flattened sequences and vectors side by side: what reads them reads each part for itself.

All steps of a sequence on one axis are no vector that is ever in memory. Where others stand beside
them, a dense layer is the sum of one over each part, and what acts on each number acts on parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import accumulate

import numpy as np

from lstm_edge.frontend.model.axes import View, describe, size_of
from lstm_edge.frontend.model.operators.arithmetic import paired
from lstm_edge.frontend.model.operators.features import grid_of
from lstm_edge.frontend.model.operators.pending import fit_steps, settled
from lstm_edge.frontend.model.operators.steps import Steps, one_step
from lstm_edge.frontend.model.walk import OnnxNode, Value, Walk
from lstm_edge.layers.elementwise import pair

Run = Callable[[Walk, OnnxNode], list[Value]]

_ALONE = (
    "Abs Add BatchNormalization Cast Celu Clip Cos Div Dropout Elu Erf Exp Gelu HardSigmoid "
    "HardSwish Identity LeakyRelu Log Max Min Mish Mul Neg PRelu Pow Reciprocal Relu Selu Sigmoid "
    "Sign Sin Softplus Softsign Sqrt Sub Swish Tanh ThresholdedRelu"
)
ALONE = frozenset(_ALONE.split())
"""Operators that act on each number of the last axis alone, with constants of their own."""
MOST_SIDE_BY_SIDE = 64
"""Steps of a sequence that are put side by side as one vector, all of which are kept."""
DENSE = ("Gemm", "MatMul")


def is_flat(walk: Walk, view: View) -> bool:
    """Whether the last axis runs over the steps of a sequence and something else."""
    atoms = walk.pieces(view.axes[-1]) if view.axes else ()
    return len(atoms) > 1 and any(walk.roles.get(atom) == "time" for atom in atoms)


def beside(walk: Walk, node: OnnxNode, views: Sequence[View]) -> View:
    """Parts along the last axis of tensors [batch, numbers]."""
    parts = [part for view in views for part in (view.parts or (view,))]
    for part in parts:
        if len(part.axes) != 2 or (part.axes[0] and walk.role(part.axes[0]) not in ("batch", "")):
            raise node.error(
                f"joins {describe(part.axes)} with all steps of a sequence; expected two axes, of "
                "which the first is the batch"
            )
        for atom in part.axes[0]:
            walk.assign(node, (atom,), "batch")
    size = sum(size_of(part.axes[1]) for part in parts)
    return View("", (parts[0].axes[0], walk.new_axis("beside", size, "beside")), parts=tuple(parts))


def as_vector(walk: Walk, view: View, source: str) -> View | None:
    """Parts, or all steps of a sequence, on one axis as one vector; None where they are too many,
    of any length, or in another order.
    """
    tensors: list[str] = []
    for part in view.parts or (view,):
        part = settled(walk, part)
        atoms = walk.pieces(part.axes[-1])
        count = size_of(tuple(atom for atom in atoms if walk.roles.get(atom) != "time"))
        if walk.draft.size(part.tensor) is None:
            walk.draft.features[part.tensor] = count
        times = [atom for atom in atoms if walk.roles.get(atom) == "time"]
        if not times:
            tensors.append(part.tensor)
            continue
        if atoms[:1] != tuple(times) or atoms[1:] != grid_of(walk, part) or times[0].open:
            return None
        if times[0].size > MOST_SIDE_BY_SIDE:
            return None
        steps = (Steps((k,), from_end=False) for k in range(times[0].size))
        tensors += [one_step(walk, part, (times[0],), step, source) for step in steps]
    size = size_of(view.axes[-1])
    axes = (*view.axes[:-1], walk.new_axis("vector", size, "feature"))
    return View(walk.draft.concat(tensors, source), axes)


def run_parts(walk: Walk, node: OnnxNode, run: Run) -> list[Value]:
    """What a node makes of parts; refuses what is not done with each of them alone."""
    whole = next(v for v in node.inputs if isinstance(v, View) and v.parts)
    views = [v for v in node.inputs if isinstance(v, View)]
    if node.op == "Concat":
        return [beside(walk, node, views)]
    if node.op in ("Reshape", "Flatten", "Squeeze", "Unsqueeze") and _stays(node, whole):
        return [whole]
    known = node.op in ALONE or (node.op in DENSE and views[0] is node.inputs[0])
    vector = None if known or len(views) > 1 else as_vector(walk, whole, node.label)
    if vector is not None:
        walk.fix_time(node)
        inputs = tuple(vector if v is whole else v for v in node.inputs)
        return run(walk, replace(node, inputs=inputs))
    if len(views) > 1 or not known:
        raise node.error(
            f"{node.op} reads all steps of a sequence and other numbers on one axis; only dense "
            "layers, activations and constants do: give it each of them before they are joined"
        )
    counts = [v.shape for v in node.inputs if isinstance(v, np.ndarray) and v.ndim]
    if counts:
        turned = node.op == "Gemm" and node.attributes.get("transB", 0)
        count = counts[0][-1 if turned or node.op not in DENSE else 0]
        fit_steps(walk, node, [part.axes[-1] for part in whole.parts], count)
    sizes = [size_of(part.axes[-1]) for part in whole.parts]
    ends = list(accumulate(sizes))
    made = [
        run(walk, _of_part(node, whole, part, slice(end - size, end), k == 0))[0]
        for k, (part, size, end) in enumerate(zip(whole.parts, sizes, ends, strict=True))
    ]
    results = [result for result in made if isinstance(result, View)]
    if node.op not in DENSE:
        return [replace(whole, parts=tuple(results))]
    total = results[0]
    for result in results[1:]:
        first, second = paired(walk, node, (total, result))
        x, y = first.tensor, second.tensor
        tensor = walk.draft.pair("add", pair("add"), x, y, x, node.label)
        total = replace(first, tensor=tensor)
    return [total]


def _stays(node: OnnxNode, whole: View) -> bool:
    shape = node.attributes.get("axis", 1) if node.op == "Flatten" else None
    if shape is not None:
        return shape in (1, -1)
    wanted = node.integers(1, "shape") if node.op == "Reshape" else None
    size = size_of(whole.axes[1])
    return wanted is not None and len(wanted) == 2 and wanted[1] in (0, -1, size)


def _of_part(node: OnnxNode, whole: View, part: View, place: slice, is_first: bool) -> OnnxNode:
    """The node of one part, with its share of constants; the first one takes the bias."""
    size = size_of(whole.axes[-1])
    inputs: list[Value | None] = []
    for k, value in enumerate(node.inputs):
        if value is whole:
            inputs.append(part)
        elif not isinstance(value, np.ndarray):
            inputs.append(value)
        elif node.op in DENSE:
            inputs.append(_share_of_weights(node, k, value, place, is_first))
        else:
            shared = value.ndim > 0 and value.shape[-1] == size
            inputs.append(value[..., place] if shared else value)
    return replace(node, inputs=tuple(inputs))


def _share_of_weights(
    node: OnnxNode, k: int, value: np.ndarray, place: slice, is_first: bool
) -> np.ndarray | None:
    if k == 2:
        return value if is_first else None
    turned = node.op == "Gemm" and node.attributes.get("transB", 0)
    return value[:, place] if turned else value[place]
