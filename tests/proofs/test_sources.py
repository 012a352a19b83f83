"""What `make prove` gives to CBMC is C, in each spelling, and true of drawn numbers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.proofs.spellings import all_proofs

STANDS_IN = """
#include <stdio.h>
#include <stdlib.h>
#define __CPROVER_assume(condition) do { if (!(condition)) { return; } } while (0)
#define __CPROVER_assert(condition, text) do { if (!(condition)) { exit(1); } } while (0)
#define nondet_int() ((int32_t)((uint32_t)rand() << 16 ^ (uint32_t)rand()) >> rand() % 31)
#define nondet_short() ((int16_t)rand())
#define nondet_byte() ((int8_t)rand())
#define nondet_unsigned_byte() ((uint8_t)rand())
"""
MAIN = "\nint main(void) { for (int k = 0; k < 1000; k++) { claim(); } return 0; }\n"


@pytest.mark.all_cases
def test_claims_hold_for_drawn_numbers(tmp_path: Path) -> None:
    proofs = {proof.name: proof for proof in all_proofs()}  # the last claim of each
    for proof in proofs.values():
        source = tmp_path / "claim.c"
        text = "\n".join(
            line
            for line in proof.source.split("\n")
            if "nondet_" not in line[:30] or "(void);" not in line
        )
        source.write_text(STANDS_IN + text + MAIN, encoding="utf-8")
        program = tmp_path / "claim"
        subprocess.run(["cc", "-w", "-O1", str(source), "-o", str(program)], check=True)
        assert subprocess.run([str(program)]).returncode == 0, proof.name
    assert {"le_mulw (C)", "le_mulw (dsp, instructions)", "le_saturate (armv6m, C)"} <= set(proofs)
