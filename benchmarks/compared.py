"""Tables beside CMSIS-NN: how many times fewer instructions a step takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.baselines import GRU_OF_LSTM, Baseline, cmsis_nn, read
from benchmarks.cases import DEFAULT, HEAD, HELIUM, MAIN, Widths
from benchmarks.chosen import dense_layer, recurrent
from benchmarks.markdown import MISSING, core, decimal, geometric_mean, paragraph, shape, table
from benchmarks.networks import SHAPES
from benchmarks.runner import Results

JUDGED = (MAIN, "cortex-m7", "cortex-m33", "cortex-m3", "cortex-m0", HELIUM)
INT4 = {"weights": 4}
INT16 = {"weights": 16, "activations": 16}
NARROW = {"activations": 8}
FLOAT32 = {"scheme": "float32"}

HEAD_TEXT = """## Beside CMSIS-NN

{what}

A ratio is the instructions of CMSIS-NN divided by those of lstm-edge: above 1 the C of lstm-edge
executes fewer. Both have int8 weights where nothing else is said; lstm-edge has activations of 12
bits there, CMSIS-NN has 8. The figures of CMSIS-NN are those of its best build with gcc
(benchmarks/data/cmsis_nn.json), those of lstm-edge of the better of -O2 and -Os. CMSIS-NN has no
GRU and no int4 LSTM: a GRU is held against 3/4 of its LSTM, int4 against its int8. The last row
says how many times fewer instructions 8-bit activations take than the 12 bits of the default.

Printed by `make bench`; one of them by
`python -m benchmarks one lstm 16 32 --target cortex-m4 --weights 8 --activations 12`.
"""
RATIOS_TEXT = """### By shape

(inputs, units) of the layer; one step. The last two columns are over the shapes.
"""


def section(results: Results) -> str:
    """Both tables."""
    head = HEAD_TEXT.format(what=paragraph(read("cmsis_nn")["what"]))
    return "\n".join([head, judged(results), "", RATIOS_TEXT, by_shape(results), ""])


def ratios(
    results: Results,
    kind: str,
    target: str,
    baseline: Baseline,
    widths: Widths = DEFAULT,
) -> list[float | None]:
    """By shape, in the order of SHAPES."""
    share = GRU_OF_LSTM if kind == "gru" else 1.0
    found: list[float | None] = []
    for each in SHAPES:
        ours = recurrent(results, kind, each, target, widths)
        theirs = baseline.instructions[each] * share
        found.append(None if ours is None else theirs / ours.figures.instructions)
    return found


def judged(results: Results) -> str:
    """The table of what this project is judged by."""
    s8, s16 = cmsis_nn("s8_gcc"), cmsis_nn("s16_gcc")
    rows = []
    for target in JUDGED:
        baseline = s8[target]
        rows.append(
            ["LSTM", core(target), "CMSIS-NN s8", *_mean_least(results, "lstm", target, baseline)]
        )
        rows.append(
            [
                "GRU",
                core(target),
                "CMSIS-NN s8 LSTM * 3/4",
                *_mean_least(results, "gru", target, baseline),
            ]
        )
    for title, kind, against in (
        ("LSTM, 8-bit activations", "lstm", "CMSIS-NN s8"),
        ("GRU, 8-bit activations", "gru", "CMSIS-NN s8 LSTM * 3/4"),
    ):
        found = _mean_least(results, kind, HELIUM, s8[HELIUM], NARROW)
        rows.append([title, core(HELIUM), against, *found])
    int4 = _mean_least(results, "lstm", MAIN, s8[MAIN], INT4)
    int16 = _mean_least(results, "lstm", MAIN, s16[MAIN], INT16)
    rows.append(["LSTM, int4 weights", core(MAIN), "CMSIS-NN s8", *int4])
    rows.append(["LSTM, int16 weights, 16-bit activations", core(MAIN), "CMSIS-NN s16", *int16])
    for target, baseline in cmsis_nn("f32_gcc").items():
        found = _mean_least(results, "lstm", target, baseline, FLOAT32)
        rows.append(["LSTM, float32", core(target), "CMSIS-NN f32", *found])
    rows.append(["LSTM, 8-bit activations", core(MAIN), "the same with 12 bits", *_narrow(results)])
    head = ["layer", "core", "against", "geometric mean", "least"]
    return "\n".join([table(head, 3, rows), "", _dense_line(results)])


def by_shape(results: Results) -> str:
    """Ratios of every shape, with every baseline that there is."""
    head = ["layer", "core", "against", *(shape(*s) for s in SHAPES), "geometric mean", "least"]
    return table(head, 3, _rows(results))


def _rows(results: Results) -> Iterator[Sequence[str]]:
    compared: tuple[tuple[str, str, str, Widths], ...] = (
        ("LSTM", "lstm", "s8_gcc", {}),
        ("LSTM", "lstm", "s8_other_compiler", {}),
        ("GRU", "gru", "s8_gcc", {}),
        ("LSTM, int4", "lstm", "s8_gcc", INT4),
        ("LSTM, 8-bit activations", "lstm", "s8_gcc", NARROW),
        ("GRU, 8-bit activations", "gru", "s8_gcc", NARROW),
        ("LSTM, int16, 16-bit activations", "lstm", "s16_gcc", INT16),
        ("LSTM, float32", "lstm", "f32_gcc", FLOAT32),
    )
    for title, kind, name, widths in compared:
        for target, baseline in cmsis_nn(name).items():
            found = ratios(results, kind, target, baseline, widths)
            if all(each is None for each in found):
                continue
            known = [each for each in found if each is not None]
            against = f"{name.partition('_')[0]}, {baseline.options}"
            yield [
                title,
                core(target),
                against,
                *(decimal(each) for each in found),
                *_summary(known, complete=len(known) == len(found)),
            ]


def _mean_least(
    results: Results,
    kind: str,
    target: str,
    baseline: Baseline,
    widths: Widths = DEFAULT,
) -> list[str]:
    known = [r for r in ratios(results, kind, target, baseline, widths) if r is not None]
    return _summary(known, complete=len(known) == len(SHAPES))


def _summary(known: Sequence[float], *, complete: bool) -> list[str]:
    """Geometric mean and minimum; a mean of some shapes would mislead."""
    if not complete:
        return [MISSING, MISSING]
    return [decimal(geometric_mean(known)), decimal(min(known))]


def _narrow(results: Results) -> list[str]:
    known = []
    for each in SHAPES:
        wide = recurrent(results, "lstm", each, MAIN)
        narrow = recurrent(results, "lstm", each, MAIN, NARROW)
        if wide and narrow:
            known.append(wide.figures.instructions / narrow.figures.instructions)
    return _summary(known, complete=len(known) == len(SHAPES))


def _dense_line(results: Results) -> str:
    found = dense_layer(results, HEAD, MAIN)
    if found is None:
        return ""
    return paragraph(
        f"A dense layer of 32 -> 32 on {core(MAIN)} takes {found.figures.instructions:,.0f} "
        f"instructions, {found.per_mac:.2f} for each MAC, and "
        f"{found.cycles_per_mac:.2f} cycles: what it adds to the LSTM in front of it"
    )
