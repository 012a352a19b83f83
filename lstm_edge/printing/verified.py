"""What a verification found: bits, error, scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from lstm_edge.accuracy import text
from lstm_edge.accuracy.results import Accuracy
from lstm_edge.bundle import Bundle
from lstm_edge.labels import Score
from lstm_edge.verify import Verified

CHANGES_SHOWN = 10
"""Samples that are decided otherwise, at most this many in text."""


def verified(bundle: Bundle, result: Verified) -> str:
    """Bit exactness by place, error by output and by layer, scores, warnings."""
    amount = text.amount(result.accuracy, result.kind)
    lines = [f"{bundle.program.name} for {bundle.name}, {amount}"]
    for place, exact in result.exact.items():
        lines.append(f"  numpy == {place}: {'identical, bit for bit' if exact else 'DIFFERENT'}")
    lines += [f"  error against float {result.unknown}"] if result.unknown else []
    lines += text.lines(result.accuracy)
    lines += _in_turn(bundle) if result.kind else []
    lines += scored(result.scores, result.accuracy)
    lines += text.warning_lines(result.warnings)
    return "\n".join(lines)


def _in_turn(bundle: Bundle) -> list[str]:
    """What `compile` found by holding back all samples in turn, where few are held back."""
    known = bundle.manifest.get("accuracy")
    if known is None or known["in_turn"] is None:
        return []
    found = [
        f"{name} {figures['sqnr_db']:.1f} dB"
        for name, figures in known["outputs"].items()
        if figures["sqnr_db"] is not None
    ]
    told = f"  few samples were held back; by all of them in turn, compile found {', '.join(found)}"
    return ["", told] if found else []


def scored(scores: Sequence[Score], accuracy: Accuracy) -> list[str]:
    """The score of each labelled output, and the first samples that are decided otherwise, or the
    calls of a stream.
    """
    lines = [""] if scores else []
    calls = accuracy.samples // accuracy.streams if accuracy.streams else 0
    for each in scores:
        both = f"float {each.float_percent:.2f} %, integers {each.integer_percent:.2f} %"
        if each.kind == "r2":
            rmse = f"rmse {text.number(each.float_rmse)} and {text.number(each.integer_rmse)}"
            lines.append(
                f"  labels {each.name}: R2 {both} ({each.points:+.2f} points), {rmse} in the "
                "output's own unit"
            )
            continue
        lines.append(
            f"  labels {each.name}: {both} right ({each.points:+.2f} points), "
            f"{len(each.changed)} decided otherwise"
        )
        for c in each.changed[:CHANGES_SHOWN]:
            step = "" if c.step is None else f" step {c.step}"
            which = f"sample {c.sample}"
            if calls:
                which = f"stream {c.sample // calls} call {c.sample % calls}"
            lines.append(
                f"    {which}{step}: label {c.label}, float {c.float_class}, integers "
                f"{c.integer_class}"
            )
        if len(each.changed) > CHANGES_SHOWN:
            lines.append(f"    and {len(each.changed) - CHANGES_SHOWN} more, see --json")
    return lines


def scores_json(scores: Sequence[Score]) -> dict[str, Any]:
    """Output -> score, with every sample that is decided otherwise."""
    return {
        each.name: {
            "kind": each.kind,
            "float_percent": each.float_percent,
            "integer_percent": each.integer_percent,
            "points": each.points,
            "float_rmse": each.float_rmse,
            "integer_rmse": each.integer_rmse,
            "changed": [asdict(change) for change in each.changed],
        }
        for each in scores
    }


def verified_json(bundle: Bundle, result: Verified) -> dict[str, Any]:
    """The same as plain values."""
    return {
        "name": bundle.program.name,
        "target": bundle.name,
        "samples": result.accuracy.samples,
        "steps": result.accuracy.steps,
        "streams": result.accuracy.streams or None,
        "made_up_inputs": result.made_up,
        "error_unknown": result.unknown or None,
        "exact": dict(result.exact),
        "bit_exact": result.ok,
        "outputs": text.outputs_json(result.accuracy),
        "layers": text.layers_json(result.accuracy),
        "inputs": text.inputs_json(result.accuracy),
        "saturations": dict(result.accuracy.saturations),
        "labels": scores_json(result.scores),
        "warnings": list(result.warnings),
    }
