"""What kind an instruction is of, and which registers it reads and writes.

Kinds: alu, alusft (a shifted operand), dsp, bitf (bit fields, extension, reversal), mul, mac, mull
(64 bits), div; ldr, ldrpc (relative to pc), str, ldrd, strd, ldm, stm; b, bcc, cbz, bl, bx (any
other write of pc), ldm_pc, ldr_to_pc, tbb, lob (low-overhead loops); it, nop, sys; floating point
and Helium: see `vectors.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

from lstm_edge.profile.effect import REGISTER, Effect, normal, plain_address, registers
from lstm_edge.profile.vectors import vector_effect

Parts: TypeAlias = tuple[str, ...]
Reader: TypeAlias = Callable[[str, str | None, Parts], Effect]


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


LOADS = frozenset(["ldr", "ldrb", "ldrh", "ldrsb", "ldrsh", "ldrt", "ldrex", "ldrexb", "ldrexh"])
STORES = frozenset(["str", "strb", "strh", "strt", "strex", "strexb", "strexh"])
STORE_MANY = frozenset(["push", "stm", "stmia", "stmdb", "stmfd", "stmea"])
LOAD_MANY = frozenset(["pop", "ldm", "ldmia", "ldmdb", "ldmfd", "ldmea"])
LONG_PLAIN = frozenset(["smull", "umull"])
LONG_ADDING = words(
    "smlal umlal umaal smlald smlaldx smlsld smlsldx smlalbb smlalbt smlaltb smlaltt"
)
MACS = words(
    "mla mls smmla smmlar smmls smmlsr smlad smladx smlsd smlsdx smlabb smlabt smlatb smlatt "
    "smlawb smlawt usada8"
)
PRODUCTS = words(
    "mul smmul smmulr smuad smuadx smusd smusdx smulbb smulbt smultb smultt smulwb smulwt usad8"
)
COMPARES = frozenset(["cmp", "cmn", "tst", "teq"])
LOOPS = words("le letp wls wlstp dls dlstp lctp")
SYSTEM = words("svc bkpt dmb dsb isb msr mrs cps cpsid cpsie wfi wfe sev udf")
ITS = words("it itt ite ittt itte itet itee itttt ittte ittet ittee itett itete iteet iteee")
SIGNS = ("s", "q", "u", "sh", "uh", "uq")
DSP = words("qadd qsub qdadd qdsub sel pkhbt pkhtb ssat usat ssat16 usat16") | {
    sign + what for sign in SIGNS for what in ("add8", "add16", "sub8", "sub16", "asx", "sax")
}
BIT_FIELDS = words(
    "bfi bfc ubfx sbfx clz rbit rev rev16 revsh uxtb uxth sxtb sxth uxtb16 sxtb16 uxtab uxtah "
    "sxtab sxtah uxtab16 sxtab16"
)
MOVES = words(
    "mov mvn movw movt rev rev16 revsh clz rbit uxtb uxth sxtb sxth neg uxtb16 sxtb16 adr"
)
"""With two operands the first is only written."""
KEEPS_DESTINATION = frozenset(["movt", "bfi", "bfc"])
OTHERS = words(
    "adc add addw adr and asr b bic bl blx bx cbnz cbz clrex cpy eor ldrd lsl lsr mov movt movw "
    "mvn neg nop orn orr pld ror rrx rsb sbc sdiv strd sub subw tbb tbh udiv yield "
    "csel csinc csinv csneg cset csetm cinc cinv cneg bf bfx bfl bflx bfcsel "
    "asrl lsll lsrl sqrshr sqshl uqrshl uqshl srshr urshr sqrshrl sqshll uqrshll uqshll srshrl "
    "urshrl clrm"
)
SHIFTED = re.compile(r"\b(lsl|lsr|asr|ror)\b|\brrx\b")


def effect(name: str, condition: str | None, parts: Parts) -> Effect:
    """What an instruction does. name: without condition; of a vector instruction with its type.

    An unknown name counts as simple arithmetic.
    """
    if name.startswith("v"):
        return vector_effect(name, parts)
    reader = READERS.get(name, _arithmetic)
    return reader(name, condition, parts)


def register_list(text: str) -> list[str]:
    """The registers of `{r4-r7, lr}`."""
    found = []
    for part in text.strip("{}! ^").split(","):
        ends = [normal(word.strip()) for word in part.split("-")]
        if len(ends) == 2:
            first, last = (int(end[1:]) for end in ends)
            found += [f"{ends[0][0]}{k}" for k in range(first, last + 1)]
        elif ends[0]:
            found.append(ends[0])
    return found


def _load(_: str, __: str | None, parts: Parts) -> Effect:
    bases, indexed, writeback = plain_address(parts)
    writes = frozenset([normal(parts[0])]) | writeback
    kind = "ldr_to_pc" if "pc" in writes else "ldrpc" if "pc" in bases else "ldr"
    return Effect(kind, writes, bases=bases, count=1, writeback=bool(writeback), indexed=indexed)


def _store(_: str, __: str | None, parts: Parts) -> Effect:
    bases, indexed, writeback = plain_address(parts)
    reads = frozenset([normal(parts[0])])
    return Effect("str", writeback, reads, bases, 1, bool(writeback), indexed)


def _pair(name: str, _: str | None, parts: Parts) -> Effect:
    bases, indexed, writeback = plain_address(parts)
    two = frozenset(normal(part) for part in parts[:2])
    if name == "ldrd":
        return Effect("ldrd", two | writeback, frozenset(), bases, 2, bool(writeback), indexed)
    return Effect("strd", writeback, two, bases, 2, bool(writeback), indexed)


def _store_many(name: str, _: str | None, parts: Parts) -> Effect:
    stored = register_list(parts[-1])
    bases = frozenset(["sp"]) if name == "push" else registers(parts[0])
    writeback = name == "push" or "!" in parts[0]
    writes = bases if writeback else frozenset[str]()
    return Effect("stm", writes, frozenset(stored), bases, len(stored), writeback)


def _load_many(name: str, _: str | None, parts: Parts) -> Effect:
    loaded = register_list(parts[-1])
    bases = frozenset(["sp"]) if name == "pop" else registers(parts[0])
    writeback = name == "pop" or "!" in parts[0]
    writes = frozenset(loaded) | (bases if writeback else frozenset())
    kind = "ldm_pc" if "pc" in loaded else "ldm"
    return Effect(kind, writes, frozenset(), bases, len(loaded), writeback)


def _branch(name: str, condition: str | None, parts: Parts) -> Effect:
    match name:
        case "b":
            return Effect("b" if condition in (None, "al") else "bcc")
        case "bl":
            return Effect("bl")
        case "tbb" | "tbh":
            return Effect("tbb")
        case "cbz" | "cbnz":
            return Effect("cbz", reads=registers(parts[0]))
        case _:
            return Effect("bx", reads=registers(",".join(parts[:1])))


def _long(name: str, _: str | None, parts: Parts) -> Effect:
    writes = frozenset(normal(part) for part in parts[:2])
    kept = frozenset[str]() if name in LONG_PLAIN else writes
    return Effect("mull", writes, registers(",".join(parts[2:])) | kept)


def _product(name: str, _: str | None, parts: Parts) -> Effect:
    kind = "mac" if name in MACS else "mul"
    return Effect(kind, frozenset([normal(parts[0])]), registers(",".join(parts[1:])))


def _division(_: str, __: str | None, parts: Parts) -> Effect:
    return Effect("div", frozenset([normal(parts[0])]), registers(",".join(parts[1:])))


def _compare(_: str, __: str | None, parts: Parts) -> Effect:
    return Effect("alu", reads=registers(",".join(parts)))


def _system(name: str, _: str | None, parts: Parts) -> Effect:
    return Effect("sys", registers(parts[0]) if name == "mrs" else frozenset())


def _arithmetic(name: str, _: str | None, parts: Parts) -> Effect:
    kind = "dsp" if name in DSP else "bitf" if name in BIT_FIELDS else "alu"
    if not parts:
        return Effect(kind)
    writes = frozenset(normal(word) for word in REGISTER.findall(parts[0]))
    reads = registers(",".join(parts[1:]))
    if (len(parts) == 2 and name not in MOVES) or name in KEEPS_DESTINATION:
        reads |= writes
    if kind == "alu" and any(SHIFTED.search(part) for part in parts[1:]):
        kind = "alusft"
    return Effect("bx" if "pc" in writes else kind, writes, reads)


READERS: Mapping[str, Reader] = {
    **dict.fromkeys(LOADS, _load),
    **dict.fromkeys(STORES, _store),
    **dict.fromkeys(("ldrd", "strd"), _pair),
    **dict.fromkeys(STORE_MANY, _store_many),
    **dict.fromkeys(LOAD_MANY, _load_many),
    **dict.fromkeys(("b", "bl", "tbb", "tbh", "cbz", "cbnz", "bx", "blx"), _branch),
    **dict.fromkeys(LONG_PLAIN | LONG_ADDING, _long),
    **dict.fromkeys(PRODUCTS | MACS, _product),
    **dict.fromkeys(("sdiv", "udiv"), _division),
    **dict.fromkeys(COMPARES, _compare),
    **dict.fromkeys(SYSTEM, _system),
    **dict.fromkeys(LOOPS, lambda *_: Effect("lob")),
    **dict.fromkeys(ITS, lambda *_: Effect("it")),
    "nop": lambda *_: Effect("nop"),
}
NAMES = frozenset(READERS) | DSP | BIT_FIELDS | OTHERS
"""All that may carry a condition or the s that sets flags."""
