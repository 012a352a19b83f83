"""Inputs whose names the generated code has a use for itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lstm_edge.emit.names import is_reserved
from tests.support.command import done

FEATURES, UNITS = 4, 5


@pytest.fixture(autouse=True)
def _compiler(tool_or_skip: Callable[..., None]) -> None:
    tool_or_skip("cc")


def network(folder: Path, name: str, dense: bool) -> Path:
    """An LSTM that reads the input itself, or what a dense layer makes of it."""
    rng = np.random.default_rng(4)
    columns = UNITS if dense else FEATURES
    shapes = {"V": (FEATURES, UNITS), "W": (1, 4 * UNITS, columns), "R": (1, 4 * UNITS, UNITS)}
    arrays = {key: rng.normal(size=shape).astype(np.float32) for key, shape in shapes.items()}
    arrays["W"] *= 10  # too large to share a sum with R: what each multiplies has its own array
    arrays["axes"] = np.array([1])
    front = [
        helper.make_node("MatMul", [name, "V"], ["product"]),
        helper.make_node("Softplus", ["product"], ["front"]),
    ]
    nodes = [
        *(front if dense else ()),
        helper.make_node(
            "LSTM", ["front" if dense else name, "W", "R"], ["all"], hidden_size=UNITS
        ),
        helper.make_node("Squeeze", ["all", "axes"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "named",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["time", 1, FEATURES])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(a, k) for k, a in arrays.items() if dense or k != "V"],
    )
    path = folder / "named.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), path)
    return path


@pytest.mark.parametrize("target", ["host", "cortex-m3"])
@pytest.mark.parametrize(
    ("name", "dense"),
    [("c", False), ("h", False), ("sums", True), ("bias", True), ("group", True), ("w", True)],
)
def test_an_input_may_be_called_as_variables_are(
    name: str, dense: bool, target: str, tmp_path: Path
) -> None:
    """`c` and `h` are states of the LSTM, the others variables of the loops around kernels."""
    model = network(tmp_path, name, dense)
    done("compile", model, "--target", target, "-o", tmp_path / "out", "--optimize", "size")
    done("verify", tmp_path / "out", "--on", "host")


@pytest.mark.parametrize("name", ["explicit", "export", "typename", "not_eq", "asm", "linux"])
def test_no_word_of_cplusplus_or_of_gnu_c_is_a_name(name: str) -> None:
    assert is_reserved(name)
