"""A file's float program against onnxruntime, without compiling it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from lstm_edge.frontend import load
from lstm_edge.interpret.feed import feed_of, run_numpy
from lstm_edge.ir.model import Model
from lstm_edge.models.renaming import with_names
from lstm_edge.passes.lower_real import lower_real
from tests.oracle.graphs import saved

SAMPLES = 3


def in_float(model: onnx.ModelProto, folder: Path, limit: float = 1e-5) -> Model:
    """Load, run on random inputs and compare every output; returns what was loaded.

    limit: the largest difference, relative to the largest number of an output.
    """
    onnxruntime = pytest.importorskip("onnxruntime")
    loaded = load(saved(model, folder))
    program = lower_real(with_names(loaded, loaded.file_names))
    rng = np.random.default_rng(len(model.graph.node))
    session = onnxruntime.InferenceSession(model.SerializeToString())
    feeds = {
        value.name: rng.normal(size=(SAMPLES, *value.shape)).astype(np.float32)
        for value in session.get_inputs()
    }
    found = run_numpy(program, feed_of(program, feeds, stream=False)).outputs
    names = [output.name for output in session.get_outputs()]
    for k in range(SAMPLES):
        rows = session.run(names, {name: array[k] for name, array in feeds.items()})
        for name, wanted in zip(names, rows, strict=True):
            mine = np.asarray(found[name])[k].reshape(wanted.shape)
            assert np.abs(mine - wanted).max() <= limit * max(1.0, np.abs(wanted).max()), name
    return loaded
