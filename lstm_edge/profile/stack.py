"""Stack of a function with all that it calls: a bound from the program, and what was seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lstm_edge.profile.frames import IMMEDIATE, Frame, frame_of
from lstm_edge.profile.instructions import Insn
from lstm_edge.profile.symbols import Symbol, Symbols

CASE_HELPER = "__gnu_thumb1_case"


@dataclass(frozen=True)
class Bound:
    """bytes: at most, None where there is no bound; why: then the reason. path: the functions on
    the way to the deepest point. reached: every function that may run.
    """

    bytes: int | None
    path: tuple[str, ...]
    why: str
    reached: tuple[str, ...]


@dataclass
class _Search:
    """Frames so far, by the address of the function."""

    code: Mapping[int, Insn]
    functions: Mapping[int, tuple[Symbol, int]]
    helpers: frozenset[int]
    frames: dict[int, Frame] = field(default_factory=dict)
    deepest: dict[int, tuple[int, tuple[str, ...]]] = field(default_factory=dict)
    active: set[int] = field(default_factory=set)
    why: str = ""


def stack_bound(code: Mapping[int, Insn], symbols: Symbols, entry: str) -> Bound:
    """Bytes of stack below the caller's that a call of `entry` may use, all functions included.

    Recursion, an indirect call, and a frame of variable size have no bound, and `why` says where.
    """
    search = _search_of(code, symbols)
    start = symbols.by_name[entry].address & ~1
    depth, path = _deepest(search, start)
    reached = tuple(
        sorted({search.functions[_around(search, a)[0]][0].name for a in search.frames})
    )
    return Bound(None if search.why else depth, path, search.why, reached)


def stack_seen(
    code: Mapping[int, Insn], symbols: Symbols, first_store: tuple[int, int] | None
) -> int | None:
    """Bytes of stack that a run wrote to, from the plugin's figures: its `first_store` tells where
    the stack pointer was at entry. None where that store is not one to the frame; 0 without any.
    """
    if first_store is None:
        return 0
    pc, delta = first_store
    insn = code[pc]
    search = _search_of(code, symbols)
    start = max((a for a in search.functions if a <= pc), default=None)
    if start is None or insn.bases != {"sp"}:
        return None
    before = _frame(search, start).depths.get(pc)
    if before is None:
        return None
    if insn.kind in ("stm", "vstm"):
        return before + 4 * insn.count + delta
    found = IMMEDIATE.search(insn.operands[-1])
    offset = int(found[1]) if found else 0
    return before - offset + delta


def _search_of(code: Mapping[int, Insn], symbols: Symbols) -> _Search:
    functions: dict[int, tuple[Symbol, int]] = {}
    found = symbols.functions
    for symbol, behind in zip(found, [*found[1:], None], strict=True):
        start = symbol.address & ~1
        end = start + symbol.size
        if not symbol.size:
            end = (behind.address & ~1) if behind else max(code, default=start) + 2
        if start not in functions or functions[start][1] < end:
            functions[start] = (symbol, end)
    helpers = frozenset(a for a, (s, _) in functions.items() if s.name.startswith(CASE_HELPER))
    return _Search(code, functions, helpers)


def _frame(search: _Search, start: int) -> Frame:
    if start not in search.frames:
        first, end = _around(search, start)
        search.frames[start] = frame_of(search.code, first, end, search.helpers, start)
    return search.frames[start]


def _around(search: _Search, address: int) -> tuple[int, int]:
    """Begin and end of the function that an address is in; an empty one where there is none."""
    for first, (_, end) in search.functions.items():
        if first <= address < end:
            return first, end
    return address, address


def _deepest(search: _Search, start: int) -> tuple[int, tuple[str, ...]]:
    """Bytes, and the way there."""
    if start in search.deepest:
        return search.deepest[start]
    first, end = _around(search, start)
    if first == end:
        search.why = search.why or f"a call of {start:#x}, which is no function"
        return 0, ()
    name = search.functions[first][0].name
    if start in search.active:
        search.why = search.why or f"{name} calls itself"
        return 0, (name,)
    search.active.add(start)
    frame = _frame(search, start)
    if frame.unknown:
        search.why = search.why or f"{name}: {frame.unknown}"
    best: tuple[int, tuple[str, ...]] = (frame.deepest, (name,))
    for call in frame.calls:
        below, path = _deepest(search, call.target)
        if call.depth + below > best[0]:
            best = (call.depth + below, (name, *path))
    search.active.discard(start)
    search.deepest[start] = best
    return best
