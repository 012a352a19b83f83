"""Loop nodes whose body is one step of one or several cells, as tf2onnx writes Keras' layers."""

from __future__ import annotations

from onnx import NodeProto, TensorProto

from lstm_edge.errors import ModelError
from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.graph.node import attributes_of, label_of
from lstm_edge.frontend.graph.patch import Patch
from lstm_edge.frontend.rewrite.rolled.body import Body, Slot, body_of
from lstm_edge.frontend.rewrite.rolled.cell import steps_of
from lstm_edge.frontend.rewrite.rolled.hoist import Hoist
from lstm_edge.frontend.rewrite.rolled.layer import Layer, add_layer
from lstm_edge.frontend.rewrite.rolled.parameters import inputs_of, weights_of
from lstm_edge.frontend.rewrite.rolled.step import Step
from lstm_edge.frontend.rewrite.rolled.steps import Sequence, time_major
from lstm_edge.frontend.rewrite.rolled.trips import runs_all


def recognise_loops(scope: Graph, sketch: Graph) -> bool:
    """Replace Loops by the layers that they stand for; tells whether any was.

    `scope` is the sketch as it is.
    """
    found = False
    for node in scope.nodes:
        if node.op_type == "Loop" and node.domain in ("", "ai.onnx"):
            body = body_of(scope, node)
            patch = None if body is None else _Layers(scope, sketch, node, body).patched()
            if patch is not None:
                sketch.replace([node], patch.nodes)
                found = True
            elif body is not None:
                _refuse_mask(scope, node, body)
    return found


def _refuse_mask(scope: Graph, loop: NodeProto, body: Body) -> None:
    """Say so where the body reads True or False of each step: which steps count is in the data."""
    for node in body.scope.nodes:
        if node.op_type == "Gather" and scope.kinds.get(node.input[0]) == TensorProto.BOOL:
            raise ModelError(
                label_of(loop),
                "is a recurrent layer with a mask, which leaves steps out by what the data are; "
                "not supported: remove Masking or mask_zero=True, feed sequences without padding, "
                "and export again",
            )


class _Layers:
    """A Loop while its layers are found: sequences of tensors of the body, as they become known."""

    def __init__(self, outer: Graph, sketch: Graph, loop: NodeProto, body: Body) -> None:
        self.outer, self.loop, self.body = outer, loop, body
        self.patch = Patch(sketch, loop.name or loop.output[0])
        self.sequences: dict[str, Sequence] = {}
        self.lengths: set[int | str | None] = set()
        self.layers: dict[str, Layer] = {}
        self.hoist = Hoist(body.scope, self.patch, self._read)

    def patched(self) -> Patch | None:
        """The nodes in the place of the Loop, None where it could not be proven to be layers."""
        for step in steps_of(self.body.scope):
            self._add(step)
        if len(self.lengths) != 1 or not self._outputs():
            return None
        length = next(iter(self.lengths))
        if length is None:
            return None
        runs = runs_all(self.outer, self.body.scope, self.loop, self.body.counts, length)
        return self.patch if runs else None

    def _read(self, names: list[str]) -> Sequence | None:
        """A tensor of the body that is step i of a sequence outside, or a layer's result."""
        name = names[0]
        if name in self.sequences:
            return self.sequences[name]
        scope = self.body.scope
        node = scope.maker(name, "Gather")
        if node is None or attributes_of(node).get("axis", 0) != 0:
            return None
        source, index = node.input[0], scope.strip(node.input[1])
        start = self.body.counts.get(index)
        shape = self.outer.shape(source)
        inside = source in scope.makers or scope.is_input(source)
        if start is None or start != 0 or inside or not shape or len(shape) != 3:
            return None
        self.lengths.add(shape[0])
        found = time_major(self.outer, self.patch, source, 0, False)
        if found is not None:
            self.sequences[name] = found
        return found

    def _slot(self, before: str | None, after: str | None) -> Slot | None:
        scope = self.body.scope
        for slot in self.body.states:
            if slot.before == before and scope.strip(slot.after) == after:
                return slot
        return None

    def _add(self, step: Step) -> None:
        """The layer of a step, if all of its states are states of the Loop."""
        if step.from_zeros or step.h_next in self.layers:
            return
        scope = self.body.scope
        held = [self._slot(leaf, step.h_next) for leaf in sorted(step.leaves)]
        h = next((slot for slot in held if slot is not None), None)
        c = self._slot(step.c, step.c_next) if step.op == "LSTM" else None
        if h is None or step.h not in (None, h.before) or (step.op == "LSTM" and c is None):
            return
        weights = weights_of(scope, step, h.before)
        found = [self.hoist([leaf]) for leaf in inputs_of(step, h.before)]
        inputs = [x for x in found if x is not None]
        if weights is None or not found or len(inputs) < len(found):
            return
        x = inputs[0]
        if len(inputs) > 1:
            joined = self.patch.add("Concat", [x.name for x in inputs], axis=2)
            x = Sequence(joined, x.batch)
        states = {"h": h.initial, "c": c.initial if c is not None else None}
        layer = add_layer(self.outer, self.patch, step, x, weights, states)
        if layer is not None:
            self.layers[step.h_next] = layer
            self.sequences[step.h_next] = Sequence(layer.y, x.batch)
            if step.c_next is not None:
                self.layers[step.c_next] = layer

    def _outputs(self) -> bool:
        """Make every output of the Loop that somebody reads; tells whether that is possible."""
        for slot in self.body.states:
            if self._is_read(slot.result) and not self._final(slot):
                return False
        for name, result in self.body.scans:
            if self._is_read(result) and not self._scanned(name, result):
                return False
        counted = set(self.loop.output) - {s.result for s in self.body.states}
        for name, result in self.body.same:
            counted.discard(result)
            if self._is_read(result):
                self.patch.add("Identity", [name], result)
        counted -= {result for _, result in self.body.scans}
        return not any(self._is_read(result) for result in counted)

    def _is_read(self, name: str) -> bool:
        return self.outer.is_read(name)

    def _final(self, slot: Slot) -> bool:
        after = self.body.scope.strip(slot.after)
        layer, shape = self.layers.get(after), self.body.scope.shape(slot.before)
        if layer is None or shape is None or len(shape) != 2:
            return False
        if after in self.sequences:
            self.patch.gather(layer.y, -1, slot.result)
        else:
            self.patch.squeeze(layer.c, [0], slot.result)
        return True

    def _scanned(self, name: str, result: str) -> bool:
        shape = self.body.scope.shape(name)
        found = self.hoist([name])
        if found is None or shape is None or len(shape) != 2:
            return False
        self.patch.add("Identity", [found.name], result)
        return True
