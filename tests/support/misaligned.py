"""Harnesses whose arrays of inputs lie at an address that is no multiple of 4."""

from __future__ import annotations

import re

import pytest

from lstm_edge import runner
from lstm_edge.ir.program import Program
from lstm_edge.targets import Target

_PORT = re.compile(r"static (int8_t|int16_t) (port_(\w+))\[(\d+)\];\n")


def misalign_inputs(patch: pytest.MonkeyPatch) -> None:
    """Inputs of 16 bits begin at 2 mod 4, those of 8 bits at 1 mod 4."""
    render = runner.render_harness

    def rendered(program: Program, target: Target, checks: int = 0) -> str:
        inputs = {port.name for port in program.inputs}
        found = []

        def moved(match: re.Match[str]) -> str:
            ctype, name, port, length = match.groups()
            if port not in inputs:
                return match[0]
            found.append(port)
            return (
                f"static struct {{ {ctype} before; {ctype} numbers[{length}]; }}"
                f" __attribute__((aligned(4))) room_{port};\\n".replace("\\n", "\n")
                + f"#define {name} room_{port}.numbers\n"
            )

        text = _PORT.sub(moved, render(program, target, checks))
        assert found
        return text

    patch.setattr(runner, "render_harness", rendered)
