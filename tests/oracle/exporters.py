"""What becomes of files that exporters wrote: compiled and compared, or refused and why."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import onnx

from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
from tests.oracle.compared import difference

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


def opset_of(file: Path) -> int:
    """The opset of a file's operators."""
    imports = onnx.load(file, load_external_data=False).opset_import
    return next((o.version for o in imports if o.domain in ("", "ai.onnx")), 0)
