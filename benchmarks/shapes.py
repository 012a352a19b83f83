"""Tables of all layers at all shapes on all cores, and of all widths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.cases import (
    ACTIVATIONS,
    DEFAULT,
    DENSE_SHAPES,
    HEAD,
    MAIN,
    MAIN_SHAPE,
    RECURRENT,
    SOME_WIDTHS,
    WEIGHTS,
    Case,
    Widths,
    cores,
)
from benchmarks.chosen import COLUMNS, layer
from benchmarks.markdown import core, shape, table
from benchmarks.networks import SHAPES, Network
from benchmarks.runner import Results

TITLES = {"lstm": "LSTM", "gru": "GRU, reset after", "rnn": "RNN", "dense": "Dense"}

HEAD_TEXT = """## All layers

One step with the default widths, int8 weights and activations of 12 bits. `flags` says which of
-O2 and -Os executes fewer instructions; all figures of the row are those of that build. Code is
what is linked for `_init` and `_step`, helpers of the compiler's library included; flash is code,
weights and tables; RAM is the state struct.

A row is printed by `python -m benchmarks one lstm 16 32 --target cortex-m4`, all by `make bench`.
"""
DENSE_TEXT = """What a dense layer adds to an LSTM in front of it: what is printed by
`python -m benchmarks one lstm 16 32 --head 32` less what is by the same without `--head`. Code that
both share is not counted; the stack is that of both.
"""
WIDTHS_TEXT = """## Widths

Layers of {shape} on {core}, dense layers of {head}, in all widths; then the LSTM on the other
cores in some. `python -m benchmarks one gru 16 32 --weights 4 --activations 8` prints a row.
"""


def section(results: Results) -> str:
    """The tables by shape."""
    parts = [HEAD_TEXT]
    for kind, title in TITLES.items():
        parts += [f"### {title}", ""]
        parts += [DENSE_TEXT] if kind == "dense" else []
        parts += [table(["core", "shape", *COLUMNS], 2, _by_shape(results, kind)), ""]
    return "\n".join(parts)


def widths_section(results: Results) -> str:
    """The tables by width."""
    text = WIDTHS_TEXT.format(shape=shape(*MAIN_SHAPE), head=shape(*HEAD), core=core(MAIN))
    head = ["layer", "weights, activations", *COLUMNS]
    others = ["core", "weights, activations", *COLUMNS]
    return "\n".join(
        [
            text,
            table(head, 2, _by_width(results)),
            "",
            table(others, 2, _by_core(results)),
            "",
        ]
    )


def _by_shape(results: Results, kind: str) -> Iterator[Sequence[str]]:
    for target in (each.name for each in cores()):
        shapes = SHAPES if kind != "dense" or target == MAIN else DENSE_SHAPES
        for each in (*shapes, HEAD) if kind == "dense" else shapes:
            found = layer(results, kind, each, target)
            if found:
                yield [core(target), shape(*each), *found.cells()]


def _by_width(results: Results) -> Iterator[Sequence[str]]:
    options: list[Widths] = [
        *({"weights": w, "activations": a} for w in WEIGHTS for a in ACTIVATIONS),
        {"scheme": "fixed"},
    ]
    for kind in (*RECURRENT, "dense"):
        for each in options:
            found = layer(results, kind, HEAD if kind == "dense" else MAIN_SHAPE, MAIN, each)
            if found:
                yield [TITLES[kind], _widths(each), *found.cells()]


def _by_core(results: Results) -> Iterator[Sequence[str]]:
    for target in (each.name for each in cores()):
        for each in (DEFAULT, *SOME_WIDTHS):
            found = layer(results, "lstm", MAIN_SHAPE, target, each)
            if found and target != MAIN:
                yield [core(target), _widths(each), *found.cells()]


def _widths(options: Widths) -> str:
    case = Case(Network("lstm", *MAIN_SHAPE), MAIN, **options)
    scheme = "" if case.scheme == "int8" else f", {case.scheme}"
    return f"int{case.weights}, {case.activations}{scheme}"
