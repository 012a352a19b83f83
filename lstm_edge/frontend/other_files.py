"""Files that hold a trained network in a form that is not read: what to do about each.

They are known by their content where that says it, since a suffix is only a name.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

from lstm_edge.errors import ModelError

_MOST_READ = 2**16
"""Bytes at the start of a file that say what it is."""
_PICKLES = b"\x80"
_ZIP = b"PK\x03\x04"

_EXPORT = (
    "net.eval(); torch.onnx.export(net, torch.zeros(1, T, F), 'net.onnx', input_names=['x'], "
    "output_names=['y'], dynamo=False)"
)
_STATES = "np.savez('net.npz', **{k: v.numpy() for k, v in net.state_dict().items()})"
TORCH = (
    "is a file of PyTorch, which only Python code can open, and which does not say what forward() "
    "does; load it there, and give the module to lstm_edge.load(net, example=torch.zeros(1, T, "
    f"F)); or export: {_EXPORT}; or save its weights: {_STATES}"
)
WEIGHTS = (
    "holds weights without the network they belong to; load them into the module and export it: "
    f"net.load_state_dict(safetensors.torch.load_file('{{name}}')); {_EXPORT}"
)
TFLITE = (
    "is a file of TensorFlow Lite, which is not read: it is often quantized already, and what was "
    "rounded is lost; give the model that it was made from: model.save('net.keras')"
)
SAVED_MODEL = (
    "is a SavedModel of TensorFlow, which is not read; load it and save it again: "
    "model.save('net.keras'), or python -m tf2onnx.convert --saved-model {name} --output net.onnx"
)
FROZEN = (
    "is a graph of TensorFlow, which is not read; give the model that it was made from: "
    "model.save('net.keras'), or python -m tf2onnx.convert --graphdef {name} --output net.onnx "
    "--inputs x:0 --outputs y:0"
)
PICKLE = (
    "is a pickle, which runs code when it is opened and is never read; load it where it was made, "
    f"and export: of PyTorch {_EXPORT}; of Keras model.save('net.keras')"
)
ARRAY = (
    "is a single array, not a network; save all weights of a state_dict under their names: "
    f"{_STATES}"
)
FOLDER = "is a folder; give the model file in it"
_BY_SUFFIX = {
    ".pt": TORCH,
    ".pth": TORCH,
    ".ckpt": TORCH,
    ".safetensors": WEIGHTS,
    ".tflite": TFLITE,
    ".lite": TFLITE,
    ".pb": FROZEN,
    ".pkl": PICKLE,
    ".pickle": PICKLE,
    ".joblib": PICKLE,
    ".npy": ARRAY,
}


def check_kind(path: Path) -> None:
    """ModelError, with the lines that make a file that can be read, where `path` is none.

    What cannot be opened passes: whoever opens it says why.
    """
    try:
        found = _folder(path) if path.is_dir() else _by_content(path)
    except (OSError, ValueError):
        return
    if not found:
        found = _BY_SUFFIX.get(path.suffix.lower(), "")
    if found:
        raise ModelError(str(path), found.replace("{name}", path.name))


def _folder(path: Path) -> str:
    """A folder is a SavedModel, or holds the file that was meant."""
    return SAVED_MODEL if (path / "saved_model.pb").is_file() else FOLDER


def _by_content(path: Path) -> str:
    """What the first bytes say, "" where they say nothing or the file can be read."""
    if not path.is_file():
        return ""
    with path.open("rb") as stream:
        start = stream.read(_MOST_READ)
    if start[:4] == _ZIP:
        return TORCH if _holds_pickle(path) else ""
    if start[4:8] == b"TFL3":
        return TFLITE
    if start[:6] == b"\x93NUMPY":
        return ARRAY
    if start[:1] == _PICKLES and start[1:2] in b"\x02\x03\x04\x05":
        return TORCH if b"torch" in start else PICKLE
    length = int.from_bytes(start[:8], "little")
    if start[8:9] == b"{" and 2 < length < 2**27 and b'"dtype"' in start:
        return WEIGHTS
    return ""


def _holds_pickle(path: Path) -> bool:
    """True for the archive that torch.save and torch.jit.save write: <name>/data.pkl."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.rpartition("/")[2] == "data.pkl" for name in archive.namelist())
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, IndexError):
        return False
