"""A file of a single step: its nodes from states to their next values become one `Step`.

A `Step` is a node of the domain lstm_edge with the nodes in its body, as those of a Loop are. What
comes before and after goes on as any other nodes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from math import prod

from onnx import NodeProto, ValueInfoProto, helper, numpy_helper

from lstm_edge.frontend.graph.amounts import SHAPE_ONLY
from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.graph.node import OWN_DOMAIN, captured, is_standard
from lstm_edge.frontend.model.operators.ids import INTEGERS
from lstm_edge.frontend.step.counts import Array, pure, readers, taken_counts
from lstm_edge.frontend.step.cuts import cuts_of
from lstm_edge.frontend.step.moves import MOVES
from lstm_edge.frontend.step.outer import LAYERS
from lstm_edge.frontend.step.pairs import state_pairs
from lstm_edge.frontend.step.read import OPERATORS

COMPARISONS = ("Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Not", "And", "Or")
PRODUCTS = ("MatMul", "Gemm")
WINDOWS = ("Conv", "AveragePool", "GlobalAveragePool")
HEADS = ("Softmax", "LogSoftmax", "LayerNormalization", "BatchNormalization")
"""Operators after which what no state needs goes on outside."""


def single_steps(sketch: Graph) -> None:
    """Put the nodes between states and their next values into one node."""
    graph = _Graph(sketch)
    pairs = graph.pairs()
    if not pairs:
        return
    counts = taken_counts(sketch)
    if counts:
        graph = _Graph(sketch)
        pairs = {before: after for before, after in pairs.items() if before not in counts}
    inside = graph.region(pairs, counts)
    befores = dict.fromkeys(pairs)
    outside = [n for n in sketch.nodes if id(n) not in inside]
    read = {name for n in outside for name in (*n.input, *captured(n))}
    read |= {o.name for o in sketch.outputs}
    nodes = [n for n in sketch.nodes if id(n) in inside]
    made = [o for n in nodes for o in n.output if o and (o in read or o in pairs.values())]
    made += [name for name in pairs.values() if name not in made and name not in befores]
    copies = {name: f"{name}.before" for name in befores if name in read}
    body = helper.make_graph(
        [*nodes, *(helper.make_node("Identity", [a], [b]) for a, b in copies.items())],
        "step",
        [helper.make_tensor_value_info(name, 1, None) for name in befores],
        [helper.make_tensor_value_info(name, 1, None) for name in (*made, *copies.values())],
        [numpy_helper.from_array(by, name) for name, by in counts.items()],
    )
    outputs = [*made, *copies.values()]
    step = helper.make_node(
        "Step",
        list(befores),
        outputs,
        name=_name(nodes),
        domain=OWN_DOMAIN,
        body=body,
        after=list(pairs.values()),
    )
    if counts:
        step.attribute.append(helper.make_attribute("counts", list(counts)))
    later = graph.below(step.output)
    for node in outside:
        for k, name in enumerate(node.input):
            if name in copies:
                node.input[k] = copies[name]
                later.add(id(node))
    later |= graph.below(o for n in outside if id(n) in later for o in n.output)
    first = [n for n in outside if id(n) not in later]
    sketch.nodes = [*first, step, *(n for n in outside if id(n) in later)]
    sketch.changed()


def _name(nodes: Iterable[NodeProto]) -> str:
    """What messages call the step: by its last node."""
    last = list(nodes)[-1]
    return last.name or last.output[0]


def _is_known(node: NodeProto) -> bool:
    """Whether an operator can be in a step."""
    known = node.op_type in MOVES or node.op_type in OPERATORS or node.op_type in SHAPE_ONLY
    return is_standard(node) and known and node.op_type not in LAYERS


class _Graph:
    def __init__(self, sketch: Graph) -> None:
        self.sketch = sketch
        self.varying = sketch.varying()

    def _whole(self) -> list[ValueInfoProto]:
        """Inputs of integers."""
        return [i for i in self.sketch.inputs if i.type.tensor_type.elem_type in INTEGERS]

    def below(self, names: Iterable[str]) -> set[int]:
        """Nodes that any of the names goes into, directly or not."""
        found: set[int] = set()
        known = set(names)
        for node in self.sketch.nodes:
            if known.intersection((*node.input, *captured(node))):
                found.add(id(node))
                known.update(o for o in node.output if o)
        return found

    def above(self, names: Iterable[str]) -> set[int]:
        """Nodes that any of the names is computed from."""
        found: set[int] = set()
        known = set(names)
        for node in reversed(self.sketch.nodes):
            if known.intersection(node.output):
                found.add(id(node))
                known.update((*node.input, *captured(node)))
        return found

    def pairs(self) -> dict[str, str]:
        """States and their next values, of inputs that no recurrent layer reads."""
        sketch = self.sketch
        taken: set[str] = set()
        for node in sketch.nodes:
            if node.op_type in LAYERS:
                taken.update(i for i in (*node.input, *captured(node)) if i)
        if taken and not sketch.pairs:
            return {}
        whole = {i.name for i in self._whole()}
        inputs = [i for i in sketch.inputs if i.name not in taken | whole]
        reached: dict[str, set[str]] = {o.name: set() for o in sketch.outputs}
        for value in inputs:
            known = {value.name}
            for node in sketch.nodes:
                if node.op_type not in LAYERS and known.intersection(node.input):
                    known.update(o for o in node.output if o)
            for output in known.intersection(reached):
                reached[output].add(value.name)

        scope = cache(sketch.snapshot)  # only where a name or a declared shape says too little
        return state_pairs(
            inputs,
            sketch.outputs,
            reached,
            {before: after for before, after in sketch.pairs.items() if before not in whole},
            lambda: {cut.tensor for cut in cuts_of(scope())},
            lambda name: scope().shape(name),
            sketch.warnings.append,
        )

    def region(self, pairs: Mapping[str, str], counts: Mapping[str, Array]) -> set[int]:
        """The nodes of the step: from states to their next values, what only feeds these, and what
        computes with counts of the steps, or with integers that are asked to be data.
        """
        nodes = {id(n): n for n in self.sketch.nodes}
        last = {id(n) for n in self.sketch.nodes if set(pairs.values()).intersection(n.output)}
        renewing = (self.above(pairs.values()) & self.below(pairs)) | last
        inside = set(renewing)
        known = set(pairs)
        for node in self.sketch.nodes:  # and what is computed from these, to the next weights
            if known.intersection(node.input) and (id(node) in renewing or not self._ends(node)):
                inside.add(id(node))
                known.update(o for o in node.output if o)
        whole = {*counts, *(i.name for i in self._whole() if self.sketch.pairs.get(i.name) == "")}
        inside |= readers(self.sketch, pure(self.sketch, whole), whole) if whole else set()
        made = [o for key in inside for o in nodes[key].output]
        read = [i for key in inside for i in nodes[key].input]
        inside |= self.below(made) & self.above(read)
        return inside | self._feeding(inside)

    def _ends(self, node: NodeProto) -> bool:
        """True for a node that the rest of the network goes on with: of one vector of the step."""
        shape = self.sketch.shape(node.input[0]) or ()
        single = prod(size for size in shape[:-1] if isinstance(size, int)) == 1
        product = node.op_type in PRODUCTS and node.input[1] not in self.varying and single
        return product or node.op_type in HEADS or not _is_known(node)

    def _is_number(self, node: NodeProto) -> bool:
        """True for a Cast that makes 1 or 0 of a comparison, which a Where may read too."""
        maker = self.sketch.producer(node.input[0]) if node.op_type == "Cast" else None
        return maker is not None and maker.op_type in COMPARISONS

    def _feeding(self, inside: set[int]) -> set[int]:
        """Nodes that only the step reads, back to the product of a matrix."""
        kept = {o.name for o in self.sketch.outputs}
        depth: dict[int, int] = dict.fromkeys(inside, 0)
        for node in reversed(self.sketch.nodes):
            if id(node) in depth or not is_standard(node):
                continue
            readers = [r for o in node.output for r in self.sketch.users(o)]
            known = _is_known(node) or self._is_number(node)
            if not known or not readers or kept.intersection(node.output):
                continue
            if not all(id(r) in depth for r in readers):
                continue
            if self.varying.isdisjoint(node.output):
                depth[id(node)] = 0
                continue
            behind = max(
                depth[id(r)] + (r.op_type in PRODUCTS and id(r) not in inside) for r in readers
            )
            near = behind == 0 and node.op_type not in WINDOWS
            if near or node.op_type in ("Concat", "Expand", "Tile"):
                depth[id(node)] = behind
        return set(depth) - inside
