"""Random networks: a front, a stack of recurrent layers, a reduction over time and heads."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np

from tests.oracle.random_bodies import custom
from tests.oracle.random_layers import recurrent
from tests.oracle.random_net import Flow, Net

OPSETS = (14, 15, 16, 17, 18, 20, 21)
FRONTS = ("conv", "pool", "layer_norm", "batch_norm", "slice", "scale", "dense", "concat")
REDUCTIONS = ("last", "ends", "mean", "max", "min", "sum", "global", "flat", "steps")
HEADS = ("none", "dense", "relu", "softmax", "log_softmax", "argmax", "sigmoid")


CUSTOM = 0.5
"""How many layers have steps of their own, where the batch is of one sequence."""


def random_net(choose: random.Random) -> Net:
    """A network; every decision comes from `choose`, so that a seed makes it again."""
    net = Net(
        choose,
        choose.choice(OPSETS),
        choose.choice([1, 2, 3]),
        choose.choice([1, 2, 3, 5, 6, 8, 11, 12]),
        open_batch=choose.random() < 0.3,
        open_time=choose.random() < 0.3,
    )
    flow = _source(net)
    for _ in range(choose.choice([0, 0, 1, 1, 2])):
        flow = _front(net, flow)
    layers = choose.choice([1, 1, 2, 3])
    reduction = choose.choice([r for r in REDUCTIONS if not (r == "flat" and net.open_time)])
    ends: dict[str, tuple[str, int, int]] = {}
    for k in range(layers):
        wants = "Y" if k < layers - 1 else {"ends": "last"}.get(reduction, "Y")
        below = flow
        one = net.rows == 1 and not net.open_batch and flow.steps > 1
        if wants == "Y" and one and net.maybe(CUSTOM):
            flow, ends = custom(net, flow), {}
        else:
            flow, ends = recurrent(net, flow, wants)
            _show_states(net, ends, wants)
        if k < layers - 1:
            flow = _between(net, below, flow)
    if reduction == "ends":
        name = "Yh" if "Yh" in ends else next(iter(ends))
        vector = _last_states(net, *ends[name], flow.features)
    else:
        vector = _reduced(net, flow, reduction)
    for _ in range(choose.choice([1, 1, 2])):
        _head(net, vector)
    return net


def _source(net: Net) -> Flow:
    """The first input, or what a table has for it."""
    axes = net.choose.choice(["TBC", "BTC", "BTC", "BCT"])
    features = net.choose.choice([1, 2, 3, 4, 6, 9, 20])
    if net.maybe(0.15):
        rows = net.choose.choice([2, 5, 30])
        net.feed("ids", axes.replace("C", ""), 0, kind="ids", limit=rows)
        found = net.add("Gather", [net.floats(rows, features, stem="E"), "ids"])
        net.notes.append(f"embedding {rows} x {features} [{axes}]")
        return Flow(found, axes.replace("C", "") + "C", features, net.steps)
    scale = net.choose.choice([1.0, 1.0, 0.02, 30.0])
    net.feed("x", axes, features, scale=scale)
    net.notes.append(f"x [{axes}] {net.steps} x {features}, batch {net.rows}, scale {scale}")
    flow = Flow("x", axes, features, net.steps)
    if scale != 1.0:
        return replace(flow, name=net.add("Mul", ["x", net.weight(np.float32(1 / scale))]))
    return flow


def _front(net: Net, flow: Flow) -> Flow:
    kind = net.choose.choice(FRONTS)
    net.notes.append(kind)
    match kind:
        case "conv":
            return _conv(net, flow)
        case "pool":
            return _pool(net, flow)
        case "layer_norm":
            return _layer_norm(net, flow)
        case "batch_norm":
            flow = net.turned(flow, "BCT")
            c = flow.features
            parts = [net.floats(c), net.floats(c), net.floats(c, scale=0.3)]
            spread = net.weight(net.numbers.uniform(0.3, 2.0, c).astype(np.float32))
            return replace(flow, name=net.add("BatchNormalization", [flow.name, *parts, spread]))
        case "slice":
            return _slice(net, flow)
        case "scale":
            shape = (flow.features,) if flow.axes[-1] == "C" else ()
            scaled = net.add("Mul", [flow.name, net.floats(*shape)])
            return replace(flow, name=net.add("Add", [scaled, net.floats(*shape)]))
        case "dense":
            flow = net.turned(flow, flow.axes.replace("C", "") + "C")
            return _function(net, _dense(net, flow, net.choose.choice([1, 3, 8])))
        case _:
            return _concat(net, flow)


def _between(net: Net, below: Flow, flow: Flow) -> Flow:
    """What lies between two layers: mostly nothing."""
    kind = net.choose.choice(["none"] * 5 + ["skip", "residual", "front", "front"])
    if kind == "front":
        return _front(net, flow)
    if below.steps != flow.steps or kind == "none":
        return flow
    if kind == "residual" and below.features == flow.features:
        net.notes.append(kind)
        names = [net.turned(below, flow.axes).name, flow.name]
        return replace(flow, name=net.add("Add", names))
    net.notes.append("skip")
    names = [net.turned(below, flow.axes).name, flow.name]
    joined = net.add("Concat", names, axis=flow.axes.index("C"))
    return replace(flow, name=joined, features=flow.features + below.features)


def _window(net: Net, flow: Flow, largest: int) -> tuple[dict[str, object], int]:
    """kernel, stride, padding and dilation that leave two steps or more, and how many; {}: none."""
    for _ in range(8):
        kernel, stride = net.choose.choice([1, 2, 3, 4]), net.choose.choice([1, 1, 2, 3])
        dilation = net.choose.choice([1, 1, largest])
        seen = (kernel - 1) * dilation + 1
        pads = [0, 0] if net.maybe(0.5) else [net.choose.randint(0, seen - 1) for _ in range(2)]
        steps = (flow.steps + sum(pads) - seen) // stride + 1
        found: dict[str, object] = {"kernel_shape": [kernel], "strides": [stride]}
        found |= {"dilations": [dilation]} if dilation > 1 else {}
        same = dilation == 1 and stride <= kernel and not (net.open_time and stride > 1)
        if same and net.maybe(0.2):  # onnxruntime takes no dilation there
            found["auto_pad"] = net.choose.choice(["SAME_UPPER", "SAME_LOWER"])
            steps = -(-flow.steps // stride)
        elif sum(pads):
            found["pads"] = pads
        if flow.steps + sum(pads) >= seen and steps > 1:
            behind = "auto_pad" in found or found.get("pads", [0, 0])[1]  # type: ignore[index]
            net.needs_steps |= net.open_time and bool(behind)
            return found, steps
    return {}, flow.steps


def _conv(net: Net, flow: Flow) -> Flow:
    window, steps = _window(net, flow, 2)
    if not window:
        return flow
    flow = net.turned(flow, "BCT")
    group = net.choose.choice([1, 1, flow.features])
    units = net.choose.choice([1, 2, 5]) * group if group < 10 else group
    kernel = window["kernel_shape"][0]  # type: ignore[index]
    inner = flow.features // group
    shape = (units, inner, kernel)
    window = dict(window)
    if group > 1:
        window["group"] = group
    net.notes.append(f"conv {units}: {window}")
    arrays = [net.floats(*shape, scale=1 / np.sqrt(inner * kernel), stem="K")]
    arrays += [net.floats(units, scale=0.3)] if net.maybe(0.7) else []
    made = net.add("Conv", [flow.name, *arrays], **window)
    return _function(net, Flow(made, "BCT", units, steps))


def _pool(net: Net, flow: Flow) -> Flow:
    window, steps = _window(net, flow, 1)
    if not window:
        return flow
    flow = net.turned(flow, "BCT")
    op = net.choose.choice(["MaxPool", "AveragePool"])
    if op == "AveragePool" and ("pads" in window or "auto_pad" in window):
        window = window | {"count_include_pad": 1}
    net.notes.append(f"{op} {window}")
    return Flow(net.add(op, [flow.name], **window), "BCT", flow.features, steps)


def _layer_norm(net: Net, flow: Flow) -> Flow:
    flow = net.turned(flow, flow.axes.replace("C", "") + "C")
    if net.opset < 17 or flow.features < 3:
        return flow
    arrays = [net.floats(flow.features), net.floats(flow.features)]
    return replace(flow, name=net.add("LayerNormalization", [flow.name, *arrays], axis=-1))


def _slice(net: Net, flow: Flow) -> Flow:
    begin = net.choose.randint(0, flow.features - 1)
    end = net.choose.randint(begin + 1, flow.features)
    axis = flow.axes.index("C")
    arrays = [net.ints(begin), net.ints(end), net.ints(axis)]
    return replace(flow, name=net.add("Slice", [flow.name, *arrays]), features=end - begin)


def _concat(net: Net, flow: Flow) -> Flow:
    """With a second input, or with itself where the steps are no longer those of the inputs."""
    if flow.steps != net.steps:
        return flow
    other = net.name("u")
    features = net.choose.choice([1, 2, 5])
    net.feed(other, flow.axes, features, scale=net.choose.choice([1.0, 5.0]))
    names = [flow.name, other] if net.maybe(0.5) else [other, flow.name]
    joined = net.add("Concat", names, axis=flow.axes.index("C"))
    return replace(flow, name=joined, features=flow.features + features)


def _function(net: Net, flow: Flow) -> Flow:
    op = net.choose.choice(["", "", "Relu", "Tanh", "LeakyRelu"])
    return replace(flow, name=net.add(op, [flow.name])) if op else flow


def _dense(net: Net, flow: Flow, units: int, scale: float = 1.0) -> Flow:
    """Along the last axis."""
    size = scale / np.sqrt(flow.features)
    if flow.axes == "BC" and net.maybe(0.5):
        turned = net.choose.choice([0, 1])
        shape = (units, flow.features) if turned else (flow.features, units)
        arrays = [net.floats(*shape, scale=size), net.floats(units, scale=0.3)]
        made = net.add("Gemm", [flow.name, *arrays], transB=turned)
    else:
        product = net.add("MatMul", [flow.name, net.floats(flow.features, units, scale=size)])
        made = net.add("Add", [product, net.floats(units, scale=0.3)])
    return replace(flow, name=made, features=units)


def _reduced(net: Net, flow: Flow, kind: str) -> Flow:
    """A vector [B, C], or the flow where each step is wanted."""
    net.notes.append(kind)
    time = flow.axes.index("T")
    vector = Flow("", "BC", flow.features, 1)
    match kind:
        case "steps":
            return flow
        case "last":
            if net.maybe(0.5):
                last = net.add("Gather", [flow.name, net.weight(np.int64(-1))], axis=time)
            else:
                arrays = [net.ints(-1), net.ints(2**31 - 1), net.ints(time)]
                part = net.add("Slice", [flow.name, *arrays])
                last = net.add("Squeeze", [part, net.ints(time)])
            return _vector(net, replace(vector, name=last), flow.axes)
        case "flat":
            flow = net.turned(flow, "BTC")
            made = net.add("Flatten", [flow.name], axis=1)
            return Flow(made, "BC", flow.features * flow.steps, 1)
        case "global":
            flow = net.turned(flow, "BCT")
            op = net.choose.choice(["GlobalAveragePool", "GlobalMaxPool"])
            made = net.add("Flatten", [net.add(op, [flow.name])], axis=1)
            return replace(vector, name=made)
        case _:
            op = f"Reduce{kind.capitalize()}"
            if net.opset >= 18 or op == "ReduceSum":
                made = net.add(op, [flow.name, net.ints(time)], keepdims=0)
            else:
                made = net.add(op, [flow.name], axes=[time], keepdims=0)
            return _vector(net, replace(vector, name=made), flow.axes)


def _vector(net: Net, vector: Flow, axes: str) -> Flow:
    """[B, C] of what is left of `axes` without time."""
    left = axes.replace("T", "")
    return net.turned(replace(vector, axes=left), "BC")


def _last_states(net: Net, name: str, ways: int, layout: int, features: int) -> Flow:
    """[B, C] of Y_h [D, B, H], or [B, D, H]."""
    net.notes.append("the states after the last step")
    if ways == 1 and net.maybe(0.5):
        return Flow(net.add("Squeeze", [name, net.ints(layout)]), "BC", features, 1)
    if not layout:
        name = net.add("Transpose", [name], perm=[1, 0, 2])
    return Flow(net.add("Reshape", [name, net.ints(0, -1)]), "BC", features, 1)


def _show_states(net: Net, ends: dict[str, tuple[str, int, int]], wants: str) -> None:
    """Some states as outputs; all of a layer whose states are inputs that are paired."""
    for name, _, layout in ends.values():
        if net.pairing or net.maybe(0.3):  # type: ignore[attr-defined]
            net.show(name, 0 if layout else 1)


def _head(net: Net, vector: Flow) -> None:
    """An output that is computed from the reduced vector, or from each step."""
    kind = net.choose.choice(HEADS)
    net.notes.append(f"head {kind}")
    flow = net.turned(vector, vector.axes.replace("C", "") + "C")
    batch = flow.axes.index("B")
    if kind == "none":
        shown = net.add("Identity", [flow.name])
        net.show(shown, batch)
        return
    units = net.choose.choice([1, 2, 3, 10])
    flow = _dense(net, flow, units, 2.0)
    if kind == "dense":
        net.show(flow.name, batch)
        return
    if kind == "argmax":
        made = net.add("ArgMax", [flow.name], axis=-1, keepdims=0)
        net.also.append(flow.name)
        net.show(made, batch, scores=flow.name, integer=True)
        return
    op = {"relu": "Relu", "softmax": "Softmax", "log_softmax": "LogSoftmax"}.get(kind, "Sigmoid")
    made = net.add(op, [flow.name], **({"axis": -1} if "softmax" in kind else {}))
    if kind in ("relu", "log_softmax"):
        net.also.append(flow.name)
    net.show(made, batch, scores=flow.name if kind in ("relu", "log_softmax") else "")
