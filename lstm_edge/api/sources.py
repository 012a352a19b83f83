"""Networks in memory, written as the file that a front end reads."""

from __future__ import annotations

import inspect
import tempfile
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from lstm_edge.archive import array_bytes
from lstm_edge.errors import DataError, ModelError
from lstm_edge.interpret.batches import as_array

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The date of what is in an archive: the same network has the same hash at any time."""
EXPECTED = (
    "expected a path, an onnx.ModelProto, a torch.nn.Module with example=, a keras.Model, or a "
    "dict of arrays"
)


@contextmanager
def as_file(source: object, example: object = None) -> Iterator[Path]:
    """A file of the network for as long as the context lasts; ModelError for anything else."""
    with tempfile.TemporaryDirectory(prefix="lstm-edge-") as folder:
        yield _written(source, example, Path(folder))


def _written(source: object, example: object, folder: Path) -> Path:
    if isinstance(source, onnx.ModelProto):
        return _onnx(source, folder, source.graph.name)
    if isinstance(source, Mapping):
        return _arrays(source, folder)
    kinds = {f"{each.__module__}.{each.__qualname__}" for each in type(source).__mro__}
    if "torch.nn.modules.module.Module" in kinds:
        return _torch(source, example, folder)
    if any(kind.startswith("keras.") and kind.endswith(".Model") for kind in kinds):
        return _keras(source, folder)
    raise ModelError(type(source).__name__, f"is no network; {EXPECTED}")


def _onnx(proto: onnx.ModelProto, folder: Path, name: str) -> Path:
    path = folder / f"{_stem(name)}.onnx"
    path.write_bytes(proto.SerializeToString(deterministic=True))
    return path


def _arrays(source: Mapping[Any, Any], folder: Path) -> Path:
    """A state_dict: its tensors as arrays."""
    path = folder / "model.npz"
    arrays = {str(name): _array(str(name), each) for name, each in source.items()}
    path.write_bytes(array_bytes(arrays, compressed=False))
    return path


def _array(name: str, given: Any) -> Any:
    """An array of what may be a tensor, on any device, with a gradient; or a text about them."""
    if name.startswith("lstm_edge.") and (isinstance(given, str) or _is_text(given)):
        return np.array(str(given))
    try:
        array = as_array(given)
    except DataError as error:
        raise ModelError(name, str(error)) from None
    if array.dtype.kind not in "biuf":
        raise ModelError(name, f"is {array.dtype}, expected an array of numbers")
    return array


def _is_text(given: Any) -> bool:
    return isinstance(given, np.ndarray) and given.dtype.kind == "U" and given.size == 1


def _torch(module: Any, example: object, folder: Path) -> Path:
    """Exported to ONNX, in evaluation mode; the module and its parts are left as they were."""
    if example is None:
        raise ModelError(
            type(module).__name__,
            "a torch.nn.Module needs an input to be exported with: load(module, "
            "example=torch.zeros(1, steps, features))",
        )
    import torch

    path = folder / f"{_stem(type(module).__name__)}.onnx"
    inputs = example if isinstance(example, tuple) else (example,)
    modes = [(each, each.training) for each in module.modules()]
    module.eval()
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            names = _names(module)[: len(inputs)]
            torch.onnx.export(module, inputs, str(path), dynamo=False, input_names=names)
    except Exception as error:
        first = (str(error).splitlines() or [""])[0]
        raise ModelError(
            type(module).__name__,
            f"torch.onnx.export failed ({type(error).__name__}: {first}); check that "
            "example is a tensor, or a tuple of them, that forward() takes, such as "
            "torch.zeros(1, steps, features); or export the model yourself and load the file",
        ) from error
    finally:
        for each, training in modes:  # parts may be in other modes than the whole, as frozen ones
            each.training = training
    proto = onnx.load(path)
    for node in proto.graph.node:
        node.doc_string = ""  # says where the module was defined
    return _onnx(proto, folder, type(module).__name__)


def _names(module: Any) -> list[str]:
    """The arguments of forward(); those at the end may be left out of an example."""
    return list(inspect.signature(module.forward).parameters)


def _keras(model: Any, folder: Path) -> Path:
    """Saved by Keras, and the archive written anew without its dates."""
    saved, path = folder / "saved.keras", folder / f"{_stem(model.name)}.keras"
    model.save(saved)
    with zipfile.ZipFile(saved) as given, zipfile.ZipFile(path, "w") as made:
        for entry in given.infolist():
            made.writestr(zipfile.ZipInfo(entry.filename, EPOCH), given.read(entry))
    return path


def _stem(name: str) -> str:
    """A name that a file may have."""
    return "".join(c if c.isalnum() else "_" for c in name)[:64] or "model"
