"""Keras files that hold what is not supported: refused by the name of the layer and the option."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lstm_edge.frontend import load
from tests.support.keras_files import LSTM, VERSIONS, placed, refused, rewritten


def with_layer(k: int, **options: Any) -> Callable[[Any], None]:
    """Options of the k-th layer, or its class name."""

    def change(config: Any) -> None:
        layer = config["config"]["layers"][k]
        if "class_name" in options:
            layer["class_name"] = options["class_name"]
        if "registered_name" in options:
            layer["registered_name"] = options["registered_name"]
            layer["module"] = options["module"]
        fields = ("class_name", "registered_name", "module")
        layer["config"] |= {key: v for key, v in options.items() if key not in fields}

    return change


OWN = {"module": "builtins", "class_name": "function", "config": "f", "registered_name": "function"}
LAMBDA = {"module": "builtins", "class_name": "__lambda__", "config": {"code": "4wEAAAA="}}
INT8 = {"class_name": "QuantizedDTypePolicy", "config": {"name": "int8_from_float32"}}

REFUSED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "lambda": (with_layer(3, class_name="Lambda", function=LAMBDA), r"'dense'? \(Lambda\).*code"),
    "unheard": (with_layer(3, class_name="Mamba"), r"\(Mamba\).*not supported; docs/networks.md"),
    "custom": (
        with_layer(1, module="my.layers", registered_name="my>LSTM"),
        r"'lstm' \(LSTM\): is defined by 'my>LSTM'",
    ),
    "module": (with_layer(1, module="my", registered_name=None), "is defined by 'my'"),
    "unknown": (with_layer(1, peephole=True), "'lstm'.*option 'peephole' = True is not known"),
    "time_major": (with_layer(1, time_major=True), "'lstm'.*time_major = True"),
    "units": (with_layer(1, units="five"), "'lstm'.*units = 'five', expected a whole number"),
    "flag": (with_layer(1, return_sequences=1), "return_sequences = 1, expected True or False"),
    "softmax": (with_layer(1, activation="softmax"), "activation = 'softmax' is not supported"),
    "sparsemax": (
        with_layer(3, activation="sparsemax"),
        "'dense'.*activation = 'sparsemax' is not supported",
    ),
    "own": (with_layer(3, activation=OWN), "'dense'.*function of its own"),
    "lambda_gate": (with_layer(1, recurrent_activation=LAMBDA), "'lstm'.*function of its own"),
    "dtype": (with_layer(3, dtype=INT8), "dtype policy 'int8_from_float32'.*float32 model"),
    "lora": (with_layer(3, lora_rank=4), "'lora_rank' = 4"),
    "wider": (with_layer(3, units=7), r"'dense'.*kernel is \[4, 2\]"),
    "input": (with_layer(0, batch_shape=[None, 3]), "'lstm' .*expects a sequence"),
    "image": (
        with_layer(0, batch_shape=[None, 6, 3, 1]),
        r"expects a sequence .*input is \[6, 3, 1\]",
    ),
    "features": (with_layer(0, batch_shape=[None, 6, None]), "known number of features"),
    "ragged": (with_layer(0, ragged=True), "ragged = True"),
    "integers": (with_layer(0, dtype="int32"), "'int32'"),
    "name": (with_layer(1, name="lstm_1"), "two layers named 'lstm_1'"),
    "subclass": (lambda c: {**c, "class_name": "MyModel"}, r"\(MyModel\).*no description"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_supported_is_refused_by_name(case: str, tmp_path: Path) -> None:
    change, message = REFUSED[case]
    refused(rewritten(tmp_path, LSTM, config=change), message)


def find(config: Any, name: str) -> Any:
    return next(one for one in config["config"]["layers"] if one["config"]["name"] == name)


def call_with(name: str, options: dict[str, Any]) -> Callable[[Any], None]:
    def change(config: Any) -> None:
        node = find(config, name)["inbound_nodes"][0]
        if isinstance(node, dict):
            node["kwargs"] |= options
        else:
            node[0][3] |= options

    return change


def options_of(name: str, **options: Any) -> Callable[[Any], None]:
    return lambda config: find(config, name)["config"].update(options)


BRANCHES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "training": (call_with("end", {"training": True}), "'end'.*called with training = True"),
    "state": (call_with("end", {"initial_state": [1]}), "'end'.*called with initial_state"),
    "mask": (call_with("end", {"mask": [1]}), "'end'.*called with mask"),
    "state_twice": (options_of("end", return_state=False), "reads output 1 of layer 'end'"),
}


@pytest.mark.parametrize("case", BRANCHES)
@pytest.mark.parametrize("version", VERSIONS)
def test_calls_in_functional_models(version: str, case: str, tmp_path: Path) -> None:
    change, message = BRANCHES[case]
    refused(rewritten(tmp_path, (version, "branches.keras"), config=change), message)


def test_axis_1_of_vectors_is_the_features(tmp_path: Path) -> None:
    source = ("keras3", "branches.keras")
    load(rewritten(tmp_path, source, config=options_of("joined", axis=1)), "net", 6)


def test_a_second_input_of_a_recurrent_layer_is_an_initial_state(tmp_path: Path) -> None:
    def change(config: Any) -> None:
        nodes = find(config, "end")["inbound_nodes"][0]
        nodes.append(nodes[0])

    path = rewritten(tmp_path, ("keras2", "branches.keras"), config=change)
    refused(path, r"'end'.*its initial_state has \[6, 5\] numbers, expected 4")


def test_a_norm_of_another_axis_is_refused(tmp_path: Path) -> None:
    def change(config: Any) -> None:
        config["config"]["layers"][1]["config"]["axis"] = 1

    path = rewritten(tmp_path, ("keras3", "norms.keras"), config=change)
    refused(path, r"BatchNormalization\): option axis = 1.*features")


def test_repeated_steps_need_a_length(tmp_path: Path) -> None:
    source, change = ("keras3", "repeated.keras"), options_of("series", batch_shape=[None, None, 3])
    path = rewritten(tmp_path, source, config=change)
    refused(path, r"\(UpSampling1D\): repeats steps of a sequence of open length.*--steps", None)


def test_a_window_does_not_read_a_step_twice(tmp_path: Path) -> None:
    def change(config: Any) -> None:
        pooled = find(config, "mean")
        pooled["class_name"] = "MaxPooling1D"
        pooled["config"] = {"name": "mean", "trainable": True, "pool_size": 2, "padding": "valid"}

    path = rewritten(tmp_path, ("keras3", "repeated.keras"), config=change)
    refused(path, r"'mean' \(MaxPooling1D\): reads steps.* some of them twice.*as two networks")


@pytest.mark.parametrize(
    ("steps", "message"),
    [(5, "takes 24 features.*5 steps of 4 features; give --steps 6"), (None, None)],
)
def test_flatten_needs_the_length_it_was_trained_for(
    steps: int | None, message: str | None, tmp_path: Path
) -> None:
    path = placed(tmp_path, "keras3", "flattened.keras")
    if message is not None:
        refused(path, message, steps)
    else:
        assert load(path).steps == 6


def test_flatten_of_an_open_length_finds_it(tmp_path: Path) -> None:
    source = ("keras3", "flattened.keras")
    path = rewritten(tmp_path, source, config=with_layer(0, batch_shape=[None, None, 3]))
    assert load(path).steps == load(path, steps=6).steps == 6
    refused(path, "takes 24 features.*5 steps of 4 features; give --steps 6", 5)


def test_hard_sigmoid_needs_the_version_of_keras(tmp_path: Path) -> None:
    path = rewritten(tmp_path, ("keras3", "functions.keras"))
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (members | {"metadata.json": b"{}"}).items():
            archive.writestr(name, content)
    refused(path, "hard_sigmoid, which is another function in Keras 2 than in Keras 3")


OTHERS: dict[str, tuple[str, Callable[[Any], Any], str]] = {
    "mask": ("looked_up", options_of("embedding", mask_zero=1), "mask_zero = 1, expected True"),
    "rows": ("looked_up", options_of("embedding", input_dim=8), r"table is \[7, 4\], expected \[8"),
    "ids_of_steps": (
        "looked_up",
        options_of("ids", batch_shape=[None, 6, 2]),
        r"'ids'.*integers, 'int32', in each step.*\[batch, time\]",
    ),
    "channels": (
        "convolved",
        options_of("conv1d", data_format="channels_first"),
        "'conv1d'.*channels_first.*use channels_last",
    ),
    "padding": ("convolved", options_of("conv1d", padding="full"), "padding = 'full'"),
    "dilation": (
        "convolved",
        options_of("conv1d", dilation_rate=[10**9]),
        "'conv1d'.*sees 2000000001 steps, expected 1 to 4096",
    ),
    "kernel": ("convolved", options_of("conv1d", kernel_size=[4]), r"kernel is \[3, 3, 6\].*\[4,"),
    "groups": ("convolved", options_of("conv1d_1", groups=4), r"4 groups of 6 channels"),
    "two": ("convolved", options_of("conv1d", strides=[1, 1]), r"strides = \[1, 1\], expected a w"),
    "open": (
        "convolved",
        options_of("conv1d_2", strides=[2]),
        "'conv1d_2'.*'same' with strides of 2 depends on the length.*give --steps",
    ),
    "rms": (
        "convolved",
        options_of("layer_normalization", rms_scaling=True),
        "rms_scaling = True",
    ),
    "axis": ("convolved", options_of("layer_normalization", axis=[1]), r"axis = \[1\].*features"),
    "mean": (
        "strided",
        options_of("average_pooling1d", padding="same", pool_size=[2], strides=[1]),
        "'same' adds 0 before and 1 behind, where Keras gives other means.*to ONNX",
    ),
    "short": ("strided", options_of("series", batch_shape=[None, 4, 3]), "sees 3 steps.* of 2"),
    "multiplier": (
        "depthwise",
        options_of("separable_conv1d", depth_multiplier=3, filters=4),
        r"kernel is \[2, 6, 2\], expected \[2, 6, 3\]",
    ),
    "stride": (
        "turned",
        options_of("average_pooling1d", strides=[3]),
        "strides of 3 over a sequence that go_backwards left in reversed order",
    ),
    "states": (
        "fed_states",
        options_of("h", batch_shape=[None, 3]),
        "'first'.*initial_state has 3 numbers, expected 4",
    ),
    "huge": ("fed_states", options_of("h", batch_shape=[None, 2**40]), "features, more than 1048"),
    "integers": (
        "with_vector",
        options_of("place", dtype="int64"),
        "'batch_normalization'.*reads 'place' of type int64.*integers can be looked up",
    ),
    "size": ("with_vector", options_of("place", batch_shape=[None, None]), "input of open size"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_options_of_other_layers_are_refused_by_name(case: str, tmp_path: Path) -> None:
    name, change, message = OTHERS[case]
    steps = None if name in ("convolved", "strided") else 6
    refused(rewritten(tmp_path, ("keras3", f"{name}.keras"), config=change), message, steps)


def arguments_of(name: str, *arguments: Any, **options: Any) -> Callable[[Any], None]:
    """What an operation is called with behind its first argument, and its options."""

    def change(config: Any) -> None:
        layer = find(config, name)
        layer["config"] |= options
        node = layer["inbound_nodes"][0]
        if arguments:
            node["args"] = [node["args"][0], *arguments]

    return change


WHOLE = {"class_name": "__slice__", "config": {"start": None, "stop": None, "step": None}}
EMPTY = {"class_name": "__slice__", "config": {"start": 4, "stop": 2, "step": None}}

WRITTEN: dict[str, tuple[Callable[[Any], Any], str]] = {
    "row": (arguments_of("get_item", [0]), r"'get_item'.*takes \[0\]: rows of the batch"),
    "beyond": (arguments_of("get_item", [WHOLE, WHOLE, 9]), "takes index 9 of an axis of 4"),
    "nothing": (arguments_of("get_item", [WHOLE, EMPTY]), "takes nothing of an axis of 6"),
    "axes": (arguments_of("get_item", [WHOLE] * 4), r"'get_item'.*of \[6, 4\]"),
    "key": (arguments_of("get_item", [WHOLE, "a"]), "takes 'a' of a tensor"),
    "batch": (arguments_of("mean", axis=0), "'mean'.*option axis = 0, expected axes behind"),
    "all": (arguments_of("sum", axis=None), "'sum'.*option axis = None, expected axes behind"),
    "array": (
        arguments_of("maximum", [[1.0], [2.0]]),
        r"'maximum' .*combines \[6, 4\] and \[2, 1\]",
    ),
    "rows": (arguments_of("maximum", [[[1.0]], [[2.0]]]), "differs by rows of the batch"),
    "odd": (arguments_of("maximum", [[1.0], [2.0, 3.0]]), "'maximum'.*expected finite numbers"),
    "nan": (arguments_of("maximum", float("nan")), "'maximum'.*expected finite numbers"),
    "text": (arguments_of("maximum", "a"), "'maximum'.*expected finite numbers"),
    "matrix": (arguments_of("matmul", [[1.0]]), r"'matmul'.*multiplies \[6, 4\] by \[1, 1\]"),
    "types": (
        arguments_of("cast", dtype="int32"),
        "'cast'.*dtype = 'int32', expected a type of real",
    ),
    "parts": (arguments_of("split", indices_or_sections=3), "'split'.*parts of an axis of 4"),
    "unheard": (lambda c: find(c, "exp").update(class_name="Fft"), "'exp' .*not supported; docs"),
}


@pytest.mark.parametrize("case", WRITTEN)
def test_operations_are_refused_by_name(case: str, tmp_path: Path) -> None:
    change, message = WRITTEN[case]
    refused(rewritten(tmp_path, ("keras3", "written.keras"), config=change), message)


def test_a_cell_of_ones_own_is_refused_with_a_way_out(tmp_path: Path) -> None:
    def change(config: Any) -> None:
        cell = find(config, "rnn")["config"]["cell"]
        cell |= {"class_name": "MyCell", "module": "my.cells", "registered_name": "my>MyCell"}

    path = rewritten(tmp_path, ("keras3", "cells.keras"), config=change)
    refused(path, r"\(MyCell\): is defined by 'my>MyCell'.*no equations; export the model to ONNX")


def test_an_option_of_a_cell_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    def change(config: Any) -> None:
        find(config, "rnn")["config"]["cell"]["config"]["peephole"] = True

    path = rewritten(tmp_path, ("keras3", "cells.keras"), config=change)
    refused(path, r"'rnn' \(RNN\).*option 'peephole' = True is not known")


def test_a_cell_that_is_none_is_refused(tmp_path: Path) -> None:
    def change(config: Any) -> None:
        find(config, "rnn")["config"]["cell"]["class_name"] = "Dense"

    path = rewritten(tmp_path, ("keras3", "cells.keras"), config=change)
    refused(path, r"'rnn' \(RNN\): option cell = .*expected one of class LSTMCell, GRUCell")


def test_slopes_that_differ_from_step_to_step_are_refused(tmp_path: Path) -> None:
    def change(file: Any) -> None:
        alpha = file["layers/p_re_lu/vars"]
        numbers = np.arange(30.0, dtype="float32").reshape(6, 5)
        del alpha["0"]
        alpha["0"] = numbers

    path = rewritten(tmp_path, ("keras3", "vectors.keras"), weights=change)
    refused(path, r"\(PReLU\): has slopes \[6, 5\] that differ from step to step")


def redirected(layer: str, k: int, source: str) -> Callable[[Any], None]:
    """The k-th input of a layer's first call is another layer."""

    def change(config: Any) -> None:
        node = find(config, layer)["inbound_nodes"][0]
        node[k] = [source, 0, 0, {}]

    return change


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("with_vector", redirected("lstm", 0, "place"), "'lstm' .*expects a sequence"),
        ("fed_states", redirected("first", 2, "h"), None),
        ("fed_states", redirected("two", 1, "h"), "initial_state has 4 numbers, expected 5"),
        (
            "fed_states",
            redirected("concatenate", 0, "g"),
            "input 'g'.*first value and is read as data",
        ),
        ("looked_up", redirected("label", 0, "ids"), "'label'.*reads 'ids' of type int64"),
    ],
)
def test_an_input_is_one_thing(name: str, change: Any, message: str | None, tmp_path: Path) -> None:
    path = rewritten(tmp_path, ("keras2", f"{name}.keras"), config=change)
    if message is not None:
        refused(path, message)
    else:  # h starts both states: it has no partner, for the outputs show them apart
        model = load(path, "net", 6)
        assert [len(port.parts) for port in model.state_inputs] == [2, 1, 1, 1]
        assert {port.partner for port in model.state_inputs} == {"", "second"}
        assert model.warnings
