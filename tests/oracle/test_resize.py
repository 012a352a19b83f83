"""Resize along time and along an inner axis: linear and nearest, in numpy and in C."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
from lstm_edge.frontend.model.operators.neighbours import COORDINATES, Resizing, neighbours
from lstm_edge.frontend.model.walk import OnnxNode
from lstm_edge.ir.program import Program
from lstm_edge.targets import load_target
from tests.oracle.graphs import graph, node, saved
from tests.oracle.state_graphs import floats, session_of, weights
from tests.oracle.test_rates import UNITS, A, B, H, gru, turned
from tests.oracle.window_graphs import Arrays, compare
from tests.support.exactness import assert_bit_exact, rendered

pytest.importorskip("onnxruntime")

SLOW, N, C, F = 5, 7, 3, 6
HALF = "half_pixel"
FLOOR = {"nearest_mode": "floor"}
FORM = "coordinate_transformation_mode"
Net = tuple[list[onnx.NodeProto], Arrays]
Wanted = list[float] | list[int]


def resized(x: str, y: str, by: Wanted, places: str = HALF, **more: Any) -> Net:
    """x by scales, which are floats, or by sizes."""
    number, exact = f"{y}_by", isinstance(by[0], float)
    form = {"mode": "linear", FORM: places} | more
    made = node("Resize", f"{x} - {number}" if exact else f"{x} - - {number}", y, **form)
    return [made], {number: np.array(by, np.float32 if exact else np.int64)}


def whole(
    net: Net,
    inputs: dict[str, tuple[int | str, ...]],
    size: int,
    last: bool = False,
    more: tuple[str, ...] = (),
) -> onnx.ModelProto:
    """A GRU over j [1, size, steps], which the nodes make: each step, or the last one alone."""
    nodes, arrays = net
    behind, own = gru("js", "g", size)
    arrays = arrays | own | {"at0": np.array([0]), "at1": np.array([1])}
    return graph(
        [*nodes, turned("j", "js"), *behind],
        inputs,
        ("g_last", *more) if last else ("g", "g_last", *more),
        arrays,
        opset=19,
    )


def two_sensors(
    times: int, places: str = HALF, last: bool = False, slow: int = SLOW, **more: Any
) -> onnx.ModelProto:
    """b, of which a vector comes every `times` steps, between its steps beside a."""
    by: Wanted = [1.0, 1.0, float(times)] if times != 3 else [1, B, 3 * slow]
    nodes, arrays = resized("b", "u", by, places, **more)
    nodes.append(node("Concat", "a u", "j", axis=1))
    inputs: Any = {"a": (1, A, times * slow), "b": (1, B, slow)}
    return whole((nodes, arrays), inputs, A + B, last)


def scaled() -> onnx.ModelProto:
    """The slow input less its mean, between the steps of which a convolution is there later."""
    made, arrays = resized("m", "u", [1.0, 1.0, 4.0])
    nodes = [
        node("Sub", "b mean", "d"),
        node("Div", "d deviation", "m"),
        *made,
        node("Conv", "a K", "c", pads=[3, 3]),
        node("Concat", "c u", "j", axis=1),
    ]
    arrays |= {
        "K": floats(UNITS, A, 7) * 0.5,
        "mean": floats(B, 1),
        "deviation": 1.5 + floats(B, 1) ** 2,
    }
    return whole((nodes, arrays), {"a": (1, A, 20), "b": (1, B, SLOW)}, UNITS + B, last=True)


def two_slow() -> onnx.ModelProto:
    """Inputs of three rates, and a sum of two of them."""
    first, arrays = resized("b", "u", [1.0, 1.0, 4.0])
    second, more = resized("d", "v", [1.0, 1.0, 2.0], "asymmetric")
    nodes = [*first, *second, node("Add", "u v", "s"), node("Concat", "a s", "j", axis=1)]
    inputs: Any = {"a": (1, A, 20), "b": (1, B, SLOW), "d": (1, B, 2 * SLOW)}
    return whole((nodes, arrays | more), inputs, A + B, last=True)


def window(by: Wanted, places: str = HALF, size: int = N, **more: Any) -> onnx.ModelProto:
    """Other steps of the only input."""
    return whole(resized("x", "j", by, places, **more), {"x": ("rows", C, size)}, C)


def as_exported(size: int) -> onnx.ModelProto:
    """To a size, of any number of rows, as PyTorch writes it."""
    made, arrays = resized("x", "j", [size])
    made[0].input[3] = "sizes"
    nodes = [
        node("Shape", "x", "shape"),
        node("Slice", "shape from to zero", "outer"),
        node("Concat", "outer j_by", "sizes", axis=0),
        *made,
    ]
    arrays |= {"from": np.array([0]), "to": np.array([2]), "zero": np.array([0])}
    return whole((nodes, arrays), {"x": ("rows", C, N)}, C)


def computed(steps: int, pads: int, last: bool = False, **more: Any) -> onnx.ModelProto:
    """A stride and back again; what is there in between is an output of its own."""
    made, arrays = resized("e", "j", [1.0, 1.0, 3.0], **more)
    nodes = [
        node("Conv", "x K", "c", strides=[3], pads=[pads, pads]),
        node("Tanh", "c", "e"),
        *made,
        turned("e", "es"),
    ]
    behind, others = gru("es", "s", UNITS)
    arrays |= others | {"K": floats(UNITS, C, 3)}
    return whole(([*nodes, *behind], arrays), {"x": (1, C, steps)}, UNITS, last, ("s_last",))


def two_levels(
    places: str, pads: tuple[int, int], last: bool = True, steps: int = 24, **more: Any
) -> onnx.ModelProto:
    """Two strides and back again, beside what was there before each of them; of an odd number of
    steps there is one more in the end.
    """
    first, arrays = resized("e", "u", [1.0, 1.0, 2.0], places, **more)
    second, others = resized("f", "v", [1.0, 1.0, 2.0], places, **more)
    nodes = [
        node("Conv", "x K", "c", strides=[2], pads=pads),
        node("Tanh", "c", "d"),
        node("Conv", "d L", "m", strides=[2], pads=pads),
        node("Tanh", "m", "e"),
        *first,
        node("Concat", "d u", "du", axis=1),
        node("Conv", "du M", "n", pads=pads),
        node("Tanh", "n", "f"),
        *second,
        node("Concat", "v v" if steps % 2 else "x v", "j", axis=1),
    ]
    arrays |= others | {"K": floats(UNITS, C, 3), "L": floats(4, UNITS, 3) * 0.5}
    arrays["M"] = floats(5, UNITS + 4, 3) * 0.5
    return whole((nodes, arrays), {"x": (1, C, steps)}, 10 if steps % 2 else C + 5, last)


def behind_a_layer(last: bool, **more: Any) -> onnx.ModelProto:
    """A slow input's own LSTM, between its steps."""
    made, arrays = resized("sc", "u", [1.0, 1.0, 4.0], **more)
    nodes = [
        node("LSTM", "b sW sR sB", "Y", hidden_size=H),
        node("Squeeze", "Y at1", "s"),
        node("Transpose", "s", "sc", perm=[1, 2, 0]),
        *made,
        node("Concat", "a u", "j", axis=1),
    ]
    inputs: Any = {"b": (SLOW, 1, B), "a": (1, A, 4 * SLOW)}
    return whole((nodes, arrays | weights("LSTM", "s", B, 1, H)), inputs, A + H, last)


def both_ways() -> onnx.ModelProto:
    """A bidirectional layer between two strides and the way back from one of them."""
    made, arrays = resized("e", "u", [1.0, 1.0, 2.0])
    nodes = [
        node("Conv", "x K", "c", strides=[2], pads=[1, 1]),
        node("Tanh", "c", "d"),
        node("MaxPool", "d", "p", kernel_shape=[2], strides=[2]),
        node("Transpose", "p", "t", perm=[2, 0, 1]),
        node("GRU", "t sW sR sB", "Y", hidden_size=H, direction="bidirectional"),
        node("Transpose", "Y", "y", perm=[2, 1, 3, 0]),
        node("Reshape", "y shape", "e"),
        *made,
        node("Concat", "d u", "du", axis=1),
        node("Conv", "du L", "j"),
    ]
    arrays |= weights("GRU", "s", UNITS, 2, H) | {"shape": np.array([1, 2 * H, 4])}
    arrays |= {"K": floats(UNITS, C, 3), "L": floats(4, UNITS + 2 * H, 1) * 0.3}
    return whole((nodes, arrays), {"x": (1, C, 16)}, 4)


def gathered() -> onnx.ModelProto:
    """Each step of what a stride leaves, several times."""
    nodes = [
        node("Conv", "x K", "c", strides=[3]),
        node("Tanh", "c", "e"),
        node("Gather", "e at", "u", axis=2),
        node("Concat", "x u", "j", axis=1),
    ]
    arrays = {"K": floats(UNITS, C, 3), "at": np.repeat(np.arange(5), 3)}
    return whole((nodes, arrays), {"x": (1, C, 15)}, C + UNITS, last=True)


def transposed(kernel: int, pads: int, more: int, last: bool = True, **own: Any) -> onnx.ModelProto:
    """A stride and back again by a transposed convolution, beside what was there before."""
    nodes = [
        node("Conv", "x K", "c", strides=[2], pads=[1, 1] if last else [1, 0]),
        node("Tanh", "c", "e"),
        node(
            "ConvTranspose",
            "e L k",
            "u",
            strides=[2],
            pads=[pads] * 2,
            output_padding=[more],
            **own,
        ),
        node("Concat", "x u", "j", axis=1),
    ]
    arrays = {"K": floats(UNITS - 1, C, 3 if last else 2), "k": floats(4)}
    arrays["L"] = floats(UNITS - 1, 4 // own.get("group", 1), kernel) * 0.5
    return whole((nodes, arrays), {"x": (1, C, 16)}, C + 4, last)


def alone(steps: int | str) -> onnx.ModelProto:
    """A transposed convolution of the only input."""
    nodes = [node("ConvTranspose", "x K", "j", strides=[2], pads=[1, 0])]
    return whole((nodes, {"K": floats(C, 4, 3)}), {"x": (1, C, steps)}, 4)


def image(by: Wanted, steps: int, size: int, places: str = HALF, **more: Any) -> onnx.ModelProto:
    """Places of an inner axis, and steps."""
    made, arrays = resized("r", "u", by, places, **more)
    nodes = [
        node("Conv", "x K", "c", pads=[0, 1, 0, 1]),
        node("Relu", "c", "r"),
        *made,
        node("Transpose", "u", "t", perm=[0, 1, 3, 2]),
        node("Reshape", "t shape", "j"),
    ]
    arrays |= {"K": floats(C, 1, 1, 3) * 0.5, "shape": np.array([1, C * size, steps])}
    return whole((nodes, arrays), {"x": (1, 1, N, F)}, C * size)


STREAMING: dict[str, Callable[[], onnx.ModelProto]] = {
    "twice": lambda: two_sensors(2, last=True),
    "three times": lambda: two_sensors(3, last=True),
    "four times": lambda: two_sensors(4, "pytorch_half_pixel", last=True),
    "asymmetric": lambda: two_sensors(4, "asymmetric", last=True),
    "nearest": lambda: two_sensors(4, "asymmetric", mode="nearest", nearest_mode="floor"),
    "scaled": scaled,
    "two slow inputs": two_slow,
    "behind a layer": lambda: behind_a_layer(last=True),
    "computed": lambda: computed(21, 1, last=True),
    "fewer steps than there are": lambda: computed(23, 0, last=True),
    "two levels": lambda: two_levels(HALF, (1, 1)),
    "odd": lambda: two_levels(HALF, (1, 1), steps=23),
    "at each step": lambda: two_levels("asymmetric", (2, 0), False, mode="nearest", **FLOOR),
    "gathered": gathered,
    "transposed": lambda: transposed(4, 1, 0, group=2),
    "transposed, one more": lambda: transposed(3, 2, 1, dilations=[2]),
    "transposed at each step": lambda: transposed(2, 0, 0, last=False),
    "half": lambda: window([1.0, 1.0, 0.5]),
    "a third": lambda: window([2], axes=[2], size=6),
    "places": lambda: image([1.0, 1.0, 1.0, 2.0], N, 12),
    "corners of places": lambda: image([1, C, N, 9], N, 9, "align_corners"),
}

ENTIRE: dict[str, Callable[[], onnx.ModelProto]] = {
    "eight times": lambda: two_sensors(8),
    "forty times": lambda: two_sensors(40, last=True, slow=2),
    "corners of a slow input": lambda: two_sensors(4, "align_corners"),
    "corners behind a layer": lambda: behind_a_layer(True, places="align_corners"),
    "all steps of what is computed": lambda: computed(23, 0),
    "both ways": both_ways,
    "window": lambda: window([1.0, 1.0, 2.0]),
    "corners": lambda: window([1, C, 16], "align_corners"),
    "as exported": lambda: as_exported(17),
    "scales": lambda: window([1.0, 1.0, 1.7], "asymmetric"),
    "nearest of a window": lambda: window([1.0, 1.0, 3.0], mode="nearest"),
    "transposed, of a window": lambda: alone(N),
    "fewer": lambda: window([4], axes=[2]),
    "both": lambda: image([2.0, 0.5], 14, 3, axes=[2, 3]),
}

IN_C = ("behind a layer", "computed", "at each step", "corners", "places")
"""Of each way one: what C computes is the same for all."""
CASES = STREAMING | ENTIRE


@pytest.mark.parametrize("name", [name for name in CASES if name not in IN_C])
def test_resize(name: str, tmp_path: Path) -> None:
    """As onnxruntime has it, step by step."""
    program = compare(CASES[name](), tmp_path, budget=40.0).program
    assert program.streams is (name in STREAMING)


@pytest.mark.parametrize("name", IN_C)
def test_resize_in_c(name: str, tmp_path: Path, tool_or_skip: Callable[..., None]) -> None:
    tool_or_skip("cc")
    program = compare(CASES[name](), tmp_path, budget=40.0).program
    assert program.streams is (name in STREAMING)
    host, m4, inputs = load_target("host"), load_target("cortex-m4"), stored(program)
    assert_bit_exact(program, host, "gates", tmp_path / "c", inputs, rendered_for=m4)


def test_what_is_held_belongs_to_the_state(tmp_path: Path) -> None:
    """Scratch is used within a step only."""
    program = compare(CASES["computed"](), tmp_path, budget=40.0).program
    header = rendered(program, load_target("host"), "gates").files["net.h"]
    state, _, scratch = header.partition("/* scratch */")
    assert " kept_y[" in state
    assert " hold_y[" in scratch


def stored(program: Program) -> Arrays:
    """Any numbers that inputs hold, [2 streams, 1, steps, n]; others at each step."""
    rng, found = np.random.default_rng(5), {}
    for port in program.inputs:
        fmt, n = program.values[port.value].format, program.values[port.value].length
        found[port.name] = rng.integers(fmt.low, fmt.high + 1, (2, 1, program.steps, n))
    return found


@pytest.mark.parametrize("mode", COORDINATES)
def test_shares_are_those_of_onnxruntime(mode: str) -> None:
    """Linear by scales and sizes, nearest as it rounds, for whole multiples."""
    for size, by in ((5, 2.0), (5, 3.0), (4, 4.0), (7, 1.7), (6, 0.4), (5, 12), (9, 4), (3, 1)):
        exact = isinstance(by, float)
        count = int(np.float32(by) * np.float32(size)) if exact else by
        resizing = Resizing(size, count, by if exact else by / size)
        for form in ("linear", "floor", "ceil", "round_prefer_floor", "round_prefer_ceil"):
            more = {"mode": form} if form == "linear" else {"mode": "nearest", "nearest_mode": form}
            if form != "linear" and not resizing.times:
                continue
            wanted: Wanted = [1.0, 1.0, by] if exact else [1, 1, count]
            made, arrays = resized("x", "y", wanted, mode, **more)
            session = session_of(graph(made, {"x": (1, 1, size)}, ("y",), arrays, opset=19))
            rows = [session.run(None, {"x": e[None, None]})[0] for e in np.eye(size, dtype="f")]
            known = OnnxNode("Resize", "n", (), (), (), {**more, FORM: mode})
            found = neighbours(known, resizing).matrix(size)
            np.testing.assert_allclose(found.T, np.stack(rows)[:, 0, 0], atol=1e-6)


REFUSED: dict[str, tuple[Callable[[], onnx.ModelProto], str]] = {
    "cubic": (lambda: window([1.0, 1.0, 2.0], mode="cubic"), "mode 'cubic'; only nearest and lin"),
    "nearest": (lambda: window([1, C, 17], mode="nearest"), "whole multiples.*mode linear, or a G"),
    "antialias": (lambda: window([1.0, 1.0, 0.5], antialias=1), "antialias = 1 .*; export 0"),
    "crop": (lambda: window([1, C, 9], "tf_half_pixel_for_nn"), "is not supported; export one of"),
    "transposed": (lambda: alone("steps"), "length is not known; give it with --steps"),
    "transposed, of a step": (lambda: alone(1), "slides a kernel .3. over one vector of the whole"),
    "open": (
        lambda: whole(resized("x", "j", [1.0, 1.0, 2.0]), {"x": (1, C, "steps")}, C),
        "length is not known; give it with --steps",
    ),
    "long": (
        lambda: whole(resized("x", "j", [1.0, 1.0, 2.0]), {"x": (1, 40, 2000)}, 40),
        "80000 numbers, more than 65536; make the sequence or its features fewer",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str, tmp_path: Path) -> None:
    made, words = REFUSED[name]
    with pytest.raises(ModelError, match=words):
        load(saved(made(), tmp_path), name="net")
