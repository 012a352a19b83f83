"""Inputs that come at different rates: the slow one is held, and read when the others are there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
from lstm_edge.interpret.execute import run
from lstm_edge.ir.program import Program
from lstm_edge.targets import load_target
from tests.oracle.graphs import graph, node, saved
from tests.oracle.state_graphs import floats, weights
from tests.oracle.window_graphs import Arrays, compare
from tests.support.exactness import assert_bit_exact, rendered

pytest.importorskip("onnxruntime")

K, SLOW, A, B, H, UNITS = 4, 6, 3, 2, 5, 7
FAST = K * SLOW
Nodes = list[onnx.NodeProto]
Net = tuple[Nodes, tuple[str, ...], Arrays]


def gru(x: str, y: str, inputs: int) -> tuple[Nodes, Arrays]:
    """A GRU over [1, steps, inputs]: y [1, steps, H] and its end `<y>_last` [1, H]."""
    names = f"{y}_x {y}W {y}R {y}B"
    nodes = [
        node("Transpose", x, f"{y}_x", perm=[1, 0, 2]),
        node("GRU", names, f"{y}_Y {y}_h", hidden_size=H, linear_before_reset=1),
        node("Squeeze", f"{y}_Y at1", f"{y}_s"),
        node("Transpose", f"{y}_s", y, perm=[1, 0, 2]),
        node("Squeeze", f"{y}_h at0", f"{y}_last"),
    ]
    return nodes, weights("GRU", y, inputs, 1, H)


def turned(x: str, y: str) -> onnx.NodeProto:
    return node("Transpose", x, y, perm=[0, 2, 1])


def slower(kernel: int, pads: tuple[int, int]) -> tuple[Nodes, Arrays]:
    """v [1, SLOW, UNITS]: a convolution of a with a stride."""
    nodes = [
        turned("a", "ac"),
        node("Conv", "ac K", "c", strides=[K], pads=[*pads]),
        node("Relu", "c", "r"),
        turned("r", "v"),
    ]
    return nodes, {"K": floats(UNITS, A, kernel)}


def joined(
    kernel: int, pads: tuple[int, int], made: Nodes, arrays: Arrays, b: str, size: int
) -> Net:
    front, own = slower(kernel, pads)
    behind, more = gru("j", "g", UNITS + size)
    nodes = [*front, *made, node("Concat", f"v {b}", "j", axis=2), *behind]
    return nodes, ("g", "g_last"), arrays | own | more


def plain(kernel: int, pads: tuple[int, int]) -> Net:
    return joined(kernel, pads, [], {}, "b", B)


def behind_layers() -> Net:
    """A dense layer and a GRU of the slow input run when the fast one's convolution is there."""
    nodes = [node("MatMul", "b D", "d"), node("Tanh", "d", "e")]
    slow, arrays = gru("e", "s", 4)
    return joined(7, (1, 2), [*nodes, *slow], arrays | {"D": floats(B, 4, seed=3)}, "s", H)


def added() -> Net:
    front, arrays = slower(K, (0, 0))
    behind, more = gru("j", "g", UNITS)
    nodes = [*front, node("MatMul", "b D", "d"), node("Add", "d v", "j"), *behind]
    return nodes, ("g", "g_last"), arrays | more | {"D": floats(B, UNITS, seed=3)}


def held(*made: onnx.NodeProto, **arrays: np.ndarray) -> Net:
    """h [1, FAST, B] beside a, at each step."""
    behind, more = gru("j", "g", A + B)
    return [*made, node("Concat", "a h", "j", axis=2), *behind], ("g", "g_last"), {**arrays, **more}


def resized() -> Net:
    form = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    made = node("Resize", "bc - scales", "u", mode="nearest", **form)
    return held(turned("b", "bc"), made, turned("u", "h"), scales=np.array([1, 1, K], np.float32))


def gathered() -> Net:
    return held(node("Gather", "b at", "h", axis=1), at=np.repeat(np.arange(SLOW), K))


def interleaved(op: str) -> Net:
    """As both exporters of PyTorch write repeat_interleave."""
    shape = [1, 1, K, 1] if op == "Tile" else [1, SLOW, K, B]
    return held(
        node("Unsqueeze", "b two", "w"),
        node(op, "w many", "m"),
        node("Reshape", "m shape", "h"),
        two=np.array([2]),
        many=np.array(shape),
        shape=np.array([1, FAST, B]),
    )


def apart() -> Net:
    """Two branches, of which the ends meet."""
    first, arrays = gru("a", "p", A)
    second, more = gru("b", "q", B)
    nodes = [*first, *second, node("Concat", "p_last q_last", "y", axis=1)]
    return nodes, ("y",), arrays | more


CASES: dict[str, Callable[[], Net]] = {
    "stride": lambda: plain(K, (0, 0)),
    "padded": lambda: plain(7, (1, 2)),
    "causal": lambda: plain(2 * K, (K, 0)),
    "wide": lambda: plain(2 * K + 3, (4, 3)),
    "behind-layers": behind_layers,
    "added": added,
    "Resize": resized,
    "Gather": gathered,
    "Expand": lambda: interleaved("Expand"),
    "Tile": lambda: interleaved("Tile"),
    "apart": apart,
}


AT_THE_END = ("padded", "wide", "behind-layers")
"""Padding behind the sequence: results of steps would come after the last one."""


def model_of(name: str) -> onnx.ModelProto:
    nodes, outputs, arrays = CASES[name]()
    outputs = outputs[-1:] if name in AT_THE_END else outputs
    arrays = {**arrays, "at0": np.array([0]), "at1": np.array([1])}
    return graph(nodes, {"a": (1, FAST, A), "b": (1, SLOW, B)}, outputs, arrays)


def stored(program: Program, streams: int) -> Arrays:
    """Any numbers that inputs hold, [streams, 1, steps, n]; others at each step."""
    rng = np.random.default_rng(5)
    found = {}
    for port in program.inputs:
        fmt, n = program.values[port.value].format, program.values[port.value].length
        found[port.name] = rng.integers(fmt.low, fmt.high + 1, (streams, 1, FAST, n))
    return found


@pytest.mark.parametrize("name", CASES)
def test_a_slow_input(name: str, tmp_path: Path, tool_or_skip: Callable[..., None]) -> None:
    """As onnxruntime has it, step by step, in numpy and in C."""
    tool_or_skip("cc")
    program = compare(model_of(name), tmp_path, budget=28.0).program
    assert program.streams
    assert program.steps == FAST
    assert {port.name: port.every for port in program.inputs} == {"a": 1, "b": K}
    host, m4, inputs = load_target("host"), load_target("cortex-m4"), stored(program, 2)
    assert_bit_exact(program, host, "gates", tmp_path / "c", inputs, rendered_for=m4)


def test_repeated_in_any_number_of_rows(tmp_path: Path) -> None:
    """Of which the size is computed, as torch's older exporter writes it."""
    nodes, outputs, arrays = held(
        node("Unsqueeze", "b at2", "w"),
        node("Tile", "w many", "m"),
        node("Shape", "m", "sizes"),
        node("Slice", "sizes at0 at1 at0", "first"),
        node("Slice", "sizes at3 at4 at0", "last"),
        node("Concat", "first left last", "shape", axis=0),
        node("Reshape", "m shape", "h"),
        many=np.array([1, 1, K, 1]),
        left=np.array([-1]),
        **{f"at{k}": np.array([k]) for k in range(5)},
    )
    shapes = {"a": ("N", FAST, A), "b": ("N", SLOW, B)}
    program = compare(graph(nodes, shapes, outputs, arrays), tmp_path, budget=28.0).program
    assert {port.name: port.every for port in program.inputs} == {"a": 1, "b": K}


def heads(direction: str) -> onnx.ModelProto:
    """A result of each step, one of every third, one of a convolution, and the last."""
    ways = 2 if direction == "bidirectional" else 1
    nodes = [
        node("GRU", "x W R B", "Y", hidden_size=H, direction=direction),
        node("Transpose", "Y", "t", perm=[0, 2, 1, 3]),
        node("Reshape", "t shape", "s"),
        node("MatMul", "s D", "each"),
        node("Slice", "s from end axis third", "some"),
        node("MatMul", "some E", "third_step"),
        node("Transpose", "s", "c", perm=[1, 2, 0]),
        node("Conv", "c K", "seen", strides=[2]),
        node("Gather", "each minus", "last", axis=0),
    ]
    arrays: Arrays = weights("GRU", "", A, ways, H) | {
        "shape": np.array([0, 0, ways * H]),
        "D": floats(ways * H, 4, seed=1),
        "E": floats(ways * H, B, seed=2),
        "K": floats(UNITS, ways * H, 5, seed=3),
        "from": np.array([1]),
        "end": np.array([2**31 - 1]),
        "axis": np.array([0]),
        "third": np.array([3]),
        "minus": np.array(-1),
    }
    outputs = ("each", "third_step", "seen", "last")
    return graph(nodes, {"x": (FAST, 1, A)}, outputs, arrays)


@pytest.mark.parametrize("direction", ["forward", "bidirectional"])
def test_outputs_at_different_rates(
    direction: str, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    """Each has the steps that onnxruntime gives, in numpy and in C."""
    tool_or_skip("cc")
    program = compare(heads(direction), tmp_path).program
    assert program.streams is (direction == "forward")
    host, inputs = load_target("host"), stored(program, 2)
    assert_bit_exact(program, host, "gates", tmp_path / "c", inputs)
    if program.streams:
        texts = rendered(program, host, "gates").files
        assert "return 1 | (t >= 1 && (t - 1) % 3 == 0" in texts["net.c"]
        assert "1 for each, 2 for third_step, 4 for seen." in texts["net.h"]


def test_what_a_slow_input_brings_between_its_steps_is_not_read(tmp_path: Path) -> None:
    """Where nothing repeats it: at one step of each K alone."""
    program = compare(model_of("padded"), tmp_path).program
    inputs = {
        name: array[:, 0] // 8 for name, array in stored(program, 1).items()
    }  # no gate is full
    reads = [t for t in range(FAST) if _depends(program, inputs, t)]
    assert reads == list(range(1, FAST, K))


def _depends(program: Program, inputs: Arrays, tick: int) -> bool:
    other = {name: array.copy() for name, array in inputs.items()}
    other["b"][:, tick] *= -1
    found, again = (run(program, each)[0] for each in (inputs, other))
    return any(not np.array_equal(found[name], again[name]) for name in found)


def test_open_lengths_tell_no_rate(tmp_path: Path) -> None:
    nodes, outputs, arrays = plain(K, (0, 0))
    arrays = {**arrays, "at0": np.array([0]), "at1": np.array([1])}
    made = graph(nodes, {"a": (1, "fast", A), "b": (1, "slow", B)}, outputs, arrays)
    with pytest.raises(ModelError, match="leaves a length open; export it with the lengths"):
        load(saved(made, tmp_path), name="net")


def test_lengths_of_which_none_is_a_multiple_are_refused(tmp_path: Path) -> None:
    nodes, outputs, arrays = apart()
    arrays = {**arrays, "at0": np.array([0]), "at1": np.array([1])}
    made = graph(nodes, {"a": (1, FAST, A), "b": (1, SLOW + 1, B)}, outputs, arrays)
    with pytest.raises(ModelError, match=f"{SLOW + 1} of 'b' and {FAST} of 'a'.*an output there"):
        load(saved(made, tmp_path), name="net")
