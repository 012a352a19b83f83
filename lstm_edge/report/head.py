"""The first screen: is it right, how far from float, does it fit, what is to be done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lstm_edge.accuracy.advice import LOW_SQNR
from lstm_edge.accuracy.text import brief
from lstm_edge.report.numbers import size, whole
from lstm_edge.report.values import CoreCost, Limits, ReportValues


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
    samples = verified.accuracy.samples
    kind = "made-up " if verified.made_up else ""
    where = _listed([_place(place) for place in verified.exact])
    if not verified.exact:
        return Verdict(
            "plain", "Bits not compared", "the C was not run; `lstm-edge verify` compares it"
        )
    if not verified.ok:
        text = "; ".join(f"{_place(p)}: {t}" for p, t in verified.differences.items())
        return Verdict("bad", "Bits differ", text)
    plural = "" if samples == 1 else "s"
    text = f"numpy and the C {where}, on {samples:,} {kind}sample{plural}"
    return Verdict("good", "Identical bits", text)


def _place(place: str) -> str:
    head, _, core = place.partition(" ")
    name = {"host": "on the host", "qemu": "in QEMU"}.get(head, head)
    return f"{name} ({core})" if core else name


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _error(values: ReportValues) -> Verdict:
    outputs, limits = values.verified.accuracy.outputs, values.limits
    if values.identity.scheme == "float32":
        return Verdict("plain", "Computes in float32", "no integers, so no error against float")
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
        return Verdict("plain", "No budget was set", _sizes(values.costs))
    over = [text for held, text in found if not held]
    if over:
        return Verdict("bad", "Over budget", "; ".join(over))
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


def warned(text: str) -> Warned:
    """What `accuracy/advice.py` says of a part of the network ends in a colon and the remedy."""
    if not text.startswith(("input ", "layer ", "output ")):
        return Warned(text, "")
    said, _, remedy = text.rpartition(": ")
    return Warned(said, remedy) if said else Warned(text, "")
