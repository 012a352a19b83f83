"""The Keras front end: a model that `model.save` wrote, as .keras or .h5, becomes a graph of ONNX.

Neither Keras nor TensorFlow is needed: the file describes its layers in JSON, and h5py reads their
weights. Each layer becomes nodes that are labelled with its name; from there on the ONNX front end
goes on. Inputs and outputs have the names of their layers.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lstm_edge.errors import ModelError
from lstm_edge.frontend.keras.config import layer_config
from lstm_edge.frontend.keras.file import read_keras
from lstm_edge.frontend.keras.models import run_model
from lstm_edge.frontend.keras.net import Call, Net
from lstm_edge.frontend.onnx.load import model_of
from lstm_edge.ir.model import Model


def load_keras(path: Path, steps: int | None, pairs: Mapping[str, str] | None = None) -> Model:
    """Read a Keras file; see `frontend.load`. The model has no name yet."""
    file, net = read_keras(path), Net(steps)
    try:
        model = layer_config(file.model, path.name, file.major)
        for name, value in run_model(Call(net, model, file.weights), None):
            net.output(name, value)
    except RecursionError as error:
        raise ModelError(path.name, "has models within models without end") from error
    net.check_lengths(path.name)
    return model_of(path.name, net.graph(file.sha256), steps, pairs, net.roles())
