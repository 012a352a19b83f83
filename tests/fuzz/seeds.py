"""Files to begin fuzzing with: the smallest of the fixtures, and a few written here."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.oracle.graphs import graph, lstm_weights, node
from tests.support.keras_files import contents

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests" / "fixtures"
LARGEST = 12_000
"""Bytes of a seed: small ones are changed where it matters."""

Files = dict[str, bytes]


def onnx_files() -> Files:
    """Networks of the exporters, and operators that read sizes."""
    found = {
        path.name: path.read_bytes()
        for path in sorted((*FIXTURES.glob("*.onnx"), *FIXTURES.glob("loops/*.onnx")))
        if path.stat().st_size < LARGEST
    }
    weights = {**lstm_weights(3, 2), "one": np.array([1]), "two": np.array([2])}
    head = [node("LSTM", "x W R B", "v - -", hidden_size=2), node("Squeeze", "v one", "h")]
    tails = {
        "slice": [node("Slice", "h one two two", "y")],
        "gather": [node("Gather", "h one", "y", axis=2)],
        "tile": [node("Tile", "h counts", "y")],
        "pad": [node("Pad", "h pads", "y")],
        "conv": [
            node("Transpose", "h", "c", perm=[1, 2, 0]),
            node("Conv", "c K", "d", pads=[2, 0]),
            node("Transpose", "d", "y", perm=[2, 0, 1]),
        ],
        "pool": [
            node("Transpose", "h", "c", perm=[1, 2, 0]),
            node("MaxPool", "c", "d", kernel_shape=[2], strides=[2]),
            node("Transpose", "d", "y", perm=[2, 0, 1]),
        ],
        "mean": [node("ReduceMean", "h", "y", axes=[0], keepdims=0)],
        "reshape": [node("Reshape", "h shape", "r"), node("Softmax", "r", "y", axis=-1)],
        "einsum": [node("Einsum", "h E", "y", equation="tbi,ij->tbj")],
    }
    more = {
        "counts": np.array([1, 1, 2]),
        "pads": np.array([0, 0, 1, 0, 0, 1]),
        "K": np.ones((2, 2, 3), np.float32),
        "shape": np.array([0, -1]),
        "E": np.ones((2, 3), np.float32),
    }
    for name, tail in tails.items():
        nodes = [*head, *tail]
        read = {each for one in nodes for each in one.input}
        own = {k: w.astype(w.dtype) for k, w in (weights | more).items() if k in read}
        model = graph(nodes, {"x": [6, 1, 3]}, ["y"], own)
        found[f"{name}.onnx"] = model.SerializeToString()
    return found


def npz_files() -> Files:
    """Weights of PyTorch, and what says more of them."""
    made = {
        path.name: path.read_bytes()
        for path in sorted(FIXTURES.glob("*.npz"))
        if path.stat().st_size < LARGEST
    }
    rng = np.random.default_rng(0)

    def of(gates: int, hidden: int, inputs: int) -> dict[str, np.ndarray]:
        shapes = {"ih": (gates * hidden, inputs), "hh": (gates * hidden, hidden)}
        return {f"rnn.weight_{k}_l0": rng.normal(size=s) for k, s in shapes.items()}

    kinds = {"lstm": of(4, 2, 3), "gru": of(3, 2, 3), "rnn": of(1, 2, 3)}
    for name, arrays in kinds.items():
        arrays["fc.weight"] = rng.normal(size=(2, 2))
        arrays["fc.bias"] = rng.normal(size=2)
        texts = {"lstm_edge.head": np.array("last")} if name == "gru" else {}
        made[f"{name}.npz"] = saved({k: a.astype(np.float32) for k, a in arrays.items()} | texts)
    return made


def saved(arrays: dict[str, np.ndarray]) -> bytes:
    """An npz file."""
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def keras_files(suffix: str) -> Files:
    """The smallest of both versions."""
    every = {
        f"{version}.{name}": content
        for version in ("keras2", "keras3")
        for name, content in contents(version).items()
        if name.endswith(suffix) and not name.endswith("weights.h5")
    }
    return dict(sorted(every.items(), key=lambda each: len(each[1]))[:20])


def data_files() -> Files:
    """Samples, recordings and states."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6, 1, 5, 3)).astype(np.float32)
    stream = io.BytesIO()
    np.save(stream, x)
    return {
        "samples": saved({"x": x}),
        "recordings": saved({"x__0": x[0], "x__1": x[1, :, :3]}),
        "bare": saved({"x": x[:, 0]}),
        "npy": stream.getvalue(),
    }


def manifest_files() -> Files:
    """That of a small network."""
    import lstm_edge

    network = lstm_edge.load(FIXTURES / "lstm.legacy.onnx", name="net")
    with tempfile.TemporaryDirectory() as folder:
        lstm_edge.compile(network, target="portable").save(Path(folder) / "b")
        content = (Path(folder) / "b" / "manifest.json").read_bytes()
    return {"manifest.json": content, "small.json": json.dumps(json.loads(content)).encode()}


SEEDS: dict[str, Callable[[], Files]] = {
    "onnx": onnx_files,
    "npz": npz_files,
    "keras": lambda: keras_files(".keras"),
    "h5": lambda: keras_files(".h5"),
    "data": data_files,
    "manifest": manifest_files,
}
