"""How often a Loop runs, proved from its own numbers, and what counts its steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from onnx import GraphProto

from lstm_edge.frontend.graph.node import is_standard
from lstm_edge.frontend.model.axes import View
from lstm_edge.frontend.model.walk import Foreign, OnnxNode
from lstm_edge.frontend.model.walk import Value as Outer
from lstm_edge.frontend.step.body import Body, Counted, Value

FIRST_TRY, LONGEST = 2**12, 2**20
"""Steps for which a condition is computed where nothing says how many there are."""


@dataclass(frozen=True)
class Slot:
    """What a Loop or Scan carries: its names in the body before and after a step, its start, its
    place among the outputs.
    """

    before: str
    after: str
    start: Outer
    output: int


def constants(body: Body, slots: Sequence[Slot]) -> dict[str, Value]:
    """What is carried and never changes."""
    return {
        slot.before: slot.start
        for slot in slots
        if isinstance(slot.start, View | np.ndarray) and body.source(slot.after) == slot.before
    }


def counters(body: Body, slots: Sequence[Slot], steps: int) -> dict[str, Value]:
    """What goes up or down by the same number each step, at all steps."""
    found: dict[str, Value] = {}
    for slot in slots:
        start, change = slot.start, _change(body, slot)
        if isinstance(start, np.ndarray) and change is not None:
            numbers = start.reshape(-1)[0] + change * np.arange(steps, dtype=start.dtype)
            found[slot.before] = Counted(numbers.reshape(steps, *start.shape))
    return found


def _change(body: Body, slot: Slot) -> int | None:
    """What a whole number goes up by each step."""
    start, node = slot.start, body.maker(slot.after)
    if not isinstance(start, np.ndarray) or start.size != 1 or start.dtype.kind not in "iu":
        return None
    if node is None or not is_standard(node) or node.op_type not in ("Add", "Sub"):
        return None
    names = [body.source(name) for name in node.input]
    at = 0 if names[0] == slot.before else 1
    if names[at] != slot.before or names[1 - at] == slot.before or (at and node.op_type == "Sub"):
        return None
    by = body.value(names[1 - at])
    if not isinstance(by, np.ndarray) or by.size != 1:
        return None
    return int(by.reshape(-1)[0]) * (1 if node.op_type == "Add" else -1)


def trips(node: OnnxNode, fresh: Callable[[], Body], slots: Sequence[Slot]) -> int:
    """How many steps a Loop has; fresh: its body with nothing read yet.

    Raises ModelError where the data decide that, or nothing does.
    """
    most = node.constant(0, "number of steps")
    begun = node.constant(1, "condition")
    limit = LONGEST if most is None else int(most.reshape(-1)[0])
    if limit < 1 or (begun is not None and not begun.all()):
        raise node.error(
            "runs no step at all, so that its states stay what they start as; leave it out, or "
            "give it a number of steps from 1 on"
        )
    steps = min(limit, FIRST_TRY)
    while True:
        goes_on = _goes_on(node, fresh(), slots, steps)
        if goes_on.shape == (1,):  # the same at each step
            if goes_on[0] and (most is None or limit > LONGEST):
                raise node.error("never ends by its own numbers; give it a number of steps")
            return limit if goes_on[0] else 1
        stops = np.flatnonzero(~goes_on)
        if stops.size:
            return int(stops[0]) + 1
        if steps >= min(limit, LONGEST):
            return steps
        steps = min(limit, 2 * steps)


def _goes_on(
    node: OnnxNode, body: Body, slots: Sequence[Slot], steps: int
) -> npt.NDArray[np.bool_]:
    """Whether there is another step after each one: of all steps, or one for all."""
    graph: GraphProto = node.attributes["body"]
    body.values |= {**counted(graph, steps), **constants(body, slots)}
    body.values |= counters(body, slots, steps)
    for slot in slots:
        if slot.before not in body.values and not isinstance(slot.start, Foreign):
            body.values[slot.before] = body.leaves.named("state", slot.before, slot.start.shape)
    found = body.value(graph.output[0].name)
    if isinstance(found, np.ndarray):
        return np.array([bool(found.all())])
    if not isinstance(found, Counted):
        raise node.error(
            "ends by what the data are, where the C runs each step that it is called for; let it "
            "run all steps, and keep the states by Where (torch.where) once they are to stay"
        )
    goes_on: npt.NDArray[np.bool_] = found.numbers.astype(bool).reshape(steps, -1)
    return np.asarray(goes_on.all(axis=1))


def counted(graph: GraphProto, steps: int) -> Mapping[str, Value]:
    """What every Loop's body is given: the number of the step, and that it goes on."""
    number, on = (value.name for value in graph.input[:2])
    return {number: Counted(np.arange(steps)), on: np.array(True)}
