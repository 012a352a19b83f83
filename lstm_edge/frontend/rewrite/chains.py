"""Loops over time that an exporter unrolled, and single steps of a cell."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from onnx import NodeProto

from lstm_edge.frontend.rewrite.cell import Step, steps_of
from lstm_edge.frontend.rewrite.layer import Layer, State, add_layer
from lstm_edge.frontend.rewrite.parameters import (
    Signature,
    first_state,
    inputs_of,
    signature,
    weights_of,
)
from lstm_edge.frontend.rewrite.patch import Patch
from lstm_edge.frontend.rewrite.scope import Scope, inner_nodes
from lstm_edge.frontend.rewrite.sketch import Sketch
from lstm_edge.frontend.rewrite.steps import Hoist, Sequence, reader_of


@dataclass(frozen=True)
class Chain:
    """Steps of one layer in the order in which they are computed. states: what the first starts
    from. h: the previous state's leaf in `model`, the step that gives the weights.
    """

    steps: tuple[Step, ...]
    model: Step
    h: str
    states: dict[str, State]

    def inputs(self, k: int) -> tuple[str, ...]:
        """The leaves of step `k` that are its input."""
        start = self.states["h"]
        first = start if isinstance(start, str) else self.steps[0].h
        return inputs_of(self.steps[k], self.steps[k - 1].h_next if k else first)


def recognise_chains(scope: Scope, sketch: Sketch) -> bool:
    """Replace unrolled loops over a cell by the nodes that they stand for; tells whether any was.

    `scope` is the sketch as it is.
    """
    gone: set[int] = set()
    for chain in chains_of(scope):
        _replace(sketch, scope, chain, gone)
    return bool(gone)


def chains_of(scope: Scope) -> list[Chain]:
    """All chains of steps with the same weights, each the longest that there is."""
    steps = steps_of(scope)
    ends: dict[tuple[str, str], list[Step]] = {}
    for step in steps:
        ends.setdefault((step.op, step.h_next), []).append(step)
    links: dict[Signature, dict[str, Step]] = {}
    for step in steps:
        for before in _before(step, ends):
            known = links.setdefault(signature(scope, step, before), {})
            known.setdefault(before, step)
    chains = []
    for followers in links.values():
        inside = {step.h_next for step in followers.values()}
        for start in followers:
            if start not in inside:
                chains += _chain(scope, ends, followers, start)
    linked = {s.h_next for followers in links.values() for s in followers.values()}
    known = linked | {start for followers in links.values() for start in followers}
    alone = [s for s in steps if s.h_next not in known]
    single = [chain for step in alone for chain in _single(scope, step)]
    return chains + _unique(scope, single)


def _unique(scope: Scope, single: list[Chain]) -> list[Chain]:
    """Steps without others of the same weights, which would be a loop that is no known cell."""
    signatures = [signature(scope, chain.model, chain.h) for chain in single]
    count = Counter(signatures)
    return [c for c, key in zip(single, signatures, strict=True) if count[key] == 1]


def _before(step: Step, ends: dict[tuple[str, str], list[Step]]) -> list[str]:
    """Leaves of a step that are the state of a step before it."""
    found: list[str] = []
    for leaf in sorted(step.leaves) if not step.from_zeros else ():
        for before in ends.get((step.op, leaf), []):
            fits = step.h in (None, leaf) and before.functions == step.functions
            if fits and before.c_next == step.c:
                found.append(leaf)
                break
    return found


def _chain(
    scope: Scope, ends: dict[tuple[str, str], list[Step]], followers: dict[str, Step], start: str
) -> list[Chain]:
    model = followers[start]
    steps = []
    name = start
    while name in followers:
        steps.append(followers[name])
        name = followers[name].h_next
    for first in ends[model.op, start]:
        if first.c_next != model.c:
            continue
        found = first_state(scope, first, model, start)
        if found is not None:
            states: dict[str, State] = {"h": found[0] or found[1], "c": first.c}
            return [Chain((first, *steps), model, start, states)]
    return []


def _single(scope: Scope, step: Step) -> list[Chain]:
    """One step with its state as a tensor. A lone RNN step is one only between graph inputs and
    outputs: it looks like any dense layer over two vectors.
    """
    if step.from_zeros:
        return []
    graph_inputs = [leaf for leaf in step.leaves if leaf not in scope.makers]
    if step.op == "RNN":
        if len(graph_inputs) < 2 or step.h_next not in scope.outputs:
            return []
    candidates = [step.h] if step.h is not None else _states(scope, step)
    for h in candidates:
        if len(inputs_of(step, h)) and weights_of(scope, step, h) is not None:
            return [Chain((step,), step, h, {"h": h, "c": step.c})]
    return []


def _states(scope: Scope, step: Step) -> list[str]:
    """Leaves that may be the state, the likeliest first: constants, then inputs of the graph, late
    ones first.
    """
    order = {name: k for k, name in enumerate(scope.inputs)}
    likely = {leaf: len(order) if scope.is_constant(leaf) else order.get(leaf, -1) for leaf in step.leaves}
    return sorted(step.leaves, key=lambda leaf: (-likely[leaf], leaf))


def _replace(sketch: Sketch, scope: Scope, chain: Chain, gone: set[int]) -> None:
    """Put a node in the place of a chain where that can be proven to be right."""
    weights = weights_of(scope, chain.model, chain.h)
    inner = _inner(scope, chain)
    if weights is None or inner is None or gone.intersection(map(id, inner)):
        return
    makers = [scope.makers[step.h_next] for step in chain.steps]
    patch = Patch(sketch, makers[0].name or makers[0].output[0])
    x = _input(scope, patch, chain)
    if x is None or not _fits(scope, chain, x):
        return
    layer = add_layer(scope, patch, chain.model, x, weights, chain.states)
    if layer is None:
        return
    _publish(scope, patch, chain, layer, x.backward)
    sketch.replace([makers[0]], patch.nodes)
    sketch.remove(inner)
    gone.update(map(id, inner))


def _inner(scope: Scope, chain: Chain) -> list[NodeProto] | None:
    """The nodes of a chain; None where others read what the layer's node does not give."""
    last = chain.steps[-1]
    given = {step.h_next for step in chain.steps} | {last.c_next or last.h_next}
    stops = {state for state in chain.states.values() if isinstance(state, str)}
    for k in range(len(chain.steps)):
        stops.update(chain.inputs(k))
    known = given | stops
    found = inner_nodes(scope, given, stops)
    nodes = [n for n in found if not _is_moved(scope, n, known)]
    own = {id(node) for node in nodes}
    for node in nodes:
        for name in node.output:
            outside = any(id(r) not in own for r in scope.readers.get(name, []))
            if name not in given and (outside or name in scope.outputs):
                return None
    return nodes


def _is_moved(scope: Scope, node: NodeProto, names: set[str]) -> bool:
    """True where a node only takes axes of 1 from one of `names`, or adds them."""
    behind = scope.strip(node.output[0])
    return behind != node.output[0] and behind in names


def _input(scope: Scope, patch: Patch, chain: Chain) -> Sequence | None:
    """The input of all steps; several inputs joined."""
    steps = [chain.inputs(k) for k in range(len(chain.steps))]
    read = reader_of(scope, patch)
    hoist = Hoist(scope, patch, read)
    found = []
    for names in zip(*steps, strict=True):
        one = len(names) == 1
        x = read(list(names)) or _one_step(scope, patch, names[0]) if one else hoist(list(names))
        if x is None or (found and x.backward != found[0].backward):
            return None
        found.append(x)
    if len(found) == 1:
        return found[0]
    joined = patch.add("Concat", [x.name for x in found], axis=2)
    return Sequence(joined, found[0].batch, found[0].backward)


def _one_step(scope: Scope, patch: Patch, name: str) -> Sequence | None:
    """A vector as a sequence of one step."""
    shape = scope.shape(name)
    if shape is None or len(shape) > 3 or (len(shape) == 3 and shape[0] != 1):
        return None
    lifted = name if len(shape) == 3 else patch.unsqueeze(name, [*range(3 - len(shape))])
    return Sequence(lifted, shape[-2] if len(shape) > 1 else 1)


def _fits(scope: Scope, chain: Chain, x: Sequence) -> bool:
    """True where the states have the batch of the input, and a shape that can be had again."""
    for name in (chain.steps[0].h_next, chain.steps[-1].h_next):
        shape = scope.shape(name)
        if shape is None or len(shape) > 3 or (len(shape) == 3 and shape[0] != 1):
            return False
        batch = shape[-2] if len(shape) > 1 else 1
        if batch != x.batch and isinstance(batch, int) and isinstance(x.batch, int):
            return False
    return True


def _publish(scope: Scope, patch: Patch, chain: Chain, layer: Layer, backward: bool) -> None:
    """Make every state that others may read again, under its name."""
    count = len(chain.steps)
    for k, step in enumerate(chain.steps):
        index = count - 1 - k if backward else k
        index = -1 if index == count - 1 else index
        rank = len(scope.shape(step.h_next) or ())
        if rank > 1:
            patch.gather(layer.y, index, step.h_next, keep=rank == 3)
        else:
            patch.squeeze(patch.gather(layer.y, index), [0], step.h_next)
    c = chain.steps[-1].c_next
    if c is not None:
        rank = len(scope.shape(c) or ())
        if rank == 3:
            patch.add("Identity", [layer.c], c)
        else:
            patch.squeeze(layer.c, [*range(3 - rank)], c)
