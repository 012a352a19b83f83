"""Networks of samples in other forms than STFT of an input: as onnxruntime computes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
from lstm_edge.frontend.onnx.file import read_onnx
from lstm_edge.frontend.rewrite import rewrite
from lstm_edge.passes.options import Options
from tests.oracle.audio_graphs import (
    FRONTS,
    HOPS,
    SAMPLES,
    frames,
    model,
    of_part,
    padded,
    transformed,
)
from tests.oracle.graphs import graph, node, saved
from tests.oracle.spectrum_graphs import BANDS, FRAME, HOP, STEPS, Part, network
from tests.oracle.state_graphs import weights
from tests.oracle.test_spectra import kinds
from tests.oracle.window_graphs import compare
from tests.support.spectra import mel_weights

pytest.importorskip("onnxruntime")

FINE = Options(activations=16, weights=16)


@pytest.mark.parametrize("front", FRONTS)
def test_a_front_end(front: str, tmp_path: Path) -> None:
    """A spectrum, its power, logarithms of bands; in a stream unless zeros are behind the end."""
    length = HOPS.get(front, HOP) * STEPS
    compared = compare(model(front), tmp_path, lengths=(length,), options=FINE, budget=40.0)
    assert kinds(compared.model)[:2] == ["spectrum", "bin_power"]
    assert compared.program.streams == (front != "zeros-around")


def renewed(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same file for the opset in which DFT has its axis as an input."""
    model.opset_import[0].version = 20
    return model


def test_the_axis_as_an_input(tmp_path: Path) -> None:
    graph = renewed(network(*transformed(frames(), axis=None), SAMPLES))

    compared = compare(graph, tmp_path, lengths=(SAMPLES,), options=FINE, budget=40.0)
    assert kinds(compared.model)[:2] == ["spectrum", "bin_power"]


def of_steps(seen: int, length: int | None, times: bool) -> onnx.ModelProto:
    """x [1, steps, samples], frames themselves, of any number of steps."""
    nodes, arrays = transformed(([], {}), length=length)
    first = node("Mul", "x win", "fr") if times else node("Identity", "x", "fr")
    arrays["win"] = np.linspace(0.5, 1.5, seen).astype(np.float32)
    made = network([first, *nodes], arrays, STEPS)
    shape = made.graph.input[0].type.tensor_type.shape
    shape.dim[1].dim_param = "steps"
    shape.dim.add().dim_value = seen
    return made


@pytest.mark.parametrize(
    ("seen", "length", "times"), [(FRAME, None, True), (50, FRAME, False), (80, FRAME, True)]
)
def test_frames_that_are_steps(seen: int, length: int | None, times: bool, tmp_path: Path) -> None:
    """DFT of each, the window in it, with zeros behind or without the last samples."""
    graph = of_steps(seen, length, times)
    compared = compare(graph, tmp_path, lengths=(STEPS, 7), options=FINE, budget=40.0)
    assert kinds(compared.model)[:2] == ["spectrum", "bin_power"]


def emphasized_in_frames() -> Part:
    """Each frame for itself: its first sample less 0.95 of itself."""
    nodes, arrays = frames()
    arrays |= {"a": np.float32(0.95), "front": np.array([0]), "back": np.array([-1])}
    arrays |= {"axis": np.array([2]), "pads": np.array([0, 0, 1, 0, 0, 0])}
    emphasized_ = [
        nodes[0],
        node("Pad", "g pads", "held", mode="edge"),
        node("Slice", "held front back axis", "before"),
        node("Mul", "before a", "less"),
        node("Sub", "g less", "sharp"),
        node("Mul", "sharp win", "fr"),
    ]
    return transformed((emphasized_, arrays))


def test_what_is_done_to_each_frame(tmp_path: Path) -> None:
    graph = network(*emphasized_in_frames(), SAMPLES)
    compared = compare(graph, tmp_path, lengths=(SAMPLES,), options=FINE, budget=40.0)
    (spectrum, *_) = compared.model.layers
    assert spectrum.op.params["window"].shape == (2, FRAME)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"onesided": 0}, "onesided = 0: expected 0 and 1"),
        ({"inverse": 1, "onesided": 0}, "attributes inverse = 1"),
        ({"axis": 1}, "transforms axis 1 of .* expected the one before the last"),
    ],
)
def test_other_transforms_are_refused(change: dict[str, int], message: str, tmp_path: Path) -> None:
    graph = of_steps(FRAME, None, False)
    dft = next(n for n in graph.graph.node if n.op_type == "DFT")
    kept = [a for a in dft.attribute if a.name not in change]
    del dft.attribute[:]
    dft.attribute.extend(kept)
    dft.attribute.extend(onnx.helper.make_attribute(k, v) for k, v in change.items())
    with pytest.raises(ModelError, match=message):
        load(saved(graph, tmp_path))


def test_a_frame_of_another_length_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="powers of two from 16 to 2048"):
        load(saved(of_steps(60, None, False), tmp_path))


def test_samples_that_are_mirrored_are_refused(tmp_path: Path) -> None:
    """As center=True does it: the first frames and the last are no others' like."""
    around = node("Pad", "x pads", "wave", mode="reflect")
    nodes, arrays = of_part(around, pads=[0, FRAME // 2, 0, FRAME // 2])
    with pytest.raises(ModelError, match=r"in its frames 0, 1, 11, 12 of 13 than .* center=False"):
        load(saved(network(nodes, arrays, SAMPLES), tmp_path))


DECIBEL = 10.0 / np.log(10.0)


def decibels(way: str) -> onnx.ModelProto:
    """10 log10 of bands, of no less than 1e-7; and as `way` says."""
    nodes, arrays = padded(0, 0)
    arrays |= {
        "mel": mel_weights(BANDS, FRAME).T,
        "least": np.array(1e-7, np.float32),
        "ten": np.array(np.log(10.0), np.float32),
        "tenth": np.array(10.0, np.float32),
        "range": np.array(40.0, np.float32),
        "small": np.array(0.05, np.float32),
        "axis0": np.array([0]),
        "all": np.array([-2, -1]),
        "D": np.random.default_rng(5).normal(size=(BANDS, BANDS)).astype(np.float32) * 0.5,
        "lift": np.linspace(1.0, 3.0, BANDS).astype(np.float32),
        **weights("GRU", "g", BANDS, 1, 5),
    }
    made = [
        *nodes,
        node("Transpose", "p", "turned", perm=[0, 2, 1]),
        node("MatMul", "turned mel", "m"),
        node("Clip", "m least", "floor"),
        node("Log", "floor", "natural"),
        node("Div", "natural ten", "log10"),
        node("Mul", "log10 tenth", "db"),
    ]
    last = "db"
    if way == "range":
        made += [
            node("ReduceMax", "db", "most", axes=[-2, -1], keepdims=1),
            node("Sub", "most range", "bottom"),
            node("Max", "db bottom", "ranged"),
        ]
        last = "ranged"
    if way == "mfcc":
        made += [node("MatMul", "db D", "c"), node("Mul", "c lift", "lifted")]
        last = "lifted"
    made += [
        node("Mul", f"{last} small", "features"),
        node("Transpose", "features", "t", perm=[1, 0, 2]),
        node("GRU", "t gW gR gB", "Y h", hidden_size=5),
        node("Squeeze", "h axis0", "last"),
    ]
    return graph(made, {"x": (1, SAMPLES)}, ("last",), arrays)


@pytest.mark.parametrize("way", ["floor", "range", "mfcc"])
def test_decibels(way: str, tmp_path: Path) -> None:
    """Over a floor, over what is 40 dB below the largest of the whole recording, as MFCC with
    lifted coefficients; what knows the largest comes after the last step.
    """
    compared = compare(decibels(way), tmp_path, lengths=(SAMPLES,), options=FINE, budget=40.0)
    assert kinds(compared.model)[:2] == ["spectrum", "bin_power"]
    assert compared.program.streams == (way != "range")


def smoothed(way: str, steps: int) -> Part:
    """M of E [1, steps, BANDS]: an average over time that begins with 0, or with the first step."""
    arrays = {"kept": np.array(0.9, np.float32), "new": np.array(0.1, np.float32)}
    arrays |= {"0": np.array(0), "axis": np.array([1])}
    nodes = []
    start = "nothing"
    if way.endswith("first"):
        start = "e0"
    else:
        arrays["nothing"] = np.full((1, BANDS), way.endswith("ones"), np.float32)
    if way.startswith("scan"):
        ports = dict.fromkeys(("m", "e", "m2", "shown"), (1, BANDS))
        values = {n: onnx.helper.make_tensor_value_info(n, 1, s) for n, s in ports.items()}
        body = onnx.helper.make_graph(
            [
                node("Mul", "m kept", "old"),
                node("Mul", "e new", "fresh"),
                node("Add", "fresh old", "m2"),
                node("Identity", "m2", "shown"),
            ],
            "body",
            [values["m"], values["e"]],
            [values["m2"], values["shown"]],
        )
        told = {"num_scan_inputs": 1, "scan_input_axes": [1], "scan_output_axes": [1]}
        if start == "e0":
            nodes.append(node("Gather", "E 0", "e0", axis=1))
        return [*nodes, node("Scan", f"{start} E", "over M", body=body, **told)], arrays
    before, joined = start, []
    for k in range(steps):
        arrays[str(k)] = np.array(k)
        nodes.append(node("Gather", f"E {k}", f"e{k}", axis=1))
        result = f"e{k}"
        if k > 0 or way != "steps-first":
            nodes += [
                node("Mul", f"{before} kept", f"old{k}"),
                node("Mul", f"e{k} new", f"fresh{k}"),
                node("Add", f"old{k} fresh{k}", f"m{k}"),
            ]
            result = f"m{k}"
        nodes.append(node("Unsqueeze", f"{result} axis", f"u{k}"))
        before = result
        joined.append(f"u{k}")
    return [*nodes, node("Concat", " ".join(joined), "M", axis=1)], arrays


def pcen(way: str, gain: str) -> onnx.ModelProto:
    """(E / (eps + M)**0.98 + 2)**0.5 - 2**0.5 before a GRU."""
    nodes, arrays = padded(0, 0)
    steps = (SAMPLES - FRAME) // HOP + 1
    average, more = smoothed(way, steps)
    alpha = -0.98 if gain != "divided" else 0.98
    arrays |= more | {
        "mel": mel_weights(BANDS, FRAME).T,
        "eps": np.array(1e-6, np.float32),
        "alpha": np.array(alpha, np.float32),
        "delta": np.array(2.0, np.float32),
        "half": np.array(0.5, np.float32),
        "root": np.array(2.0**0.5, np.float32),
        "axis0": np.array([0]),
        **weights("GRU", "g", BANDS, 1, 5),
    }
    gains = {
        "divided": [node("Pow", "Me alpha", "power"), node("Div", "E power", "g")],
        "multiplied": [node("Pow", "Me alpha", "power"), node("Mul", "power E", "g")],
        "logarithm": [
            node("Log", "Me", "lm"),
            node("Mul", "lm alpha", "scaled"),
            node("Exp", "scaled", "power"),
            node("Mul", "E power", "g"),
        ],
    }
    made = [
        *nodes,
        node("Transpose", "p", "turned", perm=[0, 2, 1]),
        node("MatMul", "turned mel", "E"),
        *average,
        node("Add", "M eps", "Me"),
        *gains[gain],
        node("Add", "g delta", "above"),
        node("Pow", "above half", "rooted"),
        node("Sub", "rooted root", "features"),
        node("Transpose", "features", "t", perm=[1, 0, 2]),
        node("GRU", "t gW gR gB", "Y h", hidden_size=5),
        node("Squeeze", "h axis0", "last"),
    ]
    return graph(made, {"x": (1, SAMPLES)}, ("last",), arrays)


@pytest.mark.parametrize(
    ("way", "gain"),
    [
        ("steps", "divided"),
        ("steps-first", "divided"),
        ("steps-before-first", "multiplied"),
        ("scan", "logarithm"),
        ("scan-first", "divided"),
    ],
)
def test_pcen(way: str, gain: str, tmp_path: Path) -> None:
    """In logarithms, hop by hop, wherever its average begins."""
    compared = compare(pcen(way, gain), tmp_path, lengths=(SAMPLES,), options=FINE, budget=40.0)
    assert "log_average" in kinds(compared.model)
    assert compared.program.streams


@pytest.mark.parametrize("way", ["steps-ones", "scan-ones", "other-weights", "of-what-has-signs"])
def test_other_averages_stay_what_they_are(way: str, tmp_path: Path) -> None:
    graph = pcen("scan" if "-ones" not in way else way, "divided")
    if way == "other-weights":
        kept = next(a for a in graph.graph.initializer if a.name == "kept")
        kept.CopyFrom(onnx.numpy_helper.from_array(np.array(0.8, np.float32), "kept"))
    if way == "of-what-has-signs":
        mel = next(a for a in graph.graph.initializer if a.name == "mel")
        numbers = -onnx.numpy_helper.to_array(mel)
        mel.CopyFrom(onnx.numpy_helper.from_array(numbers, "mel"))
    assert "log_average" not in kinds(load(saved(graph, tmp_path), name="net"))


def test_steps_joined_along_their_own_numbers_are_no_sequence(tmp_path: Path) -> None:
    """As [1, steps * BANDS]: an average over time of the same steps has another shape."""
    whole = pcen("steps", "logarithm")
    for end_to_end in (False, True):
        if end_to_end:
            kept = [n for n in whole.graph.node if n.op_type != "Unsqueeze"]
            (joined,) = (n for n in kept if n.output[0] == "M")
            joined.input[:] = [name.replace("u", "m") for name in joined.input]
            del whole.graph.node[:]
            whole.graph.node.extend(kept)
        read = read_onnx(saved(whole, tmp_path))
        rewrite(read, None)
        assert ("LogAverage" in [n.op_type for n in read.nodes]) == (not end_to_end)


@pytest.mark.parametrize("op", ["Mul", "Div"])
def test_power_times_a_square_of_any_sign(op: str, tmp_path: Path) -> None:
    """A mask, as tanh makes it of the bands, has no logarithm."""
    nodes, arrays = padded(0, 0)
    numbers = np.random.default_rng(7).normal(size=(BANDS, BANDS)).astype(np.float32) / 3
    arrays |= {"D": numbers, "eps": np.float32(1e-3), "axis0": np.array([0])}
    arrays |= {"square": np.float32(2.0), "away": np.float32(-3.0 if op == "Div" else 0.0)}
    arrays |= {"mel": mel_weights(BANDS, FRAME).T, **weights("GRU", "g", BANDS, 1, 5)}
    made = [
        *nodes,
        node("Transpose", "p", "turned", perm=[0, 2, 1]),
        node("MatMul", "turned mel", "E"),
        node("Add", "E eps", "floor"),
        node("Log", "floor", "l"),
        node("MatMul", "l D", "d"),
        node("Tanh", "d", "mask"),
        node("Add", "mask away", "moved"),
        node("Pow", "moved square", "m2"),
        node(op, "E m2", "g"),
        node("Add", "g eps", "above"),
        node("Log", "above", "features"),
        node("Transpose", "features", "t", perm=[1, 0, 2]),
        node("GRU", "t gW gR gB", "Y h", hidden_size=5),
        node("Squeeze", "h axis0", "last"),
    ]
    built = graph(made, {"x": (1, SAMPLES)}, ("last",), arrays)
    compare(built, tmp_path, lengths=(SAMPLES,), options=FINE, budget=40.0)
