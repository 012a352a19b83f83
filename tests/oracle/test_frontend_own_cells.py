"""Cells of a user's own, and what is wrong with one: each error in a line, by what caused it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import lstm_edge
from lstm_edge.cells import BY_NAME
from lstm_edge.equations import Cell, affine, input_vector, param, state, tanh, total
from lstm_edge.errors import ModelError
from lstm_edge.interpret.feed import feed_of, run_numpy
from lstm_edge.passes.lower_real import lower_real
from tests.support.cells import named_cells
from tests.support.command import done, refused

IMPORTS = "from lstm_edge.equations import *\n"
LEAKY = (
    IMPORTS
    + """

def leaky(rate: float = 0.5) -> Cell:
    x, h = input_vector("x"), state("h")
    return Cell("leaky", {"h": h * rate + tanh(affine("h", x, h)) * (1.0 - rate)})
"""
)
ARRAYS = {"W_h": np.ones((4, 3)), "R_h": np.eye(4)[::-1] * 0.5, "b_h": np.arange(4) * 0.1}


def net(text: str = "leaky", **changed: np.ndarray | None) -> dict[str, object]:
    arrays = {f"cell.{k}": v for k, v in (ARRAYS | changed).items() if v is not None}
    return arrays | {"lstm_edge.cell": text}


def written(folder: Path, text: str = LEAKY) -> Path:
    path = folder / "my_cells.py"
    path.write_text(text)
    return path


@pytest.mark.parametrize(("text", "rate"), [("leaky", 0.5), ("leaky(rate=1)", 1.0)])
def test_a_cell_of_a_file_computes_its_equations(text: str, rate: float, tmp_path: Path) -> None:
    loaded = lstm_edge.load(net(text), cells=written(tmp_path))
    program = lower_real(loaded.model)
    x = np.random.default_rng(0).normal(size=(1, 9, 3)).astype(np.float32)
    found = run_numpy(program, feed_of(program, {"x": x[None]}, stream=False)).outputs["y"]
    h = np.zeros(4)
    for t, now in enumerate(x[0]):
        before = ARRAYS["W_h"] @ now + ARRAYS["R_h"] @ h + ARRAYS["b_h"]
        h = h * rate + np.tanh(before) * (1.0 - rate)
        assert np.abs(found.reshape(9, 4)[t] - h).max() < 1e-6


def test_functions_may_be_given_instead_of_a_file() -> None:
    def mine() -> Cell:
        x, h = input_vector("x"), state("h")
        return Cell("mine", {"h": tanh(affine("h", x) + param("u") * total(h))})

    arrays = net("mine", R_h=None, u=np.full(4, 0.1))
    loaded = lstm_edge.load(arrays, cells={"mine": mine})
    assert [node.name for node in loaded.model.nodes] == ["mine"]
    with pytest.raises(ModelError, match="expected one of lstm"):
        lstm_edge.load(arrays)


def test_other_equations_are_another_network(tmp_path: Path) -> None:
    """Else a study, or a device that is asked what runs in it, takes one for the other."""
    one, same = (lstm_edge.load(net(), cells=written(tmp_path, t)) for t in (LEAKY, LEAKY + "#\n"))
    other = lstm_edge.load(net(), cells=written(tmp_path, LEAKY.replace("0.5", "0.25")))
    assert one.model.sha256 == same.model.sha256 != other.model.sha256


def changed(old: str, new: str) -> str:
    assert old in LEAKY
    return LEAKY.replace(old, new)


CELL = 'Cell("leaky", {"h": h * rate + tanh(affine("h", x, h)) * (1.0 - rate)})'
RETURN = f"return {CELL}"
FILES = {
    "syntax": (changed("(rate:", "rate:"), "my_cells.py: line 4: SyntaxError"),
    "name": (LEAKY + "x = sigmod\n", "my_cells.py: line 7: NameError: name .sigmod. is not"),
    "exit": (LEAKY + "raise SystemExit\n", "line 7: SystemExit"),
    "another exit": (LEAKY + "raise GeneratorExit\n", "line 7: GeneratorExit"),
    "no text": (
        LEAKY + "class E(Exception):\n    def __str__(self): 1 / 0\nraise E\n",
        "my_cells.py: line 9: E$",
    ),
    "import": ("import nothing_like_this\n", "line 1: ModuleNotFoundError"),
    "empty": ("", "has no function; expected one or more like def my_cell"),
    "imported only": (IMPORTS, "has no function"),
    "zero byte": ("x = 1\0", "my_cells.py: "),
    "clash": (LEAKY.replace("leaky", "gru"), "has gru, which is a cell of lstm-edge"),
    "another name": (LEAKY.replace("leaky", "lossy"), "is .leaky., expected one of lstm.*lossy"),
    "fails": (changed("input_vector", "inputs_vector"), "leaky: line 5: NameError"),
    "fails deeper": (changed('tanh(affine("h", x, h))', "tanh()"), "leaky: line 6: TypeError"),
    "an int": (changed(RETURN, "return 1"), "leaky: gives int, expected a Cell"),
    "nothing": (changed(RETURN, "pass"), "leaky: gives NoneType, expected a Cell"),
    "no results": (changed(CELL, 'Cell("a", {})'), "has no results"),
    "a number": (changed(CELL, 'Cell("a", {"h": 1.0})'), "result .h. is float"),
    "no state": (changed(CELL, 'Cell("a", {"h": tanh(x)})'), "has no state"),
    "lost state": (changed(CELL, 'Cell("a", {"h": h, "y": state("c")})'), "state .c., but no"),
    "other inputs": (changed('input_vector("x")', 'input_vector("u")'), "reads u; .* reads x only"),
    "a function": (changed("tanh(", 'apply("tan", '), "applies .tan.; expected one of sigmoid"),
    "no function": (changed("tanh(", "apply(None, "), "applies None; expected one of sigmoid"),
    "a vector, too": (changed("(1.0 - rate)", 'param("W_h")'), "'W_h' as a vector, too"),
    "no end": (
        changed(RETURN, f"for _ in range(20000): h = h + 1.0\n    {RETURN}"),
        r"has \d+ operations, more than the 1000",
    ),
    "a spaced name": (changed("(1.0 - rate)", 'param("a b")'), "vector or matrix called .a b."),
    "twice": (changed("(1.0 - rate)", 'affine("h", x)'), "multiplies by W_h in two places"),
    "needs an option": (changed(": float = 0.5", ""), "leaky needs rate"),
    "windowed": (changed("(1.0 - rate)})", "(1.0 - rate)}, windowed=True)"), "windowed, which"),
    "fixed": (changed("(1.0 - rate)})", '(1.0 - rate)}, fixed={"b_h": [1]})'), "fixed .b_h."),
    "bounds another": (
        changed("(1.0 - rate)})", '(1.0 - rate)}, bounds={"c": 1})'),
        "bounds .c., but",
    ),
    "bounds by 0": (
        changed("(1.0 - rate)})", '(1.0 - rate)}, bounds={"h": 0})'),
        ".h. by 0, expect",
    ),
    "bounds alone": (changed("(1.0 - rate)})", "(1.0 - rate)}, bounds=1.0)"), "bounds 1.0, expect"),
    "takes too far": (changed("* (1.0", "* take(h, [0, 9, 0, 0]) * (1.0"), "number 9 of a vector"),
    "joins too much": (changed("* (1.0", "* join(h, h) * (1.0"), "join gives 8 numbers where"),
}


@pytest.mark.parametrize("case", FILES)
def test_what_is_wrong_with_a_file_is_one_line(case: str, tmp_path: Path) -> None:
    text, message = FILES[case]
    with pytest.raises(ModelError, match=message) as caught:
        lstm_edge.load(net(), cells=written(tmp_path, text))
    assert "\n" not in str(caught.value)


TEXTS = {
    "leaky(1)": "is .leaky.1.., expected one of",
    "leaky(rate)": "expected one of",
    "leaky(": "expected one of",
    "a.leaky": "expected one of",
    "": "expected one of",
    "leaky(speed=1)": "leaky has no option .speed.; expected one of rate",
    'leaky(rate="much")': "leaky.rate=.much..: expected float, as 0.5",
}


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_that_names_no_cell_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=f"array .lstm_edge.cell.: .*{TEXTS[text]}"):
        lstm_edge.load(net(text), cells=written(tmp_path))


SHAPES = {
    "missing": ({"R_h": None}, "cell.W_h.: has no R_h beside it"),
    "unknown": ({"P_h": np.ones(4)}, "cell.P_h.: is no parameter of leaky; its equations read W_h"),
    "rows": ({"b_h": np.ones(5)}, r"cell.b_h.: is \[5\], expected \[4\] of a leaky"),
    "columns": ({"R_h": np.ones((4, 3))}, r"cell.R_h.: is \[4, 3\], expected \[4, 4\] of a leaky"),
    "a vector": ({"W_h": np.ones(4)}, r"cell.W_h.: has shape \[4\], expected 2 axes"),
    "no axis": ({"b_h": np.array(1.0)}, "cell.b_h.: has shape .., expected one axis or more"),
    "integers": ({"b_h": np.ones(4, int)}, "cell.b_h.: is of type int64"),
    "infinity": ({"b_h": np.full(4, np.inf)}, "cell.b_h.: holds infinity"),
}


@pytest.mark.parametrize("case", SHAPES)
def test_an_array_that_does_not_fit_is_named(case: str, tmp_path: Path) -> None:
    arrays, message = SHAPES[case]
    with pytest.raises(ModelError, match=message):
        lstm_edge.load(net(**arrays), cells=written(tmp_path))


def test_arrays_of_pytorch_alone_are_none_of_a_cell(tmp_path: Path) -> None:
    arrays = {"a.weight_ih_l0": np.ones((4, 3)), "a.weight_hh_l0": np.ones((4, 4))}
    with pytest.raises(ModelError, match="all arrays are of layers of PyTorch"):
        lstm_edge.load({**arrays, "lstm_edge.cell": "leaky"}, cells=written(tmp_path))


def test_layers_around_a_cell_have_to_fit(tmp_path: Path) -> None:
    before = {"in.weight": np.ones((3, 2)), "in.bias": np.zeros(3)}
    behind = {"out.weight": np.ones((2, 4)), "out.bias": np.zeros(2)}
    loaded = lstm_edge.load({**before, **net(), **behind}, cells=written(tmp_path))
    assert loaded.inputs == {"x": (1, -1, 2)}
    assert loaded.outputs == {"y": (1, -1, 2)}
    with pytest.raises(ModelError, match="takes 3 features, but the layer before it gives 5"):
        lstm_edge.load({"in.weight": np.ones((5, 2)), **net()}, cells=written(tmp_path))


@pytest.mark.parametrize(
    ("name", "message"),
    [("none.py", "no such file"), ("cells.txt", "no file of cells"), ("", "no file of cells")],
)
def test_a_file_that_is_not_there_is_refused(name: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "cells.txt").write_text(LEAKY)
    with pytest.raises(ModelError, match=message):
        lstm_edge.load(net(), cells=tmp_path / name)


@pytest.mark.parametrize("given", [1, ["leaky"], {"leaky": 1}, {1: lambda: None}, {}])
def test_what_is_no_function_is_refused(given: object) -> None:
    with pytest.raises(ModelError, match=r"^cells"):
        lstm_edge.load(net(), cells=given)  # type: ignore[arg-type]


def test_a_file_that_names_no_cell_takes_none(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"anything")
    with pytest.raises(ModelError, match=r"cells of your own are for an \.npz file"):
        lstm_edge.load(path, cells=written(tmp_path))


OPTIONS = {
    "lmu(theta=9)": ("lmu", "theta is 9 and order 0, expected both above 0"),
    "lmu(theta=9, order=4)": ("lmu", "R_m.: comes with the options of lmu"),
    'cfc(mode="slow")': ("cfc", "mode .slow.: is unknown; expected default"),
    'cfc(function="tan")': ("cfc", "function .tan.: is unknown; expected one of tanh"),
    "ltc(unfolds=0)": ("ltc", "unfolds 0: expected 1 or more"),
    "ltc(unfolds=2.5)": ("ltc", "expected int, as 6"),
}


@pytest.mark.parametrize("text", OPTIONS)
def test_options_that_are_wrong_are_refused(text: str, tmp_path: Path) -> None:
    case, message = OPTIONS[text]
    cell = named_cells()[case]
    arrays = {f"cell.{name}": array for name, array in cell.arrays.items()}
    with pytest.raises(ModelError, match=message):
        lstm_edge.load({**arrays, "lstm_edge.cell": text})


SIZES = {
    "w": ("ltc", (7, 6), "cell.w.: is .7, 6., expected .7, 7."),
    "W_x": ("layer_norm_lstm", (27, 5), "expected"),
    "R_h": ("layer_norm_lstm", (27, 7), "has 27 rows, expected a multiple of 4"),
    "D": ("ssm", (4,), "cell.A_re.: is .4, 7., but D has 4 numbers"),
    "C_im": ("ssm", (4, 6), "cell.C_im.: is .4, 6., expected .4, 7."),
    "mu_x": ("ltc", (7,), "cell.mu_x.: is .7., expected .5, 7."),
}


@pytest.mark.parametrize("name", SIZES)
def test_sizes_that_equations_depend_on_are_checked(name: str) -> None:
    case, shape, message = SIZES[name]
    cell = named_cells()[case]
    arrays = {f"cell.{k}": array for k, array in cell.arrays.items()}
    arrays[f"cell.{name}"] = np.ones(shape, np.float32)
    with pytest.raises(ModelError, match=message):
        lstm_edge.load({**arrays, "lstm_edge.cell": case})


@pytest.mark.parametrize("name", ["ltc", "ssm", "layer_norm_lstm"])
def test_an_array_that_sizes_follow_from_must_be_there(name: str) -> None:
    cell = named_cells()[name]
    first = {"ltc": "w_x", "ssm": "A_re", "layer_norm_lstm": "R_h"}[name]
    arrays = {f"cell.{k}": array for k, array in cell.arrays.items() if k != first}
    with pytest.raises(ModelError, match=f"^{first}: is not there"):
        lstm_edge.load({**arrays, "lstm_edge.cell": name})


def test_every_name_is_a_function_with_a_source() -> None:
    """Its docstring has the equation and says where it is from."""
    for name, build in BY_NAME.items():
        text = getattr(build, "func", build).__doc__ or ""
        assert re.search(r"\((\w+ )+(et al\. )?(and \w+ )?\d{4}|\d{4}", text), name


@pytest.mark.parametrize("command", ["inspect", "compile"])
def test_the_command_line_takes_a_file_of_cells(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip("cc")
    monkeypatch.chdir(tmp_path)
    texts = {key: np.array(value) for key, value in net().items()}
    np.savez("net.npz", **texts)
    target = ["--target", "host"] if command == "compile" else []
    assert "expected one of lstm" in refused(1, command, "net.npz", *target)
    done(command, "net.npz", "--cells", written(tmp_path), *target)
    wrong = refused(1, command, "net.npz", "--cells", "none.py", *target)
    assert wrong == "Error: none.py: no such file; check the path"


def test_equations_that_reuse_their_sums_are_shown_in_few_words() -> None:
    def doubling() -> Cell:
        h = input_vector("x") + state("h")
        for _ in range(200):
            h = h * h + h
        return Cell("doubling", {"h": tanh(h) * param("u")})

    arrays = net("doubling", W_h=None, R_h=None, b_h=None, u=np.ones(3))
    loaded = lstm_edge.load(arrays, cells={"doubling": doubling})
    assert len(str(loaded)) < 2000
