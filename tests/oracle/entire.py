"""A file through everything: float against onnxruntime, integers against float, C against numpy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import lstm_edge
from lstm_edge.api.network import Network
from lstm_edge.models.renaming import with_names
from tests.oracle.graphs import saved

SAMPLES = 24
"""Sequences that are drawn: some calibrate, the rest is measured."""
FLOAT = 90.0
"""dB of the float program against onnxruntime."""


def entire(
    model: onnx.ModelProto,
    folder: Path,
    *,
    least: float = 30.0,
    steps: int = 7,
    data: Mapping[str, Any] | None = None,
    host: bool = True,
    **options: Any,
) -> Network:
    """Load, compile and run on random inputs; returns what was loaded.

    least: dB that the integers reach against onnxruntime. steps: where the file leaves them open.
    data: inputs by name [SAMPLES, *shape] instead of normal ones. host: whether C runs, too.
    """
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
        for k in range(SAMPLES)
    ]
    wanted = {n: np.stack([row[k] for row in rows]) for k, n in enumerate(names)}
    compiled = lstm_edge.compile(named, target="cortex-m4", calibration=feeds)
    given = {name: array[SAMPLES // 2 :] for name, array in feeds.items()}
    exact, rounded = compiled.run(given, on="float"), compiled.run(given)
    for name, array in wanted.items():
        expected = array[SAMPLES // 2 :]
        assert exact[name].shape == expected.shape, name
        assert decibels(expected, exact[name]) > FLOAT, name
        assert decibels(expected, rounded[name]) > least, (name, decibels(expected, rounded[name]))
    if host:
        assert compiled.compare({n: a[:4] for n, a in given.items()}, on="host").ok
    return network


def _dtype(model: onnx.ModelProto, name: str) -> Any:
    value = next(i for i in model.graph.input if i.name == name)
    return onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)


def _drawn(rng: np.random.Generator, named: Network, value: Any, steps: int) -> Any:
    shape = [steps if n == -1 else n for n in named.inputs[value.name]]
    return rng.normal(size=(SAMPLES, *shape)).astype(np.float32)


def decibels(wanted: Any, found: Any) -> float:
    """The ratio of signal to error."""
    signal = float((np.asarray(wanted, np.float64) ** 2).sum())
    error = float(((np.asarray(wanted, np.float64) - found) ** 2).sum())
    return np.inf if error == 0.0 else float(10.0 * np.log10(max(signal, 1e-30) / error))
