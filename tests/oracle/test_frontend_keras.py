"""Files of Keras 2 and 3, .keras and .h5, against what Keras itself computed from them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lstm_edge.frontend import load
from lstm_edge.interpret.feed import feed_of, run_numpy
from lstm_edge.ir.expr import walk
from lstm_edge.ir.model import Model
from lstm_edge.passes.lower_real import lower_real
from tests.oracle.model_reference import run_model
from tests.oracle.state_graphs import user_arrays
from tests.support.keras_files import MODELS, VERSIONS, expected, placed, rewritten

STEPS = 6
LENGTHS = {"strided": 13, "masked": 8}
REDUCED = frozenset(("recent", "mean_over_steps", "step"))
"""Expressions of which the definitions in `model_reference.py` know nothing."""


def kinds_of(model: Model) -> set[str]:
    layers = model.layers
    return {e.kind for layer in layers for e in walk(*layer.op.cell.results.values())}


@pytest.mark.parametrize(("version", "name"), MODELS)
def test_every_file_computes_what_keras_did(version: str, name: str, tmp_path: Path) -> None:
    path = placed(tmp_path, version, name)
    wanted = {
        key.split("/")[1]: array
        for key, array in expected(version).items()
        if key.startswith(f"{path.stem}/")
    }
    tolerance = 2e-2 if path.stem == "half" else 1e-5
    model = load(path, name="net", steps=LENGTHS.get(path.stem, STEPS))
    inputs = {port.name: port for port in (*model.inputs, *model.state_inputs)}
    outputs = {port.name: port for port in (*model.outputs, *model.state_outputs)}
    assert {*inputs, *outputs} == set(wanted)
    for name, port in (inputs | outputs).items():
        assert port.shape == (1, *wanted[name].shape[1:])
    program = lower_real(model)
    fed = {name: wanted[name][:, None] for name in inputs}
    found = user_arrays(program, run_numpy(program, feed_of(program, fed, stream=False)))
    for name in outputs:
        np.testing.assert_allclose(found[name][:, 0, 0], wanted[name], 1e-5, tolerance)
    if not REDUCED.intersection(kinds_of(model)):
        for k in range(len(next(iter(wanted.values())))):
            exact = run_model(model, {name: wanted[name][k : k + 1] for name in inputs})
            for name in outputs:
                np.testing.assert_allclose(exact[name][0], wanted[name][k], 1e-5, tolerance)
    assert not model.warnings


def without_input_layer(config: Any) -> None:
    first, *layers = config["config"]["layers"]
    layers[0]["config"]["batch_input_shape"] = first["config"]["batch_input_shape"]
    config["config"] = layers


def unbuilt_at_first(config: Any) -> None:
    del config["config"]["layers"][0]
    config["config"]["build_input_shape"] = [None, None, 3]


@pytest.mark.parametrize("change", [without_input_layer, unbuilt_at_first])
def test_older_forms_of_sequential_name_the_input_after_the_first_layer(
    change: Any, tmp_path: Path
) -> None:
    model = load(rewritten(tmp_path, ("keras2", "lstm.keras"), config=change))
    assert model.inputs[0].name == "lstm_input"
    assert model.inputs[0].shape == (1, -1, 3)
    assert [node.name for node in model.nodes] == ["lstm", "lstm2", "last", "fc", "relu"]


def test_steps_are_open_where_the_file_leaves_them_open(tmp_path: Path) -> None:
    path = placed(tmp_path, "keras3", "gru.keras")
    model = load(path)
    assert model.steps is None
    assert model.inputs[0].shape == (1, -1, 3)
    assert model.outputs[0].shape == (1, -1, 2)
    assert load(path, steps=9).outputs[0].shape == (1, 9, 2)


def test_scales_are_folded_into_the_weights_around_them(tmp_path: Path) -> None:
    names = [node.name for node in load(placed(tmp_path, "keras3", "norms.keras")).nodes]
    assert names.count("scale") == 1
    assert names.index("scale") == names.index("tanh") - 1


def test_states_that_the_model_is_given_and_gives_back_are_paired(tmp_path: Path) -> None:
    model = load(placed(tmp_path, "keras3", "fed_states.keras"))
    partners = {port.name: port.partner for port in model.state_inputs}
    assert partners == {"h": "first", "c": "first2", "g": "second", "f": "", "e": ""}
    assert [port.name for port in model.outputs] == ["label"]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_decoder_goes_on_where_its_states_end(version: str, tmp_path: Path) -> None:
    program = lower_real(load(placed(tmp_path, version, "decoder.keras"), name="net", steps=1))
    wanted = {k.split("/")[1]: a for k, a in expected(version).items() if k.startswith("decoder/")}
    calls = {"ids": wanted["ids"].reshape(-1, STEPS, 1, 1)}
    first = {f"init__{name}": wanted[name][:, None] for name in ("h", "c")}
    feed = feed_of(program, calls | first, stream=True)
    found = user_arrays(program, run_numpy(program, feed))
    label = wanted["label"]
    np.testing.assert_allclose(found["label"].reshape(label.shape), label, 1e-5, 1e-5)
    np.testing.assert_allclose(found["after2"][:, -1, 0], wanted["after2"], 1e-5, 1e-5)


def test_the_limit_of_ids_is_that_of_the_smallest_table(tmp_path: Path) -> None:
    (port,) = load(placed(tmp_path, "keras2", "looked_up.h5")).inputs
    assert (port.limit, port.axes, port.shape) == (7, ("batch", "time"), (1, STEPS))
    (port,) = load(placed(tmp_path, "keras2", "real_ids.h5")).inputs
    assert (port.limit, port.shape) == (6, (1, -1))


def test_a_scale_goes_into_a_convolution_that_sees_no_padding(tmp_path: Path) -> None:
    names = [node.name for node in load(placed(tmp_path, "keras3", "convolved.keras")).nodes]
    # an offset cannot be in the weights where padding is, so two are computed
    assert [name for name in names if name.startswith(("scale", "conv"))] == [
        *("scale", "conv1d", "conv1d2", "scale2", "conv1d3"),
    ]


def test_operations_that_round(tmp_path: Path) -> None:
    """In the place of |y|, of which half is shown where y is no more than 0.1."""

    def shown(kind: str) -> Any:
        def changed(config: Any) -> Any:
            return json.loads(json.dumps(config).replace('"Absolute"', f'"{kind}"'))

        model = load(rewritten(tmp_path, ("keras3", "written.keras"), config=changed), steps=STEPS)
        program = lower_real(model)
        fed = {"series": expected("keras3")["written/series"][:, None]}
        found = user_arrays(program, run_numpy(program, feed_of(program, fed, stream=False)))
        return found["where"].astype(np.float64)

    y = shown("Copy")
    y = np.where(y > 0.1, y, 2.0 * y)
    for kind, meant in (("Floor", np.floor), ("Ceil", np.ceil), ("Round", np.round)):
        np.testing.assert_allclose(shown(kind), np.where(y > 0.1, y, meant(y) / 2.0), atol=1e-6)
