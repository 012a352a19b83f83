"""`compile --from-study`: a point of a study, for the model and data that it was found with."""

from __future__ import annotations

from math import isfinite
from pathlib import Path

from lstm_edge.errors import BudgetError, DataError
from lstm_edge.interpret.feed import Arrays
from lstm_edge.ir.model import Model
from lstm_edge.manifest import PointEntry, StudyEntry
from lstm_edge.search.front import Tried, chosen
from lstm_edge.search.settings import digest
from lstm_edge.search.study import DEFAULT_NAME, Found, read_study

MOST_DIGITS = 9
"""Of the number of a trial."""


def parse_study(text: str) -> tuple[str, int | None]:
    """The study and the trial of `STUDY[:TRIAL]`."""
    where, _, number = text.rpartition(":")
    if where and number.isdecimal() and len(number) <= MOST_DIGITS and not Path(text).exists():
        return where, int(number)
    return text, None


def pick(text: str, name: str = DEFAULT_NAME) -> tuple[Tried, Found]:
    """The point that `STUDY[:TRIAL]` names: by default the cheapest of the front that holds a bound
    of error or score, or its knee. BudgetError where nothing holds the limits.
    """
    where, number = parse_study(text)
    found = read_study(where, name)
    if number is None:
        if not found.front:
            raise BudgetError(
                f"study {where}: none of {len(found.tried)} points holds its limits; search on, "
                "or name a trial with --from-study STUDY:TRIAL"
            )
        return chosen(found.front, found.objectives, found.limits), found
    for each in found.tried:
        if each.number == number and each.result.decibels is not None:
            return each, found
    raise DataError(f"study {where}: trial {number} has no result; `search` lists those that have")


def entry_of(picked: Tried, found: Found) -> StudyEntry:
    """The front of a study as a manifest keeps it, with the point that was picked."""
    front = found.front
    every = front if picked in front else [*front, picked]
    return {
        "tried": len(found.tried),
        "objectives": list(found.objectives),
        "error": found.limits.decibels,
        "drop": found.limits.points,
        "compiler": found.compiler,
        "points": [_point(each, found, each in front, each == picked) for each in every],
    }


def _point(each: Tried, found: Found, on_front: bool, is_chosen: bool) -> PointEntry:
    result = each.result
    return {
        "trial": each.number,
        "model": found.labels[each.point.model],
        "options": each.point.describe(),
        "sqnr_db": result.decibels if isfinite(result.decibels or 0.0) else None,
        "points_lost": result.points,
        "percent_missed": result.missed,
        "flash": result.flash,
        "ram": result.ram,
        "instructions": result.instructions,
        "cycles": result.cycles,
        "on_front": on_front,
        "chosen": is_chosen,
    }


def check_belongs(
    picked: Tried, found: Found, model: Model, target: str, calibration: Arrays | None
) -> None:
    """DataError where the point was found for another model, target or data: its figures
    would not be those of what is compiled.
    """
    sha256 = picked.point.model
    if model.sha256 != sha256:
        raise DataError(
            f"trial {picked.number} is of {found.labels[sha256]} (SHA-256 {sha256[:12]}), not of "
            f"{model.name} ({model.sha256[:12]}); give that file, or another trial"
        )
    for what, known, given in (
        ("--target", found.settings["target"], target),
        ("calibration data", found.settings["calibration"], digest(calibration)),
    ):
        if known != given:
            shown = f" ({known}, now {given})" if len(known) < 32 > len(given) else ""
            raise DataError(f"--from-study: the study has another {what}{shown}; give the same")
