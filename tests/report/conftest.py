"""Values of reports: two compiled examples, and one with everything that a report can show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lstm_edge import bundle
from lstm_edge.bundle import Bundle
from lstm_edge.labels import Change
from lstm_edge.profile.bundle_profile import Profile
from lstm_edge.profile.energy import Band, energy_of, load_part
from lstm_edge.profile.results import CallCost, Cost, Flash, LayerCost, Ram
from lstm_edge.profile.timing import find_timing
from lstm_edge.report import ReportValues, Tried, collect
from lstm_edge.report.values import Limits
from lstm_edge.verify import Verified, verify
from tests.support.command import DIGITS, done

HOSTILE = """x"><script>alert('1')</script><b>&amp; {{ 7 * 7 }} </style>"""
EXAMPLES = DIGITS.parent


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Bundle]:
    """An example's bundle, compiled once."""
    made: dict[str, Bundle] = {}

    def example(name: str) -> Bundle:
        if name not in made:
            folder = tmp_path_factory.mktemp("report") / name
            files = EXAMPLES / name
            given = ("--calibration", files / "calibration.npz")
            done("compile", files / f"{name}.onnx", "--target", "portable", *given, "-o", folder)
            made[name] = bundle.read(folder)
        return made[name]

    return example


@pytest.fixture(scope="session")
def digits(compiled: Callable[[str], Bundle]) -> Bundle:
    """An LSTM with a dense head."""
    return compiled("digits")


@pytest.fixture(scope="session")
def verified(digits: Bundle) -> Verified:
    """Its error on labelled samples."""
    return verify(digits, None, (), bundle.read_arrays(DIGITS / "test.npz"))


def profile_of(digits: Bundle) -> Profile:
    """Made up, as a counted one looks."""
    layers = (
        LayerCost("lstm", 5120.0, Cost(6089.0, 9650.0)),
        LayerCost("fc", 40.0, Cost(52.0, 88.0)),
    )
    step = CallCost(
        "digits_step", 1, 64, 5160.0, Cost(6161.0, 9785.0), Cost(6524.0, 10398.0), layers,
        Cost(20.0, 47.0),
    )  # fmt: skip
    ram = Ram(292, 16, 140, ("digits_run", "digits_step", "le_int8_rows"), "", 140)
    found = Profile(
        digits.program.name, "cortex-m4", "cortex-m4", find_timing("cortex-m4"), False, True,
        step, replace(step, function="digits_run", steps=8), Flash(1512, 162, 6408, 2048), ram,
        None,
    )  # fmt: skip
    cycles = found.band(9785.0) or Band(0.0, 0.0, 0.0)
    return replace(found, energy=energy_of(load_part("stm32l4r5", "cortex-m4"), cycles))


@pytest.fixture(scope="session")
def plain(digits: Bundle, verified: Verified) -> ReportValues:
    """Without a profile."""
    return collect(digits, verified)


@pytest.fixture(scope="session")
def full(digits: Bundle, verified: Verified) -> ReportValues:
    """With a profile, budgets, a search, warnings, changed samples, and names that mean harm."""
    tried = (
        Tried("weights=int4", 5656, 7655.0, 24.4),
        Tried("weights=int8", 8392, 6182.0, 46.5, chosen=True),
        Tried(HOSTILE, 9000, 9000.0, 40.0),
    )
    changed = tuple(Change(k, None, 3, 3, 5) for k in range(3))
    scores = tuple(replace(score, changed=changed) for score in verified.scores)
    exact = {"host": True, "qemu cortex-m4": False}
    differences = {"qemu cortex-m4": f"{HOSTILE}: 1 of 10 numbers differ"}
    seen = replace(verified, exact=exact, differences=differences, scores=scores)
    values = collect(digits, seen, (profile_of(digits),), tried=tried)
    network = values.network
    nodes = tuple(replace(n, name=HOSTILE) if n.key == "fc" else n for n in network.nodes)
    return replace(
        values,
        identity=replace(values.identity, name=HOSTILE),
        network=replace(network, nodes=nodes),
        limits=Limits(16384, 1024, 100, 7000, 9000, 40.0, 1.0),
        warnings=(f"layer {HOSTILE}: 3 of 9 numbers saturate: widen it", "too few samples"),
        traces=tuple(replace(trace, output=HOSTILE) for trace in values.traces),
    )


@pytest.fixture(scope="session")
def both_ways(compiled: Callable[[str], Bundle]) -> ReportValues:
    """A bidirectional network."""
    entities = compiled("entities")
    return collect(entities, verify(entities, None, ()))


@pytest.fixture(scope="session")
def sources() -> Path:
    """The report's templates."""
    return DIGITS.parents[1] / "templates" / "report"
