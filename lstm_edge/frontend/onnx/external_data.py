"""Weights that an ONNX file keeps in files beside it, as PyTorch exports them by default.

A location is untrusted: it must lead to a regular file inside the model's own folder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath

from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto

from lstm_edge.errors import DataError, ModelError
from lstm_edge.files import read_bytes
from lstm_edge.frontend.graph.tensor import byte_size
from lstm_edge.limits import LARGEST_MODEL


@dataclass
class ExternalFiles:
    """Files beside the model that were read, in the order of their first use."""

    folder: Path
    contents: dict[str, bytes] = field(default_factory=dict)
    left: int = LARGEST_MODEL
    """Bytes that may still be taken: many tensors can be the same bytes of a file."""

    def read(self, tensor: str, location: str) -> bytes:
        """The whole file at `location`, once it is proved to lie inside the folder."""
        if location not in self.contents:
            path = _locate(self.folder, tensor, location)
            try:
                self.contents[location] = read_bytes(path, LARGEST_MODEL)
            except DataError as error:
                raise ModelError(tensor, f"external data at {location!r} {error}") from error
        return self.contents[location]

    def sha256(self, first: bytes) -> str:
        """Digest of the model file's bytes and then of each file read."""
        digest = hashlib.sha256(first)
        for content in self.contents.values():
            digest.update(content)
        return digest.hexdigest()


def tensors_of(model: ModelProto) -> Iterator[TensorProto]:
    """Every tensor of the model: initializers and attributes, those in subgraphs and functions."""
    yield from _graph_tensors(model.graph)
    for function in model.functions:
        yield from _node_tensors(function.node)


def _graph_tensors(graph: GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    yield from _node_tensors(graph.node)


def _node_tensors(nodes: object) -> Iterator[TensorProto]:
    for node in nodes:  # type: ignore[attr-defined]
        assert isinstance(node, NodeProto)
        for attribute in node.attribute:
            yield from _attribute_tensors(attribute)


def _attribute_tensors(attribute: AttributeProto) -> Iterator[TensorProto]:
    if attribute.HasField("t"):
        yield attribute.t
    yield from attribute.tensors
    if attribute.HasField("g"):
        yield from _graph_tensors(attribute.g)
    for graph in attribute.graphs:
        yield from _graph_tensors(graph)


def embed(model: ModelProto, files: ExternalFiles) -> None:
    """Replace each external reference in `model` by the bytes it refers to.

    Raises ModelError, by the tensor's name, for a location outside the folder, a missing or short
    file, a negative offset or a length that the shape contradicts.
    """
    for tensor in tensors_of(model):
        if tensor.data_location != TensorProto.EXTERNAL and not tensor.external_data:
            continue
        tensor.raw_data = _external_bytes(tensor, files)
        tensor.data_location = TensorProto.DEFAULT
        del tensor.external_data[:]


def _external_bytes(tensor: TensorProto, files: ExternalFiles) -> bytes:
    label = f"initializer {tensor.name!r}"
    entries = {entry.key: entry.value for entry in tensor.external_data}
    if not entries.get("location"):
        raise ModelError(label, "external data without a location; export the model again")
    content = files.read(label, entries["location"])
    offset = _number(label, "offset", entries.get("offset", "0"))
    expected = byte_size(tensor)
    length = _number(label, "length", entries.get("length", str(expected)))
    if length != expected:
        raise ModelError(
            label, f"external data of {length} bytes, but its shape needs {expected} bytes"
        )
    files.left -= length
    if files.left < 0:
        raise ModelError(
            label, f"external data of all tensors is more than {LARGEST_MODEL // 2**20} MB"
        )
    if offset + length > len(content):
        raise ModelError(
            label,
            f"needs bytes {offset} to {offset + length} of {entries['location']!r}, which has only "
            f"{len(content)}; copy the model and its data file together again",
        )
    return content[offset : offset + length]


def _number(label: str, key: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise ModelError(label, f"external data has {key} {text!r}, expected a number from 0")
    return int(text)


def _locate(folder: Path, label: str, location: str) -> Path:
    shown = f"external data at {location!r}"
    parts = PurePosixPath(location).parts
    if "\0" in location or "\\" in location or PureWindowsPath(location).drive:
        raise ModelError(label, f"{shown}: expected a plain file name beside the model")
    if PurePosixPath(location).is_absolute() or ".." in parts:
        raise ModelError(label, f"{shown} lies outside the model's folder: refused")
    path = folder / location
    try:
        inside = path.resolve().is_relative_to(folder.resolve())
        regular = path.is_file()
    except (OSError, RuntimeError) as error:
        raise ModelError(label, f"{shown} cannot be read") from error
    if not inside:
        raise ModelError(label, f"{shown} is a link that leaves the model's folder: refused")
    if not regular:
        raise ModelError(label, f"{shown}: no such file; copy it into the folder of the model file")
    return path
