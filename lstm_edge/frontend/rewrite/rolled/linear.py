"""Sums of weighted vectors: what a gate computes before its function, in symbols.

Only names and ranges are handled here, so that the thousand steps of a loop cost no arithmetic;
two forms are the same where their symbols are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from onnx import NodeProto

from lstm_edge.frontend.graph.bounds import axis_of, slice_bounds
from lstm_edge.frontend.graph.graph import Array, Graph
from lstm_edge.frontend.graph.node import attributes_of

DEEPEST = 12
"""Sums within sums that are followed; a gate has a handful."""

Range = tuple[int, int]


@dataclass(frozen=True)
class Term:
    """scale * leaf @ M. M is `weight` (None: the unit matrix), transposed if so said, of which
    `rows` and `columns` are taken (None: all).
    """

    leaf: str
    weight: str | None = None
    transposed: bool = False
    scale: float = 1.0
    rows: Range | None = None
    columns: Range | None = None


@dataclass(frozen=True)
class Piece:
    """scale * a constant vector, or `columns` of it."""

    constant: str
    scale: float = 1.0
    columns: Range | None = None


@dataclass(frozen=True)
class Form:
    """A sum of terms and constant pieces."""

    terms: tuple[Term, ...]
    pieces: tuple[Piece, ...] = ()

    @property
    def leaves(self) -> frozenset[str]:
        """The tensors that the form is a function of."""
        return frozenset(term.leaf for term in self.terms)


def linear_form(scope: Graph, name: str, depth: int = 0) -> Form:
    """A tensor as a sum; one term, itself, where nothing else is known."""
    key = ("form", name)
    if key not in scope.memo:
        scope.memo[key] = _form(scope, scope.strip(name), depth)
    found: Form = scope.memo[key]
    return found


def _form(scope: Graph, name: str, depth: int) -> Form:
    if scope.is_constant(name) and _vector(scope, name) is not None:
        return Form((), (Piece(name),))
    node = scope.maker(name, "MatMul", "Gemm", "Add", "Sub", "Sum", "Split", "Slice")
    form = None
    if node is not None and depth < DEEPEST:
        form = _RULES[node.op_type](scope, node, name, depth + 1)
    return form if form is not None else Form((Term(name),))


def _matmul(scope: Graph, node: NodeProto, _: str, __: int) -> Form | None:
    return _product(scope, node.input[0], node.input[1], False, 1.0)


def _gemm(scope: Graph, node: NodeProto, _: str, depth: int) -> Form | None:
    given = attributes_of(node)
    if given.get("transA", 0):
        return None
    product = _product(
        scope, node.input[0], node.input[1], bool(given.get("transB", 0)), given.get("alpha", 1.0)
    )
    if product is None or len(node.input) < 3 or not node.input[2]:
        return product
    bias = linear_form(scope, node.input[2], depth)
    return _sum(product, scaled(bias, given.get("beta", 1.0)))


def _product(scope: Graph, left: str, right: str, transposed: bool, scale: float) -> Form | None:
    """left @ right, where `right` is constant; parts that `left` joins have their rows of it."""
    weights = scope.constant(right)
    if weights is None or weights.ndim != 2 or weights.dtype.kind != "f":
        return None
    left = scope.strip(left)
    whole = Term(left, right, transposed, scale)
    joined = scope.maker(left, "Concat")
    if joined is None:
        return Form((whole,))
    widths = [scope.width(part) for part in joined.input]
    shape = scope.shape(left)
    if shape is None or None in widths or axis_of(joined, shape) != len(shape) - 1:
        return Form((whole,))
    terms, begin = [], 0
    for part, width in zip(joined.input, widths, strict=True):
        assert width is not None
        rows = (begin, begin + width)
        terms.append(replace(whole, leaf=scope.strip(part), rows=rows))
        begin += width
    return Form(tuple(terms))


def _add(scope: Graph, node: NodeProto, _: str, depth: int) -> Form | None:
    total = Form(())
    for name in node.input:
        total = _sum(total, linear_form(scope, name, depth))
    return total


def _sub(scope: Graph, node: NodeProto, _: str, depth: int) -> Form | None:
    left, right = (linear_form(scope, name, depth) for name in node.input)
    return _sum(left, scaled(right, -1.0))


def _split(scope: Graph, node: NodeProto, name: str, depth: int) -> Form | None:
    shape = scope.shape(node.input[0])
    if shape is None or axis_of(node, shape) != len(shape) - 1:
        return None
    widths = [scope.width(output) for output in node.output]
    at = list(node.output).index(name)
    if None in widths[: at + 1]:
        return None
    begin = sum(w for w in widths[:at] if w is not None)
    width = widths[at]
    assert width is not None
    return selected(scope, linear_form(scope, node.input[0], depth), begin, begin + width)


def _slice(scope: Graph, node: NodeProto, _: str, depth: int) -> Form | None:
    shape = scope.shape(node.input[0])
    width = scope.width(node.input[0])
    bounds = slice_bounds(scope, node)
    if shape is None or width is None or bounds is None:
        return None
    last = None
    for axis, start, end, step in bounds:
        size = shape[axis]
        if axis == len(shape) - 1 and step == 1:
            last = range(width)[start:end]
        elif start != 0 or step != 1 or (end < 2**31 - 1 and not _covers(size, end)):
            return None
    if not last:
        return None
    return selected(scope, linear_form(scope, node.input[0], depth), last.start, last.stop)


def _covers(size: int | str | None, end: int) -> bool:
    return isinstance(size, int) and end >= size


_RULES = {
    "MatMul": _matmul,
    "Gemm": _gemm,
    "Add": _add,
    "Sum": _add,
    "Sub": _sub,
    "Split": _split,
    "Slice": _slice,
}


def selected(scope: Graph, form: Form, begin: int, end: int) -> Form:
    """Columns [begin, end) of a form; what is one number for all columns stays."""
    terms = tuple(replace(t, columns=_within(t.columns, begin, end)) for t in form.terms)
    pieces = tuple(
        p
        if scope.scalar(p.constant) is not None
        else replace(p, columns=_within(p.columns, begin, end))
        for p in form.pieces
    )
    return Form(terms, pieces)


def _within(outer: Range | None, begin: int, end: int) -> Range:
    offset = outer[0] if outer else 0
    return offset + begin, offset + end


def _sum(left: Form, right: Form) -> Form:
    return Form(left.terms + right.terms, left.pieces + right.pieces)


def scaled(form: Form, scale: float) -> Form:
    """A form times a number."""
    if scale == 1.0:
        return form
    return Form(
        tuple(replace(t, scale=t.scale * scale) for t in form.terms),
        tuple(replace(p, scale=p.scale * scale) for p in form.pieces),
    )


def _vector(scope: Graph, name: str) -> Array | None:
    """A constant whose rows are all the same, as one row."""
    array = scope.constant(name)
    if array is None or array.dtype.kind != "f" or array.size == 0:
        return None
    rows = array.reshape(-1, array.shape[-1]) if array.ndim else array.reshape(1, 1)
    return rows[0] if (rows == rows[:1]).all() else None


def matrix(scope: Graph, term: Term, width: int) -> Array:
    """M of a term, [n, m] in float64; `width` is that of the leaf."""
    if term.weight is None:
        array = np.eye(width)
    else:
        stored = scope.constant(term.weight)
        assert stored is not None
        array = (stored.T if term.transposed else stored).astype(np.float64)
    rows, columns = slice(*(term.rows or (None,))), slice(*(term.columns or (None,)))
    picked: Array = array[rows, columns] * term.scale
    return picked


def vector(scope: Graph, pieces: tuple[Piece, ...], width: int) -> Array | None:
    """The sum of constant pieces, [width] in float64; None where one has another width."""
    total = np.zeros(width)
    for piece in pieces:
        row = _vector(scope, piece.constant)
        if row is None:
            return None
        picked = row[slice(*(piece.columns or (None,)))] if row.size > 1 else row
        if picked.size not in (1, width):
            return None
        total += picked.astype(np.float64) * piece.scale
    return total
