"""A whole trained model beside TensorFlow Lite Micro: its own LSTM example."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.baselines import read
from benchmarks.markdown import MISSING, core, decimal, paragraph, table, whole
from benchmarks.measure import OPTIMIZE, Figures, better, figures, generate_from

MODEL = "mnist_lstm.onnx"
PREFIX = "calib__"
TARGETS = ("cortex-m4", "cortex-m55")
WIDTHS = (12, 8)

TEXT = """## A whole model beside TensorFlow Lite Micro

{what}

An inference is the whole sequence. Flash of TFLM is code and flatbuffer, RAM its arena and static
memory; `int8 only` is a build without other types. Flash of lstm-edge is code, weights and tables,
RAM the state struct with its scratch. `make bench` measures it where the model is:
`make bench SHARED=folder`.
"""
KERNELS = {"reference_kernels": "reference kernels", "cmsis_nn": "CMSIS-NN"}

Found = Mapping[tuple[str, int], Figures]


def is_there(shared: Path) -> bool:
    """True where the folder has the model."""
    return (shared / "models" / MODEL).is_file()


def measure_all(shared: Path) -> Found:
    """One inference by core and bits of activations."""
    found = {}
    for target in TARGETS:
        for activations in WIDTHS:
            best = better(measure(shared, target, activations))
            print(f"mnist_lstm {target} {activations}: {best.instructions:,.0f}", flush=True)
            found[target, activations] = best
    return found


def measure(shared: Path, target: str, activations: int) -> tuple[Figures, ...]:
    """In each of the builds."""
    model = shared / "models" / MODEL
    with tempfile.TemporaryDirectory(prefix="lstm-edge-") as temporary:
        folder = Path(temporary)
        calibration = folder / "calibration.npz"
        with np.load(model.with_suffix(".npz")) as arrays:
            wanted = {n.removeprefix(PREFIX): arrays[n] for n in arrays if n.startswith(PREFIX)}
        np.savez(calibration, **wanted)
        generated = generate_from(model, target, calibration, folder / "c", activations=activations)
        return tuple(_inference(figures(generated, optimize)) for optimize in OPTIMIZE)


def _inference(each: Figures) -> Figures:
    """Of all calls that a sequence takes."""
    n = each.calls
    return replace(each, instructions=each.instructions * n, cycles=each.cycles * n, calls=1)


def section(found: Found) -> str:
    """The table."""
    head = ["core", "library", "instructions", "times fewer", "code", "flash", "RAM", "flags"]
    text = TEXT.format(what=paragraph(read("tflm")["what"]))
    return "\n".join([text, table(head, 2, _rows(found)), ""])


def _rows(found: Found) -> Iterator[Sequence[str]]:
    for target in TARGETS:
        ours = found[target, WIDTHS[0]].instructions
        for key, title in KERNELS.items():
            said = read("tflm")[target].get(key)
            if said is not None:
                yield [core(target), f"TFLM, {title}", *_theirs(said, ours)]
        for activations in WIDTHS:
            each = found[target, activations]
            yield [
                core(target),
                f"lstm-edge, {activations}-bit activations",
                whole(each.instructions),
                "",
                whole(each.code),
                whole(each.flash),
                whole(each.ram),
                each.optimize,
            ]


def _theirs(said: Mapping[str, Any], ours: float) -> list[str]:
    code = said.get("code_bytes_int8_only", said.get("code_bytes"))
    flash = None if code is None else code + said["flatbuffer_bytes"]
    ram = said["arena_bytes"] + said.get("other_static_bytes", 0)
    return [
        whole(said["instructions"]),
        decimal(said["instructions"] / ours),
        whole(code),
        whole(flash),
        whole(ram),
        "int8 only" if "code_bytes_int8_only" in said else MISSING,
    ]
