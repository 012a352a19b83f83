"""Rows of four units and copies of their operands: random ones, all in the C of one program."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from lstm_edge.emit.code import wide_code, wide_helpers
from lstm_edge.emit.environment import environment
from lstm_edge.emit.speller import Speller
from lstm_edge.emit.wide_rows import WideCode
from lstm_edge.kernels.kernel import words
from lstm_edge.kernels.mve import BYTES, PLANE_BITS, UNITS, Piece, Role, Rows, cut, pack
from lstm_edge.resources import firmware_dir
from lstm_edge.targets import Target
from lstm_edge.toolchain import execute, gcc

Ints = npt.NDArray[np.int64]
TAKES, WIDENINGS = (2, 8, 12, 15, 16), (0, 1, 4, 8)
COUNTS = range(1, 71)

MAIN = """
#include "edge_io.h"

/*
 * Exactly so many bytes: on a computer the end of an array is that of its memory. On a board 16
 * bytes behind it say whether they were written.
 */
#if defined(__arm__)
static int32_t arena[(LE_MOST_WORDS + 3 * LE_MOST) / 4];
static uint8_t *room(int which, size_t size)
{
    uint8_t *const found = (uint8_t *)arena + which * LE_MOST;
    memset(found, 0x55, size + 16);
    return found;
}
static int32_t intact(const uint8_t *room, size_t size)
{
    for (size_t k = size; k < size + 16; k++) {
        if (room[k] != 0x55) {
            return 0;
        }
    }
    return 1;
}
static void leave(uint8_t *room) { (void)room; }
#else
#include <stdlib.h>
static uint8_t *room(int which, size_t size)
{
    (void)which;
    uint8_t *const found = malloc(size);
    memset(found, 0x55, size);
    return found;
}
static int32_t intact(const uint8_t *room, size_t size)
{
    (void)room, (void)size;
    return 1;
}
static void leave(uint8_t *room) { free(room); }
#endif

int main(void)
{
    const edge_file input = edge_open_read("input.bin");
    const edge_file output = edge_open_write("output.bin");
    int32_t head[8];

    while (edge_read(input, head, sizeof head) == sizeof head) {
        const size_t x_bytes = (size_t)(head[1] + head[2]), word_bytes = (size_t)head[3];
        const size_t staged_bytes = (size_t)head[4], out_bytes = (size_t)(head[5] + head[6]);
        uint8_t *const x = room(0, x_bytes), *const w = room(3, word_bytes);
        uint8_t *const staged = room(1, staged_bytes), *const out = room(2, out_bytes);
        edge_read(input, x + head[2], (size_t)head[1]);
        edge_read(input, w, word_bytes);
        const int32_t *const words = (const int32_t *)(void *)w;
        int32_t last[2];
        last[0] = jobs[head[0]](x + head[2], words, (int8_t *)staged, out + head[6], head[7]);
        last[1] = intact(staged, staged_bytes) & intact(out, out_bytes);
        edge_write(output, out + head[6], (size_t)head[5]);
        edge_write(output, last, sizeof last);
        leave(x), leave(w), leave(staged), leave(out);
    }
    return edge_close(output) ? 0 : 1;
}
"""
MOST_WORDS, MOST = 1 << 17, 1 << 10
"""Bytes of an array of words, and of another one."""


@dataclass(frozen=True)
class Segment:
    """Columns of an operand that are copied together; places: of their lower bits that are 0."""

    columns: int
    role: Role
    places: int = 0


@dataclass(frozen=True)
class Chain:
    """Rows over all of an operand, as functions that go on with each other's sums."""

    bits: int
    halves: bool
    segments: tuple[Segment, ...]

    @property
    def columns(self) -> int:
        return sum(each.columns for each in self.segments)

    @property
    def size(self) -> int:
        """Columns of a register."""
        return BYTES // 2 if self.halves else BYTES

    def pieces(self, segment: Segment) -> list[Piece]:
        starts = range(0, segment.columns, self.size)
        return [Piece(min(self.size, segment.columns - k), segment.role) for k in starts]

    @property
    def calls(self) -> list[Rows]:
        places = max((each.places for each in self.segments), default=0)
        if any(each.role is Role.BOTH for each in self.segments):
            places = PLANE_BITS
        groups = cut([piece for each in self.segments for piece in self.pieces(each)])
        ends = range(len(groups))
        return [
            Rows(self.bits, self.halves, places, group, k == 0, k == ends[-1])
            for k, group in enumerate(groups)
        ]

    def staged(self, segments: int) -> int:
        """Bytes of the first copies."""
        held = [piece for each in self.segments[:segments] for piece in self.pieces(each)]
        return BYTES * sum(piece.registers for piece in held)

    def code(self, name: str, functions: WideCode) -> str:
        lines, offset, at = [], 0, 0
        for k, each in enumerate(self.segments):
            source, to = f"(const int16_t *)x + {offset}", f"staged + {self.staged(k)}"
            how = "planes" if each.role is Role.BOTH else "halves" if self.halves else "bytes"
            places = f", {each.places}" if how == "bytes" else ""
            lines.append(f"le_{how}({source}, {each.columns}{places}, {to});")
            offset += each.columns
        for rows in self.calls:
            lines.append(f"w = {functions.name(rows)}(w, staged + {at}, out, count);")
            at += BYTES * sum(piece.registers for piece in rows.pieces)
        head = "const int32_t *const first = w;"
        return _function(name, [head, *lines, "return (int32_t)(w - first);"])


@dataclass(frozen=True)
class Job:
    """A call of a function, and what it should give: bytes, and words that it reads."""

    function: str
    x: bytes
    expected: bytes
    count: int
    weights: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    read: int = 0
    staged: int = 0
    offset: int = 0
    to: int = 0


def _function(name: str, lines: list[str]) -> str:
    body = "".join(f"    {line}\n" for line in lines)
    parameters = "const void *x, const int32_t *w, int8_t *staged, void *out, int32_t count"
    unused = "    (void)x, (void)w, (void)staged, (void)out, (void)count;\n"
    return f"static int32_t {name}({parameters})\n{{\n{unused}{body}}}\n"


def chains(seed: int = 0) -> list[Chain]:
    """Every number of columns of a last piece, and every number of registers, in every kind; and
    parts of an operand one behind the other.
    """
    rng = np.random.default_rng(seed)
    found = []
    kinds = [(b, False, role) for b in (8, 4) for role in Role]
    kinds += [(bits, True, Role.LOW) for bits in (8, 4, 16)]
    for number, (bits, halves, role) in enumerate(kinds):
        size = BYTES // 2 if halves else BYTES
        for last in range(1, size + 1):
            more = size * ((3 * number + last) % 4)
            places = 1 + last % 7 if role is Role.HIGH else 0
            found.append(Chain(bits, halves, (Segment(last + more, role, places),)))
        places = 3 if role is Role.HIGH else 0
        found.append(Chain(bits, halves, (Segment(300 - number, role, places),)))
    for number in range(30):
        bits, places = (8, 4, 16)[number % 3], 1 + number % 7
        halves = bits == 16 or number % 4 == 3
        roles = [Role.LOW] if halves else [Role.LOW, Role.HIGH]
        if not halves and number % 5 == 4:
            roles = [Role.BOTH]
        segments = []
        for columns in rng.integers(1, (12, 40, 90)[number % 3 - 1], int(rng.integers(1, 5))):
            role = roles[int(rng.integers(len(roles)))]
            segments.append(Segment(int(columns), role, places if role is Role.HIGH else 0))
        found.append(Chain(bits, halves, tuple(segments)))
    return found


def _jobs_of(chain: Chain, name: str, seed: int, each: int) -> Iterator[Job]:
    """At random, and all at ends: of weights, of values, of biases."""
    rng = np.random.default_rng([seed, 5])
    most = {4: 7, 8: 127, 16: 2**15 - 1}[chain.bits]
    least = -most if chain.bits == 4 else -most - 1
    for k in range(each):
        blocks = int(rng.integers(1, 41)) if k else 1
        shape = (blocks, UNITS, chain.columns)
        weights = rng.integers(least, most + 1, shape)
        biases = rng.integers(-(2**31), 2**31, (blocks, UNITS))
        x = np.concatenate([_numbers(s, chain.halves, rng, k % 3) for s in chain.segments])
        if k % 3:
            weights = rng.choice([least, most], shape)
        if k % 3 == 2:
            weights[:, :2], biases = least, rng.choice([-(2**31), 2**31 - 1], biases.shape)
        sums = words(weights @ x + biases)
        stream, column = [], 0
        for rows in chain.calls:
            part = weights[:, :, column : column + rows.columns]
            stream += [pack(part[b], biases[b], rows) for b in range(blocks)]
            column += rows.columns
        packed = np.concatenate(stream)
        spare = rng.integers(-(2**31), 2**31, BYTES // 4)
        job = Job(name, _bytes(x, "<i2"), _bytes(sums, "<i4"), blocks, read=len(packed))
        staged, offset = chain.staged(len(chain.segments)), 2 * (k % 2)
        yield replace(job, weights=np.concatenate([packed, spare]), staged=staged, offset=offset)


def _numbers(segment: Segment, halves: bool, rng: np.random.Generator, kind: int) -> Ints:
    """What a segment can hold. kind: 0 at random, 1 at both ends, 2 at the lower one."""
    bits = 16 if halves else 15 if segment.role is Role.BOTH else 8
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    drawn = rng.integers(low, high + 1, segment.columns)
    drawn = drawn if kind == 0 else rng.choice([low, high], segment.columns)
    return np.asarray((np.full_like(drawn, low) if kind == 2 else drawn) << segment.places)


def _bytes(numbers: Ints, kind: str) -> bytes:
    return numbers.astype(kind).tobytes()


def copies() -> dict[str, str]:
    """Function -> what it calls."""
    found = {f"bytes_{n}": f"le_bytes(x, count, {n}, out)" for n in range(9)}
    found |= {how: f"le_{how}(x, count, out)" for how in ("planes", "halves")}
    found |= {f"take_{n}": f"le_take{n}(x, out, count)" for n in TAKES}
    return found | {f"widen_{n}": f"le_widen{n}(x, out, count)" for n in WIDENINGS}


def _copies_of(name: str, seed: int) -> Iterator[Job]:
    """All counts, from all addresses that there are."""
    rng = np.random.default_rng([seed, 6])
    how, _, number = name.partition("_")
    n, size = int(number or 0), 1 if how == "widen" else 2
    for count in COUNTS:
        for offset in (0, 2) if size == 2 else (count % 2, 2 + count % 2):
            bits = 8 + (n if how == "bytes" else 0) if how in ("bytes", "widen") else 16
            bits = 15 if how == "planes" else bits
            low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
            x = rng.integers(low, high + 1, count)
            x = np.where(rng.random(count) < 0.3, rng.choice([low, high, 0, -1], count), x)
            made = _copied(how, n, x)
            expected = _bytes(made, "<i1" if how in ("bytes", "planes") else "<i2")
            job = Job(name, _bytes(x, f"<i{size}"), expected, count, offset=offset)
            yield replace(job, to=2 * (count // 2 % 2) if how in ("take", "widen") else 0)


def _copied(how: str, n: int, x: Ints) -> Ints:
    if how == "take":
        return np.clip(x, -(2 ** (n - 1)), 2 ** (n - 1) - 1)
    if how == "widen":
        return x << n
    lanes = 8 if how == "halves" else 16
    padded = np.pad(x, (0, -len(x) % lanes))
    if how == "planes":
        both = np.stack([padded >> PLANE_BITS, padded & 127])
        return both.reshape(2, -1, lanes).transpose(1, 0, 2).flatten()
    return padded >> n


def helpers(functions: WideCode) -> str:
    """The C that a model has for what is called."""
    functions.phases = True
    functions.helpers |= {"le_bytes", "le_planes", "le_halves"}
    speller = cast(Speller, SimpleNamespace(takes=set(TAKES), widenings=set(WIDENINGS)))
    copying = wide_helpers(environment(), speller, functions)
    return f"#include <arm_mve.h>\n#include <string.h>\n\n{copying}{wide_code(functions)}"


def run_jobs(
    target: Target, folder: Path, seed: int, each: int, **options: Any
) -> tuple[list[Job], list[str]]:
    """All jobs of a program, and what is wrong with which of them."""
    functions = WideCode()
    made = {f"chain_{k}": chain for k, chain in enumerate(chains())}
    code = [chain.code(name, functions) for name, chain in made.items()]
    code += [_function(name, [f"{call};", "return 0;"]) for name, call in copies().items()]
    jobs = [j for name, c in made.items() for j in _jobs_of(c, name, seed + len(name), each)]
    jobs += [job for name in copies() for job in _copies_of(name, seed)]
    names = [*made, *copies()]
    parameters = "const void *, const int32_t *, int8_t *, void *, int32_t"
    table = f"static int32_t (*const jobs[])({parameters}) = {{{', '.join(names)}}};\n"
    (folder / "main.c").write_text("\n".join([helpers(functions), *code, table, MAIN]))
    includes = [folder, *([firmware_dir() / "host"] if target.board is None else [])]
    defines = (f"LE_MOST={MOST}", f"LE_MOST_WORDS={MOST_WORDS}")
    program = gcc.build(target, [folder / "main.c"], includes, folder, defines=defines, **options)
    (folder / "input.bin").write_bytes(b"".join(_input(job, names) for job in jobs))
    execute(target, program, folder, 300.0)
    found, wrong, at = (folder / "output.bin").read_bytes(), [], 0
    for job in jobs:
        size = len(job.expected)
        last = np.frombuffer(found[at + size : at + size + 8], "<i4").tolist()
        if (found[at : at + size], last) != (job.expected, [job.read, 1]):
            wrong.append(f"{job.function} of {job.count} at {job.offset}")
        at += size + 8
    assert at == len(found)
    return jobs, wrong


def _input(job: Job, names: list[str]) -> bytes:
    data = job.x + _bytes(job.weights, "<i4")
    sizes = (len(job.x), job.offset, 4 * len(job.weights), job.staged, len(job.expected), job.to)
    assert 4 * len(job.weights) + 16 <= MOST_WORDS
    assert max(sizes[:2] + sizes[3:]) + 16 + 2 <= MOST
    return _bytes(np.array([names.index(job.function), *sizes, job.count]), "<i4") + data
