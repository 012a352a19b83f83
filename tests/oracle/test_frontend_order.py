"""Any order of computation is the same network: nodes in another legal order, and in none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from lstm_edge.frontend import load
from lstm_edge.frontend.graph.order import in_order
from tests.oracle.cell_graphs import HIDDEN, INPUTS, Net, lstm, model, stack, unrolled, weights
from tests.oracle.compared import difference
from tests.oracle.rewritten import saved


def step_with_reader_of_c(early: bool) -> onnx.ModelProto:
    """One step of a LSTM that shows c in another shape, too; its reader may stand right behind c.
    No name tells the states.
    """
    net = Net()
    h, c = lstm(net, weights(net, "LSTM"), "x", ("h0", "c0"))
    reader = net.add("Unsqueeze", c, net.constant([0]))
    if early:
        at = next(k for k, node in enumerate(net.nodes) if c in node.output)
        net.nodes.insert(at + 1, net.nodes.pop())
        assert net.nodes[-1].output[0] == h
    sizes = {"x": [1, INPUTS], "h0": [1, HIDDEN], "c0": [1, HIDDEN]}
    return model(net, sizes, [h, reader, c])


@pytest.mark.parametrize("early", [True, False])
def test_cell_state_may_be_read_before_the_step_ends(early: bool, tmp_path: Path) -> None:
    path = saved(step_with_reader_of_c(early), tmp_path)
    loaded = load(path)
    assert [node.op.cell.name for node in loaded.layers] == ["lstm"]
    assert difference(path, loaded) < 1e-5


@pytest.mark.parametrize("seed", range(4))
def test_nodes_of_a_loop_in_any_order_that_ends_are_the_same_layer(
    seed: int, tmp_path: Path
) -> None:
    net, results, _ = unrolled("lstm", 4, how="split", batch=1)
    y = stack(net, results, 0)
    rng = np.random.default_rng(seed)
    shuffled = [net.nodes[k] for k in rng.permutation(len(net.nodes))]
    net.nodes = in_order(shuffled)
    whole = model(net, {"x": [4, 1, INPUTS]}, [y])
    path = saved(whole, tmp_path)
    loaded = load(path)
    assert [node.op.cell.name for node in loaded.layers] == ["lstm"]
    assert difference(path, loaded) < 1e-5


def test_makers_come_first_and_else_nothing_moves() -> None:
    net, results, _ = unrolled("gru", 3)
    stack(net, results, 0)
    assert in_order(net.nodes) == net.nodes
    turned = in_order(net.nodes[::-1])
    known: set[str] = set(net.constants) | {"x"}
    for node in turned:
        assert known.issuperset(node.input)
        known.update(node.output)


def test_a_circle_is_left_as_it_is() -> None:
    nodes = [
        onnx.helper.make_node("Neg", ["b"], ["a"]),
        onnx.helper.make_node("Neg", ["a"], ["b"]),
        onnx.helper.make_node("Neg", ["x"], ["y"]),
    ]
    assert [n.output[0] for n in in_order(nodes)] == ["y", "a", "b"]
