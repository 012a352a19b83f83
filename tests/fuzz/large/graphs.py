"""Graphs that are deep, long or declared large."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from tests.fuzz.large.base import CASES, Command, case, put
from tests.oracle.graphs import graph, node


def declared(op: str, inputs: list[int | str]) -> None:
    """A model with inputs of any declared shape."""
    model = graph([node(op, "x", "y")], {"x": inputs}, ["y"], {})
    CASES[f"declared_{op}_{'_'.join(map(str, inputs))}"] = lambda folder: put(folder, model)


declared("Relu", [1, 4, 10**9])
declared("Relu", [1, 4, 10**6])
declared("Relu", [1, 10**9, 4])
declared("Relu", [10**9, 4, 4])
declared("Relu", [1, 2**62, 2**62])
declared("Relu", [1, 0, 4])
declared("Flatten", [1, 10**5, 10**3])
declared("Softmax", [1, 4, 10**5])


def nested(depth: int) -> onnx.ModelProto:
    """If in If in If."""
    inner = helper.make_graph(
        [node("Identity", "x", "o0")], "g", [], [helper.make_tensor_value_info("o0", 1, None)]
    )
    for k in range(1, depth):
        inner = helper.make_graph(
            [node("If", "c", f"o{k}", then_branch=inner, else_branch=inner)]
            if k < 6
            else [node("If", "c", f"o{k}", then_branch=inner, else_branch=SMALL)],
            "g",
            [],
            [helper.make_tensor_value_info(f"o{k}", 1, None)],
        )
    model = graph(
        [node("If", "c", "y", then_branch=inner, else_branch=inner)],
        {"x": [1, 4, 3]},
        ["y"],
        {"c": np.array(True)},
    )
    return model


SMALL = helper.make_graph(
    [node("Identity", "x", "q")], "g", [], [helper.make_tensor_value_info("q", 1, None)]
)
for depth in (5, 12, 25):
    CASES[f"nested_{depth}"] = lambda folder, depth=depth: put(folder, nested(depth))


def looped(trips: int, scan: bool = False) -> onnx.ModelProto:
    """A Loop of a fixed number of trips, which adds."""
    body = helper.make_graph(
        [node("Add", "v x", "w"), node("Identity", "keep", "more")]
        + ([node("Identity", "w", "s")] if scan else []),
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("keep", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v", 1, [1, 3]),
        ],
        [
            helper.make_tensor_value_info("more", TensorProto.BOOL, []),
            helper.make_tensor_value_info("w", 1, [1, 3]),
            *([helper.make_tensor_value_info("s", 1, [1, 3])] if scan else []),
        ],
    )
    loop = node("Loop", "trips true x", "y s" if scan else "y", body=body)
    return graph(
        [loop],
        {"x": [1, 3]},
        ["s" if scan else "y"],
        {"trips": np.array(trips), "true": np.array(True)},
    )


for trips in (10, 1000, 10**5, 10**9, 2**62):
    for scan in (False, True):
        CASES[f"loop_of_{trips}{'_kept' if scan else ''}"] = lambda folder, t=trips, s=scan: put(
            folder, looped(t, s)
        )


def _functions(depth: int) -> onnx.ModelProto:
    """Functions that call the one before twice: 2 ** depth nodes when inlined."""
    functions = [
        helper.make_function(
            "f", "f0", ["a"], ["b"], [node("Neg", "a", "b")], [helper.make_opsetid("", 17)]
        )
    ]
    for k in range(1, depth):
        calls = [
            helper.make_node(f"f{k - 1}", ["a"], ["t"], domain="f"),
            helper.make_node(f"f{k - 1}", ["t"], ["b"], domain="f"),
        ]
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("f", 1)]
        functions.append(helper.make_function("f", f"f{k}", ["a"], ["b"], calls, opsets))
    call = helper.make_node(f"f{depth - 1}", ["x"], ["y"], domain="f")
    model = graph([call], {"x": [1, 4, 3]}, ["y"], {})
    model.opset_import.append(helper.make_opsetid("f", 1))
    model.functions.extend(functions)
    return model


for depth in (8, 20, 40):
    CASES[f"functions_{depth}"] = lambda folder, depth=depth: put(folder, _functions(depth))


@case
def function_that_calls_itself(folder: Path) -> Command:
    model = _functions(2)
    model.functions[0].node[0].op_type = "f1"
    model.functions[0].node[0].domain = "f"
    model.functions[0].opset_import.append(helper.make_opsetid("f", 1))
    return put(folder, model)
