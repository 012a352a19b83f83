"""Changes of files that leave their form whole, so that they reach what is behind a parser.

Half of all changes are those of libFuzzer, of bytes.
"""

from __future__ import annotations

import copy
import io
import json
import random
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import AttributeProto, ModelProto, NodeProto, numpy_helper

Mutation = Callable[[bytes, random.Random], bytes]
BYTES_SHARE = 0.3
NUMBERS = (0, 1, -1, 2, 3, 4, 7, 64, 255, 1000, 2**16, 2**31 - 1, 2**31, 2**63 - 1, -(2**63))
SIZES = (0, 1, 2, 3, 4, 5, 8, 1000)
REALS = (0.0, -0.0, 1.0, -1.0, 1e-30, 1e30, 0.5, 3.4e38, float("nan"), float("inf"))


def mutated(
    mutation: Mutation, data: bytes, most: int, seed: int, of_bytes: Callable[[bytes, int], bytes]
) -> bytes:
    """Another file; `most`: its largest size."""
    rng = random.Random(seed)
    if rng.random() > BYTES_SHARE:
        try:
            found = mutation(data, rng)
            for _ in range(rng.choice((0, 0, 1, 3))):
                found = mutation(found, rng)
            if len(found) <= most:
                return found
        except Exception:  # what is damaged already is changed byte by byte
            pass
    return of_bytes(data, most)


# ONNX


def onnx_file(data: bytes, rng: random.Random) -> bytes:
    """Another attribute, size, constant, operator, connection, or a node more or less."""
    model = ModelProto.FromString(data)
    rng.choice(_ONNX)(model, rng)
    return model.SerializeToString()


def _nodes(model: ModelProto) -> list[NodeProto]:
    found, waiting = [], [model.graph]
    while waiting:
        graph = waiting.pop()
        for each in graph.node:
            found.append(each)
            waiting += [a.g for a in each.attribute if a.HasField("g")]
    return found


def _names(model: ModelProto) -> list[str]:
    made = [name for each in _nodes(model) for name in each.output]
    return [*made, *(i.name for i in model.graph.input), *(t.name for t in model.graph.initializer)]


def _attribute(model: ModelProto, rng: random.Random) -> None:
    attributes = [a for each in _nodes(model) for a in each.attribute]
    a = rng.choice(attributes)
    if a.type == AttributeProto.INT:
        a.i = rng.choice((*NUMBERS, a.i + 1, a.i - 1))
    elif a.type == AttributeProto.FLOAT:
        a.f = rng.choice(REALS)
    elif a.type == AttributeProto.INTS and a.ints:
        a.ints[rng.randrange(len(a.ints))] = rng.choice((*NUMBERS, *SIZES))
    elif a.type == AttributeProto.STRING:
        a.s = rng.choice((b"", b"reverse", b"bidirectional", b"SAME_UPPER", b"ab,bc->ac", b"\xff"))
    elif a.type == AttributeProto.TENSOR:
        _tensor(a.t, rng)
    else:
        a.name = rng.choice(attributes).name


def _tensor(tensor: onnx.TensorProto, rng: random.Random) -> None:
    array = numpy_helper.to_array(tensor).copy()
    way = rng.randrange(5)
    if way == 0 and array.size:
        place = rng.randrange(array.size)
        with np.errstate(all="ignore"):
            array.reshape(-1)[place] = np.array(rng.choice((*NUMBERS, *REALS)), object).astype(
                array.dtype
            )
    elif way == 1:
        shape = [rng.choice((*SIZES[:-1], n)) for n in array.shape]
        array = np.resize(array, shape)
    elif way == 2:
        array = array[None] if rng.random() < 0.5 else array.reshape(-1)
    elif way == 3:
        array = array.T
    else:
        array = array.astype(rng.choice((np.float32, np.float64, np.int64, np.int32, np.bool_)))
    tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(array), tensor.name))


def _constant(model: ModelProto, rng: random.Random) -> None:
    _tensor(rng.choice(list(model.graph.initializer)), rng)


def _dims(model: ModelProto, rng: random.Random) -> None:
    value = rng.choice([*model.graph.input, *model.graph.output])
    dims = value.type.tensor_type.shape.dim
    dim = rng.choice(list(dims)) if dims and rng.random() < 0.8 else dims.add()
    if rng.random() < 0.3:
        dim.dim_param = rng.choice(("T", "N", ""))
    else:
        dim.dim_value = rng.choice((*SIZES, *NUMBERS))


OPERATORS = sorted({schema.name for schema in onnx.defs.get_all_schemas()})


def _operator(model: ModelProto, rng: random.Random) -> None:
    each = rng.choice(_nodes(model))
    each.op_type = rng.choice(OPERATORS)
    if rng.random() < 0.5:
        del each.attribute[:]


def _connection(model: ModelProto, rng: random.Random) -> None:
    each = rng.choice([n for n in _nodes(model) if n.input])
    if rng.random() < 0.2:
        each.input.append(rng.choice(_names(model)))
    else:
        each.input[rng.randrange(len(each.input))] = rng.choice((*_names(model), ""))


def _inserted(model: ModelProto, rng: random.Random) -> None:
    nodes = model.graph.node
    place = rng.randrange(len(nodes))
    new = copy.deepcopy(nodes[place])
    new.output[:] = [f"{name}_{rng.randrange(10**6)}" for name in new.output]
    if rng.random() < 0.7:
        new.op_type = rng.choice(OPERATORS)
        del new.attribute[:]
    after = [*nodes[: place + 1], new, *nodes[place + 1 :]]
    for each in after[place + 2 :]:
        for k, name in enumerate(each.input):
            if name == nodes[place].output[0] and rng.random() < 0.7:
                each.input[k] = new.output[0]
    kept = [copy.deepcopy(each) for each in after]
    del nodes[:]
    nodes.extend(kept)


def _removed(model: ModelProto, rng: random.Random) -> None:
    nodes = model.graph.node
    place = rng.randrange(len(nodes))
    old, (old_in, old_out) = nodes[place], (list(nodes[place].input), list(nodes[place].output))
    for each in nodes:
        for k, name in enumerate(each.input):
            if name in old_out and old_in:
                each.input[k] = old_in[0]
    nodes.remove(old)


_ONNX = (
    *(_attribute, _attribute, _constant, _constant, _dims, _operator),
    *(_connection, _inserted, _inserted, _removed),
)


# npz


def npz_file(data: bytes, rng: random.Random) -> bytes:
    """Another name, shape, type or number."""
    with np.load(io.BytesIO(data)) as file:
        arrays = {name: file[name] for name in file.files}
    name = rng.choice(list(arrays))
    array = arrays[name]
    way = rng.randrange(7)
    if way == 0 and array.size and array.dtype.kind in "fiu":
        array.reshape(-1)[rng.randrange(array.size)] = rng.choice(
            REALS if array.dtype.kind == "f" else SIZES
        )
    elif way == 1:
        arrays[name] = np.resize(array, [rng.choice((*SIZES[:-1], n)) for n in array.shape])
    elif way == 2:
        arrays[name] = array.astype(rng.choice((np.float16, np.float64, np.int8, np.bool_, "U5")))
    elif way == 3:
        del arrays[name]
    elif way == 4:
        end = rng.choice(("_reverse", "__0", "__3", ".weight", ".bias", "1", "_l1"))
        arrays[name.rpartition("_")[0] + end] = arrays.pop(name)
    elif way == 5:
        arrays[name] = array[None] if rng.random() < 0.5 else array.reshape(-1)
    else:
        key = rng.choice(("head", "cell", "use", "order", "activation", "name", "x"))
        arrays[f"lstm_edge.{key}"] = np.array(
            rng.choice(("last", "relu", "gru", "", "per_step", name))
        )
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for key, each in arrays.items():
            made = io.BytesIO()
            np.save(made, each)
            archive.writestr(f"{key}.npy", made.getvalue())
    return stream.getvalue()


# JSON, alone and within a Keras file


def json_text(data: bytes, rng: random.Random) -> bytes:
    """Another value, key or place."""
    found = json.loads(data)
    places: list[tuple[Any, Any]] = []
    waiting = [found]
    while waiting:
        each = waiting.pop()
        keys = (
            list(each)
            if isinstance(each, dict)
            else range(len(each))
            if isinstance(each, list)
            else ()
        )
        places += [(each, key) for key in keys]
        waiting += [each[key] for key in keys]
    holder, key = rng.choice(places)
    other, at = rng.choice(places)
    way = rng.randrange(6)
    if way == 0:
        holder[key] = copy.deepcopy(other[at])
    elif way == 1:
        del holder[key]
    elif way == 2 and isinstance(holder, list):
        holder.append(copy.deepcopy(holder[key]))
    elif way == 3 and isinstance(holder[key], dict):
        holder[key][str(at)] = copy.deepcopy(other[at])
    else:
        values = (*NUMBERS, *REALS, None, True, "", "x", "tanh", [], {}, [1], [None, 3], 10**400)
        holder[key] = rng.choice(values)
    return json.dumps(found).encode()


def keras_file(data: bytes, rng: random.Random) -> bytes:
    """Another configuration; of an archive with the weights that it had."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = "metadata.json" if rng.random() < 0.05 else "config.json"
    members[name] = json_text(members[name], rng)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for each, content in members.items():
            archive.writestr(each, content)
    return stream.getvalue()


def h5_file(data: bytes, rng: random.Random) -> bytes:
    """Another configuration in the attribute."""
    import h5py

    stream = io.BytesIO(data)
    with h5py.File(stream, "r+") as file:
        text = file.attrs["model_config"]
        raw = text.encode() if isinstance(text, str) else bytes(text)
        file.attrs["model_config"] = json_text(raw, rng).decode()
    return stream.getvalue()


MUTATIONS: dict[str, Mutation] = {
    "onnx": onnx_file,
    "npz": npz_file,
    "keras": keras_file,
    "h5": h5_file,
    "data": npz_file,
    "manifest": json_text,
}
