"""Power divided by a power of itself, as logarithms: PCEN's gain.

    E / (eps + M)**a,  E * (eps + M)**-a,  E * exp(-a * log(eps + M))

become exp(log(max(E, LEAST)) - a * log(eps + M)): factor and quotient may span a dozen decades,
their logarithms do not. E is power of a spectrum, so that nothing of it is below 0; of eps + M a
power that is no whole number says the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import NodeProto, helper

from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.graph.node import is_standard
from lstm_edge.frontend.graph.pattern import Pattern, constant, op, var

Floats = npt.NDArray[Any]
LEAST = 1e-20
"""What a smaller power is taken for: far below what any logarithm of one is limited to."""
MOVES = ("Identity", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Gather", "Slice")

_SHIFTED = op("Add", var("m"), constant("eps")).called("base")
_RAISED = op("Pow", _SHIFTED, constant("exponent"))
_AS_LOGARITHM = op("Exp", op("Mul", op("Log", var("base")), constant("exponent")))
_FACTOR = _RAISED | _AS_LOGARITHM
DIVIDED: Pattern = op("Div", var("power"), _FACTOR)
MULTIPLIED: Pattern = op("Mul", var("power"), _FACTOR)


def gains(sketch: Graph) -> None:
    """Replace each product of power and a power of something."""
    for pattern, sign in ((DIVIDED, -1.0), (MULTIPLIED, 1.0)):
        for node in [n for n in sketch.nodes if n.op_type in pattern.ops and is_standard(n)]:
            for found in pattern.fits(sketch, node.output[0], {}):
                exponent = sketch.constant(found["exponent"])
                if exponent is None or not is_power(sketch, found["power"]):
                    continue
                if "eps" in found and not _is_above_0(sketch, found["eps"], exponent):
                    continue
                factor = sketch.add_constant((sign * exponent).astype(np.float32))
                made = _logarithms(sketch, node, found["power"], found["base"], factor)
                sketch.replace([node], made)
                break


def _is_above_0(sketch: Graph, eps: str, exponent: Floats) -> bool:
    """Whether a sum with eps has to be, for its power to be a number: an average that is not below
    0. Whole powers are numbers of what has any sign.
    """
    least = sketch.constant(eps)
    whole = np.any(exponent == np.round(exponent))
    return least is not None and bool(np.all(least > 0.0)) and not whole


def is_power(sketch: Graph, name: str) -> bool:
    """Whether a tensor is power of a spectrum, or sums of it with weights of 0 or more."""
    node = sketch.producer(name)
    while node is not None and node.op_type != "Power":
        weights = [sketch.constant(i) for i in node.input]
        linear = node.op_type in ("MatMul", "Mul", "Div", "Add", "Sqrt")
        if not linear and node.op_type not in MOVES:
            return False
        if linear and any(w is not None and np.any(w < 0.0) for w in weights):
            return False
        data = [i for i, w in zip(node.input, weights, strict=True) if w is None]
        if len(data) != 1 or (node.op_type == "Div" and data[0] != node.input[0]):
            return False
        node = sketch.producer(data[0])
    return node is not None


def _logarithms(
    sketch: Graph, node: NodeProto, power: str, base: str, factor: str
) -> list[NodeProto]:
    label, least = node.name or node.output[0], sketch.add_constant(np.array(LEAST, np.float32))
    names = [sketch.fresh(node.output[0]) for _ in range(5)]
    steps = (
        ("Max", [power, least]),
        ("Log", [names[0]]),
        ("Log", [base]),
        ("Mul", [names[2], factor]),
        ("Add", [names[1], names[3]]),
        ("Exp", [names[4]]),
    )
    results = [*names, node.output[0]]
    return [
        helper.make_node(kind, read, [result], name=label)
        for (kind, read), result in zip(steps, results, strict=True)
    ]
