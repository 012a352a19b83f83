"""What a verification found: bits, error, scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from lstm_edge.accuracy import text
from lstm_edge.bundle import Bundle
from lstm_edge.labels import Score
from lstm_edge.verify import Verified

CHANGES_SHOWN = 10
"""Samples that are decided otherwise, at most this many in text."""


def verified(bundle: Bundle, result: Verified) -> str:
    """Bit exactness by place, error by output and by layer, scores, warnings."""
    made_up = " of made-up inputs" if result.made_up else ""
    samples = result.accuracy.samples
    lines = [f"{bundle.program.name} for {bundle.name}, {samples} samples{made_up}"]
    for place, exact in result.exact.items():
        lines.append(f"  numpy == {place}: {'identical, bit for bit' if exact else 'DIFFERENT'}")
    lines += text.lines(result.accuracy)
    lines += scored(result.scores)
    lines += text.warning_lines(result.warnings)
    return "\n".join(lines)


def scored(scores: Sequence[Score]) -> list[str]:
    """The score of each labelled output, and the first samples that are decided otherwise."""
    lines = [""] if scores else []
    for each in scores:
        both = f"float {each.float_percent:.2f} %, integers {each.integer_percent:.2f} %"
        if each.kind == "r2":
            rmse = f"rmse {text.number(each.float_rmse)} and {text.number(each.integer_rmse)}"
            lines.append(f"  labels {each.name}: R2 {both} ({each.points:+.2f} points), {rmse}")
            continue
        lines.append(
            f"  labels {each.name}: {both} right ({each.points:+.2f} points), "
            f"{len(each.changed)} decided otherwise"
        )
        for c in each.changed[:CHANGES_SHOWN]:
            step = "" if c.step is None else f" step {c.step}"
            lines.append(
                f"    sample {c.sample}{step}: label {c.label}, float {c.float_class}, integers "
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
        "made_up_inputs": result.made_up,
        "exact": dict(result.exact),
        "bit_exact": result.ok,
        "outputs": text.outputs_json(result.accuracy),
        "layers": text.layers_json(result.accuracy),
        "inputs": text.inputs_json(result.accuracy),
        "saturations": dict(result.accuracy.saturations),
        "labels": scores_json(result.scores),
        "warnings": list(result.warnings),
    }
