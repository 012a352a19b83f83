"""Gather what a report shows from a bundle and from what verify and profile found."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any

from lstm_edge.bundle import Bundle
from lstm_edge.data import COST_STEPS
from lstm_edge.errors import DataError
from lstm_edge.ir.chosen import format_lines
from lstm_edge.manifest import (
    AttemptEntry,
    BudgetEntry,
    Manifest,
    PointEntry,
    PortEntry,
    StudyEntry,
    of_core,
)
from lstm_edge.profile.bundle_profile import Profile
from lstm_edge.report.network import network_of
from lstm_edge.report.traces import traces_of
from lstm_edge.report.values import (
    CoreCost,
    Identity,
    Limits,
    PortLine,
    ReportValues,
    Study,
    Tried,
)
from lstm_edge.verify import Verified


def collect(
    bundle: Bundle,
    verified: Verified,
    profiles: Sequence[Profile] = (),
    *,
    arrays: Any = None,
    stream: bool = False,
    tried: Sequence[Tried] | None = None,
) -> ReportValues:
    """The values of a report.

    profiles: of the bundle's targets, the most important first; without one, sizes and
    instructions are those of the manifest. arrays: inputs that `verified` is about; None for the
    held-back samples; stream: they are streams, as for `verify`. tried: points to draw, instead of
    those of the study that the model comes from or of what `auto` tried. DataError where the
    manifest is damaged.
    """
    manifest = bundle.manifest
    try:
        identity = _identity(bundle)
        costs = tuple(_cost_of(profile) for profile in profiles) or _estimated(bundle)
        limits = _limits(manifest["budgets"])
        points = tuple(_tried(each) for each in manifest.get("search", ()))
        study = None
        if tried is None and "study" in manifest:
            study, points = _study(manifest["study"]), _points(manifest["study"])
        ports = tuple(map(_port, (*manifest["inputs"], *manifest["outputs"])))
        known = _warnings(manifest)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"the manifest is damaged ({error}); compile the model again") from None
    steps = bundle.program.steps or min(verified.accuracy.steps, COST_STEPS)
    counted = profiles[0].main if profiles else None
    return ReportValues(
        identity,
        network_of(bundle, steps, counted),
        costs,
        limits,
        verified,
        traces_of(bundle, arrays, stream=stream),
        points if tried is None else tuple(tried),
        tuple(dict.fromkeys((*known, *verified.warnings))),
        ports,
        study,
        format_lines(bundle.program),
    )


def _limits(budgets: BudgetEntry) -> Limits:
    """A key that is not known is a TypeError."""
    limits: dict[str, Any] = dict(budgets)
    return Limits(**{name: _real(limit) for name, limit in limits.items()})


def _whole(number: Any) -> int | None:
    return None if number is None else int(number)


def _real(number: Any) -> float | None:
    """None stays None; anything but a number is a TypeError or ValueError."""
    return None if number is None else float(number)


def _port(port: PortEntry) -> PortLine:
    shape = ", ".join("any" if n < 0 else str(n) for n in port["shape"])
    when = "each step" if port["per_step"] else "a sequence"
    numbers = f"{port['size']} x {port['type']} {when}"
    return PortLine(str(port["name"]), f"[{shape}]", numbers, str(port["format"]))


def _warnings(manifest: Manifest) -> tuple[str, ...]:
    """Of the compilation; what it said of the error is measured anew, and left out."""
    anew = manifest["accuracy"]["warnings"] if "accuracy" in manifest else []
    return tuple(str(text) for text in manifest["warnings"] if text not in anew)


def _identity(bundle: Bundle) -> Identity:
    manifest = bundle.manifest
    tool = manifest["tool"]
    return Identity(
        str(manifest["name"]),
        str(manifest["target"]),
        str(manifest["scheme"]),
        str(manifest["options"]),
        str(manifest["model_sha256"]),
        f"{tool['name']} {tool['version']}",
        manifest["calibration"] != "drawn",
    )


def _cost_of(profile: Profile) -> CoreCost:
    flash, ram, main = profile.flash, profile.ram, profile.main
    path = " > ".join(ram.path)
    return CoreCost(
        profile.target,
        flash.code,
        flash.library,
        flash.weights,
        flash.tables,
        ram.state,
        ram.scratch,
        ram.stack,
        f"no bound: {ram.unbounded}" if ram.stack is None else path,
        "run" if profile.step is None else "step",
        main.steps,
        main.macs,
        True,
        main.mean.instructions,
        main.most.instructions,
        profile.band(main.mean.cycles),
        main.most.cycles,
        profile.timing,
        profile.energy,
    )


def _estimated(bundle: Bundle) -> tuple[CoreCost, ...]:
    """By the manifest, for each target."""
    manifest = bundle.manifest
    names = [target.name for target in bundle.targets]
    return tuple(_of_manifest(name, of_core(manifest, name)) for name in names)


def _of_manifest(target: str, m: Manifest) -> CoreCost:
    flash, ram = m["flash"], m["ram"]
    return CoreCost(
        target,
        _whole(flash["code"]),
        0,
        int(flash["weights"]),
        int(flash["tables"]),
        int(ram["state"]),
        int(ram["scratch"]),
        None,
        "not measured",
        "step",
        1,
        float(m["macs"]),
        False,
        _real(m["instructions"]),
    )


def _tried(each: AttemptEntry) -> Tried:
    return Tried(
        str(each["options"]),
        int(each["flash"]),
        _real(each["instructions"]),
        _real(each["sqnr_db"]),
        _real(each["points_lost"]),
        bool(each["chosen"]),
    )


def _study(study: StudyEntry) -> Study:
    (trial,) = (int(each["trial"]) for each in study["points"] if each["chosen"])
    objectives = tuple(str(name) for name in study["objectives"])
    bounds = _real(study["error"]), _real(study["drop"])
    return Study(int(study["tried"]), trial, objectives, *bounds, study["compiler"] is not None)


def _points(study: StudyEntry) -> tuple[Tried, ...]:
    """With the name of the model where there are several."""
    several = len({each["model"] for each in study["points"]}) > 1
    return tuple(_point(each, f"{each['model']}: " if several else "") for each in study["points"])


def _point(each: PointEntry, prefix: str) -> Tried:
    return Tried(
        f"{prefix}{each['options']}",
        int(each["flash"]),
        _real(each["instructions"]),
        inf if each["sqnr_db"] is None else float(each["sqnr_db"]),
        _real(each["points_lost"]),
        bool(each["chosen"]),
        int(each["ram"]),
        _real(each["percent_missed"]),
        not each["on_front"],
        _real(each["cycles"]),
    )
