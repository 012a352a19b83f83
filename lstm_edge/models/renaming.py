"""Names of inputs, outputs and states: those that a person would give, and those that one gave.

Exporters number what nobody named, `onnx::Transpose_0` or `keras_tensor_7`, and number it otherwise
when a network is trained again. `sensible` replaces such names, and no others:

    inputs x, x2 ...    outputs y, y2 ...
    state inputs h0, c0, outputs that show states hn, cn, of one state each; else s0, sn

`rename` gives the names that a user wants. What is renamed is told by its name, by that in the
file, or by its place among those of its kind, from 0: `input0`, `output0`, `state_input0`,
`state_output0`. A place stays when numbers change.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from lstm_edge.errors import ModelError
from lstm_edge.ir.model import Model, Port, StatePort, Tensor
from lstm_edge.models.names import IDENTIFIER, KEYWORDS, identifier, unique

_NUMBERED = re.compile(
    r"\d+|keras_tensor(_\d+)?|input\.\d+|Identity(_\d+)?|StatefulPartitionedCall([_.:]\d+)*"
)
"""What exporters call things that have no name: PyTorch, Keras 3, tf2onnx."""
_SERVED, _OUTPUT_OF_NODE = "serving_default_", re.compile(r":\d+\Z")

Named = Port | StatePort


def sensible(model: Model) -> Model:
    """The model with names for people where the file has numbers of an exporter."""
    kinds = _kinds(model)
    ports = [port for found in kinds.values() for port in found]
    kept = {port.name: _tidy(port.name) for port in ports}
    taken = {name for name in kept.values() if name}
    taken |= {port.name for port in ports if kept[port.name] == port.name}
    names: dict[str, str] = {}
    used: set[str] = {port.name for port in ports if kept[port.name] == port.name}
    for kind, found in kinds.items():
        for port in found:
            wanted = kept[port.name]
            if wanted == port.name:
                continue
            if wanted and wanted not in used:
                used.add(wanted)
                names[port.name] = wanted
            else:
                names[port.name] = unique(_default(kind, port), taken)
    return with_names(model, names)


def rename(model: Model, mapping: Mapping[str, str]) -> Model:
    """The model with its inputs, outputs and states renamed, old name -> new name.

    Raises ModelError: an old name that the model has not, two for one port, a new name that is no
    C identifier, or that two would have.
    """
    known = _known(model)
    names: dict[str, str] = {}
    for old, new in mapping.items():
        if old not in known:
            raise ModelError(
                f"rename {old}={new}",
                f"the model has no {old!r}; it has {_listed(model)}",
            )
        if not IDENTIFIER.match(new) or new in KEYWORDS or "__" in new:
            raise ModelError(
                f"rename {old}={new}",
                f"{new!r} is no name for C; use letters, digits and single _, no digit first, and "
                "no keyword",
            )
        if names.get(known[old], new) != new:
            raise ModelError(
                f"rename {old}={new}", f"{known[old]!r} is named {names[known[old]]!r} as well"
            )
        names[known[old]] = new
    after = [names.get(port.name, port.name) for found in _kinds(model).values() for port in found]
    twice = next((name for name in after if after.count(name) > 1), None)
    if twice is not None:
        raise ModelError(
            f"rename to {twice!r}",
            f"two would have that name; choose another one. The model has {_listed(model)}",
        )
    return with_names(model, names)


def _kinds(model: Model) -> dict[str, tuple[Named, ...]]:
    return {
        "input": model.inputs,
        "output": model.outputs,
        "state_input": model.state_inputs,
        "state_output": model.state_outputs,
    }


def _known(model: Model) -> dict[str, str]:
    """All that a port may be called -> its name; names come before places."""
    known = {
        f"{kind}{k}": port.name
        for kind, found in _kinds(model).items()
        for k, port in enumerate(found)
    }
    known |= {old: new for new, old in model.file_names.items()}
    return known | {port.name: port.name for found in _kinds(model).values() for port in found}


def _listed(model: Model) -> str:
    """`input0 x (onnx::LSTM_5 in the file), output0 y`."""
    texts = []
    for kind, found in _kinds(model).items():
        for k, port in enumerate(found):
            old = model.file_names.get(port.name)
            texts.append(f"{kind}{k} {port.name}{f' ({old} in the file)' if old else ''}")
    return ", ".join(texts)


def _tidy(name: str) -> str:
    """The name without what exporters add to it, "" where nothing of a person's is left."""
    rest = _OUTPUT_OF_NODE.sub("", name).removeprefix(_SERVED)
    made = "::" in rest or "/" in rest or not re.search("[A-Za-z]", rest)
    return "" if made or _NUMBERED.fullmatch(rest) else rest


def _default(kind: str, port: Named) -> str:
    if isinstance(port, Port):
        return {"input": "x", "output": "y"}[kind]
    states = {part.state for part in port.parts}
    letter = states.pop() if len(states) == 1 else "s"
    return f"{letter}{'0' if kind == 'state_input' else 'n'}"


def with_names(model: Model, names: Mapping[str, str]) -> Model:
    """With ports, old name -> new name, and tensors of inputs renamed, unchecked; the names of the
    file stay known.
    """
    names = {old: new for old, new in names.items() if old != new}
    if not names:
        return model
    taken = set(model.tensors) | {node.name for node in model.nodes}
    tensors = {
        port.tensor: unique(identifier(names[port.name], "x"), taken)
        for port in model.inputs
        if port.name in names
    }
    files = {names.get(new, new): old for new, old in model.file_names.items()}
    files |= {new: model.file_names.get(old, old) for old, new in names.items()}
    return replace(
        model,
        inputs=tuple(_port(port, names, tensors) for port in model.inputs),
        outputs=tuple(_port(port, names, tensors) for port in model.outputs),
        state_inputs=tuple(_state(port, names) for port in model.state_inputs),
        state_outputs=tuple(_state(port, names) for port in model.state_outputs),
        tensors={tensors.get(name, name): _tensor(t, tensors) for name, t in model.tensors.items()},
        nodes=tuple(node.on(tensors) for node in model.nodes),
        file_names={new: old for new, old in files.items() if new != old},
        folded=tuple(replace(f, tensor=tensors.get(f.tensor, f.tensor)) for f in model.folded),
    )


def _port(port: Port, names: Mapping[str, str], tensors: Mapping[str, str]) -> Port:
    tensor = tensors.get(port.tensor, port.tensor)
    return replace(port, name=names.get(port.name, port.name), tensor=tensor)


def _state(port: StatePort, names: Mapping[str, str]) -> StatePort:
    partner = names.get(port.partner, port.partner)
    return replace(port, name=names.get(port.name, port.name), partner=partner)


def _tensor(tensor: Tensor, tensors: Mapping[str, str]) -> Tensor:
    return replace(tensor, name=tensors.get(tensor.name, tensor.name))
