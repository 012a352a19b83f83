"""Files that hold a network in a form that is not read: each says what to do, whatever its name."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from lstm_edge.errors import ModelError
from lstm_edge.frontend import load


def torch_archive() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("net/data.pkl", b"\x80\x02.")
        archive.writestr("net/version", b"3\n")
    return stream.getvalue()


def safetensors() -> bytes:
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    return len(header).to_bytes(8, "little") + header + bytes(4)


def array() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.zeros(3))
    return stream.getvalue()


CONTENTS = {
    "torch": (torch_archive(), r"torch\.onnx\.export\(net.*np\.savez\('net\.npz'"),
    "old torch": (pickle.dumps({"torch": 1}, protocol=2), r"torch\.onnx\.export\(net"),
    "safetensors": (safetensors(), r"load_state_dict\(safetensors\.torch\.load_file\('"),
    "tflite": (b"\x1c\0\0\0TFL3" + bytes(40), r"quantized already.*model\.save\('net\.keras'\)"),
    "pickle": (pickle.dumps([1], protocol=4), "runs code when it is opened and is never read"),
    "npy": (array(), "a single array, not a network"),
}


@pytest.mark.parametrize("name", ["net.bin", "net.onnx", "net.npz", "net.h5", "net"])
@pytest.mark.parametrize("kind", CONTENTS)
def test_a_file_is_known_by_its_content(kind: str, name: str, tmp_path: Path) -> None:
    content, says = CONTENTS[kind]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=says) as refusal:
        load(tmp_path / name)
    assert len(str(refusal.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("suffix", "says"),
    [
        (".pt", "torch.onnx.export"),
        (".pth", "torch.onnx.export"),
        (".ckpt", "torch.onnx.export"),
        (".safetensors", "load_state_dict"),
        (".tflite", "TensorFlow Lite"),
        (".pb", "--graphdef net.pb"),
        (".pkl", "pickle"),
        (".npy", "state_dict"),
    ],
)
def test_a_suffix_says_it_where_the_content_does_not(
    suffix: str, says: str, tmp_path: Path
) -> None:
    (tmp_path / f"net{suffix}").write_bytes(b"?" * 20)
    with pytest.raises(ModelError, match=says):
        load(tmp_path / f"net{suffix}")


def test_a_saved_model_and_any_other_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is a folder; give the model file in it"):
        load(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"?")
    with pytest.raises(ModelError, match=f"--saved-model {tmp_path.name}"):
        load(tmp_path)


WEIGHTS = {
    "lstm.weight_ih_l0": np.zeros((8, 3), np.float32),
    "lstm.weight_hh_l0": np.zeros((8, 2), np.float32),
}


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (
            {f"bn.{n}": np.ones(2, np.float32) for n in ("weight", "bias", "running_mean")},
            "'bn.running_mean'.* belongs to a BatchNorm, 'bn'.*export the network to ONNX",
        ),
        ({"norm.weight": np.ones(2, np.float32)}, "of a LayerNorm.*export the network to ONNX"),
        (
            {"in_scale": np.ones(3, np.float32)},
            "'in_scale'.*does not say what forward.. does.*'lstm_edge.use'.*export the network",
        ),
        (
            {"start": np.ones((1, 2), np.float32)},
            "'start'.*does not say what forward.. does.*first_h.*export the network to ONNX",
        ),
    ],
)
def test_an_array_that_changes_the_result_is_not_to_be_left_out(
    more: dict[str, np.ndarray], says: str, tmp_path: Path
) -> None:
    np.savez(tmp_path / "net.npz", **WEIGHTS, **more)
    with pytest.raises(ModelError, match=says):
        load(tmp_path / "net.npz")
