"""Files that are wrong, damaged or hostile: one line that names the cause, and no traceback."""

from __future__ import annotations

import contextlib
import io
import os
import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from lstm_edge.errors import LstmEdgeError, ModelError
from lstm_edge.frontend import load

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
GOOD = FIXTURES / "lstm.legacy.onnx"
SPLIT = FIXTURES / "lstm48.dynamo.onnx"
WEIGHTS = FIXTURES / "two_layers.npz"


def refused(path: Path, message: str) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        load(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def write(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_missing_file(tmp_path: Path) -> None:
    refused(tmp_path / "none.onnx", "no such file")
    refused(tmp_path / ("long" * 100 + ".onnx"), "cannot be read|no such file")


def test_folder(tmp_path: Path) -> None:
    folder = tmp_path / "folder.onnx"
    folder.mkdir()
    refused(folder, "is a folder")


@pytest.mark.parametrize("name", ["model", "model.bin", "model.txt", ".onnx"])
def test_unknown_suffix(name: str, tmp_path: Path) -> None:
    refused(write(tmp_path, name, b"x"), "expected .onnx, .npz, .keras or .h5")


def test_device_and_pipe(tmp_path: Path) -> None:
    (tmp_path / "null.onnx").symlink_to("/dev/null")
    refused(tmp_path / "null.onnx", "not a regular file")
    os.mkfifo(tmp_path / "pipe.npz")
    refused(tmp_path / "pipe.npz", "not a regular file")


@pytest.mark.parametrize("suffix", ["onnx", "npz"])
def test_empty_file(suffix: str, tmp_path: Path) -> None:
    refused(write(tmp_path, f"m.{suffix}", b""), "is empty")


@pytest.mark.parametrize("good", [GOOD, WEIGHTS], ids=lambda p: p.suffix)
def test_truncated_anywhere(good: Path, tmp_path: Path) -> None:
    content = good.read_bytes()
    for end in range(1, len(content), max(1, len(content) // 97)):
        refused(write(tmp_path, f"m{good.suffix}", content[:end]), "m" + good.suffix)


@pytest.mark.parametrize("suffix", ["onnx", "npz"])
def test_random_bytes(suffix: str, tmp_path: Path) -> None:
    rng = random.Random(4)
    for size in (1, 2, 10, 100, 10_000):
        refused(write(tmp_path, f"m.{suffix}", rng.randbytes(size)), f"m.{suffix}|initializer")


def test_one_kind_of_file_named_as_the_other(tmp_path: Path) -> None:
    refused(write(tmp_path, "m.onnx", WEIGHTS.read_bytes()), "not an ONNX file|no network")
    refused(write(tmp_path, "m.npz", GOOD.read_bytes()), "not an npz file")


def changed(folder: Path, change: Callable[[onnx.ModelProto], None]) -> Path:
    model = onnx.load(GOOD)
    change(model)
    return write(folder, "changed.onnx", model.SerializeToString())


def lstm(model: onnx.ModelProto) -> onnx.NodeProto:
    return next(n for n in model.graph.node if n.op_type == "LSTM")


def put(model: onnx.ModelProto, **attributes: object) -> None:
    node = lstm(model)
    kept = [a for a in node.attribute if a.name not in attributes]
    del node.attribute[:]
    node.attribute.extend([*kept, *(helper.make_attribute(k, v) for k, v in attributes.items())])


def weights(model: onnx.ModelProto, k: int) -> onnx.TensorProto:
    name = lstm(model).input[k]
    return next(t for t in model.graph.initializer if t.name == name)


def replace_weights(model: onnx.ModelProto, k: int, array: np.ndarray) -> None:
    tensor = weights(model, k)
    tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))


def spoil(model: onnx.ModelProto, value: float) -> None:
    array = onnx.numpy_helper.to_array(weights(model, 2)).copy()
    array[0, 3, 1] = value
    replace_weights(model, 2, array)


def swap_operator(model: onnx.ModelProto, op: str, domain: str = "") -> None:
    node = next(n for n in model.graph.node if n.op_type == "Squeeze")
    node.op_type, node.domain = op, domain
    if domain:
        model.opset_import.append(helper.make_opsetid(domain, 1))


def unsupported(model: onnx.ModelProto) -> None:
    node = next(n for n in model.graph.node if n.op_type == "Transpose")
    node.op_type = "Det"
    del node.attribute[:]


def one_million_steps(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 2**40


def two_opsets(model: onnx.ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("", 17))


CHANGES: dict[str, tuple[Callable[[onnx.ModelProto], None], str]] = {
    "nan": (lambda m: spoil(m, np.nan), "initializer 'onnx::LSTM_.*NaN"),
    "infinity": (lambda m: spoil(m, -np.inf), "LSTM .*input R: holds infinity"),
    "w_shape": (lambda m: replace_weights(m, 1, np.ones((1, 20, 4), np.float32)), "W .*4 features"),
    "w_rows": (
        lambda m: replace_weights(m, 1, np.ones((1, 15, 3), np.float32)),
        r"input W is \[1, 15, 3\], expected \[1, 20, 3\]",
    ),
    "w_turned": (lambda m: replace_weights(m, 2, np.ones((1, 5, 20), np.float32)), "swapped"),
    "r_shape": (lambda m: replace_weights(m, 2, np.ones((1, 20, 6), np.float32)), "input R is"),
    "b_shape": (lambda m: replace_weights(m, 3, np.ones((1, 20), np.float32)), "input B is"),
    "integers": (lambda m: replace_weights(m, 3, np.ones((1, 40), np.int32)), "type int32"),
    "double": (lambda m: replace_weights(m, 3, np.full((1, 40), np.nan)), "NaN"),
    "hidden_size": (lambda m: put(m, hidden_size=6), r"LSTM '/lstm/LSTM': input R is"),
    "no_units": (lambda m: put(m, hidden_size=0), "hidden_size = 0"),
    "bad_direction": (lambda m: put(m, direction="sideways"), "direction = 'sideways'"),
    "clip": (lambda m: put(m, clip=-3.0), "attribute clip = -3"),
    "activations": (lambda m: put(m, activations=["Relu"] * 2), "activations"),
    "alpha": (lambda m: put(m, activation_alpha=[0.2]), "activation_alpha"),
    "layout": (lambda m: put(m, layout=2), "layout"),
    "unknown_attribute": (lambda m: put(m, colour=2), "colour"),
    "unsupported": (unsupported, "Det '/lstm/Transpose'.*operator Det is not supported yet"),
    "no_operator": (lambda m: swap_operator(m, "Quux"), "Quux"),
    "foreign_domain": (lambda m: swap_operator(m, "Squeeze", "acme"), "of domain acme"),
    "opset_999": (lambda m: setattr(m.opset_import[0], "version", 999), "opset 999 is newer"),
    "opset_3": (lambda m: setattr(m.opset_import[0], "version", 3), "opset 3 is older"),
    "no_opset": (lambda m: m.opset_import.pop(), "opset"),
    "two_opsets": (two_opsets, "opset"),
    "no_graph": (lambda m: m.ClearField("graph"), "no network"),
    "no_shape": (lambda m: m.graph.input[0].type.tensor_type.ClearField("shape"), "shape"),
    "string": (
        lambda m: setattr(m.graph.input[0].type.tensor_type, "elem_type", TensorProto.STRING),
        "string",
    ),
    "long": (one_million_steps, "too many|too large"),
    "missing_input": (lambda m: lstm(m).input.__setitem__(0, "nothing"), "nothing"),
    "data_short": (lambda m: setattr(weights(m, 1), "raw_data", b"\0" * 8), "8 bytes|shape"),
    "dims_huge": (lambda m: weights(m, 1).dims.__setitem__(0, 2**50), "large|shape"),
    "dims_negative": (lambda m: weights(m, 1).dims.__setitem__(0, -1), "negative|shape|dim"),
    "type": (lambda m: setattr(weights(m, 1), "data_type", 77), "type"),
    "sparse": (lambda m: m.graph.sparse_initializer.add(), "sparse|initializer"),
}


@pytest.mark.parametrize("case", CHANGES)
def test_wrong_graph_is_refused_by_name(case: str, tmp_path: Path) -> None:
    change, message = CHANGES[case]
    refused(changed(tmp_path, change), message)


def huge_constant(model: onnx.ModelProto, op: str) -> None:
    shape = onnx.numpy_helper.from_array(np.array([2**20, 2**20, 2**20], np.int64), "huge")
    model.graph.initializer.append(shape)
    inputs = {"ConstantOfShape": ["huge"], "Expand": ["one", "huge"], "Tile": ["one", "huge"]}[op]
    one = onnx.numpy_helper.from_array(np.ones((1, 1, 1), np.float32), "one")
    model.graph.initializer.append(one)
    model.graph.node.insert(0, helper.make_node(op, inputs, ["bomb"]))
    lstm(model).input[5] = "bomb"


@pytest.mark.parametrize("op", ["ConstantOfShape", "Expand", "Tile"])
def test_shapes_that_would_fill_the_memory_are_refused(op: str, tmp_path: Path) -> None:
    refused(changed(tmp_path, lambda m: huge_constant(m, op)), "too large")


def external(folder: Path, **entries: str) -> Path:
    """A copy of a model with a data file, its first reference changed."""
    model = onnx.load(SPLIT, load_external_data=False)
    tensor = next(t for t in model.graph.initializer if t.external_data)
    old = {e.key: e.value for e in tensor.external_data}
    del tensor.external_data[:]
    for key, value in {**old, **entries}.items():
        tensor.external_data.add(key=key, value=value)
    (folder / f"{SPLIT.name}.data").write_bytes(SPLIT.with_suffix(".onnx.data").read_bytes())
    return write(folder, SPLIT.name, model.SerializeToString())


def test_external_data_is_read(tmp_path: Path) -> None:
    assert load(external(tmp_path)).sha256


LOCATIONS = {
    "missing.data": "no such file",
    "../lstm48.data": "outside the model's folder",
    "a/../../x": "outside the model's folder",
    "/etc/hostname": "outside the model's folder",
    "": "without a location",
    ".": "no such file",
    "a\0b": "plain file name",
    "a\\b": "plain file name",
    "C:x": "plain file name",
}


@pytest.mark.parametrize("location", LOCATIONS)
def test_location_must_be_a_file_beside_the_model(location: str, tmp_path: Path) -> None:
    refused(external(tmp_path, location=location), LOCATIONS[location])


def test_links_may_not_leave_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "inside"
    folder.mkdir()
    path = external(folder, location="link.data")
    outside = write(tmp_path, "outside.data", bytes(100_000))
    (folder / "link.data").symlink_to(outside)
    refused(path, "link that leaves")


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"offset": "-8"}, "offset '-8'"),
        ({"offset": "x"}, "offset 'x'"),
        ({"offset": "9" * 18}, "has only"),
        ({"offset": "9" * 30}, "offset"),
        ({"length": "4"}, "of 4 bytes"),
        ({"length": "-4"}, "length '-4'"),
    ],
)
def test_external_data_outside_of_its_file(
    entries: dict[str, str], message: str, tmp_path: Path
) -> None:
    refused(external(tmp_path, **entries), message)


def test_short_data_file(tmp_path: Path) -> None:
    path = external(tmp_path)
    (tmp_path / f"{SPLIT.name}.data").write_bytes(b"\0" * 100)
    refused(path, "has only 100")


def npy(shape: str, data: bytes = b"", descr: str = "'<f4'") -> bytes:
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def archive(folder: Path, members: dict[str, bytes]) -> Path:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as stream:
        for name, data in members.items():
            stream.writestr(name, data)
    return write(folder, "m.npz", content.getvalue())


def test_npz_that_declares_more_than_it_holds(tmp_path: Path) -> None:
    refused(archive(tmp_path, {"a.npy": npy("(1099511627776,)")}), "array 'a'.*declares")
    refused(archive(tmp_path, {"a.npy": npy("(-4,)")}), "array 'a'.*declares")
    refused(archive(tmp_path, {"a.npy": npy("(2,)", b"1234")}), "m.npz|array 'a'")


def test_npz_that_would_unpack_to_gigabytes(tmp_path: Path) -> None:
    zeros = {f"{k}.npy": npy("(16777216,)", bytes(2**26)) for k in range(5)}
    refused(archive(tmp_path, zeros), "declares 320 MB")


def test_npz_of_pickles_and_other_things(tmp_path: Path) -> None:
    refused(archive(tmp_path, {"a.npy": npy("(1,)", b"cos\nsystem\n", "'|O'")}), "Python objects")
    refused(archive(tmp_path, {"a.npy": b"hello"}), "array 'a'.*no numpy array")
    refused(archive(tmp_path, {"a.npy": npy("(1,)", descr="'<f99'")}), "array 'a'")
    refused(archive(tmp_path, {"a.npy": npy("__import__('os')")}), "array 'a'")
    refused(archive(tmp_path, {}), "holds no arrays")


def flip(rng: random.Random, content: bytes) -> bytes:
    """Change one to eight random bytes."""
    changed = bytearray(content)
    for _ in range(rng.randint(1, 8)):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


FUZZED = ["lstm.legacy.onnx", "head_last.dynamo.onnx", "head_flat_open.legacy.onnx", WEIGHTS.name]
ROUNDS = int(os.environ.get("LSTM_EDGE_FUZZ", "25"))


@pytest.mark.parametrize("name", FUZZED)
def test_flipped_bytes_never_escape_as_another_error(name: str, tmp_path: Path) -> None:
    content = (FIXTURES / name).read_bytes()
    path = tmp_path / f"m{Path(name).suffix}"
    for seed in range(ROUNDS):
        path.write_bytes(flip(random.Random(seed), content))
        with contextlib.suppress(LstmEdgeError):
            load(path)
