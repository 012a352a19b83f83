"""Layer normalization written out in means, squares and roots, as exporters do below opset 17.

    mean = ReduceMean(x), d = x - mean, variance = ReduceMean(d * d), s = Sqrt(variance + epsilon)
    d / s                                        torch, and whoever writes it by hand
    d * k, x * k + (offset - mean * k)           Keras, with k = 1 / s or gain / s

become a LayerNormalization without gain and offset, followed by Mul and Add, which go into the
weights that come next.
"""

from __future__ import annotations

from typing import Any

from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.graph.pattern import (
    Found,
    Pattern,
    Rule,
    axis,
    constant,
    number,
    op,
    rewritten,
    square,
    var,
)


def _mean(x: Pattern) -> Pattern:
    return op("ReduceMean", x, axis("axis"), keepdims=1, noop_with_empty_axes=None)


X, FACTOR = var("x"), var("factor")
MEAN = _mean(X)
DISTANCE = op("Sub", X, MEAN)
VARIANCE = _mean(square(DISTANCE)) | op("Sub", _mean(square(X)), square(MEAN))
SUM = op("Add", VARIANCE, number("epsilon"))
ROOT = op("Sqrt", SUM) | op("Pow", SUM, number(0.5))
INVERSE = op("Reciprocal", ROOT) | op("Div", number(1.0), ROOT) | op("Pow", SUM, number(-0.5))
SCALE = (INVERSE | op("Mul", INVERSE, constant("gain"))).called("factor")
MINUS = op("Neg", op("Mul", MEAN, FACTOR)) | op("Mul", op("Neg", MEAN), FACTOR)
SHIFT = (
    op("Sub", constant("offset"), op("Mul", MEAN, FACTOR))
    | op("Add", MINUS, constant("offset"))
    | MINUS
)
NORMALIZED = (
    op("Div", DISTANCE, ROOT) | op("Mul", DISTANCE, SCALE) | op("Add", op("Mul", X, SCALE), SHIFT)
)


def _nodes(found: Found) -> list[tuple[str, list[str], dict[str, Any]]]:
    attributes = {"axis": found["axis"], "epsilon": found["epsilon"], "single_axis": 1}
    after = [("Mul", "gain"), ("Add", "offset")]
    return [
        ("LayerNormalization", [found["x"]], attributes),
        *((kind, [found[name]], {}) for kind, name in after if name in found),
    ]


def layer_norm(sketch: Graph) -> None:
    """Replace each normalization."""
    rewritten(sketch, Rule(NORMALIZED, _nodes))
