"""Inputs whose names the generated code has a use for itself."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lstm_edge.emit.names import argument, is_reserved
from lstm_edge.emit.spell import plain
from lstm_edge.models.names import HEADERS
from tests.support.command import FIXTURES, done

FEATURES, UNITS = 4, 5
OF_C = (
    "assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal "
    "stdalign stdarg stdbool stddef stdint stdio stdlib string tgmath time unistd wchar wctype"
)
COMPILERS = ("gcc -std=gnu17", "g++ -std=gnu++17 -x c++", "arm-none-eabi-gcc -std=gnu17")


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


def of_headers(compiler: str, option: str) -> str:
    """What a compiler says of all headers of C together."""
    words = OF_C.replace("complex ", "") if "++" in compiler else OF_C
    return subprocess.run(
        [*compiler.split(), option, "-E", "-"],
        input="".join(f"#include <{word}.h>\n" for word in words.split()),
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.mark.parametrize("compiler", COMPILERS)
def test_no_argument_of_a_header_is_a_macro_of_the_library(
    compiler: str, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip(compiler.split()[0])
    macros = set(re.findall(r"^#define ([A-Za-z]\w*) ", of_headers(compiler, "-dM"), re.MULTILINE))
    assert {"EOF", "errno", "M_PI", "PRId16"} <= macros
    assert [name for name in sorted(macros) if argument(name, "net") in macros] == []


@pytest.mark.parametrize("compiler", COMPILERS)
def test_headers_of_the_library_are_known(compiler: str, tool_or_skip: Callable[..., None]) -> None:
    """Where one is called as a model is, `-I` of its folder would give the model's."""
    tool_or_skip(compiler.split()[0])
    found = re.findall(r"include(?:-fixed|/newlib)?/(\w+)\.h", of_headers(compiler, "-M"))
    assert {"math", "stdint"} <= set(found)
    assert set(found) - HEADERS == set()


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("x", "x"),
        ("X", "X"),
        ("ECG", "ecg"),
        ("INT", "port_int"),
        ("M_PIf", "port_M_PIf"),
        ("I", "port_I"),
        ("net_x", "port_net_x"),
        ("a*/\n??/", "a"),
        ("日本", "data"),
        ("3d", "data_3d"),
    ],
)
def test_an_argument_is_called_as_its_port_where_that_can_be(name: str, wanted: str) -> None:
    assert argument(name, "net") == wanted


def test_a_name_ends_no_comment_and_no_string() -> None:
    assert plain('a*/b"c\\\nd??/é%s') == "a_/b_c__d__/_%s"


@pytest.mark.parametrize(
    ("given", "output"), [("dequantize_x", "lstm_h"), ('a\n*"??\\', 'b\n*"??\\')]
)
def test_a_port_may_be_called_anything(given: str, output: str, tmp_path: Path) -> None:
    """An input that takes raw integers, outputs and states."""
    model = onnx.load(FIXTURES / "lstm_open.legacy.onnx")
    graph = model.graph
    new = {graph.input[0].name: given}
    new |= {each.name: f"{output}{k or ''}" for k, each in enumerate(graph.output)}
    for each in (*graph.input, *graph.output):
        each.name = new[each.name]
    for each in graph.node:
        for names in (each.input, each.output):
            names[:] = [new.get(name, name) for name in names]
    onnx.save(model, tmp_path / "net.onnx")
    scale = ["--input-scale", f"{given}=0.01"]
    done("compile", tmp_path / "net.onnx", "--target", "host", "-o", tmp_path / "out", *scale)
    done("verify", tmp_path / "out", "--on", "host")
