"""An ONNX file on disk becomes a checked graph: read, validated, functions inlined.

onnx.load accepts an empty file, and onnx.checker NaN weights and opset 999: what a later stage
relies on is checked here.
"""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import ModelProto

from lstm_edge.errors import DataError, ModelError, first_line
from lstm_edge.files import read_bytes
from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.onnx.count import check_nodes
from lstm_edge.frontend.onnx.declared import check_declared
from lstm_edge.frontend.onnx.external_data import ExternalFiles, embed
from lstm_edge.frontend.onnx.modern import modernize
from lstm_edge.frontend.onnx.parts import check_parts
from lstm_edge.frontend.onnx.sequences import join_lists
from lstm_edge.limits import LARGEST_MODEL

OLDEST_OPSET = 7
"""Before it, Add and Gemm broadcast by attribute and LSTM is another operator."""


def read_onnx(path: Path) -> Graph:
    """Read and check a model file and the data files beside it; nodes in their newest form.

    Raises ModelError: not an ONNX file, cut short, unknown opset, broken external data, or
    whatever onnx's own checker finds.
    """
    try:
        content = read_bytes(path, LARGEST_MODEL)
    except DataError as error:
        raise ModelError(path.name, str(error)) from error
    check_parts(path.name, content)
    model = _parse(path, content)
    check_nodes(path.name, model)
    check_declared(path.name, model)
    files = ExternalFiles(path.parent)
    embed(model, files)
    if model.functions:
        model = _inline(path, model)
    opset = _opset(path, model)
    _check(path, model)
    join_lists(model.graph)
    modernize(model.graph, opset)
    return Graph.of(model.graph, files.sha256(content))


def _parse(path: Path, content: bytes) -> ModelProto:
    model = ModelProto()
    try:
        model.ParseFromString(content)
    except Exception as error:  # protobuf raises DecodeError, without types, and others
        raise ModelError(
            path.name, "not an ONNX file, or damaged or cut short; export the model again"
        ) from error
    if not model.graph.node or not model.graph.output:
        raise ModelError(
            path.name, "holds no network (no nodes or no outputs); export the model again"
        )
    return model


def _inline(path: Path, model: ModelProto) -> ModelProto:
    try:
        from onnx import inliner

        return inliner.inline_local_functions(model)
    except Exception as error:  # raised from C++ without a documented type
        raise ModelError(
            path.name, f"its local functions cannot be inlined: {first_line(error)}"
        ) from error


def _opset(path: Path, model: ModelProto) -> int:
    versions = [o.version for o in model.opset_import if o.domain in ("", "ai.onnx")]
    newest = onnx.defs.onnx_opset_version()
    if len(versions) != 1:
        raise ModelError(path.name, "does not say which ONNX opset it uses; export it again")
    if versions[0] < OLDEST_OPSET:
        raise ModelError(
            path.name,
            f"opset {versions[0]} is older than {OLDEST_OPSET}; export with opset_version=17 or "
            "convert with onnx.version_converter",
        )
    if versions[0] > newest:
        raise ModelError(
            path.name,
            f"opset {versions[0]} is newer than {newest}, the newest that the installed onnx "
            "knows; upgrade onnx or export with opset_version=20",
        )
    return int(versions[0])


def _check(path: Path, model: ModelProto) -> None:
    """Run onnx's checker; shapes of outputs, which it wants and nobody needs, may be absent."""
    for output in model.graph.output:
        if output.type.HasField("tensor_type"):
            output.type.tensor_type.shape.SetInParent()
    try:
        onnx.checker.check_model(model)
    except Exception as error:  # raised from C++ without a documented type
        raise ModelError(path.name, f"not a valid ONNX model: {first_line(error)}") from error
