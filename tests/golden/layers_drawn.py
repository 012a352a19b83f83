"""Files of recurrent layers, drawn with options and arrays that fit, and now and then do not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from lstm_edge.frontend import load
from lstm_edge.ir.model import Model
from tests.golden.drawn import Draw
from tests.oracle.graphs import graph, node, saved

N, H, T, PLACES = 3, 2, 4, 5
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
FUNCTIONS = (("Tanh", 0), ("Relu", 0), ("sigmoid", 0), ("LeakyRelu", 1), ("HardSigmoid", 2))
"""Those of ONNX, with their parameters."""
Arrays = dict[str, np.ndarray[Any, Any]]
Parts = tuple[Mapping[str, Any], list[onnx.NodeProto], Arrays]
"""Inputs of a graph, its nodes, its arrays."""


def seldom(d: Draw, usual: Any, *others: Any) -> Any:
    """Mostly what is usual: files have two dozen places where something may not fit."""
    return d.one(*others) if d.whole(0, 24) == 0 else usual


def array(d: Draw, *shape: int) -> np.ndarray[Any, Any]:
    """Numbers; now and then an axis is longer than it is said to be."""
    return d.real(-3, 1, *seldom(d, shape, (*shape[:-1], shape[-1] + 1))).astype(np.float32)


def _x(d: Draw, layout: int) -> Parts:
    """What makes `X`: a sequence, or places of each step as rows or as steps."""
    kinds = (*["sequence"] * 6, *["places"] * 2, *["along"] * 2, "one place")
    kind, steps = d.one(*kinds), d.one(T, T, "t", 1)
    if kind == "sequence":
        x = (steps, d.one(1, 1, "n", 2), N)
        x = (x[1], x[0], N) if layout else x
        return {"x": seldom(d, x, x[:2])}, [node("Identity", "x", "X")], {}
    if kind == "one place":
        turned = node("Transpose", "rows", "X", perm=[0, 1, 2] if layout else [1, 0, 2])
        inputs = {"x": (d.one(1, "n", 2), steps, 1, N)}
        return inputs, [node("Squeeze", "x two", "rows"), turned], {"two": np.array([2])}
    rows = node("Squeeze", "x zero", "rows")
    perm = [1, 0, 2] if (kind == "along") != bool(layout) else [0, 1, 2]
    turned = node("Transpose", "rows", "X", perm=perm)
    return {"x": (d.one(1, 1, "n"), steps, PLACES, N)}, [rows, turned], {"zero": np.array([0])}


def _state(d: Draw, name: str, ways: int, layout: int) -> Parts:
    """What makes an initial state: numbers, or an input."""
    rows, units = d.one(1, 1, 1, PLACES, 2), seldom(d, H, H - 1, H + 1)
    shape = (rows, ways, units) if layout else (ways, rows, units)
    if d.one(True, False):
        alike = d.real(-3, 1, *(n if n != rows else 1 for n in shape))
        return {}, [], {name: seldom(d, np.broadcast_to(alike, shape), d.real(-3, 1, *shape))}
    return {name: seldom(d, shape, (ways, "n", H), shape[1:])}, [], {}


def _decoder(d: Draw, states: int, ways: int, layout: int) -> Parts:
    """Constants for each step, or for one alone, and states that another layer ends in."""
    each = np.tile(d.real(-3, 1, 1, 1, N), (1, d.one(T, 1), 1))
    each[0, -1, -1] += seldom(d, 0.0, 1.0)
    each = each if layout else each.swapaxes(0, 1)
    ends = [node("Concat", " ".join([f"e{k}"] * ways), f"c{k}", axis=0) for k in range(states)]
    perm = [1, 0, 2] if layout else [0, 1, 2]
    ends += [node("Transpose", f"c{k}", f"s{k}", perm=perm) for k in range(states)]
    before = node("LSTM", "x We Re", "- e0 e1", hidden_size=H)
    made = {"We": d.real(-3, 1, 1, 4 * H, N), "Re": d.real(-3, 1, 1, 4 * H, H)}
    return {"x": (T, 1, N)}, [before, *ends], made | {"X": seldom(d, each, each[0], each[:0])}


def _activations(d: Draw, count: int) -> dict[str, Any]:
    chosen = [d.one(*FUNCTIONS) for _ in range(seldom(d, count, 1))]
    found: dict[str, Any] = {"activations": [name for name, _ in chosen]}
    for place, name in enumerate(("activation_alpha", "activation_beta"), start=1):
        takers = sum(n >= place for _, n in chosen)
        numbers = d.real(-3, 1, seldom(d, takers, takers + 1)).tolist()
        found[name] = seldom(d, numbers, None, [np.inf] * takers) or None
    return found


def onnx_layer(op: str, d: Draw, folder: Path) -> Model:
    """A node of ONNX with attributes and inputs of all kinds."""
    gates, functions, states = GATES[op], GATES[op] - (op != "RNN"), 1 + (op == "LSTM")
    way = seldom(d, d.one("forward", "reverse", "bidirectional", "bidirectional"), "both")
    ways, layout = 1 + (way == "bidirectional"), d.one(0, 0, 1)
    flag = {"LSTM": "input_forget", "GRU": "linear_before_reset", "RNN": "layout"}[op]
    said: dict[str, Any] = {
        "direction": way,
        "hidden_size": seldom(d, d.one(H, None), 0, H + 1),
        flag: seldom(d, d.one(0, 1), 2),
        "layout": layout,
        "clip": seldom(d, d.one(None, None, 2.0, 999999.5, 1e6), -1.0),
        **(_activations(d, ways * functions) if d.one(0, 0, 1) else {}),
    }
    arrays = {
        "W": array(d, ways, gates * H, N),
        "R": array(d, ways, gates * H, H),
        "B": array(d, ways, 2 * gates * H),
        "P": array(d, ways, 3 * H),
    }
    names = ["X", "W", "R", d.one("B", "B", ""), d.one(*[""] * 6, "lens", "given")]
    if d.whole(0, 3) == 0:
        inputs, made, more = _decoder(d, states, ways, layout)
        names += ["s0", "s1"][:states]
    else:
        inputs, made, more = _x(d, layout)
        for k in range(states):
            names.append(d.one("", "", f"s{k}"))
            begun = _state(d, names[-1], ways, layout) if names[-1] else ({}, [], {})
            inputs, more = {**inputs, **begun[0]}, more | begun[2]
    names += ["P"] if op == "LSTM" and d.one(0, 0, 1) else []
    outputs = [d.one(name, name, "") for name in ("Y", "Y_h", "Y_c")[: states + 1]]
    outputs = outputs if any(outputs) else ["Y"]
    arrays |= {n: a.astype(np.float32) if a.dtype == np.float64 else a for n, a in more.items()}
    arrays["lens"] = np.array(d.one([T], [T - 1], [0], [T + 1], [2, 3]), np.int32)
    layer = helper.make_node(op, names, outputs, **said)
    proto = graph([*made, layer], inputs, [name for name in outputs if name], arrays)
    if "given" in names:
        proto.graph.input.append(helper.make_tensor_value_info("given", TensorProto.INT32, [1]))
    return load(saved(proto, folder), name="net")


def npz_layers(d: Draw, folder: Path) -> Model:
    """Layers of a state_dict."""
    kind, ways, arrays, features = d.one("LSTM", "GRU", "RNN"), d.one(1, 2), Arrays(), N
    projected, biased = kind == "LSTM" and d.one(True, False), d.one(True, True, False)
    units = 1 if projected else H
    for layer in range(d.one(1, 2)):
        for end in ("", "_reverse")[seldom(d, 0, 1) : ways]:
            rows = seldom(d, GATES[kind], 1, 3, 4) * H
            named = {"weight_ih": array(d, rows, features), "weight_hh": array(d, rows, units)}
            if biased:
                named |= {"bias_ih": array(d, rows), "bias_hh": array(d, rows)}
            if projected:
                named["weight_hr"] = array(d, units, H)
            arrays |= {f"{name}_l{layer}{end}": each for name, each in named.items()}
        features = units * ways
    if seldom(d, False, True):
        del arrays[d.one(*arrays)]
    said = {"lstm_edge.head": d.one("per_step", "last", "final")}
    said |= {"lstm_edge.nonlinearity": d.one("tanh", "relu")} if kind == "RNN" else {}
    path = folder / "net.npz"
    np.savez(path, **arrays, **said)  # type: ignore[arg-type]
    return load(path, name="net", steps=seldom(d, T, None) if ways == 2 else d.one(T, None))
