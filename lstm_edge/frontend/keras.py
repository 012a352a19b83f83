"""The Keras front end: a model that `model.save` wrote, as .keras or as .h5, becomes a Model.

Neither Keras nor TensorFlow is needed: the file describes its layers in JSON, and h5py reads their
weights. Inputs and outputs have the names of their layers.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lstm_edge.errors import ModelError
from lstm_edge.frontend.draft import Draft
from lstm_edge.frontend.finish import finish
from lstm_edge.frontend.keras_config import layer_config
from lstm_edge.frontend.keras_file import read_keras
from lstm_edge.frontend.keras_flow import Flow, settle
from lstm_edge.frontend.keras_graph import Walk, run_model
from lstm_edge.frontend.names import unique
from lstm_edge.ir.model import Model, Port


def load_keras(path: Path, steps: int | None) -> Model:
    """Read a Keras file; see `frontend.load`. The model has no name yet."""
    file = read_keras(path)
    walk = Walk(Draft(), steps)
    outputs = run_model(walk, layer_config(file.model, path.name, file.major), file.weights, None)
    entries = [(name, *_entry(walk.draft, name, flow)) for name, flow in walk.inputs]
    lengths = {steps for _, _, steps in entries}
    if len(lengths) > 1:
        raise ModelError(path.name, "its inputs have sequences of different lengths; give --steps")
    taken: set[str] = set()
    inputs = [replace(port, name=unique(name, taken)) for name, port, _ in entries]
    taken = set()
    results = [_output(walk.draft, unique(name, taken), flow) for name, flow in outputs]
    timed = frozenset(flow.tensor for _, flow in walk.inputs)
    return finish(walk.draft, inputs, results, timed, next(iter(lengths), None), file.sha256)


def _entry(draft: Draft, name: str, flow: Flow) -> tuple[Port, int | None]:
    """The port of an input and the length of its sequence."""
    if flow.kind != "raw":
        return _port(name, flow), flow.steps
    features = draft.features[flow.tensor]
    if features is None:
        raise ModelError(
            f"input {name!r}",
            "is one vector for a whole sequence; only sequences are supported yet",
        )
    port = Port(name, flow.tensor, ("batch", "time*feature"), (1, flow.features))
    return port, flow.features // features


def _port(name: str, flow: Flow) -> Port:
    if flow.kind == "vector":
        return Port(name, flow.tensor, ("batch", "feature"), (1, flow.features))
    steps = -1 if flow.steps is None else flow.steps
    axes, shape = ("batch", "time", "feature"), (1, steps, flow.features)
    return Port(name, flow.tensor, axes, shape)


def _output(draft: Draft, name: str, flow: Flow) -> Port:
    if flow.kind == "flat":
        raise ModelError(f"output {name!r}", "is a flattened sequence; leave out the Flatten")
    if flow.flipped:
        raise ModelError(
            f"output {name!r}",
            "has its steps in reversed order (go_backwards with return_sequences): not supported; "
            "use Bidirectional, or reverse the sequence outside of the model",
        )
    return _port(name, settle(draft, flow, f"output {name!r}"))
