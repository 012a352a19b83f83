"""Steps that a mask skips, in integers: what is left out must be just what float leaves out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lstm_edge
from lstm_edge.frontend import load
from lstm_edge.interpret.feed import feed_of, run_numpy
from lstm_edge.passes.lower_real import lower_real
from tests.oracle.state_graphs import user_arrays
from tests.support.keras_files import placed, refused, rewritten
from tests.support.programs import Array

STEPS, ROWS = 8, 40


def with_gaps(value: float, seed: int) -> Array:
    """[rows, 1, steps, 3]: in each row some steps anywhere are `value` in all features, in the
    first few the steps behind an end.
    """
    rng = np.random.default_rng(seed)
    numbers = rng.normal(0.0, 1.0, (ROWS, 1, STEPS, 3)).astype(np.float32)
    skipped = rng.random((ROWS, 1, STEPS)) < 0.3
    skipped[:5, :, 5:] = True
    numbers[skipped] = value
    return numbers


def decibels(wanted: Array, found: Array) -> float:
    error = ((wanted - found) ** 2).sum()
    return float(10.0 * np.log10((wanted**2).sum() / error))


@pytest.mark.parametrize("value", [-1.0, 0.0, -0.37])
def test_integers_skip_the_same_steps(value: float, tmp_path: Path) -> None:
    def change(config: Any) -> None:
        for layer in config["config"]["layers"]:
            if layer["class_name"] == "Masking":
                layer["config"]["mask_value"] = value
            if layer["class_name"] == "NotEqual":
                layer["inbound_nodes"][0]["args"][1] = value

    path = rewritten(tmp_path, ("keras3", "masked.keras"), config=change)
    network = lstm_edge.load(path)
    compiled = lstm_edge.compile(
        network, target="cortex-m4", calibration={"gaps": with_gaps(value, 1)}
    )
    fresh = {"gaps": with_gaps(value, 2)}
    wanted, found = compiled.run(fresh, on="float"), compiled.run(fresh)
    assert len(wanted) == 9
    for name, array in wanted.items():
        assert decibels(array, found[name]) > 35.0, name


def layers_of(config: Any) -> dict[str, Any]:
    return {one["config"]["name"]: one for one in config["config"]["layers"]}


def without_masks(config: Any) -> None:
    """As files are where the calls do not say which steps count: the layers tell each other."""
    for layer in config["config"]["layers"]:
        for node in layer["inbound_nodes"]:
            node["kwargs"].pop("mask", None)


def test_layers_tell_each_other_what_calls_may_say(tmp_path: Path) -> None:
    source, results = ("keras3", "masked.keras"), []
    gaps = with_gaps(-1.0, 3)
    for change in (lambda _: None, without_masks):
        program = lower_real(load(rewritten(tmp_path, source, config=change), name="net"))
        feed = feed_of(program, {"gaps": gaps}, stream=False)
        results.append(user_arrays(program, run_numpy(program, feed)))
    told, silent = results
    assert told.keys() == silent.keys()
    assert all(np.array_equal(told[name], silent[name]) for name in told)


@pytest.mark.parametrize("backward", [False, True])
def test_an_end_of_zeros_is_that_of_the_last_step_that_is_taken(
    backward: bool, tmp_path: Path
) -> None:
    def change(config: Any) -> None:
        layers_of(config)["end"]["config"]["go_backwards"] = backward

    path = rewritten(tmp_path, ("keras3", "masked.keras"), config=change)
    program = lower_real(load(path, name="net"))
    gaps = with_gaps(-1.0, 4)
    feed = feed_of(program, {"gaps": gaps}, stream=False)
    found = user_arrays(program, run_numpy(program, feed))["end"]
    skipped = (gaps[:, 0, 0 if backward else -1] == -1.0).all(axis=-1)
    assert 5 < skipped.sum() < ROWS - 5
    assert np.array_equal((found.reshape(ROWS, -1) == 0.0).all(axis=-1), skipped)


def test_masks_of_several_inputs_are_not_guessed(tmp_path: Path) -> None:
    """The sum of a sequence that is masked and of one that is masked otherwise."""

    def change(config: Any) -> None:
        without_masks(config)
        layers = layers_of(config)
        twin = json.loads(json.dumps(layers["masking"]))
        twin["config"] |= {"name": "masking_1", "mask_value": 2.0}
        twin["name"] = "masking_1"
        config["config"]["layers"].append(twin)
        (source,) = layers["dense_1"]["inbound_nodes"][0]["args"]
        source["config"]["keras_history"][0] = "masking_1"

    path = rewritten(tmp_path, ("keras3", "masked.keras"), config=change)
    refused(path, r"'ways' \(Bidirectional\).*not known which steps count", STEPS)


def test_the_mask_of_a_sequence_that_keras_has_turned_is_not_followed(tmp_path: Path) -> None:
    """Its steps go backward then, and those of the mask do not."""

    def change(config: Any) -> None:
        layers = layers_of(config)
        layers["gru"]["config"]["go_backwards"] = True
        (both,) = layers["add"]["inbound_nodes"][0]["args"]
        both[1] = both[0]

    path = rewritten(tmp_path, ("keras3", "masked.keras"), config=change)
    refused(path, r"\((SimpleRNN|LSTM)\).*not known which steps count.*reversed", STEPS)


def test_an_initial_state_and_a_mask_are_refused(tmp_path: Path) -> None:
    def change(config: Any) -> None:
        layers = layers_of(config)
        mask = {"class_name": "Masking", "module": "keras.layers", "name": "mask"}
        mask["config"] = {"name": "mask", "mask_value": 0.0, "trainable": True}
        (sequence, *_) = layers["first"]["inbound_nodes"][0]["args"]
        mask["inbound_nodes"] = [{"args": [json.loads(json.dumps(sequence))], "kwargs": {}}]
        sequence["config"]["keras_history"] = ["mask", 0, 0]
        config["config"]["layers"].append(mask)

    path = rewritten(tmp_path, ("keras3", "fed_states.keras"), config=change)
    refused(path, r"'first' \(LSTM\).*initial states and skips steps")


def test_masked_ids_are_looked_up_twice(tmp_path: Path) -> None:
    model = load(placed(tmp_path, "keras3", "masked_ids.keras"))
    (port,) = model.inputs
    assert port.limit == 6
    names = [node.name for node in model.nodes if node.name.startswith("embedding")]
    assert len(names) == 3  # vectors, the mask, and vectors again for what runs backward
