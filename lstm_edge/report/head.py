"""The first screen: is it right, how far from float, does it fit, what is to be done."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lstm_edge.accuracy.advice import LOW_SQNR
from lstm_edge.accuracy.text import amount, brief
from lstm_edge.report.numbers import size, whole
from lstm_edge.report.values import CoreCost, Limits, ReportValues

REMEDY = re.compile(
    r"[:;] (?=(?:call|correct|export|give|leave|make|record|save|score|try|write) )", re.ASCII
)
"""What stands before the remedy of a warning."""


@dataclass(frozen=True)
class Verdict:
    """One line. state: good, bad, warn or plain."""

    state: str
    title: str
    text: str


@dataclass(frozen=True)
class Warned:
    """A warning: what is the matter, and the remedy where the text has one apart."""

    text: str
    remedy: str


def verdicts(values: ReportValues) -> tuple[Verdict, ...]:
    """Bits, error, budgets, in this order."""
    return (_bits(values), _error(values), _budgets(values))


def _bits(values: ReportValues) -> Verdict:
    verified = values.verified
    where = _listed(_places(list(verified.exact)))
    if not verified.exact:
        return Verdict(
            "plain", "Bits not compared", "the C was not run; `lstm-edge verify` compares it"
        )
    if not verified.ok:
        text = "; ".join(f"{_place(p)}: {t}" for p, t in verified.differences.items())
        return Verdict("bad", "Bits differ", text)
    text = f"numpy and the C {where}, on {amount(verified.accuracy, verified.kind)}"
    return Verdict("good", "Identical bits", text)


def _place(place: str) -> str:
    head, _, core = place.partition(" ")
    name = {"host": "on the host", "qemu": "in QEMU"}.get(head, head)
    return f"{name} ({core})" if core else name


def _places(places: list[str]) -> list[str]:
    """Emulated cores together."""
    cores = [core for head, _, core in (place.partition(" ") for place in places) if core]
    if len(cores) < 2:
        return [_place(place) for place in places]
    alone = [_place(place) for place in places if " " not in place]
    return [*alone, f"in QEMU ({', '.join(cores)})"]


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _error(values: ReportValues) -> Verdict:
    outputs, limits = values.verified.accuracy.outputs, values.limits
    if values.identity.scheme == "float32":
        return Verdict("plain", "Computes in float32", "no integers, so no error against float")
    if values.verified.unknown:
        return Verdict("warn", "Error not known", values.verified.unknown.partition(", ")[2])
    known = [
        o.error.sqnr_db for o in outputs if o.error.sqnr_db is not None and o.agreement is None
    ]
    text = "; ".join(f"{o.name}: {brief(o)}" for o in outputs[:4])
    text += f"; and {len(outputs) - 4} more" if len(outputs) > 4 else ""
    if not known:
        return Verdict("plain", "Error against float", text)
    worst = min(known)
    state = "good" if worst >= (limits.error or LOW_SQNR) else "warn"
    return Verdict(state, f"{worst:.1f} dB against float", text)


def _budgets(values: ReportValues) -> Verdict:
    found = list(_against_limits(values))
    if not found:
        unset = all(limit is None for limit in vars(values.limits).values())
        title = "No budget was set" if unset else "Budget not measured"
        return Verdict("plain", title, _sizes(values.costs))
    over = [text for held, text in found if not held]
    if over:
        return Verdict("bad", "Budget missed", "; ".join(over))
    return Verdict("good", "Within budget", "; ".join(text for _, text in found))


def _sizes(costs: Sequence[CoreCost]) -> str:
    cost = costs[0]
    found = [f"flash {size(cost.flash)}", f"RAM {size(cost.ram)}"]
    found += [f"stack {size(cost.stack)}"] if cost.stack is not None else []
    if cost.cycles is not None:
        found.append(f"{whole(cost.cycles.value)} cycles a {cost.call}")
    elif cost.instructions is not None:
        found.append(f"{whole(cost.instructions)} instructions a {cost.call}")
    return ", ".join(found) + (f" on {cost.target}" if len(costs) > 1 else "")


def _against_limits(values: ReportValues) -> Iterator[tuple[bool, str]]:
    """Each budget, by the core that needs most: is it held, and how."""
    limits: Limits = values.limits
    asked = (
        ("flash", limits.flash, [c.flash for c in values.costs], size),
        ("RAM", limits.ram, [c.ram for c in values.costs], size),
        ("stack", limits.stack, [c.stack for c in values.costs], size),
        ("instructions", limits.instructions, [c.most for c in values.costs], whole),
        ("cycles", limits.cycles, [c.most_cycles for c in values.costs], whole),
    )
    for name, limit, found, text in asked:
        known = [float(each) for each in found if each is not None]
        if limit is None or not known:
            continue
        most = max(known)
        yield most <= limit, f"{name} {text(most)} of {text(limit)}"
    yield from _against_quality(values)


def _against_quality(values: ReportValues) -> Iterator[tuple[bool, str]]:
    """The worst output's error and the worst score, where there was a bound, on these samples."""
    limits, verified = values.limits, values.verified
    found = [o.error.sqnr_db for o in verified.accuracy.outputs if o.agreement is None]
    reached = [decibels for decibels in found if decibels is not None]
    if limits.error is not None and reached:
        worst = min(reached)
        yield worst >= limits.error, f"SQNR {worst:.1f} dB, at least {limits.error:g} dB"
    lost = [0.0 - score.points for score in verified.scores]
    if limits.drop is not None and lost:
        yield max(lost) <= limits.drop, f"score {max(lost):.2f} points lost of {limits.drop:g}"


def warned(text: str) -> Warned:
    """A remedy begins with what to do, behind a colon or semicolon; what `accuracy/advice.py` says
    of a part of the network ends in a colon and the remedy.
    """
    places = [found.span() for found in REMEDY.finditer(text)]
    if places:
        end, start = places[-1]
        return Warned(text[:end], text[start:])
    if not text.startswith(("input ", "layer ", "output ")):
        return Warned(text, "")
    said, _, remedy = text.rpartition(": ")
    return Warned(said, remedy) if said else Warned(text, "")
