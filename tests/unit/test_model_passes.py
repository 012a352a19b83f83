"""Passes from model to model, on models made by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lstm_edge.cells import rnn
from lstm_edge.errors import InternalError
from lstm_edge.ir.expr import Cell, input_vector
from lstm_edge.ir.model import (
    Concat,
    DenseOverTime,
    Floats,
    Folded,
    Layer,
    Model,
    Node,
    Port,
    StatePart,
    StatePort,
    Step,
    Tensor,
    Work,
    arrays_of,
    numbered,
)
from lstm_edge.layers.activation import softmax_layer
from lstm_edge.layers.dense import dense
from lstm_edge.layers.embedding import embedding
from lstm_edge.models.look_up_again import look_up_again
from lstm_edge.models.name import named
from lstm_edge.models.prune import prune
from lstm_edge.models.rescaled import rescaled
from lstm_edge.models.through import through

UNITS, ROWS = 3, 5
RNG = np.random.default_rng(3)


def _array(*shape: int) -> Floats:
    return RNG.normal(size=shape).astype(np.float32)


def recurrent(name: str, x: str, h: str, reverse: bool = False) -> Node[Layer]:
    params = {"W_h": _array(UNITS, UNITS), "R_h": _array(UNITS, UNITS), "b_h": _array(UNITS)}
    return Node(name, Layer(rnn(), params, reverse=reverse), {"x": x}, {"h": h})


def both_ways() -> Model:
    """An embedding that two layers read, one backward, their last states, and a third for nobody.

    Names are those that a front end gives before `named`.
    """
    nodes: tuple[Node[Work], ...] = (
        Node("embedding.0", Layer(embedding(), {"E": _array(ROWS, UNITS)}), {"x": "0"}, {"y": "1"}),
        recurrent("rnn.1", "1", "2"),
        recurrent("rnn.2", "1", "3", reverse=True),
        recurrent("rnn.3", "1", "4"),
        Node("last.4", Step(-1), {"x": "2"}, {"y": "5"}),
        Node("first.5", Step(0), {"x": "3"}, {"y": "6"}),
        Node("join.6", Concat(), numbered("56"), {"y": "7"}),
    )
    tensors = {str(k): Tensor(str(k), UNITS, k < 5) for k in range(1, 7)}
    tensors |= {"0": Tensor("0", 1, True), "7": Tensor("7", 2 * UNITS, False)}
    states = {n: StatePart(n, "h", tuple(range(UNITS))) for n in ("rnn.1", "rnn.3")}
    return Model(
        name="net",
        inputs=(Port("ids", "0", ("batch", "time"), (1, 4), limit=ROWS),),
        outputs=(Port("y", "7", ("batch", "feature"), (1, 2 * UNITS)),),
        tensors=tensors,
        nodes=nodes,
        steps=4,
        sha256="0" * 64,
        state_inputs=tuple(StatePort(f"{n}.in", (1, UNITS), (part,)) for n, part in states.items()),
        folded=(Folded("4", (2.0, 2.0), (0.0, 0.0), "Mul"), Folded("2", (3.0, 3.0), (0, 0), "Mul")),
    )


def test_what_no_output_needs_is_left_out_with_all_that_names_it() -> None:
    found = through(both_ways(), prune)
    assert [n.name for n in found.nodes] == [n.name for n in both_ways().nodes if "3" not in n.name]
    assert "4" not in found.tensors
    assert [port.name for port in found.state_inputs] == ["rnn.1.in"]
    assert [f.tensor for f in found.folded] == ["2"]


def test_a_state_that_is_shown_keeps_its_layer_and_the_result() -> None:
    part = StatePart("rnn.3", "h", tuple(range(UNITS)))
    shown = replace(both_ways(), state_outputs=(StatePort("h", (1, UNITS), (part,)),))
    found = through(shown, prune)
    assert [n.outputs for n in found.nodes] == [n.outputs for n in shown.nodes]
    assert len(found.state_inputs) == 2


def test_a_result_that_nobody_reads_goes_and_its_layer_stays() -> None:
    x = input_vector("x")
    two = Node(
        "two.7", Layer(Cell("two", {"a": x + x, "b": x * x})), {"x": "7"}, {"a": "8", "b": "9"}
    )
    tensors = {n: Tensor(n, 2 * UNITS, False) for n in "89"}
    model = replace(
        both_ways(),
        nodes=(*both_ways().nodes, two),
        tensors={**both_ways().tensors, **tensors},
        outputs=(replace(both_ways().outputs[0], tensor="9"),),
    )
    found = through(model, prune)
    assert found.nodes[-1].outputs == {"b": "9"}
    assert "8" not in found.tensors


def test_what_runs_backward_looks_vectors_up_again() -> None:
    found = through(both_ways(), look_up_again, prune)
    lookups = [n for n in found.layers if n.op.cell.name == "embedding"]
    assert [n.op.reverse for n in lookups] == [False, True]
    assert lookups[0].op.params["E"] is lookups[1].op.params["E"]
    backward = next(n for n in found.layers if n.name == "rnn.2")
    assert backward.reads == lookups[1].makes


def test_names_for_people() -> None:
    found = through(both_ways(), look_up_again, prune, named)
    names = ["embedding", "rnn", "embedding2", "rnn2", "last", "first", "join"]
    assert [n.name for n in found.nodes] == names
    assert found.inputs[0].tensor == "ids"
    assert found.outputs[0].tensor == "join_y"
    assert found.nodes[4].makes == ("rnn_h_last",)
    assert found.nodes[5].makes == ("rnn2_h_first",)
    assert found.state_inputs[0].parts[0].layer == "rnn"
    assert found.folded[0].tensor == "rnn_h"


def test_a_pass_that_breaks_a_model_is_named_by_the_node() -> None:
    def broken(model: Model) -> Model:
        return replace(model, nodes=model.nodes[1:])

    with pytest.raises(InternalError, match=r"node rnn\.1 reads 1, which is not made"):
        through(both_ways(), broken)


def _with(op: Work) -> Node[Work]:
    return Node("n", op, {"x": "x"}, {"y": "y"}, "the file's")


WEIGHTS = {"W_y": _array(2, UNITS), "b_y": _array(2)}


@pytest.mark.parametrize("sizes", [1, 2])
def test_a_scale_and_an_offset_go_into_weights(sizes: int) -> None:
    factor, shift, x = RNG.normal(size=sizes), RNG.normal(size=sizes), RNG.normal(size=(4, UNITS))
    made = rescaled(_with(Layer(dense(), WEIGHTS)), factor, shift)
    assert made is not None
    before = x[0] @ WEIGHTS["W_y"].T.astype(np.float64) + WEIGHTS["b_y"]
    weights: Any = arrays_of(made.op)
    after = x[0] @ weights["W_y"].T.astype(np.float64) + weights["b_y"]
    np.testing.assert_allclose(after, factor * before + shift, rtol=1e-6)
    assert (made.source, made.reads) == ("the file's", ("x",))

    over = DenseOverTime(_array(4, 2, UNITS), _array(2))
    made = rescaled(_with(over), factor, shift)
    assert made is not None
    weights = arrays_of(made.op)
    before, after = (
        np.einsum("tuf,tf->u", w.astype(np.float64), x) + b
        for w, b in ((over.weights, over.bias), (weights["W"], weights["b"]))
    )
    np.testing.assert_allclose(after, factor * before + shift, rtol=1e-6)

    table = _array(ROWS, 2)
    made = rescaled(_with(Layer(embedding(1), {"E": table})), factor, shift)
    assert made is not None
    np.testing.assert_allclose(arrays_of(made.op)["E"], factor * table + shift, rtol=1e-6)


@pytest.mark.parametrize("op", [Layer(softmax_layer()), Step(-1), Concat()])
def test_what_has_no_weights_takes_no_scale(op: Work) -> None:
    assert rescaled(_with(op), np.ones(1), np.zeros(1)) is None
