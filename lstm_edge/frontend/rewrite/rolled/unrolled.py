"""Loops over time that an exporter unrolled, and single steps of a cell, become layers."""

from __future__ import annotations

from onnx import NodeProto

from lstm_edge.frontend.graph.graph import Graph, inner_nodes
from lstm_edge.frontend.graph.patch import Patch
from lstm_edge.frontend.rewrite.rolled.chains import Chain, chains_of, single_steps_of
from lstm_edge.frontend.rewrite.rolled.hoist import Hoist
from lstm_edge.frontend.rewrite.rolled.layer import Layer, add_layer
from lstm_edge.frontend.rewrite.rolled.parameters import weights_of
from lstm_edge.frontend.rewrite.rolled.steps import Sequence, reader_of


def recognise_chains(scope: Graph, sketch: Graph) -> bool:
    """Replace unrolled loops over a cell by the nodes that they stand for; tells whether any was.

    `scope` is the sketch as it is.
    """
    return _recognised(scope, sketch, chains_of(scope))


def recognise_steps(scope: Graph, sketch: Graph) -> bool:
    """The same with single steps of a cell."""
    return _recognised(scope, sketch, single_steps_of(scope))


def _recognised(scope: Graph, sketch: Graph, chains: list[Chain]) -> bool:
    gone: set[int] = set()
    for chain in chains:
        _replace(sketch, scope, chain, gone)
    return bool(gone)


def _replace(sketch: Graph, scope: Graph, chain: Chain, gone: set[int]) -> None:
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
    sketch.replace([makers[0], *inner], patch.nodes)
    for node in inner:
        if node.op_type == "Shape":
            sketch.constants[node.output[0]] = scope.constants[node.output[0]]
    gone.update(map(id, inner))


def _inner(scope: Graph, chain: Chain) -> list[NodeProto] | None:
    """The nodes of a chain; None where others read what the layer's node does not give."""
    last = chain.steps[-1]
    given = {step.h_next for step in chain.steps} | {last.c_next or last.h_next}
    stops = {state for state in chain.states.values() if isinstance(state, str)}
    for k in range(len(chain.steps)):
        stops.update(chain.inputs(k))
    known = given | stops
    found = inner_nodes(scope, given, stops)
    nodes = [n for n in found if not _is_moved(scope, n, known)]
    nodes += _shapes(scope, nodes)
    own = {id(node) for node in nodes}
    for node in nodes:
        for name in node.output:
            outside = any(id(r) not in own for r in scope.users(name))
            free = name in given or scope.is_constant(name)
            if not free and (outside or scope.is_output(name)):
                return None
    return nodes


def _shapes(scope: Graph, nodes: list[NodeProto]) -> list[NodeProto]:
    """Readers of what nodes compute that look at its shape only, which is known."""
    readers = [r for n in nodes for name in n.output for r in scope.users(name)]
    found = {id(r): r for r in readers if r.op_type == "Shape" and scope.is_constant(r.output[0])}
    return list(found.values())


def _is_moved(scope: Graph, node: NodeProto, names: set[str]) -> bool:
    """True where a node only takes axes of 1 from one of `names`, or adds them."""
    behind = scope.strip(node.output[0])
    return behind != node.output[0] and behind in names


def _input(scope: Graph, patch: Patch, chain: Chain) -> Sequence | None:
    """The input of all steps; several inputs joined."""
    steps = [chain.inputs(k) for k in range(len(chain.steps))]
    read = reader_of(scope, patch)
    hoist = Hoist(scope, patch, read)
    found: list[Sequence] = []
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


def _one_step(scope: Graph, patch: Patch, name: str) -> Sequence | None:
    """A vector as a sequence of one step."""
    shape = scope.shape(name)
    if shape is None or len(shape) > 3 or (len(shape) == 3 and shape[0] != 1):
        return None
    lifted = name if len(shape) == 3 else patch.unsqueeze(name, [*range(3 - len(shape))])
    return Sequence(lifted, shape[-2] if len(shape) > 1 else 1)


def _fits(scope: Graph, chain: Chain, x: Sequence) -> bool:
    """True where the states have the batch of the input, and a shape that can be had again."""
    for name in (chain.steps[0].h_next, chain.steps[-1].h_next):
        shape = scope.shape(name)
        if shape is None or len(shape) > 3 or (len(shape) == 3 and shape[0] != 1):
            return False
        batch = shape[-2] if len(shape) > 1 else 1
        if batch != x.batch and isinstance(batch, int) and isinstance(x.batch, int):
            return False
    return True


def _publish(scope: Graph, patch: Patch, chain: Chain, layer: Layer, backward: bool) -> None:
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
