"""Targets and sets of them."""

from __future__ import annotations

from typing import Any

from lstm_edge.families import Cores
from lstm_edge.targets import Target


def cores_json(cores: Cores) -> dict[str, Any]:
    """A set of targets as plain values."""
    members = [target.name for target in cores.targets]
    return {"name": cores.name, "title": cores.title, "members": members}


def target_json(target: Target) -> dict[str, Any]:
    """A target as plain values."""
    return {
        "name": target.name,
        "title": target.title,
        "compiler": target.compiler,
        "flags": list(target.flags),
        "recommended": list(target.recommended),
        "features": list(target.features),
        "emulated": target.board is not None,
    }
