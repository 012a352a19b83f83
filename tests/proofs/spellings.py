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
from tests.proofs.copies import COPIES
from tests.proofs.helium import HELIUM
from tests.proofs.helpers import OF_DIALECTS, PLAIN, PRELUDE, Claim
from tests.proofs.spectra import SPECTRA

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
static int32_t insn_pkhbt(int32_t low, int32_t high, int32_t places)
{
    return (int32_t)(((uint32_t)low & 0xFFFFu) | ((uint32_t)high << places & 0xFFFF0000u));
}
static int32_t insn_pkhtb(int32_t high, int32_t low, int32_t places)
{
    return (int32_t)(((uint32_t)high & 0xFFFF0000u) | ((uint32_t)(low >> places) & 0xFFFFu));
}
static int32_t insn_sxtb16(int32_t a, int32_t places)
{
    const uint32_t turned = (uint32_t)a >> places | (uint32_t)a << (32 - places);
    const int32_t low = (int8_t)turned, high = (int8_t)(turned >> 16);
    return (int32_t)(((uint32_t)low & 0xFFFFu) | (uint32_t)high << 16);
}
"""
"""UXTH, SMULWB, SMULWT, SMULBB, SSAT, SSAT16, PKHBT, PKHTB, SXTB16."""
INTRINSICS = ("arm_acle.h", "arm_mve.h")
_ASSEMBLY = re.compile(
    r'__asm__\("(\w+) %0, ([^"]*)" : "=\w"\((\w+)\) : ((?:"\w"\(\w+\)(?:, )?)+)\);'
)
_ARM = re.compile(r"#if defined\(__arm__\)\n(.*?)(?:#else\n(.*?))?#endif\n", re.S)
DIALECTS = ("armv6m", "armv7m", "dsp", "mve")


@dataclass(frozen=True)
class Proof:
    """A claim of one spelling, as a file for CBMC; text: the helper in it."""

    name: str
    source: str
    text: str
    claim: Claim


def all_proofs() -> Iterator[Proof]:
    """Of common helpers in C; of those of dialects as C has them, and as instructions."""
    for claim in (*PLAIN, *SPECTRA):
        yield _proof(claim, "C", rendered("common/ops.c.j2", claim))
    for dialect in DIALECTS:
        for claim in (*OF_DIALECTS, *COPIES, *HELIUM):
            if dialect in (claim.dialects or DIALECTS):
                for spelling, made in spellings_of(dialect, claim):
                    yield _proof(claim, spelling, made)


def spellings_of(dialect: str, claim: Claim) -> Iterator[tuple[str, str]]:
    """The helper of a claim with what it needs, as a dialect writes it, if it does: (name, C)."""
    text = rendered(f"dialects/{dialect}.c.j2", claim)
    if re.search(rf" {claim.helper}\d*\(", text):
        for_core, elsewhere = (_ARM.sub(rf"\{part}", text) for part in (1, 2))
        yield f"{dialect}, C", elsewhere
        if for_core != elsewhere:
            yield f"{dialect}, instructions", _modelled(for_core)


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


def models() -> str:
    """Of intrinsics and instructions."""
    host = firmware_dir() / "host"
    intrinsics = "".join(f'#include "{host / name}"\n' for name in INTRINSICS)
    return f"{intrinsics}#define LE_FENCE()\n{INSTRUCTIONS}"


def _modelled(text: str) -> str:
    """Instructions as calls of their models."""
    return _ASSEMBLY.sub(_called, text)


def _called(found: re.Match[str]) -> str:
    name, operands, result, given = found.groups()
    for k, value in enumerate(re.findall(r"\((\w+)\)", given), 1):
        operands = operands.replace(f"%{k}", value)
    operands = re.sub("#|asr |lsl |ror ", "", operands)
    if name == "ssat" and operands.count(",") == 1:
        operands += ", 0"
    return f"{result} = insn_{name}({operands});"


def _proof(claim: Claim, spelling: str, text: str) -> Proof:
    assert "__asm__" not in text, text
    parts = (PRELUDE, models(), text, f"\nvoid claim(void)\n{{{claim.body}\n}}\n")
    return Proof(f"{claim.helper} ({spelling})", "\n".join(parts), text, claim)
