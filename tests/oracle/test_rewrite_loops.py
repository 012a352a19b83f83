"""Loop nodes over a cell become layers, or stay as they are and are refused by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
from lstm_edge.ir.expr import walk
from tests.oracle.cell_graphs import CELLS, HIDDEN, INPUTS, Net, model, weights
from tests.oracle.rewritten import assert_loaded, ops_of, saved

STEPS = 4
X: list[int | str] = [STEPS, 2, INPUTS]


class Looped:
    """A Loop as tf2onnx writes it: a counter, states, weights handed on, and a scan of h."""

    def __init__(self, cells: list[str], steps: int = STEPS) -> None:
        self.net, self.body, self.steps = Net(), Net(), steps
        self.cells, self.bound, self.start, self.source = cells, steps, 0, "x"
        self.states = [f"{k}_{n}" for k in range(len(cells)) for n in ("h", "c")]
        self.initial = [self.net.constant(np.zeros((2, HIDDEN))) for _ in self.states]
        self.step: Callable[[str], str] = lambda x: x
        self.scanned: Callable[[str], str] = lambda h: h
        self.bounded = True

    def add(self) -> list[str]:
        """Make the Loop; returns its outputs: the states after the last step, and all h."""
        body, ends = self.body, []
        after = body.add("Add", "count", body.constant(np.array(1, np.int32), "one"))
        value = self.step(body.add("Gather", self.source, "count", axis=0))
        for k, cell in enumerate(self.cells):
            kind, make = CELLS[cell]
            inputs = HIDDEN if k else INPUTS
            p = weights(body, kind, inputs, k, f"_{k}")
            value, c = make(body, p, value, (f"{k}_h", f"{k}_c"))
            ends += [body.add("Identity", value), body.add("Identity", c)]
        limit = body.constant(np.array(self.bound, np.float32), "limit")
        counted = body.add("Cast", after, to=TensorProto.FLOAT)
        again = body.add("Less", counted, limit)
        scan = body.add("Identity", self.scanned(value))
        carried = [name for name in ("w_0", "r_0") if name in body.constants]
        for name in carried:
            self.net.constants[f"outer_{name}"] = body.constants.pop(name)
        return self._loop(again, after, ends, scan, carried)

    def _loop(
        self, again: str, after: str, ends: list[str], scan: str, carried: list[str]
    ) -> list[str]:
        shapes = [(n, TensorProto.FLOAT, [2, HIDDEN]) for n in self.states]
        shapes += [(n, TensorProto.FLOAT, None) for n in carried]
        inputs = [
            helper.make_tensor_value_info("iteration", TensorProto.INT64, []),
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("count", TensorProto.INT32, []),
            *(helper.make_tensor_value_info(*s) for s in shapes),
        ]
        names = [again, after, *ends, *carried, scan]
        kinds = [TensorProto.BOOL, TensorProto.INT32, *[TensorProto.FLOAT] * (len(names) - 2)]
        graph = helper.make_graph(
            self.body.nodes,
            "body",
            inputs,
            [helper.make_tensor_value_info(n, k, None) for n, k in zip(names, kinds, strict=True)],
            [onnx.numpy_helper.from_array(a, n) for n, a in self.body.constants.items()],
        )
        most = self.net.constant(np.array(self.steps), "most") if self.bounded else ""
        begun = self.net.constant(np.array(True), "begun")
        start = self.net.constant(np.array(self.start, np.int32), "start")
        outer = [f"outer_{name}" for name in carried]
        loop = [most, begun, start, *self.initial, *outer]
        first = self.net.add("Loop", *loop, outputs=len(names) - 1, body=graph)
        results = [f"{first[:-1]}{k}" for k in range(len(names) - 1)]
        return [*results[1 : 1 + len(ends)], results[-1]]


@pytest.mark.parametrize("bounded", [True, False], ids=["for", "while"])
@pytest.mark.parametrize("cell", CELLS)
def test_loop_over_a_cell_becomes_a_layer(cell: str, bounded: bool, tmp_path: Path) -> None:
    loop = Looped([cell])
    loop.bounded = bounded
    h, c, y = loop.add()
    outputs = [y, h, c] if cell == "lstm" else [y, h]
    path = saved(model(loop.net, {"x": X}, outputs), tmp_path)
    assert assert_loaded(path) == {CELLS[cell][0].lower(): 1}
    assert load(path).steps == STEPS


def test_cells_of_one_loop_become_layers_on_top_of_each_other(tmp_path: Path) -> None:
    loop = Looped(["lstm", "gru_before", "rnn"])
    y = loop.add()[-1]
    path = saved(model(loop.net, {"x": X}, [y]), tmp_path)
    assert assert_loaded(path) == {"lstm": 1, "gru": 1, "rnn": 1}


def test_states_of_a_loop_may_be_inputs(tmp_path: Path) -> None:
    loop = Looped(["lstm"])
    loop.initial = ["h0", "c0"]
    outputs = loop.add()
    inputs = {"x": X, "h0": [2, HIDDEN], "c0": [2, HIDDEN]}
    path = saved(model(loop.net, inputs, outputs), tmp_path)
    assert assert_loaded(path) == {"lstm": 1}
    assert [len(p.parts) for p in load(path).state_inputs] == [1, 1]


def test_layers_within_the_body_run_over_the_whole_sequence(tmp_path: Path) -> None:
    loop = Looped(["gru"])
    rng = np.random.default_rng(4)
    before = loop.body.constant(rng.normal(size=(INPUTS, INPUTS)))
    after = loop.body.constant(rng.normal(size=(HIDDEN, 2)))
    loop.step = lambda x: loop.body.add("Relu", loop.body.add("MatMul", x, before))
    loop.scanned = lambda h: loop.body.add("MatMul", h, after)
    y = loop.add()[-1]
    path = saved(model(loop.net, {"x": X}, [y]), tmp_path)
    layers = assert_loaded(path)
    assert (layers["gru"], layers["dense"]) == (1, 1)


def open_length(loop: Looped, source: str) -> onnx.ModelProto:
    """The bound of the loop is the first size of `source`."""
    y = loop.add()[-1]
    net = loop.net
    shape = helper.make_node("Shape", [source], ["shape"])
    one = helper.make_node("Gather", ["shape", net.constant(0)], ["length"], axis=0)
    net.nodes[-1].input[0] = "length"
    net.nodes[:0] = [shape, one]
    node = next(n for n in loop.net.nodes if n.op_type == "Loop")
    body = next(a.g for a in node.attribute if a.name == "body")
    body.output[0].name = "on"
    inputs: dict[str, list[int | str]] = {"x": ["time", 2, INPUTS], "other": ["more", 2, INPUTS]}
    return model(net, inputs, [y])


def test_length_may_be_open_where_it_bounds_the_loop(tmp_path: Path) -> None:
    loop = Looped(["gru"])
    path = saved(open_length(loop, "x"), tmp_path)
    assert assert_loaded(path) == {"gru": 1}
    assert load(path).steps is None


def test_length_of_another_input_does_not_bound_the_loop(tmp_path: Path) -> None:
    path = saved(open_length(Looped(["gru"]), "other"), tmp_path)
    assert_refused(path)


def too_few(loop: Looped) -> None:
    loop.steps = STEPS - 1


def ends_early(loop: Looped) -> None:
    loop.bound = STEPS - 1


def starts_at_the_end(loop: Looped) -> None:
    """Index -1 is the last step: all steps are read, but the last one first."""
    loop.start = -1


def never_ends(loop: Looped) -> None:
    loop.bounded = False
    loop.bound = STEPS + 1


CHANGES = (too_few, ends_early, starts_at_the_end, never_ends)


@pytest.mark.parametrize("change", CHANGES, ids=lambda f: f.__name__)
def test_loop_over_other_steps_is_refused_by_name(change, tmp_path: Path) -> None:
    loop = Looped(["gru"])
    change(loop)
    assert_refused(saved(model(loop.net, {"x": X}, [loop.add()[-1]]), tmp_path))


def test_state_that_is_changed_on_its_way_is_another_cell(tmp_path: Path) -> None:
    loop = Looped(["rnn"])
    y = loop.add()[-1]
    node = next(n for n in loop.body.nodes if n.op_type == "Identity")
    node.op_type = "Relu"
    body = next(a.g for a in loop.net.nodes[-1].attribute if a.name == "body")
    next(n for n in body.node if n.op_type == "Identity").op_type = "Relu"
    assert not assert_loaded(saved(model(loop.net, {"x": X}, [y]), tmp_path))["rnn"]


def test_mask_is_refused_with_a_way_out(tmp_path: Path) -> None:
    loop = Looped(["rnn"])
    body = loop.body
    mask = loop.net.add("Greater", "x", loop.net.constant(np.zeros(1)))
    one = loop.net.constant([0])
    loop.net.add("Slice", mask, one, loop.net.constant([1]), loop.net.constant([2]))
    name = loop.net.nodes[-1].output[0]

    def kept(h: str) -> str:
        step = body.add("Gather", name, "count", axis=0)
        return body.add("Where", step, h, "0_h")

    loop.scanned = kept
    path = saved(model(loop.net, {"x": X}, [loop.add()[-1]]), tmp_path)
    with pytest.raises(ModelError, match=r"Loop 'node_.*save the model as .keras"):
        load(path)


@pytest.mark.parametrize("cell", ["lstm", "gru_before"])
def test_gates_of_a_loop_keep_their_function(cell: str, tmp_path: Path) -> None:
    loop = Looped([cell])
    y = loop.add()[-1]
    body = next(a.g for a in loop.net.nodes[-1].attribute if a.name == "body")
    for node in body.node:
        if node.op_type == "Sigmoid":
            node.op_type = "HardSigmoid"
            node.attribute.append(helper.make_attribute("alpha", 0.25))
    path = saved(model(loop.net, {"x": X}, [y]), tmp_path)
    assert assert_loaded(path) == {CELLS[cell][0].lower(): 1}
    (layer,) = load(path).layers
    made = [e for e in walk(*layer.op.cell.results.values()) if e.kind in ("smaller", "apply")]
    kinds = Counter(e.kind for e in made)
    assert kinds == {"smaller": 3 if cell == "lstm" else 2, "apply": 2 if cell == "lstm" else 1}


def assert_refused(path: Path) -> None:
    assert ops_of(path)["Loop"] == 1
    with pytest.raises(ModelError, match="'node_"):
        load(path)
