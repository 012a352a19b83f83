"""A PyTorch state_dict saved as npz, with and without the words that say what forward() does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
from lstm_edge.interpret.execute import run
from lstm_edge.ir.model import Layer, Model, is_a
from lstm_edge.passes.lower_real import lower_real
from tests.oracle.model_reference import run_model

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
EXPECTED = np.load(FIXTURES / "expected.npz")
STATE = dict(np.load(FIXTURES / "two_layers.npz"))
STATES = dict(np.load(FIXTURES / "states.npz"))


def saved(folder: Path, **arrays: object) -> Path:
    path = folder / "weights.npz"
    np.savez(path, **arrays)
    return path


def test_state_dict_computes_what_pytorch_did() -> None:
    model = load(FIXTURES / "two_layers.npz")
    assert model.steps is None
    assert model.inputs[0].shape == (1, -1, 3)
    y = run_model(model, {"x": EXPECTED["two_layers/x"]})["y"]
    np.testing.assert_allclose(y, EXPECTED["two_layers/steps"], atol=1e-6)
    assert [n.name for n in model.nodes] == ["lstm", "lstm2", "fc"]
    assert len(model.warnings) == 2


def test_head_on_the_last_step(tmp_path: Path) -> None:
    words = {"lstm_edge.head": "last", "lstm_edge.activations": "none"}
    model = load(saved(tmp_path, **STATE, **words), steps=7)
    y = run_model(model, {"x": EXPECTED["two_layers/x"]})["y"]
    np.testing.assert_allclose(y, EXPECTED["two_layers/0"], atol=1e-6)
    assert [n.name for n in model.nodes] == ["lstm", "lstm2", "last", "fc"]
    assert model.outputs[0].shape == (1, 4)
    assert model.steps == 7
    assert not model.warnings


def test_activations_follow_the_linears_in_order(tmp_path: Path) -> None:
    more = {
        "out.weight": np.eye(2, 4, dtype=np.float32),
        "lstm_edge.activations": "relu, softmax",
    }
    model = load(saved(tmp_path, **STATE, **more))
    assert [n.name for n in model.nodes] == ["lstm", "lstm2", "fc", "relu", "fc2", "softmax"]
    y = run_model(model, {"x": EXPECTED["two_layers/x"]})["y"]
    logits = np.maximum(EXPECTED["two_layers/steps"], 0)[..., :2]
    expected = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    np.testing.assert_allclose(y, expected, atol=1e-6)


def test_order_of_computation_may_be_given(tmp_path: Path) -> None:
    first = {k: v for k, v in STATE.items() if k.startswith("fc")}
    rest = {k: v for k, v in STATE.items() if not k.startswith("fc")}
    with pytest.raises(ModelError, match=r"lstm_edge\.order"):
        load(saved(tmp_path, **first, **rest))
    model = load(saved(tmp_path, **first, **rest, **{"lstm_edge.order": "lstm,fc"}))
    assert [n.name for n in model.nodes] == ["lstm", "lstm2", "fc"]


def test_layers_may_be_stored_in_any_order_and_without_biases(tmp_path: Path) -> None:
    arrays = {k: v for k, v in reversed(STATE.items()) if "bias" not in k}
    arrays = {k: v for k, v in arrays.items() if k != "fc.weight"} | {
        "fc.weight": STATE["fc.weight"]
    }
    model = load(saved(tmp_path, **arrays))
    assert model.nodes[0].source == "array 'lstm.weight_hh_l0'"


def test_bare_lstm_without_a_prefix(tmp_path: Path) -> None:
    arrays = {k.removeprefix("lstm."): v for k, v in STATE.items() if k.startswith("lstm")}
    model = load(saved(tmp_path, **arrays))
    assert model.outputs[0].shape == (1, -1, 5)
    assert not model.warnings


MODULES = sorted({key.split(":")[0] for key in STATES if ":" in key})


def module_state(name: str) -> dict[str, np.ndarray]:
    return {k.split("/")[1]: v for k, v in STATES.items() if k.startswith(f"{name}/")}


@pytest.mark.parametrize("head", ["per_step", "last", "final"])
@pytest.mark.parametrize("name", MODULES)
def test_every_module_in_both_directions(name: str, head: str, tmp_path: Path) -> None:
    words = {"lstm_edge.head": head}
    if name == "rnn_relu":
        words["lstm_edge.nonlinearity"] = "relu"
    path = saved(tmp_path, **module_state(name), **words)
    model = load(path, steps=7)
    wanted = {"per_step": STATES[f"{name}:y"], "final": STATES[f"{name}:final"]}
    wanted["last"] = STATES[f"{name}:y"][:, -1]
    y = run_model(model, {"x": STATES[f"{name}:x"]})["y"]
    np.testing.assert_allclose(y, wanted[head], atol=1e-6)
    real = lower_real(load(path, name="net", steps=7))
    floats, _ = run(real, {"x": STATES[f"{name}:x"]})
    np.testing.assert_allclose(floats["y"].reshape(y.shape), wanted[head], atol=1e-5)
    assert bool(model.warnings) == (name == "rnn_tanh")


def test_a_second_direction_needs_a_known_length(tmp_path: Path) -> None:
    path = saved(tmp_path, **module_state("gru_two_ways"))
    with pytest.raises(ModelError, match=r"weight_ih_l0_reverse.*--steps"):
        load(path)


def test_a_reverse_direction_alone_is_refused(tmp_path: Path) -> None:
    arrays = {k: v for k, v in module_state("lstm_two_ways").items() if "_reverse" in k}
    with pytest.raises(ModelError, match="no forward direction"):
        load(saved(tmp_path, **arrays), steps=7)


def test_directions_of_two_kinds_are_refused(tmp_path: Path) -> None:
    arrays = {k: a for k, a in module_state("gru_two_ways").items() if "_l0" in k}
    half = {k: a[: len(a) // 3] if k.endswith("_reverse") else a for k, a in arrays.items()}
    with pytest.raises(ModelError, match="no forward direction of the same kind and size"):
        load(saved(tmp_path, **half), steps=7)
    wide = {k: np.c_[a, a] if k == "weight_ih_l0_reverse" else a for k, a in arrays.items()}
    with pytest.raises(ModelError, match="no forward direction of the same kind and size"):
        load(saved(tmp_path, **wide), steps=7)


def test_layers_have_names_that_tell_kind_and_direction(tmp_path: Path) -> None:
    model = load(saved(tmp_path, **module_state("gru_two_ways")), steps=7)
    names = [n.name for n in model.nodes]
    assert names == ["gru", "gru_reverse", "join", "gru2", "gru_reverse2", "join2"]


def looked_up(folder: Path, name: str, rows: int, **words: str) -> Model:
    """The two layers behind a table of `rows` rows, first in the file."""
    table = np.random.default_rng(rows).normal(size=(rows, 3)).astype(np.float32)
    return load(saved(folder, **{name: table}, **STATE, **words))


@pytest.mark.parametrize("name", ["emb.weight", "net.word_embeddings.weight", "table.weight"])
def test_a_table_first_in_the_file_is_looked_up(name: str, tmp_path: Path) -> None:
    model = looked_up(tmp_path, name, 17)
    (port,) = model.inputs
    assert (port.name, port.axes, port.shape) == ("tokens", ("batch", "time"), (1, -1))
    assert port.limit == 17
    assert [n.name for n in model.nodes] == ["embedding", "lstm", "lstm2", "fc"]
    layer = model.nodes[0]
    assert is_a(layer, Layer)
    ids = np.random.default_rng(0).integers(0, 17, (1, 9))
    behind = load(FIXTURES / "two_layers.npz")
    wanted = run_model(behind, {"x": layer.op.params["E"][ids]})["y"]
    np.testing.assert_allclose(run_model(model, {"tokens": ids})["y"], wanted, atol=1e-6)
    real, _ = run(lower_real(replace(model, name="net")), {"tokens": ids[..., None]})
    np.testing.assert_allclose(real["y"], wanted, atol=1e-5)
    guessed = [w for w in model.warnings if "taken for an Embedding" in w]
    assert len(guessed) == (0 if "emb" in name else 1)


def test_a_square_first_matrix_is_what_its_name_or_a_word_says(tmp_path: Path) -> None:
    assert looked_up(tmp_path, "emb.weight", 3).inputs[0].limit == 3
    assert looked_up(tmp_path, "first.weight", 3).inputs[0].limit == 0
    words = {"lstm_edge.input": "ids"}
    assert looked_up(tmp_path, "first.weight", 3, **words).inputs[0].limit == 3
    words = {"lstm_edge.input": "real"}
    assert looked_up(tmp_path, "emb.weight", 3, **words).inputs[0].limit == 0


def test_a_word_about_an_embedding_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"lstm_edge\.input.*is no table"):
        load(saved(tmp_path, **STATE, **{"lstm_edge.input": "ids"}))
    with pytest.raises(ModelError, match=r"lstm_edge\.input.*real or ids"):
        load(saved(tmp_path, **STATE, **{"lstm_edge.input": "words"}))


R = STATE["lstm.weight_hh_l0"]
W = STATE["lstm.weight_ih_l0"]
CHANGES: dict[str, tuple[dict[str, object], str]] = {
    "gru_rows": ({"lstm.weight_hh_l0": R[:15]}, "weight_ih_l0.*20 rows, expected 15"),
    "rnn_rows": ({"lstm.weight_hh_l0": R[:5]}, "weight_ih_l0.*20 rows, expected 5"),
    "rows": ({"lstm.weight_hh_l0": R[:17]}, r"weight_hh_l0.*\[17, 5\], expected \[20, 5\]"),
    "nonlinearity": ({"lstm_edge.nonlinearity": "gelu"}, "lstm_edge.nonlinearity.*tanh or relu"),
    "input_rows": ({"lstm.weight_ih_l0": W[:19]}, "weight_ih_l0.*19 rows"),
    "projection": ({"lstm.weight_hr_l0": R}, r"weight_hr_l0.*expected \[P, H\]"),
    "reverse": ({"lstm.weight_ih_l0_reverse": W}, "weight_ih_l0_reverse.*no weight_hh"),
    "nan": ({"fc.bias": np.full(4, np.nan, np.float32)}, "fc.bias.*NaN"),
    "infinity": ({"fc.bias": np.full(4, -np.inf, np.float32)}, "fc.bias.*infinity"),
    "too_large": ({"fc.bias": np.full(4, 1e300)}, "fc.bias.*infinity"),
    "integers": ({"fc.weight": np.ones((4, 5), int)}, "fc.weight.*int64, expected float32"),
    "rank": ({"fc.weight": np.ones((4, 5, 1), np.float32)}, "fc.weight.*expected 2 axes"),
    "size": ({"fc.weight": np.ones((4, 6), np.float32)}, "fc.weight.*takes 6.*gives 5"),
    "bias": ({"fc.bias": np.ones(3, np.float32)}, "fc.bias.*3 entries, expected 4"),
    "lstm_bias": ({"lstm.bias_hh_l1": np.ones(3, np.float32)}, "bias_hh_l1.*3 entries"),
    "unknown": ({"emb": np.ones(3, np.float32)}, "array 'emb'"),
    "keras": ({"lstm/kernel": np.ones((3, 20), np.float32)}, "array 'lstm/kernel'"),
    "running_mean": ({"bn.running_mean": np.ones(3, np.float32)}, "array 'bn.running_mean'"),
    "half_layer": ({"lstm.weight_ih_l2": W}, "weight_ih_l2.*no weight_hh"),
    "no_layer_between": (
        {"lstm.weight_ih_l3": R, "lstm.weight_hh_l3": R},
        "weight_ih_l3.*no array is of layer 2",
    ),
    "lonely_bias": ({"out.bias": np.ones(3, np.float32)}, "out.bias.*no weight"),
    "pickle": ({"fc.bias": np.array([{}], dtype=object)}, "fc.bias.*Python objects"),
    "schema": ({"lstm_edge.tail": "last"}, "lstm_edge.tail"),
    "head": ({"lstm_edge.head": "first"}, "lstm_edge.head.*per_step or last or final"),
    "head_type": ({"lstm_edge.head": np.ones(2)}, "lstm_edge.head.*expected a string"),
    "activations": ({"lstm_edge.activations": "relu,relu"}, "lstm_edge.activations.*expected 1"),
    "function": ({"lstm_edge.activations": "gelu"}, "lstm_edge.activations.*softmax"),
    "order": ({"lstm_edge.order": "fc"}, "lstm_edge.order"),
}


@pytest.mark.parametrize("case", CHANGES)
def test_what_does_not_fit_is_refused_by_the_arrays_name(case: str, tmp_path: Path) -> None:
    change, message = CHANGES[case]
    with pytest.raises(ModelError, match=message) as caught:
        load(saved(tmp_path, **{**STATE, **change}))
    assert "\n" not in str(caught.value)


def test_half_the_biases_are_refused(tmp_path: Path) -> None:
    arrays = {k: v for k, v in STATE.items() if k != "lstm.bias_hh_l0"}
    with pytest.raises(ModelError, match="no bias_hh"):
        load(saved(tmp_path, **arrays))


def test_a_file_without_an_lstm_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no LSTM"):
        load(saved(tmp_path, **{"fc.weight": np.ones((2, 2), np.float32)}))


def fast_grnn(seed: int = 0, **changed: np.ndarray) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    shapes = {"W_zh": (5, 3), "R_zh": (5, 5), "b_z": 5, "b_n": 5}
    arrays = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    arrays |= {name: rng.uniform(0.1, 0.9, 5).astype(np.float32) for name in ("zeta", "nu")}
    named = {f"cell.{name}": array for name, array in (arrays | changed).items()}
    return named | {"lstm_edge.cell": np.array("fast_grnn")}


def test_a_cell_by_its_name(tmp_path: Path) -> None:
    a = {name.removeprefix("cell."): array for name, array in fast_grnn().items()}
    model = load(saved(tmp_path, **fast_grnn()))
    assert [n.name for n in model.nodes] == ["fast_grnn"]
    x = np.random.default_rng(1).normal(size=(1, 9, 3)).astype(np.float32)
    h, steps = np.zeros(5), []
    for v in x[0]:
        shared = a["W_zh"] @ v + a["R_zh"] @ h
        z = 1.0 / (1.0 + np.exp(-(shared + a["b_z"])))
        n = np.tanh(shared + a["b_n"])
        h = (a["zeta"] * (1.0 - z) + a["nu"]) * n + z * h
        steps.append(h)
    np.testing.assert_allclose(run_model(model, {"x": x})["y"][0], steps, atol=1e-6)


def test_the_cell_that_came_last(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    shapes = {"W_f": (5, 3), "R_f": (5, 5), "b_f": 5, "W_n": (5, 3), "R_n": (5, 5), "b_n": 5}
    a = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    arrays = {f"cell.{name}": array for name, array in a.items()}
    model = load(saved(tmp_path, **arrays, **{"lstm_edge.cell": np.array("mgu")}))
    x = rng.normal(size=(1, 9, 3)).astype(np.float32)
    h, steps = np.zeros(5), []
    for v in x[0]:
        f = 1.0 / (1.0 + np.exp(-(a["W_f"] @ v + a["R_f"] @ h + a["b_f"])))
        n = np.tanh(a["W_n"] @ v + a["R_n"] @ (f * h) + a["b_n"])
        h = (1.0 - f) * h + f * n
        steps.append(h)
    np.testing.assert_allclose(run_model(model, {"x": x})["y"][0], steps, atol=1e-6)


CELL_REFUSED = {
    "entries": ({"b_z": np.ones(4, np.float32)}, "expected .5. of a fast_grnn"),
    "rows": ({"R_zh": np.ones((6, 5), np.float32)}, "expected"),
    "columns": ({"W_zh": np.ones((4, 3), np.float32)}, "expected .5, 3."),
    "unknown": ({"P_i": np.ones(5, np.float32)}, "P_i"),
}


@pytest.mark.parametrize("case", CELL_REFUSED)
def test_a_cell_by_name_that_does_not_fit_is_refused(case: str, tmp_path: Path) -> None:
    changed, words = CELL_REFUSED[case]
    with pytest.raises(ModelError, match=words):
        load(saved(tmp_path, **fast_grnn(**changed)))


def test_a_cell_by_name_with_a_part_missing_is_refused(tmp_path: Path) -> None:
    arrays = fast_grnn()
    del arrays["cell.zeta"]
    with pytest.raises(ModelError, match="no zeta beside it"):
        load(saved(tmp_path, **arrays))


def test_an_unknown_cell_is_refused(tmp_path: Path) -> None:
    arrays = fast_grnn() | {"lstm_edge.cell": np.array("nothing")}
    with pytest.raises(ModelError, match="expected one of lstm"):
        load(saved(tmp_path, **arrays))
