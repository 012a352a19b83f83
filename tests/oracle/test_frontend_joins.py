"""Directions, layers and skip connections: the ways to join, pick and split them, and residuals.

Each graph must give in float what onnxruntime gives, in integers nearly that.
"""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from tests.oracle.graphs import graph, node
from tests.oracle.join_graphs import (
    BOTH,
    CONSTANTS,
    MERGED,
    SECOND,
    SEQUENCE,
    H,
    N,
    X,
    against_onnxruntime,
    floats,
)

CASES: dict[str, tuple[list[onnx.NodeProto], str]] = {
    "everything": ([BOTH], "Y Yh Yc"),
    "merged_by_transpose_and_reshape": (MERGED, "m"),
    "two_layers": (SECOND, "Z Zh"),
    "batch_major": ([*MERGED, node("Transpose", "m", "y", perm=[1, 0, 2])], "y"),
    "one_direction_gathered": ([BOTH, node("Gather", "Y i1", "z", axis=1)], "z"),
    "directions_swapped": ([BOTH, node("Gather", "Yh swap", "z", axis=0)], "z"),
    "directions_split": ([BOTH, node("Split", "Y", "p q", axis=1)], "p q"),
    "merged_split": ([*MERGED, node("Split", "m", "p q", axis=2)], "p q"),
    "merged_sliced": ([*MERGED, node("Slice", "m h end two", "z")], "z"),
    "last_forward_and_first_reverse": (
        [
            *MERGED,
            node("Slice", "m zero h two", "f"),
            node("Slice", "m h hh two", "r"),
            node("Gather", "f last", "a", axis=0),
            node("Gather", "r i0", "b", axis=0),
            node("Concat", "a b", "z", axis=-1),
            node("MatMul", "z w2h", "y"),
        ],
        "y",
    ),
    "last_step_of_both": (
        [*MERGED, node("Gather", "m last", "g", axis=0), node("Gemm", "g w2h", "z")],
        "z",
    ),
    "part_of_a_part": ([*MERGED, node("Slice", "m one h two", "z")], "z"),
    "features_of_one_layer": ([*SEQUENCE, node("Slice", "s zero two two", "z")], "z"),
    "unequal_split": ([*MERGED, node("Split", "m uneven", "p q", axis=2)], "p q"),
    "first_step_sliced": ([*SEQUENCE, node("Slice", "s zero one zero", "z")], "z"),
    "final_states_concatenated": (
        [
            *SECOND,
            node("Concat", "Yh Zh", "hn", axis=0),
            node("Gather", "hn last2", "a", axis=0),
            node("Gather", "hn last", "b", axis=0),
            node("Concat", "a b", "c", axis=1),
            node("Gemm", "c w2h", "z"),
        ],
        "z hn",
    ),
    "final_states_by_layer_and_direction": (
        [
            *SECOND,
            node("Concat", "Yh Zh", "hn", axis=0),
            node("Reshape", "hn layers", "v"),
            node("Gather", "v last", "top", axis=0),
            node("Transpose", "top", "t2", perm=[1, 0, 2]),
            node("Reshape", "t2 row", "z"),
            node("Gather", "v i0", "forward", axis=1),
        ],
        "z forward",
    ),
    "hn_merged": (
        [BOTH, node("Transpose", "Yh", "t", perm=[1, 0, 2]), node("Reshape", "t row", "z")],
        "z",
    ),
    "bias_on_both": ([*MERGED, node("Add", "m b2h", "n"), node("MatMul", "n w2h", "z")], "z"),
    "softmax_over_both": ([*MERGED, node("Softmax", "m", "z", axis=-1)], "z"),
    "flattened_over_time": (
        [*MERGED, node("Reshape", "m flat", "f"), node("MatMul", "f wflat", "z")],
        "z",
    ),
    "residual_of_two_layers": (
        [
            *SECOND,
            node("Transpose", "Z", "t2", perm=[0, 2, 1, 3]),
            node("Add", "t2 t", "r"),
            node("Reshape", "r keep", "z"),
        ],
        "z",
    ),
    "residual_of_the_input": (
        [*SEQUENCE, node("MatMul", "x wx", "p"), node("Add", "s p", "z")],
        "z",
    ),
    "product_of_two": (
        [*SEQUENCE, node("Sigmoid", "s", "g"), node("Mul", "g s", "a"), node("Sub", "a s", "z")],
        "z a",
    ),
    "difference_of_final_states": (
        [BOTH, node("Split", "Yh", "p q", axis=0), node("Sub", "p q", "z")],
        "z",
    ),
    "elu": ([*SEQUENCE, node("Elu", "s", "z", alpha=0.7)], "z"),
    "leaky_relu": ([*SEQUENCE, node("LeakyRelu", "s", "z")], "z"),
    "hard_sigmoid": ([*SEQUENCE, node("HardSigmoid", "s", "z", alpha=0.9, beta=0.3)], "z"),
    "softplus": ([*SEQUENCE, node("Softplus", "s", "z")], "z"),
    "softsign": ([*SEQUENCE, node("Softsign", "s", "z")], "z"),
    "exp": ([*SEQUENCE, node("Exp", "s", "z")], "z"),
    "clip": ([*SEQUENCE, node("Clip", "s lo hi", "z")], "z"),
    "clip_above": ([*SEQUENCE, node("Clip", "s - hi", "z")], "z"),
    "relu_of_both": ([*MERGED, node("Relu", "m", "r"), node("MatMul", "r w2h", "z")], "z"),
    "joined_twice": (
        [*SEQUENCE, node("Concat", "s s", "c", axis=2), node("MatMul", "c w2h", "z")],
        "z",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_graph_computes_what_onnxruntime_does(case: str, tmp_path: Path) -> None:
    nodes, outputs = CASES[case]
    against_onnxruntime(graph(nodes, X, outputs.split(), CONSTANTS), tmp_path)


SKIPS: dict[str, tuple[list[onnx.NodeProto], str]] = {
    "skip_from_the_input": (
        [*SEQUENCE, node("Concat", "s x", "c", axis=2), node("MatMul", "c wskip", "z")],
        "z",
    ),
    "skip_on_the_last_step": (
        [
            *SEQUENCE,
            node("Concat", "x s", "c", axis=2),
            node("Gather", "c last", "g", axis=0),
            node("MatMul", "g wskip", "z"),
        ],
        "z",
    ),
    "input_added": ([*SEQUENCE, node("MatMul", "s w53", "p"), node("Add", "x p", "z")], "z"),
}


@pytest.mark.parametrize("case", SKIPS)
def test_the_input_itself_may_be_joined(case: str, tmp_path: Path) -> None:
    nodes, outputs = SKIPS[case]
    constants = CONSTANTS | {"w53": floats(H, N)}
    against_onnxruntime(graph(nodes, X, outputs.split(), constants), tmp_path)
