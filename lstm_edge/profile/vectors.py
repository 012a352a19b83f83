"""Kinds and registers of floating-point (VFP) and Helium (MVE) instructions.

Kinds: vldr, vstr, vldm, vstm, valu, vmac, vdiv, vmov, vmrs; mve_ld, mve_st, mve_alu, mve_mul,
mve_mov, mve_sys. Vector registers are sets of s registers: q1 is s4 to s7.
"""

from __future__ import annotations

import re

from lstm_edge.profile.effect import REGISTER, Effect, normal

Parts = tuple[str, ...]

VECTOR = re.compile(r"\b([sdq]\d+)\b")
MVE_PRODUCT = re.compile(
    r"v(q?r?dm|q?dm|mul|mla|mls|mlal|mlsl|rml|qrdm|fma|fms|cmul|cmla|mulh|rmulh)"
)
MVE_TO_CORE = re.compile(
    r"v(addv|addlv|mladav|mladava|mlaldav|mlsdav|rmlaldavh|minv|maxv|minav|maxav|minnmv|maxnmv|"
    r"abav|mlav|mlalv)"
)
MVE_KEEPS = re.compile(
    r"v(mla|fma|qdml|qrdml|sri|sli|shrnb|shrnt|movnb|movnt|qshrn|qrshrn|cmla|fms|qmovn)"
)
MULTIPLY_ADD = ("vmla", "vmls", "vnmla", "vnmls", "vfma", "vfms", "vfnma", "vfnms")
WIDTH = {"s": 1, "d": 2, "q": 4}


def vector_effect(full_name: str, parts: Parts) -> Effect:
    """What an instruction of the FPU or of Helium does; its name has its type: `vadd.f32`."""
    name, _, kind = full_name.partition(".")
    if name.startswith(("vldm", "vpop")):
        return _many("vldm", name == "vpop" or name.startswith("vpop"), parts)
    if name.startswith(("vstm", "vpush")):
        return _many("vstm", name.startswith("vpush"), parts)
    if name.startswith(("vldr", "vld2", "vld4", "vstr", "vst2", "vst4")):
        return _memory(name, parts)
    if _is_helium(name, parts):
        return _helium(name, kind, parts)
    if name.startswith(("vmrs", "vmsr")):
        return Effect("vmrs")
    return _floating(name, parts)


def _is_helium(name: str, parts: Parts) -> bool:
    lane = name.startswith("vmov") and any("[" in part for part in parts)
    whole = any(re.search(r"\bq\d", part) for part in parts)
    return whole or lane or name.startswith(("vpt", "vpst", "vpnot", "vctp"))


def _vectors(text: str) -> frozenset[str]:
    found: set[str] = set()
    for register in VECTOR.findall(text):
        width, number = WIDTH[register[0]], int(register[1:])
        found |= {f"s{k}" for k in range(width * number, width * (number + 1))}
    return frozenset(found)


def _core(text: str) -> frozenset[str]:
    return frozenset(normal(word) for word in REGISTER.findall(text))


def _all(parts: Parts) -> frozenset[str]:
    text = ",".join(parts)
    return _core(text) | _vectors(text)


def _many(kind: str, on_stack: bool, parts: Parts) -> Effect:
    listed = parts[-1]
    found = re.findall(r"[sd]\d+", listed)
    width = 2 if "d" in listed else 1
    if "-" in listed:
        first, last = (int(register[1:]) for register in found[:2])
        words = (last - first + 1) * width
    else:
        words = len(found) * width
    return Effect(kind, bases=frozenset(["sp"]) if on_stack else _core(parts[0]), count=words)


def _memory(name: str, parts: Parts) -> Effect:
    loads = name.startswith("vld")
    whole = any(re.search(r"\bq\d", part) for part in parts)
    if whole or name.startswith(("vld2", "vld4", "vst2", "vst4")):
        kind = "mve_ld" if loads else "mve_st"
    else:
        kind = "vldr" if loads else "vstr"
    bases, written, writeback, scattered = frozenset[str](), frozenset[str](), False, False
    memory = [part for part in parts if part.startswith("[")]
    if memory:
        bases = _all((memory[0],))
        writeback = memory[0].endswith("!") or parts.index(memory[0]) < len(parts) - 1
        written = _core(memory[0]) if writeback else written
        scattered = bool(_vectors(memory[0]))
    moved = _vectors(parts[0])
    count = 2 if re.match(r"d\d", parts[0]) else 1
    if loads:
        return Effect(kind, written | moved, frozenset(), bases, count, writeback, scattered)
    return Effect(kind, written, moved, bases, count, writeback, scattered)


def _helium_kind(name: str, kind: str, parts: Parts) -> str:
    if name.startswith(("vpt", "vpst", "vctp", "vpnot")):
        return "mve_sys"
    moves = name.startswith(("vmov", "vdup", "vldr", "vstr", "vneg", "vabs"))
    if MVE_PRODUCT.match(name) or (("f16" in kind or "f32" in kind) and not moves):
        return "mve_mul"
    if name.startswith("vmov") and not all(re.match(r"q\d", part) for part in parts):
        return "mve_mov"
    return "mve_alu"


def _helium(name: str, kind: str, parts: Parts) -> Effect:
    what = _helium_kind(name, kind, parts)
    if MVE_TO_CORE.match(name):
        return Effect(what, _core(",".join(parts[:2])), _all(parts))
    if name.startswith("vmov") and parts and REGISTER.match(parts[0]):
        return Effect(what, _core(",".join(parts)), _all(parts))
    writes = _vectors(parts[0]) if parts else frozenset[str]()
    reads = _all(parts[1:])
    return Effect(what, writes, reads | writes if MVE_KEEPS.match(name) else reads)


def _floating(name: str, parts: Parts) -> Effect:
    writes, reads = _all(parts[:1]), _all(parts[1:])
    if name.startswith(MULTIPLY_ADD):
        return Effect("vmac", writes, reads | writes)
    if name.startswith(("vdiv", "vsqrt")):
        return Effect("vdiv", writes, reads)
    if not name.startswith("vmov"):
        return Effect("valu", writes, reads)
    if len(parts) != 3:
        return Effect("vmov", writes, reads)
    writes = _all(parts[:2]) if REGISTER.match(parts[0]) else _vectors(parts[0])
    return Effect("vmov", writes, reads, count=2)
