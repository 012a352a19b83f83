"""A graph answers for its nodes as they are, also after they changed."""

from __future__ import annotations

from onnx import TensorProto, helper

from lstm_edge.frontend.graph.graph import Graph


def chain(count: int = 3) -> Graph:
    """y = -...-x, and one constant that nodes compute."""
    nodes = [helper.make_node("Neg", [f"t{k}"], [f"t{k + 1}"]) for k in range(count)]
    nodes.append(helper.make_node("Add", [f"t{count}", "two"], ["y"]))
    one = helper.make_node("Constant", [], ["one"], value_float=1.0)
    two = helper.make_node("Add", ["one", "one"], ["two"])
    ports = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [2]) for n in ("t0", "y")]
    graph = helper.make_graph([one, two, *nodes], "g", ports[:1], ports[1:])
    return Graph.of(graph)


def test_makers_and_readers_follow_every_change() -> None:
    s = chain()
    first, second = s.producer("t1"), s.producer("t2")
    assert s.users("t1") == [second]
    other = helper.make_node("Relu", ["t0"], ["t1"])
    s.replace([first], [other])
    assert s.producer("t1") is other
    s.remove([second])
    assert (s.users("t1"), s.producer("t2")) == ([], None)
    s.nodes = [*s.nodes, second]
    assert s.producer("t2") is second
    s.nodes = [*s.nodes, helper.make_node("Relu", ["t2"], ["more"])]
    assert len(s.users("t2")) == 2
    second.input[0] = "t0"
    s.changed()
    assert s.users("t1") == []


def test_constants_are_folded_and_data_are_not() -> None:
    s = chain(3000)
    assert s.constant("two") == 2.0
    assert s.constant("y") is None
    assert s.constant("t0") is None
