"""A file through everything: float against onnxruntime, integers against float, C against numpy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import lstm_edge
from lstm_edge.api.compiled import Compiled
from lstm_edge.api.network import Network
from lstm_edge.interpret.feed import feed_of, run_numpy, stored_feed
from lstm_edge.models.renaming import with_names
from lstm_edge.runner import run_compiled
from tests.oracle.graphs import saved
from tests.support.exactness import QUICK, assert_same_bits, every

SAMPLES = 24
"""Sequences that are drawn: all calibrate, the later half is measured."""
FLOAT = 90.0
"""dB of the float program against onnxruntime."""

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Measured:
    """What became of a file. exact, rounded: by output, dB of the float and the integer program
    against onnxruntime. given: the inputs that were measured.
    """

    network: Network
    compiled: Compiled
    exact: Mapping[str, float]
    rounded: Mapping[str, float]
    given: Mapping[str, Array]


def entire(
    model: onnx.ModelProto,
    folder: Path,
    *,
    least: float = 30.0,
    steps: int = 7,
    data: Mapping[str, Any] | None = None,
    **options: Any,
) -> Network:
    """Load, compile and run on random inputs; returns what was loaded.

    least: dB that the integers reach against onnxruntime. steps: where the file leaves them open.
    data: inputs by name [SAMPLES, *shape] instead of normal ones.
    """
    found = measured(model, folder, steps=steps, data=data, **options)
    assert min(found.exact.values()) > FLOAT, found.exact
    assert min(found.rounded.values()) > least, found.rounded
    same_in_c(found.compiled, {name: array[:4] for name, array in found.given.items()})
    return found.network


def same_in_c(compiled: Compiled, given: Mapping[str, Array]) -> None:
    """The C gives numpy's bits. What `compare` does, with less optimization than its -O2: to build
    takes longer than to run, and tests of the C itself have all levels.
    """
    bundle = compiled.bundle
    feed = stored_feed(bundle.program, feed_of(bundle.reference, given, stream=False))
    found = run_compiled(bundle, "host", feed, optimize=QUICK)
    assert_same_bits(every(run_numpy(bundle.program, feed)), every(found))


def measured(
    model: onnx.ModelProto,
    folder: Path,
    *,
    steps: int = 7,
    data: Mapping[str, Any] | None = None,
    **options: Any,
) -> Measured:
    """The same without a verdict."""
    onnxruntime = pytest.importorskip("onnxruntime")
    network = lstm_edge.load(saved(model, folder), **options)
    named = Network(with_names(network.model, network.model.file_names))
    feeds = dict(data or {})
    rng = np.random.default_rng(len(model.graph.node))
    for value in model.graph.input:
        if value.name not in feeds:
            feeds[value.name] = _drawn(rng, named, value, steps)
    quiet = onnxruntime.SessionOptions()
    quiet.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), quiet)
    names = [output.name for output in session.get_outputs()]
    rows = [
        session.run(names, {n: a[k].astype(_dtype(model, n)) for n, a in feeds.items()})
        for k in range(SAMPLES // 2, SAMPLES)
    ]
    wanted = {n: np.stack([row[k] for row in rows]) for k, n in enumerate(names)}
    compiled = lstm_edge.compile(named, target="cortex-m4", calibration=feeds)
    given = {name: array[SAMPLES // 2 :] for name, array in feeds.items()}
    exact, rounded = compiled.run(given, on="float"), compiled.run(given)
    for name, array in wanted.items():
        assert exact[name].shape == array.shape, name
    return Measured(
        network,
        compiled,
        {name: decibels(array, exact[name]) for name, array in wanted.items()},
        {name: decibels(array, rounded[name]) for name, array in wanted.items()},
        given,
    )


def _dtype(model: onnx.ModelProto, name: str) -> Any:
    value = next(i for i in model.graph.input if i.name == name)
    return onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)


def _drawn(rng: np.random.Generator, named: Network, value: Any, steps: int) -> Array:
    shape = [steps if n == -1 else n for n in named.inputs[value.name]]
    return rng.normal(size=(SAMPLES, *shape)).astype(np.float32)


def decibels(wanted: Array, found: Array) -> float:
    """The ratio of signal to error."""
    signal = float((np.asarray(wanted, np.float64) ** 2).sum())
    error = float(((np.asarray(wanted, np.float64) - found) ** 2).sum())
    return np.inf if error == 0.0 else float(10.0 * np.log10(max(signal, 1e-30) / error))
