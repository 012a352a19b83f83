"""Compare executions of a bundle: bit for bit between numpy and C, in decibels against float."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.accuracy.advice import advice, low_outputs
from lstm_edge.accuracy.measure import measure
from lstm_edge.accuracy.results import Accuracy
from lstm_edge.accuracy.text import brief, not_known
from lstm_edge.bundle import Bundle
from lstm_edge.errors import DataError
from lstm_edge.interpret.feed import Feed, Results, run_numpy, stored_feed
from lstm_edge.interpret.given import Given, answers, feeds_of, given, together
from lstm_edge.interpret.streams import begins_anew, flat_labels, goes_on, in_a_row, stream_of
from lstm_edge.ir.program import Program
from lstm_edge.labels import (
    Labels,
    Score,
    check_samples,
    check_usable,
    paired_inputs,
    read_labels,
    scores_of,
)
from lstm_edge.progress import Tell, quiet
from lstm_edge.runner import run_checked, run_compiled
from lstm_edge.search.remedies import remedies_text

Array = npt.NDArray[Any]
Arrays = Mapping[str, Array]
WHERE = ("numpy", "host", "qemu", "float")
REMEDY = "give --inputs X.npz"
ANEW = (
    "each of the {samples:,} samples began at the reset state, and this model keeps its state from "
    "call to call, so this is not what a stream gives: give --stream where they follow each other"
)


@dataclass(frozen=True, repr=False)
class Verified:
    """Result of a verification: `exact` per place, with the first differences, and the error
    against float. A place is host, qemu or, of several targets, `qemu <target>`.

    kind: which samples of the calibration set were run, "" of inputs that were given. unknown: why
    nothing is known of the error, which `accuracy` has none of then; "" where it is known.
    """

    exact: Mapping[str, bool]
    differences: Mapping[str, str]
    accuracy: Accuracy
    scores: tuple[Score, ...]
    warnings: tuple[str, ...]
    kind: str = ""
    unknown: str = ""

    @property
    def made_up(self) -> bool:
        """The inputs were drawn, not given by the user."""
        return self.kind == "made-up"

    def __repr__(self) -> str:
        """`Verified(host: identical, logits: SQNR 46.5 dB, max 0.0369)`."""
        places = [f"{p}: {'identical' if same else 'DIFFERENT'}" for p, same in self.exact.items()]
        known = () if self.unknown else self.accuracy.outputs
        outputs = [f"{each.name}: {brief(each)}" for each in known]
        return f"Verified({', '.join([*places, *outputs])})"

    @property
    def ok(self) -> bool:
        """True where every execution gave the same bits."""
        return all(self.exact.values())

    @property
    def told(self) -> str:
        """Where executions differ, as text."""
        places = ", ".join(f"{place}: {text}" for place, text in self.differences.items())
        return f"the executions differ ({places})"


def check_steps(program: Program, feed: Feed) -> None:
    """A model that weighs each step differently takes sequences of its own length only."""
    _, _, steps = feed.shape
    over_time = any(state.accumulator for state in program.states)
    if steps < program.least_steps:
        raise DataError(f"the inputs have {steps} steps, the model needs {program.least_steps}")
    if over_time and program.steps is not None and steps != program.steps:
        raise DataError(f"the inputs have {steps} steps, the model takes {program.steps}")


def answers_on(
    bundle: Bundle, where: str, data: Any, *, stream: bool = False, raw: bool = False
) -> dict[str, Array]:
    """Outputs and states of what is given as `given.py` says, in kind; `where` is one of WHERE."""
    if where not in WHERE:
        raise DataError(f"a run on {where!r}: expected one of {', '.join(WHERE)}")
    program = bundle.reference if where == "float" else bundle.program
    found = given(program, data)
    return answers(program, found, lambda f: run_on(bundle, where, f), stream=stream, raw=raw)


def run_on(bundle: Bundle, where: str, feed: Feed) -> Results:
    """Outputs and states in stored numbers, [streams, calls, ...]; `where` is one of WHERE."""
    program = bundle.reference if where == "float" else bundle.program
    check_steps(program, feed)
    if where in ("numpy", "float"):
        return run_numpy(program, feed)
    return run_compiled(bundle, where, feed)


def verify(
    bundle: Bundle,
    data: Any,
    places: tuple[str, ...],
    labels: Arrays | None = None,
    tell: Tell = quiet,
    *,
    stream: bool = False,
) -> Verified:
    """Run everywhere on the same inputs and compare.

    data: the model's inputs, given as `given.py` says; None for the held-back part of the
    calibration set, as whole streams where the model streams. labels: arrays of a file of labels,
    as in `labels.py`. stream: the state lives on from call to call, as `streams.stream_of` says; a
    label belongs to a call. Of recordings all bits are compared, and the error is that of what
    `given.together` takes of them. `tell` is told what runs.
    """
    program, reference = bundle.program, bundle.reference
    fed = None if data is None else given(reference, data)
    from_compile = fed is None and labels is None
    if labels is not None:
        if fed is not None and fed.recordings:
            raise DataError(
                "labels are of samples, and the inputs are recordings; give samples [N, ...], or "
                "verify without labels"
            )
        fed = Given(paired_inputs(program, labels, None if fed is None else fed.arrays))
    if stream and from_compile:
        check_held_back_streams(reference, bundle)
    fed = fed or given(reference, bundle.held_back)
    as_given = from_compile or fed.recordings or not stream
    feeds = feeds_of(reference, fed) if as_given else (stream_of(reference, fed),)
    for feed in feeds:
        check_steps(program, feed)
    real = together(reference, feeds)
    real = in_a_row(reference, real) if from_compile else real
    found = None if labels is None else _labels(program, labels, real)
    tell("numpy and float")
    measured = measure(program, reference, real)
    runs = [(stored_feed(program, real), measured.ours)]
    if fed.recordings:
        stored = [stored_feed(program, feed) for feed in feeds]
        runs = [(feed, run_numpy(program, feed)) for feed in stored]
    exact, differences = {}, {}
    for place, built in _built(bundle, places):
        tell(f"C on {place}")
        wrong = [text for text in _differences(built, place.partition(" ")[0], runs) if text]
        exact[place] = not wrong
        if wrong:
            differences[place] = "; ".join(wrong)
    scores = () if found is None else scores_of(program, reference, found, measured)
    unknown, accuracy = "", measured.accuracy
    warnings = advice(accuracy, program, calibrated=not bundle.made_up)
    origin = bundle.manifest["calibration"]
    warnings += _found_by_compile(bundle, accuracy)
    if from_compile and origin != "file" and not program.is_float:
        unknown, accuracy, warnings = not_known(origin, REMEDY), accuracy.without_errors(), ()
    warnings += _found_by_compile(bundle, accuracy)
    if anew := 0 if from_compile else begins_anew(reference, real):
        warnings = (ANEW.format(samples=anew), *warnings)
    kind = bundle.held_back_kind if from_compile else ""
    return Verified(exact, differences, accuracy, scores, warnings, kind, unknown)


def check_held_back_streams(reference: Program, bundle: Bundle) -> None:
    """DataError where the held-back samples are no streams."""
    found = given(reference, bundle.held_back)
    if not (found.recordings or goes_on(reference)):
        raise DataError(
            "--stream: the held-back samples do not follow each other, each is a sequence of its "
            "own; give --inputs with streams, [S, K, ...], or leave --stream out"
        )


def _labels(program: Program, arrays: Arrays, feed: Feed) -> tuple[Labels, ...]:
    """The labels of what is fed; of streams also as [streams, calls, ...]."""
    lead = feed.shape[:2]
    flat = flat_labels(arrays, lead) if lead[1] > 1 else arrays
    found = check_usable(read_labels(program, flat))
    check_samples(found, feed)
    return found


def _found_by_compile(bundle: Bundle, accuracy: Accuracy) -> tuple[str, ...]:
    """What `compile` tried, where an output is low here: nothing can be tried without the model."""
    entry = bundle.manifest.get("remedies")
    if entry is None or not low_outputs(accuracy):
        return ()
    return (f"compile found: {remedies_text(entry)}",)


def _paired(ours: Results, other: Results) -> tuple[tuple[Arrays, Arrays], ...]:
    return (ours.outputs, other.outputs), (ours.states, other.states)


def _built(bundle: Bundle, places: tuple[str, ...]) -> list[tuple[str, Bundle]]:
    """Where to run what: in QEMU, C for several targets on the board of each."""
    found = []
    for place in places:
        if place == "qemu" and len(bundle.targets) > 1 and bundle.emulated:
            found += [(f"qemu {t.name}", bundle.on(t.name)) for t in bundle.emulated]
        else:
            found.append((place, bundle))
    return found


def _differences(built: Bundle, where: str, runs: list[tuple[Feed, Results]]) -> Iterator[str]:
    """What C does otherwise than numpy: the results of all runs, and what else it offers."""
    (feed, ours), *others = runs
    first, checks = run_checked(built, where, feed)
    pairs = [(ours, first), *((o, run_compiled(built, where, f)) for f, o in others)]
    for mine, theirs in (pair for results in pairs for pair in _paired(*results)):
        for name, numbers in mine.items():
            yield _difference(name, numbers, theirs[name])
    for name, count in checks.items():
        yield f"{name}: {count} numbers differ" if count else ""


def _difference(name: str, ours: Array, other: Array) -> str:
    """Where two outputs first differ, as text; empty where they are equal bit for bit."""
    a, b = ours, other
    if ours.dtype == np.float32:
        a, b = _float_bits(ours), _float_bits(other)
    if a.shape == b.shape and np.array_equal(a, b):
        return ""
    if a.shape != b.shape:
        return f"{name}: shape {b.shape} instead of {a.shape}"
    at = tuple(int(k) for k in np.argwhere(a != b)[0])
    count = int((a != b).sum())
    return f"{name}: {count} of {a.size} numbers differ, first at {at}: {other[at]}, not {ours[at]}"


def _float_bits(array: Array) -> Array:
    """The bits of float32 numbers; every NaN counts as the same, its sign says nothing."""
    bits = np.ascontiguousarray(array).view(np.int32)
    return np.where(np.isnan(array), np.int32(0x7FC00000), bits)
