"""Each rule of a model, broken once: the error names the node or the port."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lstm_edge.cells import lstm
from lstm_edge.errors import InternalError
from lstm_edge.ir.clock import Window
from lstm_edge.ir.expr import Cell, input_vector, join, recent, take
from lstm_edge.ir.model import (
    Concat,
    DenseOverTime,
    Folded,
    Layer,
    Model,
    Node,
    Port,
    Slice,
    StatePart,
    StatePort,
    Step,
    Tensor,
    Work,
    numbered,
)
from lstm_edge.ir.verify_model import verify
from lstm_edge.layers.dense import dense
from lstm_edge.layers.window import hold
from tests.support.models import random_model

FEATURES, UNITS, STEPS = 3, 4, 6
PLACES = tuple(range(UNITS))


def _params() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    shapes: dict[str, tuple[int, ...]] = {}
    for gate in "ifgo":
        shapes |= {f"W_{gate}": (UNITS, FEATURES), f"R_{gate}": (UNITS, UNITS)}
        shapes[f"b_{gate}"] = (UNITS,)
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def _port(name: str, tensor: str, features: int, steps: int = 0) -> Port:
    if steps:
        return Port(name, tensor, ("batch", "time", "feature"), (1, steps, features))
    return Port(name, tensor, ("batch", "feature"), (1, features))


def model() -> Model:
    """An LSTM, all its states last joined, halved, and a dense layer over all steps."""
    head = {"W_y": np.ones((2, UNITS), np.float32), "b_y": np.zeros(2, np.float32)}
    over = DenseOverTime(np.ones((STEPS, 5, UNITS), np.float32), np.zeros(5, np.float32))
    nodes = (
        Node("lstm", Layer(lstm(), _params()), {"x": "x"}, {"h": "h", "c": "c"}),
        Node("last", Step(-1), {"x": "h"}, {"y": "h_last"}),
        Node("ends", Step(-STEPS), {"x": "c"}, {"y": "c_first"}),
        Node("join", Concat(), numbered(("h_last", "c_first")), {"y": "both"}),
        Node("part", Slice(1, 1 + UNITS), {"x": "both"}, {"y": "some"}),
        Node("fc", Layer(dense(), head), {"x": "some"}, {"y": "logits"}),
        Node("flat", over, {"x": "h"}, {"y": "summed"}),
    )
    sizes = {"h_last": UNITS, "c_first": UNITS, "both": 2 * UNITS, "some": UNITS, "logits": 2}
    tensors = {name: Tensor(name, size, False) for name, size in {**sizes, "summed": 5}.items()}
    sequences = {"x": FEATURES, "h": UNITS, "c": UNITS}
    tensors |= {name: Tensor(name, size, True) for name, size in sequences.items()}
    return Model(
        name="net",
        inputs=(_port("x", "x", FEATURES, STEPS),),
        outputs=(_port("y", "logits", 2), _port("z", "summed", 5)),
        tensors=tensors,
        nodes=nodes,
        steps=STEPS,
        sha256="0" * 64,
        state_inputs=(StatePort("h0", (1, UNITS), (StatePart("lstm", "h", PLACES),), "hn"),),
        state_outputs=(StatePort("hn", (1, UNITS), (StatePart("lstm", "h", PLACES),)),),
        folded=(Folded("x", (2.0, 2.0), (0.0, 0.0), "Mul 'scale'"),),
    )


def with_node(name: str, change: Callable[[Node[Any]], Node[Work]]) -> Model:
    """The model with another node in place of one."""
    nodes = tuple(change(n) if n.name == name else n for n in model().nodes)
    return replace(model(), nodes=nodes)


def work(name: str, op: Work) -> Model:
    return with_node(name, lambda node: replace(node, op=op))


def layer(name: str, **changes: Any) -> Model:
    return with_node(name, lambda node: replace(node, op=replace(node.op, **changes)))


def param(name: str, array: Any) -> Model:
    return layer("lstm", params={**_params(), name: np.asarray(array, np.float32)})


def without(name: str) -> Model:
    return layer("lstm", params={k: a for k, a in _params().items() if k != name})


def tensor(name: str, /, **changes: Any) -> Model:
    tensors = {**model().tensors, name: replace(model().tensors[name], **changes)}
    return replace(model(), tensors=tensors)


def output(**changes: Any) -> Model:
    first, *rest = model().outputs
    return replace(model(), outputs=(replace(first, **changes), *rest))


def shown(**changes: Any) -> Model:
    """With another state output, and nothing that is fed back."""
    port = replace(model().state_outputs[0], **changes)
    return replace(model(), state_inputs=(), state_outputs=(port,))


def cell(y: Any, **changes: Any) -> Model:
    """With other equations in the dense layer."""
    return layer("fc", cell=Cell("odd", {"y": y}), **changes)


def reading(name: str, **inputs: str) -> Model:
    return with_node(name, lambda node: replace(node, inputs=inputs))


def making(name: str, **outputs: str) -> Model:
    return with_node(name, lambda node: replace(node, outputs=outputs))


X = input_vector("x")
HELD = Layer(hold(), times=2)
LATE = StatePort("h0", (1, UNITS), (StatePart("lstm", "h", PLACES[::-1]),), "hn")

BROKEN: dict[str, tuple[Callable[[], Model], str]] = {
    "steps": (lambda: replace(model(), steps=0), "model has 0 steps"),
    "tensor_name": (lambda: tensor("h", name="g"), r"tensors \['h'\] are called otherwise"),
    "unmade": (lambda: reading("last", x="nothing"), "node last reads nothing, which is not made"),
    "later": (
        lambda: replace(model(), nodes=model().nodes[::-1]),
        "node flat reads h, which is not made before it",
    ),
    "made_twice": (lambda: making("ends", y="h_last"), "node ends makes h_last again"),
    "no_tensor": (lambda: making("ends", y="n"), "node ends makes n, which is no tensor"),
    "no_features": (lambda: tensor("x", features=0), "input x makes x of 0 features"),
    "reads_none": (lambda: reading("join"), "node join reads nothing"),
    "cell_input": (lambda: reading("lstm", z="x"), r"node lstm lacks the inputs \['x'\]"),
    "cell_output": (lambda: making("lstm", h="h", d="c"), r"node lstm has the outputs \['d'\]"),
    "output_name": (lambda: making("last", h="h_last"), "node last makes .*expected y"),
    "input_name": (lambda: reading("last", y="h"), "node last reads .*expected x"),
    "parameter": (lambda: without("R_f"), "node lstm lacks the parameter R_f"),
    "vector": (lambda: param("b_f", np.zeros((1, UNITS))), "node lstm has b_f of 2 axes"),
    "infinite": (lambda: param("b_f", [np.inf] * UNITS), "node lstm has b_f with numbers not"),
    "rows": (lambda: param("W_f", np.zeros((5, FEATURES))), "node lstm has 5 as rows of W_f"),
    "columns": (lambda: param("W_f", np.zeros((UNITS, 2))), "node lstm has 2 as columns of W_f"),
    "recurrent": (
        lambda: layer("lstm", params=_params(), units={"h": 3}),
        "node lstm has 4 as state h, expected 3",
    ),
    "gate": (lambda: param("b_f", np.zeros(5)), "node lstm has 4 as rows of W_f, expected 5"),
    "initial": (
        lambda: layer("lstm", initial={"h": np.zeros(3, np.float32)}),
        "node lstm has 4 as state h, expected 3",
    ),
    "initial_of_none": (
        lambda: layer("lstm", initial={"s": np.zeros(4, np.float32)}),
        "node lstm starts s, which is no state",
    ),
    "initial_not_finite": (
        lambda: layer("lstm", initial={"h": np.full(4, np.nan, np.float32)}),
        "node lstm has the first h with numbers not finite",
    ),
    "units_of_none": (lambda: layer("lstm", units={"s": 4}), r"node lstm tells the units of \['s'"),
    "repeats_none": (lambda: layer("fc", times=2), "node fc repeats steps of no sequence"),
    "repeats_work": (lambda: layer("lstm", times=2), "node lstm repeats steps and does more than"),
    "repeats_any": (
        lambda: replace(
            with_node("lstm", lambda node: replace(node, op=HELD, outputs={"y": "h"})),
            inputs=(_port("x", "x", FEATURES, -1),),
            steps=None,
        ),
        "node lstm repeats steps of a sequence of any length",
    ),
    "window": (lambda: layer("fc", window=Window(2)), "node fc has a window of several"),
    "no_window": (lambda: cell(recent(X)), "node fc reads recent vectors and has no window"),
    "elementwise": (
        lambda: cell(take(X, (0, 1)) + take(X, (0, 1, 2))),
        "node fc has 3 as units of an operand of add, expected 2",
    ),
    "taken": (lambda: cell(take(X, (0, 4))), "node fc takes unit 4 of 4"),
    "result": (lambda: cell(join(X, X)), "node fc makes logits of 2 features, expected 8"),
    "joined": (lambda: tensor("both", features=7), "node join makes both of 7 features, expected"),
    "mixed": (
        lambda: reading("join", **numbered(("h_last", "c"))),
        "node join joins sequences and vectors",
    ),
    "sliced": (lambda: work("part", Slice(5, 9)), "node part takes features 5 to 8 of 8"),
    "part": (lambda: work("part", Slice(0, 3)), "node part makes some of 4 features, expected 3"),
    "step_of_vector": (lambda: reading("ends", x="h_last"), "node ends reads h_last, .* sequence"),
    "step_behind": (lambda: work("last", Step(STEPS)), f"node last takes step {STEPS} of {STEPS}"),
    "step_before": (lambda: work("ends", Step(-7)), "node ends takes step -7 of 6"),
    "over_time": (
        lambda: work("flat", DenseOverTime(np.ones((5, 5, 4)), np.zeros(5))),
        r"node flat has weights \(5, 5, 4\), expected \(6, 5, 4\)",
    ),
    "sequence": (lambda: tensor("h_last", per_step=True), "node last makes h_last, expected one"),
    "vector_of_sequence": (lambda: tensor("c", per_step=False), "node lstm makes c, expected a se"),
    "port": (lambda: output(tensor="none"), "output y is none, which nothing makes"),
    "axes": (lambda: output(axes=("batch", "channel")), "output y has axes"),
    "shape": (lambda: output(shape=(2,)), "output y has .* of .2,"),
    "limit": (lambda: output(limit=-1), "output y has the limit -1"),
    "timed": (lambda: output(axes=("time", "feature")), "output y has a time axis"),
    "features": (lambda: output(shape=(1, 3)), "output y has 3 features, expected 2"),
    "length": (
        lambda: replace(model(), inputs=(_port("x", "x", FEATURES, 7),)),
        r"input x has \[7\] steps, expected 6",
    ),
    "two_nodes": (
        lambda: with_node("part", lambda node: replace(node, name="join")),
        r"nodes \['join'\] have one name",
    ),
    "two_inputs": (
        lambda: replace(model(), state_inputs=(replace(model().state_inputs[0], name="x"),)),
        r"inputs \['x'\] have one name",
    ),
    "two_outputs": (lambda: shown(name="y"), r"outputs \['y'\] have one name"),
    "no_parts": (lambda: shown(parts=()), "state port hn has no parts"),
    "state": (
        lambda: shown(parts=(StatePart("lstm", "s", PLACES),)),
        "state port hn has s of lstm, no state",
    ),
    "places": (
        lambda: shown(parts=(StatePart("lstm", "h", (0, 1, 2)),)),
        "state port hn has 3 numbers of h of lstm, expected 4",
    ),
    "same_place": (
        lambda: shown(parts=(StatePart("lstm", "h", (0, 1, 2, 2)),)),
        "state port hn has two numbers in one place",
    ),
    "outside": (lambda: shown(shape=(1, 3)), r"state port hn has places outside of \(1, 3\)"),
    "partner": (
        lambda: replace(model(), state_outputs=()),
        "state port h0 has the partner hn, no output",
    ),
    "other_places": (
        lambda: replace(model(), state_inputs=(LATE,)),
        "state port h0 has other states than hn",
    ),
    "folded": (
        lambda: replace(model(), folded=(replace(model().folded[0], tensor="w"),)),
        "folded Mul 'scale' is of no tensor",
    ),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_a_model_that_breaks_a_rule_is_refused(rule: str) -> None:
    broken, message = BROKEN[rule]
    with pytest.raises(InternalError, match=f"^model net: {message}"):
        verify(broken())


def test_a_model_that_keeps_all_rules_is_given_back() -> None:
    kept = model()
    assert verify(kept) is kept
    assert verify(replace(kept, state_outputs=(), state_inputs=())).nodes == kept.nodes


@pytest.mark.parametrize("seed", range(12))
def test_random_models_keep_all_rules(seed: int) -> None:
    verify(random_model(seed))
