"""The kernel and the curves of an FPU give numpy's bits, for whatever float32 numbers there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from lstm_edge.emit.curves import curves_of_float
from lstm_edge.kernels import KERNELS
from lstm_edge.kernels.kernel import ROWS, Form, Kernel
from lstm_edge.operations import curves_float
from lstm_edge.operations.product import matvec_float
from lstm_edge.resources import firmware_dir, templates_dir
from lstm_edge.targets import Target, all_targets, load_target
from lstm_edge.toolchain import execute, gcc
from tests.support.exactness import sanitized

Floats = npt.NDArray[np.float32]

HOST = load_target("host")
BOARDS = tuple(target for target in all_targets() if target.has_vmla)
KERNEL = KERNELS["fpu/float32"]
HELIUM = KERNELS["fpu/float32x4"]
SPECIAL = np.array(
    [
        *(0, 1 << 31, 1, 0x80000001, 0x7FFFFF, 0x800000, 0x7F7FFFFF, 0xFF7FFFFF),
        *(0x7F800000, 0xFF800000, 0x7FC00000, 0x3F800000, 0xBF800000, 0x1E3CE508),
    ],
    np.uint32,
).view(np.float32)
"""Zeros, denormals, the ends of what is normal, infinities, NaN, 1, 1e-20."""
CURVES = {"exp": curves_float.exp, "sigmoid": curves_float.sigmoid, "tanh": curves_float.tanh}

TILE = """
static int tile{number}(const float *words, const float *values, int32_t count, float *out)
{{
    const float *w = words;
    const le_operand operand = LE_OPERAND({symbol}, values, count);
    const le_sums sums = le_{name}(&w, &operand);
    out[0] = sums.s0;
    out[1] = sums.s1;
    out[2] = sums.s2;
    out[3] = sums.s3;
    return (int)(w - words);
}}
"""
TILES_MAIN = """
int main(void)
{
    static float words[4 * 300 + 4];
    static float values[300];
    const edge_file input = edge_open_read("input.bin");
    const edge_file output = edge_open_write("output.bin");
    int32_t head[2];

    while (edge_read(input, head, sizeof head) == sizeof head) {
        float out[5];
        edge_read(input, values, (size_t)head[1] * sizeof values[0]);
        edge_read(input, words, (size_t)(4 * head[1] + 4) * sizeof words[0]);
        out[4] = (float)tiles[head[0]](words, values, head[1], out);
        edge_write(output, out, sizeof out);
    }
    return edge_close(output) ? 0 : 1;
}
"""
CURVES_MAIN = """
int main(void)
{
    static float numbers[256];
    static float values[3][256];
    const edge_file input = edge_open_read("input.bin");
    const edge_file output = edge_open_write("output.bin");

    while (edge_read(input, numbers, sizeof numbers) == sizeof numbers) {
        for (int k = 0; k < 256; k++) {
            values[0][k] = le_exp(numbers[k]);
            values[1][k] = le_sigmoid(numbers[k]);
            values[2][k] = le_tanh(numbers[k]);
        }
        edge_write(output, values, sizeof values);
    }
    return edge_close(output) ? 0 : 1;
}
"""
SIGMOIDS_MAIN = """
int main(void)
{
    le_sums sums;
    const edge_file input = edge_open_read("input.bin");
    const edge_file output = edge_open_write("output.bin");

    while (edge_read(input, &sums, sizeof sums) == sizeof sums) {
        sums = le_sigmoid4(sums);
        edge_write(output, &sums, sizeof sums);
    }
    return edge_close(output) ? 0 : 1;
}
"""
HEAD = '#include <stdint.h>\n#include <string.h>\n#include "edge_io.h"\n'
EXACT = """
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif
"""


@dataclass(frozen=True)
class Case:
    """A tile, and the number of the form that multiplies it."""

    form: int
    weights: Floats
    biases: Floats
    values: Floats


def forms() -> list[Form]:
    """Of each kind, with few and many blocks."""
    found = [Form(0, n % 8, n // 8) for n in (1, 7, 8, 9, 48, 64, 71)]
    found += [Form(1, 7, blocks) for blocks in (0, 1, 8)]
    found += [Form(2, 7, blocks) for blocks in (1, 2, 3, 8)]
    return [*found, *(Form(3, n, blocks) for n, blocks in ((0, 1), (5, 2), (12, 5), (4, 8)))]


def fits(form: Form, columns: int) -> bool:
    blocks, ones = divmod(columns, 8)
    if form.kind == 3:
        left = columns - form.ones
        return left > 0 and left % (8 * form.blocks) == 0
    if form.kind == 0:
        return (ones, blocks) == (form.ones, form.blocks)
    return form.kind == 2 or blocks <= form.blocks


def numbers(rng: np.random.Generator, kind: int, *shape: int) -> Floats:
    """Of the usual size; with products that are denormal; any bits; with what is special; denormal,
    for products that are not.
    """
    normal = rng.normal(size=shape).astype(np.float32)
    if kind == 1:
        return normal * np.float32(2.0) ** rng.integers(-78, -64, shape).astype(np.float32)
    if kind == 2:
        return rng.integers(0, 2**32, shape, dtype=np.uint64).astype(np.uint32).view(np.float32)
    if kind == 3:
        return np.where(rng.random(shape) < 0.1, rng.choice(SPECIAL, shape), normal)
    if kind == 4:
        return normal * np.float32(2.0**-130)
    return normal


def cases(every: list[Form], columns: range) -> Iterator[Case]:
    rng = np.random.default_rng(len(columns))
    for number, form in enumerate(every):
        for n in (n for n in columns if fits(form, n)):
            for kind in range(5) if n < 40 or form.kind != 2 else (n % 5, 1):
                weights, values = numbers(rng, kind, ROWS, n), numbers(rng, kind, n)
                if kind == 4:
                    values = numbers(rng, 0, n) * np.float32(2.0**30)
                biases = numbers(rng, kind, ROWS)
                yield Case(number, weights, biases * biases if kind == 1 else biases, values)


def same(found: Floats, expected: Floats) -> npt.NDArray[np.bool_]:
    """The same bits; of a NaN they mean nothing."""
    either = np.isnan(found) & np.isnan(expected)
    return either | (found.view(np.uint32) == expected.view(np.uint32))


def tile_source(every: list[Form], target: Target, kernel: Kernel) -> str:
    """A kernel in all forms; the stand-in has none."""
    kernels = templates_dir() / "kernels"
    symbol = f"LE_{kernel.symbol.upper()}"

    def tile(number: int) -> str:
        return TILE.format(number=number, symbol=symbol, name=kernel.symbol)

    if target.board is None:
        parts = ['#include "fpu.h"', *(tile(k) for k in range(len(every)))]
    else:
        names = ("operand.h", "rows.h")
        parts = ["#define LE_LONG 1", *((kernels / "fpu" / n).read_text() for n in names)]
        for k, form in enumerate(every):
            given = {"FORM": form.kind, "ONES": form.ones, "BLOCKS": form.blocks}
            parts += [f"#define {symbol}_{name} {n}" for name, n in given.items()]
            renamed = (f"le_{kernel.symbol}", f"le_{kernel.symbol}_rows")
            parts += [f"#define {name} {name}{k}" for name in renamed]
            parts += [(kernels / f"{kernel.name}.c").read_text(), tile(k)]
            parts += [f"#undef {symbol}_{name}" for name in given]
            parts += [f"#undef {name}" for name in renamed]
    table = ", ".join(f"tile{k}" for k in range(len(every)))
    kind = "static int (*const tiles[])(const float *, const float *, int32_t, float *)"
    return "\n".join([HEAD, EXACT, *parts, f"{kind} = {{{table}}};", TILES_MAIN])


def run(text: str, data: bytes, target: Target, folder: Path, **options: Any) -> Floats:
    (folder / "main.c").write_text(text)
    includes = [folder, *([firmware_dir() / "host"] if target.board is None else [])]
    program = gcc.build(target, [folder / "main.c"], includes, folder, **options)
    (folder / "input.bin").write_bytes(data)
    execute(target, program, folder, 300.0)
    return np.frombuffer((folder / "output.bin").read_bytes(), np.float32)


@cache
def tiles_and_sums(whole: bool) -> tuple[list[Form], bytes, Floats]:
    """Forms, what a program reads, and what it should write. whole: all counts of columns."""
    every = forms()
    counts = range(1, 301) if whole else range(1, 301, 7)
    data, sums = [], []
    with np.errstate(all="ignore"):
        for case in cases(every, counts):
            head = np.array([case.form, len(case.values)], "<i4").tobytes()
            assert KERNEL.pack is not None
            words = KERNEL.pack(case.weights, case.biases)
            data.append(head + case.values.tobytes() + words.tobytes())
            row = matvec_float(case.biases, [(case.weights, case.values)])
            sums.append([*row, np.float32(len(words))])
    return every, b"".join(data), np.array(sums, np.float32)


def assert_tiles(
    target: Target, folder: Path, *, whole: bool, kernel: Kernel = KERNEL, **options: Any
) -> None:
    every, data, expected = tiles_and_sums(whole)
    assert len(expected) > (3000 if whole else 500)
    assert np.isnan(expected).any()
    assert np.isinf(expected).any()
    assert ((np.abs(expected) > 0) & (np.abs(expected) < 2.0**-126)).sum() > 100
    text = tile_source(every, target, kernel)
    found = run(text, data, target, folder, **options).reshape(-1, 5)
    assert same(found, expected).all(), np.argwhere(~same(found, expected))[:8]


@pytest.mark.each_case
@pytest.mark.parametrize("target", BOARDS, ids=lambda target: target.name)
def test_all_counts_of_columns_on_a_board(
    target: Target, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    target_or_skip(target)
    assert_tiles(target, tmp_path, whole=True)


@pytest.mark.parametrize("optimize", ["-O0", "-O2", "-Os", "-O3"])
def test_helium_sums_again_where_a_number_is_denormal(
    optimize: str, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    target = next(board for board in BOARDS if "mve" in board.features)
    target_or_skip(target)
    assert_tiles(target, tmp_path, whole=optimize == "-O2", kernel=HELIUM, optimize=optimize)


@pytest.mark.parametrize("optimize", ["-O0", "-Os", "-O3"])
def test_at_every_optimization_level(
    optimize: str, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    target_or_skip(BOARDS[0])
    assert_tiles(BOARDS[0], tmp_path, whole=False, optimize=optimize)


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_the_stand_in_on_this_computer(
    compiler: str, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip(compiler)
    assert_tiles(HOST, tmp_path, whole=True, **{"optimize": "-O1", **sanitized(compiler)})


@cache
def arguments() -> Floats:
    """Both sides of every limit, numbers of all magnitudes, any bits."""
    rng = np.random.default_rng(5)
    spread = np.linspace(-95.0, 95.0, 1 << 15).astype(np.float32)
    edges = np.array([0.375, 32.0, 43.5, 64.0, 87.0, 0.34657359, 88.0], np.float32)
    near = (edges.view(np.int32)[:, None] + np.arange(-200, 201)).astype(np.int32)
    sides = near.view(np.float32).reshape(-1)
    halves = ((np.arange(-127, 128) + 0.5) * np.log(2)).astype(np.float32)
    ties = (halves.view(np.int32)[:, None] + np.arange(-8, 9)).astype(np.int32)
    small = rng.normal(size=1 << 14).astype(np.float32)
    tiny = small * np.float32(2.0) ** rng.integers(-140, -1, 1 << 14).astype(np.float32)
    drawn = numbers(rng, 2, 1 << 15)
    parts = [spread, sides, -sides, ties.view(np.float32).reshape(-1), small, tiny, drawn, SPECIAL]
    every = np.concatenate(parts)
    return np.pad(every, (0, -len(every) % 256))


def assert_curves(target: Target, folder: Path, **options: Any) -> None:
    names = {f"le_{name}" for name in CURVES}
    text = HEAD + EXACT + curves_of_float("fpu", names) + CURVES_MAIN
    found = run(text, arguments().tobytes(), target, folder, **options).reshape(-1, 3, 256)
    with np.errstate(all="ignore"):
        for k, (name, curve) in enumerate(CURVES.items()):
            right = same(found[:, k].reshape(-1).copy(), curve(arguments()))
            assert right.all(), f"{name} of {arguments()[~right][:8]}"


@pytest.mark.parametrize("optimize", ["-O0", "-O2", "-Os", "-O3"])
@pytest.mark.parametrize("target", BOARDS, ids=lambda target: target.name)
def test_curves_on_a_board(
    target: Target, optimize: str, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    target_or_skip(target)
    assert_curves(target, tmp_path, optimize=optimize)


def assert_sigmoids(target: Target, folder: Path, **options: Any) -> None:
    """Of four sums at a time."""
    fpu = templates_dir() / "kernels" / "fpu"
    own = "\n".join((fpu / name).read_text() for name in ("operand.h", "rows.h"))
    kernel = '#include "fpu.h"' if target.board is None else f"#define LE_LONG 1\n{own}"
    curves = curves_of_float("fpu", {"le_exp", "le_sigmoid"})
    parts = [HEAD, EXACT, curves, kernel, (fpu / "sigmoid4.h").read_text(), SIGMOIDS_MAIN]
    quiet = arguments().view(np.uint32) | np.where(np.isnan(arguments()), 1 << 22, 0)
    sums = quiet.astype(np.uint32).view(np.float32)  # a sum is no signalling NaN
    found = run("\n".join(parts), sums.tobytes(), target, folder, **options)
    with np.errstate(all="ignore"):
        right = same(found, curves_float.sigmoid(sums))
    assert right.all(), sums[~right][:8]


@pytest.mark.parametrize("optimize", ["-O0", "-O2", "-Os", "-O3"])
def test_sigmoids_of_a_tile_with_helium(
    optimize: str, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    """No flag is looked at here: denormal numbers make no difference."""
    target = next(board for board in BOARDS if "mve" in board.features)
    target_or_skip(target)
    assert_sigmoids(target, tmp_path, optimize=optimize)


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_curves_on_this_computer(
    compiler: str, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip(compiler)
    assert_curves(HOST, tmp_path, **{"optimize": "-O1", **sanitized(compiler)})
    assert_sigmoids(HOST, tmp_path, **{"optimize": "-O1", **sanitized(compiler)})
