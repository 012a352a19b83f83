"""`lstm_edge.load`: a network from a file or from an object in memory."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from html import escape
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest

import lstm_edge
from tests.support.keras_files import contents

ROOT = Path(__file__).resolve().parents[2]
DIGITS = ROOT / "examples" / "digits" / "digits.onnx"
HEAVY = ("click", "h5py", "jinja2", "numpy", "onnx", "optuna")


def test_importing_the_package_imports_no_library() -> None:
    code = f"import lstm_edge, sys; print([m for m in {HEAVY} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("name", lstm_edge.__all__)
def test_every_name_that_is_offered_is_there(name: str) -> None:
    assert getattr(lstm_edge, name) is not None


def test_a_name_that_is_not_offered_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        _ = lstm_edge.nothing


def test_a_network_says_what_it_is() -> None:
    net = lstm_edge.load(str(DIGITS), rename={"output0": "scores"})
    assert net.inputs == {"rows": (1, 8, 8)}
    assert net.outputs == {"scores": (1, 10)}
    assert net.parameters == 4 * 32 * (8 + 32) + 4 * 32 + 32 * 10 + 10
    assert net.macs == pytest.approx(4 * 32 * (8 + 32) + 32 * 10 / 8)
    assert "lstm" in str(net)
    assert net._repr_html_() == f"<pre>{escape(str(net))}</pre>"


def test_a_model_proto_is_the_network_of_its_file() -> None:
    net, same = lstm_edge.load(DIGITS), lstm_edge.load(onnx.load(DIGITS), name="digits")
    assert str(net).splitlines()[1:] == str(same).splitlines()[1:]
    again = lstm_edge.load(onnx.load(DIGITS), name="digits")
    assert again.model.sha256 == same.model.sha256


def test_a_dict_of_arrays_is_a_state_dict() -> None:
    rng = np.random.default_rng(0)
    shapes = {"weight_ih_l0": (20, 3), "weight_hh_l0": (20, 5), "bias_ih_l0": (20,)}
    shapes |= {"bias_hh_l0": (20,)}
    arrays = {f"rnn.{n}": rng.normal(size=s).astype(np.float32) for n, s in shapes.items()}
    net = lstm_edge.load(arrays, name="net")
    assert net.parameters == 20 * 3 + 20 * 5 + 20
    assert lstm_edge.load(arrays).model.sha256 == net.model.sha256


@pytest.mark.parametrize("thing", [3, None, [1, 2], object()])
def test_what_is_no_network_is_refused(thing: object) -> None:
    with pytest.raises(lstm_edge.ModelError, match=r"expected a path, an onnx\.ModelProto"):
        lstm_edge.load(thing)


class Tensorlike:
    """What a tensor of PyTorch answers to."""

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self.array = array

    def detach(self) -> Tensorlike:
        return self

    def cpu(self) -> Tensorlike:
        return self

    def numpy(self) -> np.ndarray[Any, Any]:
        return self.array


class Module:
    """A torch.nn.Module, as far as `load` looks at it."""

    training = True

    def __init__(self, *parts: Module) -> None:
        self.parts = parts

    def modules(self) -> tuple[Module, ...]:
        return (self, *self.parts)

    def eval(self) -> None:
        for each in self.modules():
            each.training = False

    def forward(self, rows: object, state: object = None) -> None:
        """Its arguments are the names of inputs, of which there may be fewer."""


Module.__module__, Module.__qualname__ = "torch.nn.modules.module", "Module"


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Exports digits, and keeps what it was asked for."""
    made = SimpleNamespace(asked={})

    def export(module: Module, inputs: object, path: str, **options: object) -> None:
        made.asked = {"inputs": inputs, "training": module.training, **options}
        if made.asked["inputs"] == ("wrong",):
            raise RuntimeError("no such operator\nmore")
        shutil.copy(DIGITS, path)

    fake = SimpleNamespace(onnx=SimpleNamespace(export=export), no_grad=contextlib.nullcontext)
    monkeypatch.setitem(sys.modules, "torch", fake)
    return made


def test_a_torch_module_is_exported_in_evaluation_mode(torch: SimpleNamespace) -> None:
    frozen = Module()
    frozen.training = False
    module = Module(frozen)
    net = lstm_edge.load(module, example="x")
    assert torch.asked["inputs"] == ("x",)
    assert torch.asked["input_names"] == ["rows"], "a name too many is an error of the export"
    assert not torch.asked["training"]
    assert [each.training for each in module.modules()] == [True, False], "left as they were"
    assert net.inputs == {"rows": (1, 8, 8)}
    assert net.name == "Module"


def test_a_torch_module_needs_an_example(torch: SimpleNamespace) -> None:
    with pytest.raises(lstm_edge.ModelError, match=r"example=torch\.zeros"):
        lstm_edge.load(Module())


def test_an_export_that_fails_says_so_in_a_line(torch: SimpleNamespace) -> None:
    module = Module()
    with pytest.raises(lstm_edge.ModelError, match=r"no such operator\); check") as caught:
        lstm_edge.load(module, example="wrong")
    assert "\n" not in str(caught.value)
    assert module.training


class Model:
    """A keras.Model, as far as `load` looks at it."""

    name = "my net"

    def save(self, path: Path) -> None:
        path.write_bytes(contents("keras3")["lstm.keras"])


Model.__module__, Model.__qualname__ = "keras.src.models.model", "Model"


def test_a_keras_model_has_the_same_hash_whenever_it_is_saved() -> None:
    one, two = lstm_edge.load(Model()), lstm_edge.load(Model())
    assert one.name == "my_net"
    assert one.model.sha256 == two.model.sha256
    assert one.parameters > 0
