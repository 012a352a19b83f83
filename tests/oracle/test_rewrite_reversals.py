"""Layers over reversed sequences run backward in time; reversals that stay are refused by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
from tests.oracle.cell_graphs import HIDDEN, INPUTS, Net, model
from tests.oracle.rewritten import assert_loaded, assert_same, attributes_of, nodes_of, saved

STEPS, BATCH = 4, 2
X: dict[str, list[int | str]] = {"x": [STEPS, BATCH, INPUTS]}


def layer(net: Net, kind: str, x: str, inputs: int = INPUTS, seed: int = 0, **more: object) -> str:
    """Add a layer with random weights; returns the name of Y."""
    rng = np.random.default_rng(seed)
    rows = {"LSTM": 4, "GRU": 3, "RNN": 1}[kind] * HIDDEN
    shapes = ((1, rows, inputs), (1, rows, HIDDEN), (1, 2 * rows))
    constants = [net.constant(rng.normal(size=s) * 0.6) for s in shapes]
    return net.add(kind, x, *constants, outputs=2, hidden_size=HIDDEN, **more)


def reversed_(net: Net, name: str, how: str, lengths: list[int] | None = None) -> str:
    if how == "flip":
        bounds = ([-1], [-(2**63)], [0], [-1])
        return net.add("Slice", name, *(net.constant(b) for b in bounds))
    if how == "gather":
        return net.add("Gather", name, net.constant(list(range(STEPS))[::-1]), axis=0)
    sizes = net.constant(np.array(lengths or [STEPS] * BATCH))
    return net.add("ReverseSequence", name, sizes, time_axis=0, batch_axis=1)


WAYS = ("sequence", "flip", "gather")


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("direction", ["forward", "reverse"])
def test_layer_between_two_reversals_is_one_the_other_way(
    kind: str, how: str, direction: str, tmp_path: Path
) -> None:
    net = Net()
    y = layer(net, kind, reversed_(net, "x", how), direction=direction)
    y = reversed_(net, net.add("Squeeze", y, net.constant([1])), how)
    path = saved(model(net, X, [y, net.nodes[-3].output[1]]), tmp_path)
    ops = assert_same(path)
    assert set(ops) <= {kind, "Squeeze", "Identity"}
    made = next(n for n in nodes_of(path) if n.op_type == kind)
    assert attributes_of(made)["direction"] != direction.encode()
    load(path)


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("index", [-1, 0, 1])
def test_step_of_a_reversed_result_is_the_mirrored_one(
    how: str, index: int, tmp_path: Path
) -> None:
    net = Net()
    y = layer(net, "LSTM", reversed_(net, "x", how))
    y = net.add("Transpose", net.add("Squeeze", y, net.constant([1])), perm=[1, 0, 2])
    y = net.add("Gather", y, net.constant(np.array(index)), axis=1)
    path = saved(model(net, X, [y]), tmp_path)
    assert not {"ReverseSequence", "Slice"} & set(assert_same(path))
    if index < 1:
        load(path)


def test_both_directions_written_apart_load(tmp_path: Path) -> None:
    net = Net()
    forward = net.add("Squeeze", layer(net, "GRU", "x"), net.constant([1]))
    turned = layer(net, "GRU", reversed_(net, "x", "sequence"), seed=1)
    backward = reversed_(net, net.add("Squeeze", turned, net.constant([1])), "sequence")
    y = net.add("Concat", forward, backward, axis=-1)
    second = layer(net, "LSTM", reversed_(net, y, "flip"), 2 * HIDDEN, 2)
    path = saved(model(net, X, [y, net.add("Squeeze", second, net.constant([1]))]), tmp_path)
    assert_same(path)
    path = saved(model(net, X, [y]), tmp_path)
    assert set(assert_same(path)) == {"GRU", "Squeeze", "Concat", "Identity"}
    load(path)


def test_result_in_reversed_order_stays_reversed(tmp_path: Path) -> None:
    net = Net()
    y = layer(net, "LSTM", reversed_(net, "x", "sequence"))
    path = saved(model(net, X, [net.add("Squeeze", y, net.constant([1]))]), tmp_path)
    assert_same(path)
    assert assert_loaded(path)["lstm"] == 1


@pytest.mark.parametrize("lengths", [[STEPS, STEPS - 1], [2, 2]])
def test_reversal_of_a_part_stays_and_is_refused_by_name(
    lengths: list[int], tmp_path: Path
) -> None:
    net = Net()
    y = layer(net, "LSTM", reversed_(net, "x", "sequence", lengths))
    y = reversed_(net, net.add("Squeeze", y, net.constant([1])), "sequence", lengths)
    path = saved(model(net, X, [y]), tmp_path)
    assert assert_same(path)["ReverseSequence"] == 2
    with pytest.raises(ModelError, match="ReverseSequence 'node_"):
        load(path)


def test_mean_over_a_reversed_sequence_is_the_mean(tmp_path: Path) -> None:
    net = Net()
    y = layer(net, "GRU", reversed_(net, "x", "flip"))
    y = net.add("ReduceMean", net.add("Squeeze", y, net.constant([1])), net.constant([0]))
    path = saved(model(net, X, [y]), tmp_path)
    assert set(assert_same(path)) == {"GRU", "Squeeze", "ReduceMean"}
