"""Keras files of one recurrent layer, drawn with options and arrays that fit, or do not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from lstm_edge.frontend import load
from lstm_edge.ir.model import Model
from tests.golden.drawn import Draw
from tests.golden.layers_drawn import H, N, T, array, seldom

GATES = {"LSTM": 4, "GRU": 3, "SimpleRNN": 1}
LEAKY = {"class_name": "LeakyReLU", "config": {"alpha": 0.25}}
Config = dict[str, Any]
Named = list[tuple[str, np.ndarray[Any, Any]]]


def _cell(d: Draw, kind: str, features: int) -> tuple[Config, Named]:
    """Options of a cell, and its arrays."""
    rows, options = GATES[kind] * H, {"units": H, "use_bias": d.one(True, True, False)}
    options["activation"] = d.one("tanh", "tanh", "relu", "elu", LEAKY)
    if kind != "SimpleRNN":
        options["recurrent_activation"] = d.one("sigmoid", "sigmoid", "hard_sigmoid", "relu6")
    if kind == "GRU":
        options["reset_after"] = d.one(True, False)
    arrays = [("kernel", array(d, features, rows)), ("recurrent_kernel", array(d, H, rows))]
    if options["use_bias"]:
        arrays.append(("bias", array(d, *([2] if options.get("reset_after") else []), rows)))
    return options, arrays


def _layer(d: Draw, kind: str, name: str) -> tuple[Config, Named]:
    """A layer as Keras describes it, and its arrays in their order."""
    said: Config = {"name": name}
    for option in ("return_sequences", "return_state", "go_backwards", "zero_output_for_mask"):
        said[option] = d.one(True, False)
    if kind != "RNN":
        options, arrays = _cell(d, kind, N)
        return {"class_name": kind, "config": said | options}, arrays
    cells, arrays = [], []
    for k in range(seldom(d, d.one(1, 2), 0)):
        of = d.one(*GATES)
        options, own = _cell(d, of, H if k else N)
        kind_of_cell = seldom(d, f"{of}Cell", of)
        cells.append({"class_name": kind_of_cell, "config": {"name": f"cell_{k}", **options}})
        arrays += own
    stack = {"class_name": "StackedRNNCells", "config": {"name": "stack", "cells": cells}}
    said["cell"] = cells[0] if len(cells) == 1 else stack
    return {"class_name": kind, "config": said}, arrays


def _both_ways(d: Draw, kind: str) -> tuple[Config, Named]:
    (one, arrays), (other, behind) = _layer(d, kind, "layer"), _layer(d, kind, "back")
    for option in ("return_sequences", "return_state"):
        other["config"][option] = seldom(d, one["config"][option], True)
    one["config"]["go_backwards"] = d.one(False, False, True)
    other["config"]["go_backwards"] = seldom(d, not one["config"]["go_backwards"], False)
    said = {"name": "layer", "layer": one, "backward_layer": other}
    said["merge_mode"] = seldom(d, d.one("concat", "sum", "mul", "ave", None), "max")
    if d.one(False, True):
        said["backward_layer"], behind = None, [(name, -each) for name, each in arrays]
    return {"class_name": "Bidirectional", "config": said}, arrays + behind


def _input(name: str, *shape: object) -> Config:
    said = {"name": name, "batch_input_shape": [None, *shape]}
    return {"class_name": "InputLayer", "config": said}


def keras_layer(kind: str, d: Draw, folder: Path) -> Model:
    """A layer or both ways of one, maybe masked, maybe with states that are inputs."""
    of = d.one(*GATES) if kind == "Bidirectional" else kind
    layer, arrays = _both_ways(d, of) if kind == "Bidirectional" else _layer(d, of, "layer")
    ways = 1 + (kind == "Bidirectional")
    layers, given = [_input("x", d.one(T, T, T, None), N)], ["x"]
    form = d.one("plain", "masked", "mask", "states")
    if form == "masked":
        mask = {"name": "mask", "mask_value": 0.5}
        layers.append({"class_name": "Masking", "config": mask, "inbound_nodes": [_read(["x"])]})
    elif form == "states":
        count = seldom(d, ways * (1 + (of == "LSTM")), 1, 3)
        given += [f"s{k}" for k in range(count)]
        layers += [_input(name, seldom(d, H, H + 1)) for name in given[1:]]
    elif form == "mask":
        steps = layers[0]["config"]["batch_input_shape"][1]
        layers.append(_input("mask", seldom(d, steps, T + 1)))
    read: object = _read(["mask"] if form == "masked" else given)
    if form == "mask":
        read = {"args": [_tensor("x")], "kwargs": {"mask": _tensor("mask")}}
    layers.append(layer | {"inbound_nodes": [read]})
    shown = layer["config"].get("layer", layer)["config"]["return_state"]
    config = {
        "name": "net",
        "layers": [each | {"name": each["config"]["name"]} for each in layers],
        "input_layers": [[name, 0, 0] for name in (*given, *["mask"] * (form == "mask"))],
        "output_layers": [["layer", 0, k] for k in range(2 if shown else 1)],
    }
    path = folder / "net.h5"
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "Functional", "config": config})
        file.attrs["keras_version"] = "2.12.0"
        group = file.create_group("model_weights/layer")
        group.attrs["weight_names"] = [f"{k}/{name}:0" for k, (name, _) in enumerate(arrays)]
        for k, (name, numbers) in enumerate(arrays):
            group[f"{k}/{name}:0"] = numbers
    return load(path, name="net")


def _read(names: list[str]) -> list[list[object]]:
    return [[name, 0, 0, {}] for name in names]


def _tensor(name: str) -> Config:
    """As calls of Keras 3 have it, which may be given a mask."""
    return {"class_name": "__keras_tensor__", "config": {"keras_history": [name, 0, 0]}}
