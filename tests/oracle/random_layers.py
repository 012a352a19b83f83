"""Random LSTM, GRU and RNN nodes: every attribute and input of theirs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from onnx import helper

from tests.oracle.conformance import NAMES
from tests.oracle.onnx_recurrent import ALPHA, BETA, DEFAULTS
from tests.oracle.random_net import Flow, Net, attributes_text

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
STATES = {"LSTM": ("h", "c"), "GRU": ("h",), "RNN": ("h",)}
SQUASHING = ("sigmoid", "hardsigmoid", "tanh", "softsign")
"""Functions of gates: others let the state grow without bound, and the noise with it."""


def recurrent(net: Net, flow: Flow, wants: str) -> tuple[Flow, dict[str, tuple[str, int, int]]]:
    """A layer on `flow`; its states after the last step, by output: name, directions, layout.

    wants: "Y", "last" or "both" of what it computes; the flow is meaningless without Y.
    """
    op = net.choose.choice(["LSTM", "GRU", "RNN"])
    way = net.choose.choice(["forward", "forward", "reverse", "bidirectional"])
    layout = 1 if net.maybe(0.25) else 0
    ways = 2 if way == "bidirectional" else 1
    hidden = net.choose.choice([1, 2, 3, 4, 5, 7, 8, 12, 19])
    flow = net.turned(flow, "BTC" if layout else "TBC")
    if way != "forward" and net.open_time:
        net.needs_steps = True
    file: dict[str, Any] = {"direction": way, **_choices(net, op)}
    if way == "forward" and net.maybe(0.5):
        del file["direction"]
    file |= {"layout": layout} if layout else {}
    runtime = {k: v for k, v in file.items() if k != "layout"} | {"hidden_size": hidden}
    written, complete = _functions(net, op, ways)
    file |= written
    runtime |= complete
    if net.maybe(0.8):
        file["hidden_size"] = hidden
    inputs, turned = _inputs(net, op, flow, ways, hidden, layout)
    net.notes.append(
        f"{op} {hidden} on [{flow.axes}] {flow.steps} x {flow.features}: {attributes_text(file)}; "
        f"inputs {' '.join(n or '-' for n in inputs)}"
    )
    kinds = {"Y": "Y", "Yh": "h"} | ({"Yc": "c"} if op == "LSTM" else {})
    last = [k for k in kinds if k != "Y" and (wants != "Y" or net.maybe(0.4))]
    if wants == "last" and net.maybe(0.3) and len(last) > 1:
        last = last[:1]
    made = {k: net.name(k.lower()) for k in kinds if k in last or (k == "Y" and wants != "last")}
    outputs = [made.get(k, "") for k in kinds]
    while not outputs[-1]:
        outputs.pop()
    net.nodes.append(helper.make_node(op, inputs, outputs, **file))
    _oracle(net, op, turned, outputs, runtime, layout)
    ends = {k: (made[k], ways, layout) for k in last}
    if "Y" not in made:
        return Flow("", "", ways * hidden, flow.steps), ends
    return _joined(net, made["Y"], ways, hidden, layout, flow.steps), ends


def _choices(net: Net, op: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if net.maybe(0.25):
        found["clip"] = round(net.choose.uniform(0.3, 3.0), 2)
    if op == "LSTM" and net.maybe(0.2):
        found["input_forget"] = 1
    if op == "GRU" and net.maybe(0.5):
        found["linear_before_reset"] = net.choose.choice([0, 1, 1])
    return found


def _functions(net: Net, op: str, ways: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """activations with alpha and beta, as the file has them and with every number written."""
    if net.maybe(0.6):
        return {}, {}
    each = len(DEFAULTS[op])
    names = []
    for slot in list(range(each)) * ways:
        gate = slot == 0 and each > 1
        names.append(net.choose.choice(SQUASHING if gate else list(NAMES)))
    net.jumps |= "thresholdedrelu" in names
    found: dict[str, Any] = {"activations": [_cased(net, NAMES[n]) for n in names]}
    complete = {"activations": [NAMES[n] for n in names]}
    for key, table in (("activation_alpha", ALPHA), ("activation_beta", BETA)):
        takers = [n for n in names if n in table]
        numbers = [round(net.choose.uniform(0.2, 0.7), 2) for _ in takers]
        if takers and not np.isnan([table[n] for n in takers]).any() and net.maybe(0.4):
            complete[key] = [table[n] for n in takers]  # the defaults, which the file leaves out
        elif takers:
            found[key] = complete[key] = numbers
    return found, complete


def _cased(net: Net, name: str) -> str:
    return net.choose.choice([name, name, name.lower(), name.upper()])


def _inputs(
    net: Net, op: str, flow: Flow, ways: int, hidden: int, layout: int
) -> tuple[list[str], list[str]]:
    """Names of the node's inputs: in the file, and of the same with layout 0."""
    rows = GATES[op] * hidden
    w = net.floats(ways, rows, flow.features, scale=1.2 / np.sqrt(flow.features), stem="W")
    r = net.floats(ways, rows, hidden, scale=0.7 / np.sqrt(hidden), stem="R")
    b = net.floats(ways, 2 * rows, scale=0.3, stem="B") if net.maybe(0.8) else ""
    file, oracle = [flow.name, w, r, b, _lengths(net, flow)], []
    mode = net.choose.choice(["none", "none", "constant", "input", "paired"])
    net.pairing = mode == "paired"  # type: ignore[attr-defined]
    states = [_initial(net, mode, ways, hidden, layout, s) for s in STATES[op]]
    if op == "LSTM" and net.maybe(0.15):
        states[net.choose.randint(0, 1)] = ("", "")
    file += [s[0] for s in states]
    oracle = [*file[:5], *(s[1] for s in states)]
    if op == "LSTM" and net.maybe(0.25):
        p = net.floats(ways, 3 * hidden, scale=0.4, stem="P")
        file, oracle = [*file, p], [*oracle, p]
    if layout:
        oracle[0] = net.name("x")
        turn = helper.make_node("Transpose", [flow.name], [oracle[0]], perm=[1, 0, 2])
        net.oracle.append(turn)
    for names in (file, oracle):
        while not names[-1]:
            names.pop()
    return file, oracle


def _lengths(net: Net, flow: Flow) -> str:
    if net.maybe(0.7):
        return ""
    if net.maybe(0.5):
        known = [n for n, f in net.feeds.items() if (f.kind, f.limit) == ("length", flow.steps + 1)]
        if known and net.maybe(0.5):
            return known[0]
        name = net.name("lens")
        net.feed(name, "B", 0, kind="length", limit=flow.steps + 1)
        return name
    if net.open_batch or net.open_time:
        return ""
    length = net.choose.randint(1, flow.steps)
    return net.weight(np.full(net.rows, length, np.int32), "length")


def _initial(
    net: Net, mode: str, ways: int, hidden: int, layout: int, state: str
) -> tuple[str, str]:
    """An initial state for the file's layout, and for layout 0."""
    if mode == "none" or (mode == "constant" and net.open_batch):
        return "", ""
    axes = "BDC" if layout else "DBC"
    if mode == "constant":
        one = np.repeat(net.numbers.uniform(-0.8, 0.8, (ways, 1, hidden)), net.rows, 1)
        plain = net.weight(one.astype(np.float32), f"{state}0_")
        if not layout:
            return plain, plain
        return net.weight(one.transpose(1, 0, 2).astype(np.float32), f"{state}0_"), plain
    name = net.name(f"{state}0_in")
    net.feed(name, axes, hidden, ways=ways, kind="state")
    if not layout:
        return name, name
    turned = net.name("h")
    net.oracle.append(helper.make_node("Transpose", [name], [turned], perm=[1, 0, 2]))
    return name, turned


def _oracle(
    net: Net, op: str, inputs: list[str], outputs: list[str], attributes: Mapping[str, Any], to: int
) -> None:
    """The node as onnxruntime can run it; `to`: the layout of the outputs."""
    plain = [net.name("o") if n and to else n for n in outputs]
    net.oracle.append(helper.make_node(op, inputs, plain, **attributes))
    for k, (mine, theirs) in enumerate(zip(plain, outputs, strict=True)):
        if to and theirs:
            perm = [1, 0, 2] if k else [2, 0, 1, 3]
            net.oracle.append(helper.make_node("Transpose", [mine], [theirs], perm=perm))


def _joined(net: Net, y: str, ways: int, hidden: int, layout: int, steps: int) -> Flow:
    """Y with its directions end to end: [T, B, C], or [B, T, C] where it is batch first."""
    axes = "BTC" if layout else "TBC"
    if not layout and ways == 1 and net.maybe(0.7):
        squeezed = net.add("Squeeze", [y, net.ints(1)])
        return Flow(squeezed, axes, hidden, steps)
    if not layout and ways > 1:
        y = net.add("Transpose", [y], perm=[0, 2, 1, 3])
    elif not layout:
        axes = "TBC"
    shape = net.ints(0, 0, net.choose.choice([-1, ways * hidden]))
    if not layout and ways == 1:
        y = net.add("Transpose", [y], perm=[0, 2, 1, 3])
    return Flow(net.add("Reshape", [y, shape]), axes, ways * hidden, steps)
