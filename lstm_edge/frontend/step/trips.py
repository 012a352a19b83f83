"""How often a Loop runs, proved from its own numbers, and what counts its steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import GraphProto

from lstm_edge.errors import ModelError
from lstm_edge.frontend.graph.node import is_standard
from lstm_edge.frontend.model.axes import View
from lstm_edge.frontend.model.walk import Foreign, OnnxNode
from lstm_edge.frontend.model.walk import Value as Outer
from lstm_edge.frontend.step.body import Body, Value
from lstm_edge.frontend.step.counted import Counted, lasting

JUMPS = ("Mod", "Floor", "Ceil", "Round")
SCALES = ("Add", "Sub", "Mul", "Div", "Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze")
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
    """What goes up or down by the same number each step, at all steps: whole numbers, and real ones
    that something jumps by.
    """
    found: dict[str, Value] = {}
    for slot in slots:
        start = slot.start
        if not isinstance(start, np.ndarray) or start.size != 1 or start.dtype.kind not in "iuf":
            continue
        if start.dtype.kind == "f" and not jumps(body, slot.before):
            continue
        change = change_of(body, slot.before, slot.after, whole=start.dtype.kind != "f")
        if change is not None:
            found[slot.before] = counting(start, change, steps)
    return found


def counting(start: npt.NDArray[Any], change: npt.NDArray[Any], steps: int) -> Counted:
    """The numbers of so many steps, each the one before and `change`."""
    each = np.full(steps, change.reshape(-1)[0], start.dtype)
    each[:1] = start.reshape(-1)[0]
    numbers = np.add.accumulate(each, dtype=start.dtype)
    whole = bool((numbers[:2] == np.floor(numbers[:2])).all())
    by = int(change.reshape(-1)[0]) if whole else None
    return Counted(numbers.reshape(steps, *start.shape), lasting(numbers, by))


def change_of(body: Body, before: str, after: str, whole: bool) -> npt.NDArray[Any] | None:
    """The constant that a number goes up by each step; whole: what computes it is none of data."""
    node = body.maker(after)
    if node is None or not is_standard(node) or node.op_type not in ("Add", "Sub"):
        return None
    names = [body.source(name) for name in node.input]
    at = 0 if names[0] == before else 1
    if names[at] != before or names[1 - at] == before or (at and node.op_type == "Sub"):
        return None
    try:
        by = body.value(names[1 - at]) if whole else body.constant(names[1 - at])
    except ModelError:  # what is computed of data, or of another state
        return None
    if not isinstance(by, np.ndarray) or by.size != 1:
        return None
    return by if node.op_type == "Add" else -by


def jumps(body: Body, name: str) -> bool:
    """Whether a number, scaled and shifted, goes into what jumps as it rises."""
    reached = {name}
    for _ in body.makers:
        nodes = [n for n in body.makers.values() if reached.intersection(n.input)]
        if any(n.op_type in JUMPS for n in nodes):
            return True
        more = {o for n in nodes if n.op_type in SCALES for o in n.output}
        if more <= reached:
            return False
        reached |= more
    return False


def trips(node: OnnxNode, fresh: Callable[[], Body], slots: Sequence[Slot]) -> int:
    """How many steps a Loop has; fresh: its body with nothing read yet.

    Raises ModelError where the data decide that, or nothing does.
    """
    most = node.constant(0, "number of steps")
    begun = node.constant(1, "condition")
    for what, kind, given in (("integer", "i", most), ("condition", "b", begun)):
        if given is not None and (given.dtype.kind != kind or given.size != 1):
            raise node.error(
                f"counts steps by {list(given.shape)} numbers of {given.dtype}, expected one {what}"
            )
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
    return {number: Counted(np.arange(steps), 1), on: np.array(True)}
