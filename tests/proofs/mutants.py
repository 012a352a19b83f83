"""Claims can fail: each helper, in each spelling, is broken once, and CBMC has to refute it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from tests.proofs import cbmc
from tests.proofs.spellings import Proof, all_proofs

BREAKS = (
    (r"insn_uxth\(a\)", "a"),
    (r"insn_smul(wb|wt|bb)\(a, b\)", r"insn_smul\1(a, b) + 1"),
    (r"insn_(ssat|ssat16)\(12,", r"insn_\1(11,"),
    (r"insn_pkhbt\(low, high, 16\)", "insn_pkhbt(high, low, 16)"),
    (r"__smla(wb|wt|bb)\(a, b, sum\)", r"__smla\1(a, b, sum + 1)"),
    (r"__sxtb16\(four\)", "__sxtb16(four + 1)"),
    (r"& 0xFFFF;", "& 0x7FFF;"),
    (r">> 32\)", ">> 31)"),
    (r"\(int16_t\)b\) >> 16\)", "(int16_t)b) >> 15)"),
    (r"\(b >> 16\)\) >> 16\)", "(b >> 16)) >> 15)"),
    (r"\(int16_t\)a \* \(int16_t\)b", "(int16_t)a * b"),
    (r"a < low \? low", "a < low ? high"),
    (r"sum % count < 0", "sum % count > 0"),
    (r"a < b \? b", "a < b ? a"),
    (r"b < a \? b", "b < a ? a"),
    (r"a > b \?", "a >= b ?"),
    (r"rows - 1", "rows"),
    (r"n & 1 \? 4 : 0", "n & 1 ? 0 : 4"),
    (r"1 << 30", "1 << 29"),
    (r"-most - 1 \? -most - 1 : \(a", "-most ? -most : (a"),
    (r"z\[1\] \+= im", "z[1] -= im"),
    (r"tr \+ vi", "tr - vi"),
    (r"sum < INT32_MIN \? INT32_MIN", "sum < INT32_MIN ? 0"),
    (r"a < 0 \? -\(INT32_MAX", "a > 0 ? -(INT32_MAX"),
    (r"a < -high - 1 \? -high - 1", "a < -high ? -high"),
    (r"low > most \? most", "low > most ? -most"),
    (r"from \+= 4", "from += 3"),
    (r"\(count - whole\)", "(count - whole + 1)"),
    (r"vqshlq_(n_)?s32", r"vshlq_\1s32"),
    (r"vmaxq_s32\(a", "vminq_s32(a"),
    (r"/ 4;", "/ 2;"),
)
"""The first one that is in a helper's text is done to it, wherever it is there."""


def kept(only: str | None) -> Iterator[str]:
    """Names of broken helpers that no claim refutes; prints each."""
    for name, proofs in itertools.groupby(all_proofs(), lambda proof: proof.name):
        if not only or only in name:
            refuted = any(_refuted(proof) for proof in proofs)
            print(f"  {name}, broken: {'refuted' if refuted else 'KEPT'}", flush=True)
            if not refuted:
                yield name


def _refuted(proof: Proof) -> bool:
    for pattern, other in BREAKS:
        broken, count = re.subn(pattern, other, proof.text)
        if count:
            source = proof.source.replace(proof.text, broken)
            claim = proof.claim
            found = cbmc.proved(source, claim.unwind, overflow=claim.overflow, timeout=120)
            return "VERIFICATION FAILED" in found.said
    return False
