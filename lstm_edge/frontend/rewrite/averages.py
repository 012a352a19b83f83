"""Logarithms of averages over time, as PCEN has them of the power that it divides by.

    m[t] = (1 - s) * m[t - 1] + s * x[t];  log(m + eps)

written step by step, or as a Scan, becomes LogAverage(x) of our own domain, which never leaves
logarithms: an average over power has far more decades than an integer. It begins with 0, or with
the first step itself, and x is power of a spectrum: nothing of it is below 0.
"""

from __future__ import annotations

from dataclasses import dataclass

from onnx import NodeProto, helper

from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.graph.node import OWN_DOMAIN, attributes_of
from lstm_edge.frontend.graph.pattern import number, op, var
from lstm_edge.frontend.rewrite.gains import is_power
from lstm_edge.models.averages import is_average

_STEP = op("Add", op("Mul", var("before"), number("kept")), op("Mul", var("x"), number("new")))
_SHIFTED = op("Add", var("m"), number("eps"))


@dataclass(frozen=True)
class _Average:
    """Of `x` along `axis`, each step with this weight. first: whether it begins with the first."""

    x: str
    axis: int
    weight: float
    first: bool


def log_averages(sketch: Graph) -> None:
    """Replace each logarithm of an average."""
    for node in [n for n in sketch.nodes if n.op_type == "Log"]:
        found = next(_SHIFTED.fits(sketch, node.input[0], {}), None)
        if found is None or not found["eps"] > 0.0:
            continue
        maker = sketch.producer(found["m"])
        average = None
        if maker is not None and maker.op_type == "Concat":
            average = _written_out(sketch, maker)
        elif maker is not None and maker.op_type == "Scan":
            average = _scanned(sketch, maker, found["m"])
        if average is not None and is_power(sketch, average.x):
            given = {"eps": found["eps"], "weight": average.weight, "axis": average.axis}
            made = helper.make_node(
                "LogAverage",
                [average.x],
                [node.output[0]],
                node.name or node.output[0],
                domain=OWN_DOMAIN,
                first=int(average.first),
                **given,
            )
            sketch.tell_shape(node.output[0], sketch.snapshot().shape(node.output[0]))
            sketch.replace([node], [made])


def _written_out(sketch: Graph, joined: NodeProto) -> _Average | None:
    """Of all steps one after the other."""
    weights: set[float] = set()
    signals: set[tuple[str, int]] = set()
    before, first = "", False
    for k, name in enumerate(joined.input):
        expanded = sketch.maker(name, "Unsqueeze")
        own = name if expanded is None else expanded.input[0]
        start = _step_of(sketch, own, 0) if k == 0 else None
        if start is not None:
            first, before = True, own
            signals.add(start)
            continue
        found = None
        for way in _STEP.fits(sketch, own, {}):
            x = _step_of(sketch, way["x"], k)
            begins = k == 0 and _begins(sketch, way["before"], x)
            if x is not None and (way["before"] == before or begins):
                found = (way["kept"], way["new"])
                signals.add(x)
                first = first or (k == 0 and way["before"] == way["x"])
        if found is None or not is_average(*found):
            return None
        if k or not first:  # of the first with itself either weight may be the one
            weights.add(found[1])
        before = own
    if len(weights) != 1 or len(signals) != 1:
        return None
    ((signal, axis),) = signals
    scope = sketch.snapshot()
    shape = scope.shape(signal)
    if shape is None or scope.shape(joined.output[0]) != shape or shape[axis] != len(joined.input):
        return None  # steps may also be joined along an axis of their own numbers
    given = attributes_of(joined).get("axis", 0) % len(shape)
    return _Average(signal, axis, weights.pop(), first) if given == axis else None


def _begins(sketch: Graph, before: str, x: tuple[str, int] | None) -> bool:
    """Whether a step before the first is 0, or the first itself."""
    array = sketch.constant(before)
    return not array.any() if array is not None else _step_of(sketch, before, 0) == x


def _step_of(sketch: Graph, name: str, step: int) -> tuple[str, int] | None:
    """The tensor of which this is a step, and along which axis."""
    node = sketch.maker(name, "Gather")
    if node is None or sketch.scalar(node.input[1]) != step:
        return None
    axis = int(attributes_of(node).get("axis", 0))
    return (node.input[0], axis) if axis >= 0 else None


def _scanned(sketch: Graph, scan: NodeProto, result: str) -> _Average | None:
    """Of a Scan with one state, forward, that gives the state of each step."""
    given = attributes_of(scan)
    body, directions = given["body"], given.get("scan_input_directions", [0])
    plain = given.get("num_scan_inputs") == 1 and len(scan.input) == 2 and not any(directions)
    reverse = any(given.get("scan_output_directions", [0]))
    if not plain or reverse or len(scan.output) != 2 or result != scan.output[1]:
        return None
    inner = Graph.of(body)
    inner.outer = sketch
    state, x = (value.name for value in body.input)
    after, shown = (value.name for value in body.output)
    axes = [given.get(f"scan_{way}_axes", [0])[0] for way in ("input", "output")]
    start = sketch.constant(scan.input[0])
    first = start is None and _step_of(sketch, scan.input[0], 0) == (scan.input[1], axes[0])
    if axes[0] != axes[1] or not (first or (start is not None and not start.any())):
        return None
    for way in _STEP.fits(inner, after, {}):
        same = way in list(_STEP.fits(inner, shown, {}))
        whole = is_average(way["kept"], way["new"])
        if whole and same and (way["before"], way["x"]) == (state, x):
            return _Average(scan.input[1], axes[0], way["new"], first)
    return None
