"""States that are inputs and outputs of a file, call by call as onnxruntime computes them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lstm_edge.errors import DataError, ModelError
from lstm_edge.frontend import load
from lstm_edge.interpret.feed import feed_of, run_numpy
from lstm_edge.passes.lower_real import lower_real
from tests.oracle import state_packings as packings
from tests.oracle.graphs import graph, node, saved
from tests.oracle.state_graphs import (
    Case,
    H,
    N,
    T,
    compare,
    integers,
    one_step_each,
    row_of,
    session_of,
    shapes_of,
    single,
    user_arrays,
    weights,
)
from tests.support.exactness import assert_same_bits, every

pytest.importorskip("onnxruntime")

OPS = ("LSTM", "GRU", "RNN")

PACKED = {
    **{f"sliced-{op}-{n}": packings.sliced(op, n) for op in OPS for n in (1, 2, 3)},
    **{f"gathered-{op}": packings.gathered(op, 2) for op in OPS},
    **{f"divided-{op}-{n}": packings.divided(op, n) for op in OPS for n in (2, 3)},
    **{
        f"packed-{op}-{''.join(map(str, order))}": packings.packed(op, 2, order)
        for op in OPS
        for order in packings.orders()
    },
    "packed-one-layer": packings.packed("LSTM", 1, (0, 1, 2, 3)),
    **{f"flat-{op}": packings.flat(op, 2) for op in OPS},
    **{f"flat_split-{op}": packings.flat_split(op, 2) for op in OPS},
    **{f"rows-{op}": packings.sliced(op, 2, rows=3) for op in OPS},
    "rows-open": packings.sliced("LSTM", 2, rows=3, opened=True),
    "rows-divided": packings.divided("GRU", 2, rows=3),
    "rows-flat": packings.flat("LSTM", 2, rows=3),
    "rows-flat-split": packings.flat_split("LSTM", 2, rows=3),
}


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("steps", [1, T])
@pytest.mark.parametrize("given", [True, False], ids=["init", "zero"])
def test_one_layer_goes_on_where_its_states_end(
    op: str, rows: int, steps: int, given: bool, tmp_path: Path
) -> None:
    compare(single(op, rows=rows, steps=steps), tmp_path, given=given)


@pytest.mark.parametrize("name", PACKED)
def test_states_are_found_however_they_are_packed(name: str, tmp_path: Path) -> None:
    compare(PACKED[name], tmp_path)


@pytest.mark.parametrize("name", ["sliced-LSTM-2", "packed-GRU-0123", "flat-LSTM"])
def test_several_steps_at_once_are_the_same_integers_as_one_by_one(
    name: str, tmp_path: Path
) -> None:
    compared = compare(PACKED[name], tmp_path)
    for program in (compared.real, compared.program):
        feed = feed_of(program, compared.arrays, stream=True)
        whole, steps = (
            every(run_numpy(program, feed)),
            every(run_numpy(program, one_step_each(feed))),
        )
        streams, calls, length = feed.shape
        for port in program.outputs:
            wanted = whole.pop(port.name)
            found = steps.pop(port.name).reshape(streams, calls, length, -1)
            assert np.array_equal(found, wanted)
        last = {n: a[:, length - 1 :: length] for n, a in steps.items()}
        assert_same_bits(whole, last)


def layer(op: str, ins: str, outs: str, inputs: dict[str, tuple[int, ...]], **more: object) -> Case:
    """One layer of which the file shows some states only; no partners yet."""
    recurrent = node(op, f"x W R B - {ins}", f"y {outs}", hidden_size=H, **more)
    names = ["y", *(n for n in outs.split() if n != "-")]
    model = graph([recurrent], {"x": (T, 1, N), **inputs}, names, weights(op))
    return Case(model, dict.fromkeys(inputs, ""))


ONE = (1, 1, H)
ALONE = {
    "gru-without-hn": layer("GRU", "h0", "", {"h0": ONE}),
    "lstm-without-hn": layer("LSTM", "h0 c0", "", {"h0": ONE, "c0": ONE}),
    "lstm-only-c0": layer("LSTM", "- c0", "", {"c0": ONE}),
    "lstm-only-h0": layer("LSTM", "h0", "- cn", {"h0": ONE}),
    "lstm-one-for-both": layer("LSTM", "h0 h0", "hn cn", {"h0": ONE}),
}


@pytest.mark.parametrize("name", ALONE)
def test_a_state_without_an_output_that_shows_it_is_given_at_each_call(
    name: str, tmp_path: Path
) -> None:
    compared = compare(ALONE[name], tmp_path, stream="only" not in name)
    assert not compared.model.state_outputs
    with pytest.raises(DataError, match=r"no array '[hc]0' for the model's state input"):
        feed_of(compared.program, {"x": compared.arrays["x"]}, stream=True)
    at_once = {n: a[0] for n, a in compared.arrays.items()}
    program = compared.real
    found = user_arrays(program, run_numpy(program, feed_of(program, at_once, stream=False)))
    np.testing.assert_allclose(found["y"][:, 0], compared.expected["y"][0], atol=1e-5)


def test_one_state_may_be_paired_and_another_not(tmp_path: Path) -> None:
    case = layer("LSTM", "h0 c0", "hn -", {"h0": ONE, "c0": ONE})
    compare(replace(case, partners={"h0": "hn", "c0": ""}), tmp_path)


def test_an_output_of_a_state_that_no_input_sets_is_an_output_as_any(tmp_path: Path) -> None:
    compared = compare(layer("LSTM", "", "hn cn", {}), tmp_path, stream=False)
    assert not compared.model.state_inputs
    assert not compared.model.state_outputs
    assert [p.name for p in compared.model.outputs] == ["y", "hn", "cn"]


@pytest.mark.parametrize("name", ["swapped-layers", "swapped-states"])
def test_outputs_in_another_order_than_the_inputs_are_no_partners(
    name: str, tmp_path: Path
) -> None:
    """Fed back they would go into other states."""
    if name == "swapped-layers":
        case = packings.sliced("LSTM", 2)
        other = {"nh": "hn1 hn0", "nc": "cn1 cn0"}
    else:
        case = packings.flat_split("LSTM", 2)
        other = {"ns": "cn0flat hn0flat cn1flat hn1flat"}
    for each in case.model.graph.node:
        if each.op_type == "Concat" and each.output[0] in other:
            each.input[:] = other[each.output[0]].split()
    loaded = compare(replace(case, partners=dict.fromkeys(case.partners, "")), tmp_path).model
    assert not loaded.state_outputs


def test_partners_are_found_whatever_the_order_of_the_ports(tmp_path: Path) -> None:
    case = packings.sliced("LSTM", 2)
    for ports in (case.model.graph.input, case.model.graph.output):
        kept = list(ports)[::-1]
        del ports[:]
        ports.extend(kept)
    compare(case, tmp_path)


def test_the_same_shape_is_not_enough_for_partners(tmp_path: Path) -> None:
    """h and c of one layer are of one shape."""
    case = layer("LSTM", "h0 c0", "a b", {"h0": ONE, "c0": ONE})
    compare(replace(case, partners={"h0": "a", "c0": "b"}), tmp_path)


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("rows", [1, 2])
def test_batch_first_nodes_start_from_their_states(op: str, rows: int, tmp_path: Path) -> None:
    """Layout 1, of which onnxruntime has none: the oracle is time major between transposes."""
    states = list(packings.letters(op))
    ins, outs = (" ".join(f"{s}{end}" for s in states) for end in "0n")
    arrays, shapes = weights(op), {"x": (rows, T, N)}
    shapes |= {f"{s}0": (rows, 1, H) for s in states}
    names = ["y", *outs.split()]
    recurrent = node(op, f"x W R B - {ins}", f"y {outs}", hidden_size=H, layout=1)
    proto = graph([recurrent], shapes, names, arrays)
    ins, outs = (" ".join(f"{s}{end}m" for s in states) for end in "0n")
    major = [node("Transpose", n, f"{n}m", perm=[1, 0, 2]) for n in shapes]
    major.append(node(op, f"xm W R B - {ins}", f"ym {outs}", hidden_size=H))
    major += [node("Transpose", f"{s}nm", f"{s}n", perm=[1, 0, 2]) for s in states]
    major.append(node("Transpose", "ym", "y", perm=[2, 0, 1, 3]))
    oracle = graph(major, shapes, names, arrays)
    compare(Case(proto, {f"{s}0": f"{s}n" for s in states}, oracle, rows), tmp_path)


def test_batch_axes_of_two_names_are_one_batch(tmp_path: Path) -> None:
    case = single("LSTM", rows=3)
    for k, port in enumerate(case.model.graph.input):
        port.type.tensor_type.shape.dim[1].dim_param = f"B{k}"
    compare(case, tmp_path)


def test_an_open_length_is_any_length(tmp_path: Path) -> None:
    case = single("GRU")
    case.model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "T"
    assert compare(case, tmp_path).model.steps is None


def test_an_input_may_set_the_states_of_two_layers(tmp_path: Path) -> None:
    nodes = [
        node("GRU", "x 0W 0R 0B - h", "y0", hidden_size=H),
        node("Squeeze", "y0 a1", "x1"),
        node("GRU", "x1 1W 1R 1B - h", "y", hidden_size=H),
    ]
    constants = packings.stack_weights("GRU", 2)
    proto = graph(nodes, {"x": (T, 1, N), "h": ONE}, ["y"], constants)
    compare(Case(proto, {"h": ""}), tmp_path)


WHOLE = {
    **{f"both-{op}": single(op, ways=2) for op in OPS},
    "both-rows": single("LSTM", ways=2, rows=3),
    "reverse": single("GRU", direction="reverse"),
}


@pytest.mark.parametrize("name", WHOLE)
def test_whole_sequences_start_from_the_states_that_are_fed(name: str, tmp_path: Path) -> None:
    """Each sequence by itself: nothing lives on, and the states after the last step are given."""
    case = WHOLE[name]
    model = load(saved(case.model, tmp_path), name="net")
    real = lower_real(model)
    assert not real.streams
    rng = np.random.default_rng(3)
    feeds = {n: rng.uniform(-1, 1, s).astype(np.float32) for n, s in shapes_of(case).items()}
    session = session_of(case.model)
    names = [o.name for o in session.get_outputs()]
    wanted = dict(zip(names, session.run(names, feeds), strict=True))
    ports = {p.name: p for p in (*model.inputs, *model.state_inputs)}
    arrays = {
        n: np.stack([row_of(a, ports[n].shape, r) for r in range(case.rows)])
        for n, a in feeds.items()
    }
    program = integers(model, real, case)
    for each, tolerance in ((real, 1e-5), (program, 0.03)):
        found = user_arrays(each, run_numpy(each, feed_of(each, arrays, stream=False)))
        assert sorted(found) == sorted(wanted)
        for port in (*model.outputs, *model.state_outputs):
            for r in range(case.rows):
                row = row_of(wanted[port.name], port.shape, r)
                np.testing.assert_allclose(found[port.name][r, 0], row, atol=tolerance)
    with pytest.raises(DataError, match="needs whole sequences"):
        feed_of(program, {n: a[None] for n, a in arrays.items()}, stream=True)


def test_a_state_that_is_data_too_is_refused(tmp_path: Path) -> None:
    nodes = [
        node("GRU", "x W R B - h", "Y hn", hidden_size=H),
        node("Squeeze", "Y a1", "s"),
        node("Squeeze", "h a0", "hs"),
        node("Add", "s hs", "y"),
    ]
    arrays = weights("GRU") | packings.CONSTANTS
    proto = graph(nodes, {"x": (T, 1, N), "h": ONE}, ["y", "hn"], arrays)
    with pytest.raises(ModelError, match=r"'h'|Add of 'y'"):
        load(saved(proto, tmp_path))


def test_a_state_of_another_size_is_refused(tmp_path: Path) -> None:
    for shape in ((1, 1, H + 1), (2, 1, H), (1, 2, H)):
        case = layer("GRU", "h0", "", {"h0": shape})
        with pytest.raises(ModelError, match=r"GRU of 'y'.*initial_h"):
            load(saved(case.model, tmp_path))


@pytest.mark.parametrize("outputs", ["y hn", "hn y"])
def test_of_one_step_the_last_state_is_the_partner_and_not_the_sequence(
    outputs: str, tmp_path: Path
) -> None:
    """Both show the same numbers in the same places."""
    nodes = [node("GRU", "x W R B - h0", "Y hn", hidden_size=H), node("Squeeze", "Y a1", "y")]
    arrays = weights("GRU") | packings.CONSTANTS
    proto = graph(nodes, {"x": (1, 1, N), "h0": ONE}, outputs.split(), arrays)
    loaded = compare(Case(proto, {"h0": "hn"}, steps=1), tmp_path).model
    assert [p.name for p in loaded.outputs] == ["y"]


@pytest.mark.parametrize(("output", "steps"), [("y", 1), ("hn", 1), ("hn", T)])
def test_a_state_that_is_the_only_output_is_an_output_too(
    output: str, steps: int, tmp_path: Path
) -> None:
    nodes = [node("GRU", "x W R B - h0", "Y hn", hidden_size=H), node("Squeeze", "Y a1", "y")]
    nodes = nodes[: 2 if output == "y" else 1]
    arrays = weights("GRU") | packings.CONSTANTS
    proto = graph(nodes, {"x": (steps, 1, N), "h0": ONE}, [output], arrays)
    loaded = compare(Case(proto, {"h0": output}, steps=steps), tmp_path).model
    assert [p.name for p in loaded.outputs] == [output]
    assert not loaded.state_outputs
