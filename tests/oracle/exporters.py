"""What becomes of files that exporters wrote: compiled and compared, or refused and why."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
from lstm_edge.ir.model import Model, Port
from tests.oracle.model_reference import run_model
from tests.oracle.test_frontend_patterns import row_of

EXPORTERS = {
    ("torch", "dynamo"): "PyTorch, torch.onnx.export(dynamo=True)",
    ("torch", "legacy"): "PyTorch, torch.onnx.export(dynamo=False)",
    ("keras_tensorflow", "export"): "Keras 3, model.export",
    ("keras_tensorflow", "tf2onnx"): "Keras 3, tf2onnx.convert.from_keras",
    ("keras_tensorflow", "tf2onnx_savedmodel"): "Keras 3, saved model, tf2onnx",
    ("keras2", ""): "Keras 2, tf2onnx",
    ("quant", ""): "PyTorch, and onnxruntime's quantizers",
}
"""Headings, in their order, by folder and by what stands between the dots of a file's name."""

STEPS = 9
"""Length of a sequence where the file leaves it open."""

BATCH = 3
"""Rows where the file leaves the batch open."""

IDENTIFIERS = 2
"""Numbers that integer inputs are drawn from: every embedding has that many rows."""

LONGEST = 150
"""Characters of a refusal in the table."""


@dataclass(frozen=True)
class Verdict:
    """The largest difference from onnxruntime, or the text of the refusal.

    failure: why a model that compiles could not be compared: nothing that should be published.
    """

    difference: float = math.nan
    refusal: str = ""
    failure: str = ""


def pattern_files(patterns: Path) -> Iterator[tuple[str, Path]]:
    """Heading and file of all patterns, in the order of the table."""
    for (folder, kind), heading in EXPORTERS.items():
        for file in sorted((patterns / folder).glob("*.onnx")):
            parts = file.name.split(".")
            if not kind or parts[-2] == kind:
                yield heading, file


def verdict(file: Path) -> Verdict:
    """Load a file and compare the model, row by row of the batch, with onnxruntime."""
    try:
        model = load(file)
    except ModelError as error:
        return Verdict(refusal=short(str(error)))
    try:
        return Verdict(difference(file, model))
    except Exception as error:  # a fault of the comparison must not hide the other files
        return Verdict(failure=short(f"{type(error).__name__}: {error}".splitlines()[0]))


def short(message: str) -> str:
    """What was found, without what to do about it."""
    first = message.split("; ", maxsplit=1)[0]
    return first if len(first) <= LONGEST else first[: LONGEST - 4] + " ..."


def difference(file: Path, model: Model) -> float:
    """The largest difference of any output from what onnxruntime computes for random inputs."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(file), options)
    rng = np.random.default_rng(len(file.name))
    ports = {port.name: port for port in model.inputs}
    steps = model.steps or STEPS
    feeds = _feeds(rng, session.get_inputs(), ports, steps)
    names = [value.name for value in session.get_outputs()]
    expected = dict(zip(names, session.run(names, feeds), strict=True))
    sizes = [_batch(feeds[name], port) for name, port in ports.items()]
    batch = max(sizes, default=1)
    worst = 0.0
    for row in range(batch):
        rows = {name: row_of(feeds[name], port, batch, row) for name, port in ports.items()}
        result = run_model(model, rows)
        for port in model.outputs:
            wanted = row_of(expected[port.name], port, batch, row).astype(np.float64)
            assert result[port.name].shape == wanted.shape, port.name
            worst = max(worst, float(np.abs(result[port.name] - wanted).max()))
    return worst


def _feeds(
    rng: np.random.Generator, values: list[Any], ports: Mapping[str, Port], steps: int
) -> dict[str, Any]:
    """Random arrays for the model's inputs; zeros for others: states that start at zero, or unread.

    Open axes with one name have one size.
    """
    sizes = {"batch": BATCH, "time": steps}
    named: dict[Any, int] = {}
    for value in values:
        if value.name in ports:
            pairs = zip(value.shape, ports[value.name].axes, strict=True)
            named |= {size: sizes.get(axis, 1) for size, axis in pairs if not isinstance(size, int)}
    feeds = {}
    for value in values:
        axes = ports[value.name].axes if value.name in ports else [""] * len(value.shape)
        pairs = zip(value.shape, axes, strict=True)
        shape = [s if isinstance(s, int) else sizes.get(a, named.get(s, 1)) for s, a in pairs]
        kind = value.type.removeprefix("tensor(").removesuffix(")")
        kind = {"float": "float32", "double": "float64"}.get(kind, kind)
        whole = kind.startswith(("int", "uint"))
        array = rng.integers(0, IDENTIFIERS, shape) if whole else rng.normal(size=shape)
        feeds[value.name] = (array if value.name in ports else array * 0).astype(kind)
    return feeds


def _batch(array: Any, port: Port) -> int:
    pairs = zip(array.shape, port.axes, strict=True)
    return max((size for size, axis in pairs if axis == "batch"), default=1)


def opset_of(file: Path) -> int:
    """The opset of a file's operators."""
    imports = onnx.load(file, load_external_data=False).opset_import
    return next((o.version for o in imports if o.domain in ("", "ai.onnx")), 0)
