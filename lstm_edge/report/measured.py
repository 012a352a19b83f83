"""Verify and profile a bundle with the tools that this computer has, and report on it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

from lstm_edge.bundle import Bundle
from lstm_edge.interpret.given import given
from lstm_edge.labels import holds_inputs
from lstm_edge.profile.bundle_profile import Profile, profile_targets
from lstm_edge.progress import Tell, quiet
from lstm_edge.report.collect import collect
from lstm_edge.report.page import page
from lstm_edge.report.values import ReportValues
from lstm_edge.targets import Target, load_target
from lstm_edge.verify import verify

Arrays = Mapping[str, npt.NDArray[Any]]


def report(
    bundle: Bundle,
    *,
    inputs: Any = None,
    stream: bool = False,
    labels: Arrays | None = None,
    board: str | None = None,
    tell: Tell = quiet,
) -> str:
    """The text of report.html.

    inputs, stream, labels: as `verify` takes them. board: a part to tell the energy of. A compiler
    or an emulator that is not there leaves out what it is for, and the page says so; with `board`
    it is a ToolchainError. DataError, TargetError: as from `verify` and `profile_targets`. `tell`
    is told what runs.
    """
    return page(measured(bundle, inputs, labels, board, tell, stream=stream))


def measured(
    bundle: Bundle,
    inputs: Any,
    labels: Arrays | None,
    board: str | None,
    tell: Tell = quiet,
    *,
    stream: bool = False,
) -> ReportValues:
    """The values of that report."""
    # Read once: of batches that come one by one nothing would be left for the traces.
    fed = None if inputs is None else given(bundle.reference, inputs)
    verified = verify(bundle, fed, _places(bundle), labels, tell, stream=stream)
    has_own = labels is not None and holds_inputs(bundle.program, labels)
    profiles: tuple[Profile, ...] = ()
    if board is not None or _can_profile(bundle):
        profiles = profile_targets(bundle, board, tell)
    return collect(bundle, verified, profiles, arrays=labels if has_own else fed, stream=stream)


def _has(target: Target) -> bool:
    return all(shutil.which(tool) is not None for tool in target.tools)


def _places(bundle: Bundle) -> tuple[str, ...]:
    """Where the C can be run here."""
    found = ("host",) if _has(load_target("host")) else ()
    emulated = bundle.emulated
    return (*found, "qemu") if emulated and all(map(_has, emulated)) else found


def _can_profile(bundle: Bundle) -> bool:
    """On an Arm core totals are counted without a compiler for this computer, too."""
    emulated = bundle.emulated
    counts = _has(load_target("host")) or all(target.is_arm for target in emulated)
    return bool(emulated) and counts and all(map(_has, emulated))
