"""Networks of raw samples: as onnxruntime computes them, or refused by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lstm_edge.data import DRAWN_STEPS, drawn_inputs
from lstm_edge.errors import DataError, ModelError
from lstm_edge.frontend import load
from lstm_edge.interpret.feed import feed_of
from lstm_edge.ir.model import Layer, Model, is_a
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.options import Options
from tests.oracle.graphs import graph, node, saved
from tests.oracle.spectrum_graphs import (
    BINS,
    FRAME,
    FRONTS,
    HOP,
    HOPS,
    LINEAR,
    STEPS,
    basis,
    model,
    network,
    one_basis,
    stft,
)
from tests.oracle.window_graphs import compare

pytest.importorskip("onnxruntime")

SUM = node("ReduceSumSquare", "z", "p", axes=[3], keepdims=0)
FINE = Options(activations=16, weights=16)


def kinds(made: Model) -> list[str]:
    """Names of the cells, in their order."""
    return [n.op.cell.name for n in made.nodes if is_a(n, Layer)]


@pytest.mark.parametrize("front", FRONTS)
def test_a_front_end(front: str, tmp_path: Path) -> None:
    """Of power, logarithms of bands; of what may be below 0, that itself."""
    linear = front in LINEAR
    length = HOPS.get(front, HOP) * STEPS
    compared = compare(
        model(front, mel=not linear), tmp_path, lengths=(length,), options=FINE, budget=40.0
    )
    found = kinds(compared.model)
    assert found[0] == "spectrum"
    assert ("bin_power" in found) == (not linear)
    assert compared.program.streams


@pytest.mark.parametrize("front", ["sum-of-squares", "two-bases"])
def test_a_stream_of_any_length(front: str, tmp_path: Path) -> None:
    """Its samples come hop by hop; a frame is there with its last hop."""
    lengths = (HOP * STEPS, HOP * (STEPS + 5))
    compared = compare(
        model(front, "samples"), tmp_path, lengths=lengths, options=FINE, budget=40.0
    )
    (port,) = compared.model.inputs
    assert (port.axes, port.shape) == (("batch", "time*feature"), (1, -1))
    assert compared.model.tensors[port.tensor].features == HOP
    assert compared.model.steps is None


def test_a_length_that_the_user_says(tmp_path: Path) -> None:
    graph = model("sum-of-squares", "samples")
    compared = compare(graph, tmp_path, steps=9, lengths=(HOP * 9,), options=FINE, budget=40.0)
    assert compared.model.inputs[0].shape == (1, HOP * 9)


def test_a_scale_of_the_samples_goes_into_the_window(tmp_path: Path) -> None:
    nodes, arrays = stft(SUM)
    nodes[0] = node("STFT", "scaled step win length", "bins", onesided=1)
    nodes.insert(0, node("Mul", "x gain", "scaled"))
    arrays["gain"] = np.array(0.25, np.float32)
    compared = compare(
        network(nodes, arrays, HOP * STEPS), tmp_path, lengths=(HOP * STEPS,), options=FINE
    )
    assert kinds(compared.model)[:2] == ["spectrum", "bin_power"]


def test_other_convolutions_stay_what_they_are(tmp_path: Path) -> None:
    """A basis with one wrong bin is none."""
    nodes, arrays = one_basis()
    changed = basis().reshape(2 * BINS, 1, FRAME).copy()
    changed[5] *= -1.0
    length = HOP * STEPS
    graph = network(nodes, arrays | {"K": changed}, length)
    compared = compare(graph, tmp_path, lengths=(length,), options=FINE)
    assert kinds(compared.model)[0] == "conv1d"


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (HOP * STEPS + 5, f"has {HOP * STEPS + 5} samples, which are read by hops of {HOP}"),
        (FRAME, "multiple of that"),
    ],
)
def test_samples_that_are_no_whole_hops(samples: int, message: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=message):
        load(saved(model("sum-of-squares", samples), tmp_path))


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (HOP * STEPS + 5, f"a multiple of {HOP}, such as its first {HOP * STEPS}"),
        (2 * HOP, "have 2 steps, of which an output behind the last one needs 3"),
    ],
)
def test_data_that_are_no_whole_hops_or_no_frame(
    samples: int, message: str, tmp_path: Path
) -> None:
    program = lower_real(load(saved(model("sum-of-squares", "samples"), tmp_path), name="net"))
    with pytest.raises(DataError, match=message):
        feed_of(program, {"x": np.zeros((3, 1, samples), np.float32)}, stream=False)


def test_samples_are_made_up_where_there_are_none(tmp_path: Path) -> None:
    program = lower_real(load(saved(model("sum-of-squares", "samples"), tmp_path), name="net"))
    (made,) = drawn_inputs(program, 2).values()
    assert made.shape == (2, 1, HOP * DRAWN_STEPS)


def test_both_sides_of_a_spectrum_are_refused(tmp_path: Path) -> None:
    nodes, arrays = stft(SUM)
    nodes[0] = node("STFT", "x step win length", "bins", onesided=0)
    with pytest.raises(ModelError, match="onesided = 0"):
        load(saved(network(nodes, arrays, HOP * STEPS), tmp_path))


def test_a_frame_of_another_length_is_refused(tmp_path: Path) -> None:
    nodes, arrays = stft(SUM)
    arrays |= {"length": np.array(60), "win": np.ones(60, np.float32)}
    with pytest.raises(ModelError, match="powers of two from 16 to 2048"):
        load(saved(network(nodes, arrays, HOP * STEPS), tmp_path))


def test_two_hops_of_one_input_are_refused(tmp_path: Path) -> None:
    nodes, arrays = stft(SUM)
    nodes += [
        node("STFT", "x other win length", "bins2", onesided=1),
        node("ReduceSumSquare", "bins2", "unused", axes=[3], keepdims=0),
    ]
    arrays["other"] = np.array(HOP // 2)
    graph = network(nodes, arrays, HOP * STEPS)
    graph.graph.output.add().name = "unused"
    graph.graph.output[-1].type.tensor_type.elem_type = 1
    with pytest.raises(ModelError, match="read by other hops"):
        load(saved(graph, tmp_path))


def test_reflected_samples_are_refused_with_a_way_out(tmp_path: Path) -> None:
    nodes, arrays = stft(SUM)
    nodes[0] = node("STFT", "padded step win length", "bins", onesided=1)
    nodes.insert(0, node("Pad", "x pads", "padded", mode="reflect"))
    arrays["pads"] = np.array([0, FRAME // 2, 0, FRAME // 2])
    with pytest.raises(ModelError, match="center=False"):
        load(saved(network(nodes, arrays, HOP * STEPS), tmp_path))


def test_windows_and_filters_that_a_file_computes(tmp_path: Path) -> None:
    """HannWindow and MelWeightMatrix of constants."""
    nodes, arrays = stft(SUM)
    nodes.insert(0, node("HannWindow", "length", "made"))
    nodes[1] = node("STFT", "x step made length", "bins", onesided=1)
    graph = network(nodes, arrays, HOP * STEPS)
    mel = {"mels": 6, "size": FRAME, "rate": 16000, "from": 0.0, "to": 8000.0}
    for name, value in mel.items():
        kind = np.float32 if isinstance(value, float) else np.int64
        tensor = graph.graph.initializer.add()
        tensor.CopyFrom(numpy_tensor(name, np.array(value, kind)))
    made = node("MelWeightMatrix", "mels size rate from to", "matrix")
    graph.graph.node.insert(0, made)
    product = next(n for n in graph.graph.node if n.op_type == "MatMul")
    product.input[1] = "matrix"
    compared = compare(graph, tmp_path, lengths=(HOP * STEPS,), options=FINE)
    assert kinds(compared.model)[:3] == ["spectrum", "bin_power", "dense"]


def numpy_tensor(name: str, array: np.ndarray) -> object:
    from onnx import numpy_helper

    return numpy_helper.from_array(array, name)


def test_a_convolution_over_the_bins_of_a_magnitude(tmp_path: Path) -> None:
    """It sees a few bins at each of its places, and no band."""
    nodes, arrays = one_basis()
    kernel = np.random.default_rng(4).normal(size=(3, 1, 5, 1)).astype(np.float32)
    behind = [
        node("Sqrt", "p", "m"),
        node("Unsqueeze", "m channel", "plane"),
        node("Conv", "plane bands", "seen", strides=[3, 1]),
        node("ReduceMean", "seen", "y", axes=[2], keepdims=0),
    ]
    made = graph([*nodes, *behind], {"x": (1, HOP * STEPS)}, ("y",), {**arrays, "bands": kernel})
    compare(made, tmp_path, lengths=(HOP * STEPS,), options=FINE, budget=40.0)
