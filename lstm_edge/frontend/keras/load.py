"""The Keras front end: a model that `model.save` wrote, as .keras or as .h5, becomes a Model.

Neither Keras nor TensorFlow is needed: the file describes its layers in JSON, and h5py reads their
weights. Inputs and outputs have the names of their layers.
"""

from __future__ import annotations

from pathlib import Path

from lstm_edge.errors import ModelError
from lstm_edge.frontend.keras.config import layer_config
from lstm_edge.frontend.keras.file import read_keras
from lstm_edge.frontend.keras.flow import Flow, settle
from lstm_edge.frontend.keras.graph import Walk, run_model
from lstm_edge.frontend.keras.inputs import input_port, state_ports
from lstm_edge.frontend.model.draft import Draft
from lstm_edge.frontend.model.finish import DraftState, finish
from lstm_edge.ir.model import Model, Port
from lstm_edge.ir.needed import needed_nodes
from lstm_edge.models.names import unique

Named = list[tuple[str, Flow]]


def load_keras(path: Path, steps: int | None) -> Model:
    """Read a Keras file; see `frontend.load`. The model has no name yet."""
    file = read_keras(path)
    walk = Walk(Draft(), steps)
    model = layer_config(file.model, path.name, file.major)
    results = _apart(run_model(walk, model, file.weights, None))
    inputs = _apart(walk.inputs)
    setting, shown = state_ports(walk.found, inputs, results)
    names = {port.name for port in shown}
    others = [(name, flow) for name, flow in results if name not in names]
    if not others:  # states are all that the network gives
        others, shown = results, []
    outputs = [_output(walk.draft, name, flow) for name, flow in others]
    read = _read(walk, outputs, shown)
    set_by = {port.name for port in setting}
    entries = [
        input_port(walk.draft, walk.found, name, flow)
        for name, flow in inputs
        if flow.tensor in read and name not in set_by
    ]
    ports = [port for port, _ in entries]
    timed = {port.tensor: length for port, length in entries if _has_steps(port)}
    if len(set(timed.values())) > 1:
        raise ModelError(path.name, "its inputs have sequences of different lengths; give --steps")
    used = {port.name for port in ports} | set_by
    warnings = [
        f"input {name!r} has no influence on any output and was left out; correct the model where "
        "it should have one, and save it again"
        for name, _ in inputs
        if name not in used
    ]
    length = next(iter(timed.values()), None)
    states = (setting, shown)
    return finish(
        walk.draft, ports, outputs, frozenset(timed), length, file.sha256, warnings, states
    )


def _apart(named: Named) -> Named:
    """The same, no two with one name."""
    taken: set[str] = set()
    return [(unique(name, taken), flow) for name, flow in named]


def _has_steps(port: Port) -> bool:
    return any(axis.startswith("time") for axis in port.axes)


def _read(walk: Walk, outputs: list[Port], shown: list[DraftState]) -> set[str]:
    """Tensors that outputs and states are computed from, directly or not."""
    wanted = {port.tensor for port in outputs}
    wanted |= {tensor for port in shown for tensor, _, _ in port.parts}
    wanted |= {result for _, result, _ in walk.found.given}
    return needed_nodes(walk.draft.nodes, wanted)[1]


def _output(draft: Draft, name: str, flow: Flow) -> Port:
    label = f"output {name!r}"
    if flow.kind == "raw":
        raise ModelError(label, "is an input of the model; leave it out")
    if flow.kind == "flat":
        raise ModelError(label, "is a flattened sequence; leave out the Flatten")
    if flow.flipped:
        raise ModelError(
            label,
            "has its steps in reversed order (go_backwards with return_sequences): not supported; "
            "use Bidirectional, or reverse the sequence outside of the model",
        )
    flow = settle(draft, flow, label)
    if flow.kind == "vector":
        kept = ("unit",) if flow.kept else ()
        axes = ("batch", *kept, "feature")
        return Port(name, flow.tensor, axes, (1, *(1 for _ in kept), flow.features))
    steps = -1 if flow.steps is None else flow.steps
    return Port(name, flow.tensor, ("batch", "time", "feature"), (1, steps, flow.features))
