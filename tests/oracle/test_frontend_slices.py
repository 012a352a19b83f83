"""Some of the features: of inputs, results, joins and states, read by anything, in C too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from lstm_edge.ir.model import Slice, is_a
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.targets import load_target
from tests.oracle.graphs import graph, node
from tests.oracle.join_graphs import (
    BOTH,
    CONSTANTS,
    MERGED,
    SEQUENCE,
    H,
    N,
    T,
    X,
    against_onnxruntime,
    floats,
    ints,
)
from tests.support.exactness import assert_bit_exact, integer_program, stored_streams

HOST = load_target("host")
DSP = load_target("cortex-m4")

MORE = {
    **CONSTANTS,
    **{f"a{k}": ints(k) for k in range(2 * H + N)},
    "minus2": ints(-2),
    "begin": ints(-(2**40)),
    "picked": ints(3, 0, 0, 4),
    "turned": ints(2, 1, 0),
    "w52": floats(H, 2),
    "w22": floats(2, 2),
    "w32": floats(3, 2),
    "w42": floats(4, 2),
    "w24": floats(2, 4),
    "xsizes": ints(1, 2),
    "eW": floats(1, 4 * H, 2),
    "eR": floats(1, 4 * H, H),
    "eB": floats(1, 8 * H),
    "fW": floats(1, 3 * H, 1),
    "fR": floats(1, 3 * H, H),
    "fB": floats(1, 6 * H),
    "row": ints(1, T * 2),
    "wrow": floats(T * 2, 3),
    "fW4": floats(1, 4 * H, 1),
    "fR4": floats(1, 4 * H, H),
    "fB4": floats(1, 8 * H),
    "hW": floats(1, 4 * H, N),
    "hR": floats(1, 4 * H, H),
    "hB": floats(1, 8 * H),
}
PART = node("Slice", "x a0 a2 a2", "p")
"""The first two features of the input."""
CASES: dict[str, tuple[list[onnx.NodeProto], str]] = {
    "input_in_a_residual": (
        [*SEQUENCE, node("MatMul", "s w52", "d"), PART, node("Add", "d p", "z")],
        "z",
    ),
    "input_before_anything_tells_its_axes": (
        [PART, *SEQUENCE, node("MatMul", "s w52", "d"), node("Add", "d p", "z")],
        "z",
    ),
    "one_feature_of_the_input": (
        [
            node("Slice", "x a1 a2 a2", "p"),
            node("LSTM", "p fW4 fR4 fB4", "Z", hidden_size=H),
        ],
        "Z",
    ),
    "input_into_one_layer": ([PART, node("LSTM", "p eW eR eB", "Z Zh Zc", hidden_size=H)], "Z Zh"),
    "input_into_two_layers": (
        [
            PART,
            node("Slice", "x a2 a3 a2", "q"),
            node("LSTM", "p eW eR eB", "Z", hidden_size=H),
            node("GRU", "q fW fR fB", "Q", hidden_size=H, linear_before_reset=1),
            node("Concat", "Z Q", "z", axis=3),
        ],
        "z",
    ),
    "input_split": (
        [
            node("Split", "x xsizes", "q p", axis=2),
            node("LSTM", "p eW eR eB", "Z", hidden_size=H),
            node("GRU", "q fW fR fB", "Q", hidden_size=H),
        ],
        "Z Q",
    ),
    "input_and_a_part_of_it": (
        [*SEQUENCE, PART, node("Sigmoid", "p", "g"), node("MatMul", "g w22", "z")],
        "s z",
    ),
    "input_from_the_end": (
        [*SEQUENCE, node("Slice", "x minus2 end neg", "p"), node("MatMul", "p w22", "z")],
        "s z",
    ),
    "input_turned": (
        [*SEQUENCE, node("Gather", "x turned", "p", axis=-1), node("MatMul", "p w32", "z")],
        "s z",
    ),
    "result": ([*SEQUENCE, node("Slice", "s a1 a4 two", "z")], "z"),
    "result_before_a_dense_layer": (
        [*SEQUENCE, node("Slice", "s a1 a4 two", "p"), node("MatMul", "p w32", "z")],
        "z s",
    ),
    "result_before_an_lstm": (
        [
            *SEQUENCE,
            node("Slice", "s a2 a4 two", "p"),
            node("LSTM", "p eW eR eB", "Z", hidden_size=H),
        ],
        "Z",
    ),
    "every_second": ([*SEQUENCE, node("Slice", "s a0 end two two", "z")], "z"),
    "backward": ([*SEQUENCE, node("Slice", "s neg begin two neg", "z")], "z"),
    "picked": (
        [*SEQUENCE, node("Gather", "s picked", "p", axis=2), node("MatMul", "p w42", "z")],
        "z",
    ),
    "halves_multiplied": (
        [
            *SEQUENCE,
            node("Slice", "s a0 a2 two", "p"),
            node("Slice", "s a3 a5 two", "q"),
            node("Sigmoid", "q", "g"),
            node("Mul", "p g", "z"),
        ],
        "z",
    ),
    "part_of_a_part": (
        [*SEQUENCE, node("Slice", "s a1 a5 two", "p"), node("Slice", "p a1 a3 two", "z")],
        "z",
    ),
    "across_the_border_of_directions": ([*MERGED, node("Slice", "m a3 a7 two", "z")], "z"),
    "across_a_border_before_dense": (
        [*MERGED, node("Slice", "m a3 a7 two", "p"), node("MatMul", "p w42", "z")],
        "z",
    ),
    "across_a_border_with_the_input": (
        [
            *SEQUENCE,
            node("Concat", "x s", "c", axis=2),
            node("Slice", "c a1 a5 two", "p"),
            node("MatMul", "p w42", "z"),
        ],
        "z",
    ),
    "across_a_border_after_the_last_step": (
        [*MERGED, node("Gather", "m last", "l", axis=0), node("Slice", "l a3 a7 one", "z")],
        "z",
    ),
    "of_the_last_step": (
        [*SEQUENCE, node("Gather", "s last", "l", axis=0), node("Slice", "l a1 a4 one", "z")],
        "z",
    ),
    "the_last_step_of_a_part": (
        [*SEQUENCE, node("Slice", "s a1 a4 two", "p"), node("Gather", "p last", "z", axis=0)],
        "z",
    ),
    "of_final_states": (
        [
            node("LSTM", "x hW hR hB", "Z Zh Zc", hidden_size=H),
            node("Slice", "Zh a1 a3 a2", "p"),
            node("Slice", "Zc a2 a5 a2", "q"),
        ],
        "p q",
    ),
    "of_final_states_of_both": ([BOTH, node("Slice", "Yc a1 a4 two", "z")], "z"),
    "a_gate_of_a_gru": (
        [
            *SEQUENCE,
            node("Slice", "s a0 a2 two", "p"),
            node("Add", "p p", "q"),
            node("MatMul", "p w22", "d"),
            node("Sub", "q d", "z"),
        ],
        "z",
    ),
    "flattened_over_time": (
        [
            *SEQUENCE,
            node("Slice", "s a2 a4 two", "p"),
            node("Reshape", "p row", "f"),
            node("MatMul", "f wrow", "z"),
        ],
        "z",
    ),
    "softmax_of_a_part": (
        [*SEQUENCE, node("Slice", "s a1 a4 two", "p"), node("Softmax", "p", "z", axis=-1)],
        "z",
    ),
    "dense_then_split": (
        [
            *SEQUENCE,
            node("MatMul", "s wh", "d"),
            node("Split", "d", "p q", axis=2),
            node("Sigmoid", "p", "g"),
            node("Mul", "q g", "z"),
        ],
        "z",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_parts_compute_what_onnxruntime_does_and_c_the_same(
    case: str, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip("cc")
    nodes, outputs = CASES[case]
    loaded = against_onnxruntime(graph(nodes, X, outputs.split(), MORE), tmp_path)
    assert any(is_a(n, Slice) for n in loaded.nodes)
    for target, program in ((DSP, integer_program(loaded)), (HOST, lower_real(loaded))):
        inputs = stored_streams(program, T)
        more = {"rendered_for": target}
        assert_bit_exact(program, HOST, "gates", tmp_path / target.name, inputs, **more)
