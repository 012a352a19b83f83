"""The claims with the code that they are of: each spelling of each helper.

An instruction that a dialect writes in assembly is a C model of it here, from the architecture's
manual; intrinsics are those of firmware/host, on which generated code runs on a computer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lstm_edge.emit.environment import environment
from lstm_edge.operations.spectrum import BAND_PLACES, LOST_BITS
from lstm_edge.resources import firmware_dir
from tests.proofs.helpers import OF_DIALECTS, PLAIN, PRELUDE, SPECTRA, Claim

INSTRUCTIONS = """\
static int32_t insn_uxth(int32_t a) { return a & 0xFFFF; }
static int32_t insn_smulwb(int32_t a, int32_t b)
{
    return (int32_t)((int64_t)a * (int16_t)b >> 16);
}
static int32_t insn_smulwt(int32_t a, int32_t b)
{
    return (int32_t)((int64_t)a * (b >> 16) >> 16);
}
static int32_t insn_smulbb(int32_t a, int32_t b) { return (int16_t)a * (int16_t)b; }
static int32_t insn_ssat(int32_t bits, int32_t a, int32_t places)
{
    const int64_t high = ((int64_t)1 << (bits - 1)) - 1, inside = a >> places;
    return (int32_t)(inside > high ? high : inside < -high - 1 ? -high - 1 : inside);
}
static int32_t insn_ssat16(int32_t bits, int32_t a)
{
    const uint32_t low = (uint32_t)insn_ssat(bits, (int16_t)a, 0);
    return (int32_t)((low & 0xFFFFu) | (uint32_t)insn_ssat(bits, a >> 16, 0) << 16);
}
"""
"""UXTH, SMULWB, SMULWT, SMULBB, SSAT, SSAT16."""
_ASSEMBLY = re.compile(
    r'__asm__\("(\w+) %0, ([^"]*)" : "=\w"\((\w+)\) : ((?:"\w"\(\w+\)(?:, )?)+)\);'
)
_ARM = re.compile(r"#if defined\(__arm__\)\n(.*?)(?:#else\n(.*?))?#endif\n", re.S)
DIALECTS = ("armv6m", "armv7m", "dsp")
NOT_CLAIMED = (("armv6m", "le_mulw"),)
"""z3 does not show within 45 s that two short products are the long one."""


@dataclass(frozen=True)
class Proof:
    """A claim of one spelling, as a file for CBMC."""

    name: str
    source: str
    claim: Claim


def all_proofs() -> Iterator[Proof]:
    """Of common helpers in C; of those of dialects as C has them, and as instructions."""
    for claim in (*PLAIN, *SPECTRA):
        yield _proof(claim, "C", rendered("common/ops.c.j2", claim))
    for dialect in DIALECTS:
        for claim in OF_DIALECTS:
            text = rendered(f"dialects/{dialect}.c.j2", claim)
            if f" {claim.helper}(" not in text or (dialect, claim.helper) in NOT_CLAIMED:
                continue
            for_core, elsewhere = (_ARM.sub(rf"\{part}", text) for part in (1, 2))
            yield _proof(claim, f"{dialect}, C", elsewhere)
            if for_core != elsewhere:
                yield _proof(claim, f"{dialect}, instructions", _modelled(for_core))


def rendered(template: str, claim: Claim) -> str:
    """The helper of a claim, and those that it needs, in C."""
    known = {
        "helpers": {claim.helper, *claim.needs},
        **dict.fromkeys(("saturations", "tables", "takes", "widenings"), ()),
        "ln2_q15": 0,
        "band_places": BAND_PLACES,
        "lost_bits": LOST_BITS,
        **claim.context,
    }
    return environment().get_template(template).render(known)


def _modelled(text: str) -> str:
    """Instructions as calls of their models."""
    return _ASSEMBLY.sub(_called, text)


def _called(found: re.Match[str]) -> str:
    name, operands, result, given = found.groups()
    for k, value in enumerate(re.findall(r"\((\w+)\)", given), 1):
        operands = operands.replace(f"%{k}", value)
    operands = operands.replace("#", "").replace("asr ", "")
    if name == "ssat" and operands.count(",") == 1:
        operands += ", 0"
    return f"{result} = insn_{name}({operands});"


def _proof(claim: Claim, spelling: str, text: str) -> Proof:
    assert "__asm__" not in text, text
    intrinsics = f'#include "{firmware_dir() / "host" / "arm_acle.h"}"\n'
    parts = (PRELUDE, intrinsics, INSTRUCTIONS, text, f"\nvoid claim(void)\n{{{claim.body}\n}}\n")
    return Proof(f"{claim.helper} ({spelling})", "\n".join(parts), claim)
