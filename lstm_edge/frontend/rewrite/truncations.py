"""Real numbers that are cast to integers and back lose what is behind the point: torch.trunc.

In between nothing else may read them, as nothing here computes with integers that data decide.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from onnx import NodeProto, TensorProto, helper

from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.graph.node import attributes_of, captured, is_standard
from lstm_edge.frontend.graph.tensor import tensor_value

WHOLE = (TensorProto.INT32, TensorProto.INT64)
REAL = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16)
_ALWAYS = (
    "Ceil Cos Elu Erf Exp Floor GRU HardSigmoid HardSwish LSTM LayerNormalization LeakyRelu Log "
    "RNN Reciprocal Round Sigmoid Sin Softmax Softplus Softsign Sqrt Tanh"
)
ALWAYS_REAL = frozenset(_ALWAYS.split())
"""Operators that give real numbers alone."""
_SAME = (
    "Abs Add Clip Concat Div Gather Gemm Identity MatMul Max Min Mul Neg Relu Reshape Slice Split "
    "Squeeze Sub Transpose Unsqueeze"
)
SAME_TYPE = frozenset(_SAME.split())
"""Operators that give numbers of the type of their operands, of which the first has it."""
OF_BOTH = ("Add", "Div", "Max", "Min", "Mul", "Sub")
"""Those of them of which the second has it, too."""


def truncations(sketch: Graph) -> None:
    """Write sign(x) * floor(|x|) for such casts, in bodies of loops, too."""
    types = {i.name: i.type.tensor_type.elem_type for i in sketch.inputs}

    def root(name: str) -> bool:
        array = sketch.constant(name)
        return (
            types[name] in REAL if name in types else array is not None and array.dtype.kind == "f"
        )

    for node in sketch.nodes:
        _in_bodies(node)
    made = _rewritten(sketch.nodes, root, {o.name for o in sketch.outputs})
    if made is not None:
        sketch.nodes = made
        sketch.changed()


def _in_bodies(node: NodeProto) -> None:
    if node.op_type not in ("Loop", "Scan") or not is_standard(node):
        return
    body = attributes_of(node)["body"]
    types = {i.name: i.type.tensor_type.elem_type for i in body.input}
    known = {t.name: tensor_value(t) for t in body.initializer}

    def root(name: str) -> bool:
        return types.get(name) in REAL or (name in known and known[name].dtype.kind == "f")

    for inner in body.node:
        _in_bodies(inner)
    made = _rewritten(list(body.node), root, {o.name for o in body.output})
    if made is not None:
        copies = [NodeProto.FromString(n.SerializeToString()) for n in made]
        del body.node[:]
        body.node.extend(copies)


def _rewritten(
    nodes: Sequence[NodeProto], root: Callable[[str], bool], outputs: set[str]
) -> list[NodeProto] | None:
    """The nodes with other ones in the place of casts to integers; None where there are none."""
    casts = [n for n in nodes if n.op_type == "Cast" and attributes_of(n).get("to") in WHOLE]
    if not casts:
        return None
    makers = {name: n for n in nodes for name in n.output if name}
    seen = {name for n in nodes for name in captured(n)} | outputs
    wanted: dict[str, list[str]] = {}
    for n in nodes:
        for name in n.input:
            to = attributes_of(n).get("to") if n.op_type == "Cast" else None
            wanted.setdefault(name, []).append("real" if to in REAL else "other")
    found = {
        n.output[0]
        for n in casts
        if is_standard(n) and n.output[0] not in seen and _is_real(n.input[0], makers, root)
        if set(wanted.get(n.output[0], ["other"])) == {"real"}
    }
    if not found:
        return None
    result: list[NodeProto] = []
    for n in nodes:
        cut = n.output[0] if n.output and n.output[0] in found else ""
        result += _truncated(n.input[0], cut, n.name) if cut else [n]
    return result


def _truncated(x: str, y: str, name: str) -> list[NodeProto]:
    size, whole, sign = (f"{y} {part}" for part in ("size", "whole", "sign"))
    made = (("Abs", [x], size), ("Floor", [size], whole), ("Sign", [x], sign))
    nodes = [helper.make_node(op, read, [to], name=name) for op, read, to in made]
    return [*nodes, helper.make_node("Mul", [sign, whole], [y], name=name)]


def _is_real(name: str, makers: dict[str, NodeProto], root: Callable[[str], bool]) -> bool:
    """Whether a tensor is known to have real numbers."""
    waiting, done = [name], set[str]()
    while waiting:
        top = waiting.pop()
        if top in done:
            continue
        done.add(top)
        node = makers.get(top)
        if node is None:
            if root(top):
                return True
        elif node.op_type in ALWAYS_REAL:
            return True
        elif node.op_type == "Cast":
            if attributes_of(node).get("to") in REAL:
                return True
        elif node.op_type in SAME_TYPE:
            waiting += node.input[: 2 if node.op_type in OF_BOTH else 1]
    return False
