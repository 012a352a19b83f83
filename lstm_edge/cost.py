"""What a compiled model costs on a core."""

from __future__ import annotations

from dataclasses import dataclass

from lstm_edge.built import Built
from lstm_edge.manifest import Manifest


@dataclass(frozen=True)
class Cost:
    """Bytes of flash and RAM, and a step. code: None where the target's compiler is not installed.
    kept: bytes of scratch that keep all steps of a sequence for a later pass over them.
    macs: multiply-accumulates of a step, instructions: about how many it takes, None where that is
    unknown. `Compiled.profile()` counts them.
    """

    target: str
    code: int | None
    weights: int
    tables: int
    state: int
    scratch: int
    macs: float
    instructions: int | None
    kept: int = 0

    @property
    def flash(self) -> int:
        """Code (where known), weights and tables."""
        return (self.code or 0) + self.weights + self.tables

    @property
    def ram(self) -> int:
        """The state struct, and what is needed during a call."""
        return self.state + self.scratch


def cost_of(manifest: Manifest) -> Cost:
    """Of a manifest for one core."""
    flash, ram = manifest["flash"], manifest["ram"]
    return Cost(
        manifest["target"],
        flash["code"],
        flash["weights"],
        flash["tables"],
        ram["state"],
        ram["scratch"],
        manifest["macs"],
        manifest["instructions"],
        ram.get("kept", 0),
    )


def cost_of_built(built: Built) -> Cost:
    """Of C that was made for one core."""
    sizes, step = built.sizes, built.cost
    instructions = None if step.instructions is None else round(step.instructions)
    return Cost(
        built.target.name,
        sizes.code,
        sizes.weights,
        sizes.tables,
        sizes.state,
        sizes.scratch,
        round(step.macs, 2),
        instructions,
        sizes.kept,
    )
