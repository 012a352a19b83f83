"""Kernels alone: random tiles, packed, multiplied by the C of all kernels in one program."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.emit.code import SHARED
from lstm_edge.kernels import KERNELS
from lstm_edge.kernels.kernel import ROWS, Form, Kernel
from lstm_edge.resources import firmware_dir, templates_dir
from lstm_edge.targets import Target
from lstm_edge.toolchain import execute, gcc

Ints = npt.NDArray[np.int64]
STREAMING = tuple(kernel for kernel in KERNELS.values() if kernel.streams and kernel.weight_bits)
PARTS = tuple(SHARED)
COLUMNS = (1, 2, 3, 7, 13, 97, 256)
MOST_WORDS = 2048
TYPES = {8: "int8_t", 16: "int16_t", 32: "int32_t"}

MAIN = """
#include "edge_io.h"
#include "tiles.h"

int main(void)
{
    static int32_t words[2048];
    static int32_t values[512];
    const edge_file input = edge_open_read("input.bin");
    const edge_file output = edge_open_write("output.bin");
    int32_t head[3];

    while (edge_read(input, head, sizeof head) == sizeof head) {
        int32_t out[5];
        edge_read(input, values, (size_t)head[2] * sizeof values[0]);
        edge_read(input, words, (size_t)head[1] * sizeof words[0]);
        tiles[head[0]](words, values, head[2], out);
        edge_write(output, out, sizeof out);
    }
    return edge_close(output) ? 0 : 1;
}
"""

STREAMED = """
void {name}(const int32_t *words, const int32_t *given, int32_t count, int32_t *out)
{{
    const int32_t *w = words;

    for (int32_t k = 0; k < count; k++) {{
        values[k] = (le_value)given[k];
    }}
    const le_operand operand =
        LE_OPERAND({symbol}, values, count / {symbol}_COLUMNS, le_sum(values, count));
    const le_sums sums = le_{width}(&w, &operand);
    out[0] = sums.s0;
    out[1] = sums.s1;
    out[2] = sums.s2;
    out[3] = sums.s3;
    out[4] = (int32_t)(w - words);
}}
"""

PORTABLE = """
void {name}(const int32_t *words, const int32_t *given, int32_t count, int32_t *out)
{{
    {value} *const values = {value}_values;

    for (int32_t k = 0; k < count; k++) {{
        values[k] = ({value})given[k];
    }}
    memcpy(out, words, 4 * sizeof out[0]);
    const {weight} *const first = (const {weight} *)(const void *)(words + 4);
    out[4] = (int32_t)({function}(first, values, count, out) - first);
}}
"""


@dataclass(frozen=True)
class Case:
    """A tile: weights [4, columns], biases [4], values [columns], multipliers [4] of 16 bits."""

    weights: Ints
    biases: Ints
    values: Ints
    multipliers: Ints

    def sums(self, scaled: bool) -> Ints:
        found = self.weights @ self.values + self.biases
        return found * self.multipliers >> 16 if scaled else found


@dataclass(frozen=True)
class Setup:
    """A kernel in one form. bits, weight_bits: of a portable one's values and weights."""

    kernel: Kernel
    form: Form
    weight_bits: int = 0
    bits: int = 16

    @property
    def name(self) -> str:
        more = f"w{self.weight_bits}_v{self.bits}" if self.weight_bits else ""
        form = f"{self.form.kind}_{self.form.ones}_{self.form.blocks}"
        form += "_scaled" if self.form.scaled else ""
        return f"{self.kernel.name.replace('/', '_')}_{more or form}"

    @property
    def file(self) -> str:
        """Setups of one file share what the kernels of a model share."""
        kind = "long" if self.form.kind >= 2 else "short"
        scaled = "scaled" if self.form.scaled else "sums"
        return f"{self.kernel.part}_{kind}_{scaled}"

    def fits(self, columns: int) -> bool:
        """True where the form multiplies so many columns, and the program has room for them."""
        count = self.kernel.padded(columns) // self.kernel.columns
        blocks, ones = divmod(count, self.kernel.per_block)
        if not self.kernel.streams or self.form.kind == 2:
            return True
        if self.form.kind == 1:
            return blocks <= self.form.blocks
        if self.form.kind == 3:
            each, left = divmod(count - self.form.ones, self.kernel.per_block * self.form.blocks)
            return each > 0 and left == 0
        return (ones, blocks) == (self.form.ones, self.form.blocks)


def setups(kernel: Kernel, columns: tuple[int, ...] = COLUMNS) -> list[Setup]:
    """All forms: for each count of columns that fits, up to one block and up to all of them, for
    any number, one, two, three and all blocks at a time, and in passes for each long count. Every
    second one scales its sums.
    """
    most, ones = kernel.most_blocks, kernel.per_block - 1
    counts = {kernel.padded(n) // kernel.columns for n in columns}
    exact = [divmod(n, kernel.per_block) for n in sorted(counts)]
    forms = [Form(0, rest, blocks) for blocks, rest in exact if blocks <= most]
    forms += [Form(1, ones, blocks) for blocks in (0, 1, most)]
    forms += [Form(2, ones, blocks) for blocks in (1, 2, 3, most)]
    forms += [Form(3, rest, blocks) for blocks, rest in exact if 0 < blocks <= most]
    forms += [Form(3, rest + kernel.per_block, 5) for _, rest in exact]
    return [
        Setup(kernel, replace(f, scaled=k % 2 == 0)) for k, f in enumerate(dict.fromkeys(forms))
    ]


def portable_setups() -> list[Setup]:
    """Plain C for all widths of weights and values."""
    widths = [(w, v) for w in (4, 8, 16) for v in (8, 16, 32)]
    names = {w: "portable/int4" if w == 4 else "portable/rows" for w in (4, 8, 16)}
    return [Setup(KERNELS[names[w]], Form(0, 0, 0), w, v) for w, v in widths]


def kernels_of(target: Target) -> list[Kernel]:
    """Those that a core can run."""
    return [kernel for kernel in STREAMING if kernel.part in target.features]


def cases(setup: Setup, columns: tuple[int, ...], seed: int, each: int) -> Iterator[Case]:
    """Random tiles and extremes whose sums, biases included, fill 32 bits (28 of dsp/int4)."""
    rng = np.random.default_rng(seed)
    bits = setup.kernel.weight_bits or setup.weight_bits
    most, top = 2 ** (bits - 1), 2 ** (min(setup.bits, 16) - 1)
    narrow = setup.kernel.name == "dsp/int4"
    words = setup.kernel.ctype == "int32_t" or setup.bits == 32
    reach = 2 ** (27 if narrow else 31) - 1
    for length in (n for n in columns if setup.fits(n)):
        for k in range(each):
            extreme = k % 2
            weights = rng.integers(-most, most, (ROWS, length))
            values = rng.integers(-top, top, length)
            if words and k % 8 > 5:
                values = rng.integers(-(2**24), 2**24, length)
            if extreme:
                weights = rng.choice([-most, most - 1], (ROWS, length))
                values = rng.choice([-top, top - 1], length)
            if k % 8 == 3:
                weights[:], values[:] = -most, -top
            far = _shrink(weights, values, reach, 8 if narrow else 0, rng)
            room = reach - far
            biases = rng.integers(-room, room + 1, ROWS) if k % 4 < 2 else np.zeros(ROWS, int)
            if extreme and k % 4 < 2:
                biases = rng.choice([-room, room], ROWS)
            multipliers = rng.integers(-(2**15), 2**15, ROWS)
            if extreme:
                multipliers = rng.choice([-(2**15), 2**15 - 1, 1, -1, 0], ROWS)
            yield Case(weights, biases, values, multipliers)


def _shrink(weights: Ints, values: Ints, reach: int, more: int, rng: np.random.Generator) -> int:
    """Halve values in a random order, again and again, until all sums of magnitudes, and `more`
    times the values' own, are below `reach`: how far they go.
    """
    most = np.abs(weights) + more
    while (far := int((sums := most @ np.abs(values)).max())) >= reach:
        order = rng.permutation(len(values))
        half = values // 2
        less = np.abs(values[order]) - np.abs(half[order])
        then = (sums[:, None] - np.cumsum(most[:, order] * less, axis=1)).max(axis=0)
        enough = np.flatnonzero(then < reach)
        some = order[: enough[0] + 1] if len(enough) else order
        values[some] = half[some]
    return far


def sources(chosen: list[Setup], target: Target, folder: Path) -> list[Path]:
    """A file for each part, and the main function with a table of all setups."""
    names = [setup.name for setup in chosen]
    declared = [
        f"void {name}(const int32_t *, const int32_t *, int32_t, int32_t *);" for name in names
    ]
    table = "static void (*const tiles[])(const int32_t *, const int32_t *, int32_t, int32_t *) ="
    head = "\n".join(["#include <stdint.h>", *declared])
    (folder / "declared.h").write_text(f"{head}\n")
    (folder / "tiles.h").write_text(f'#include "declared.h"\n{table} {{{", ".join(names)}}};\n')
    (folder / "main.c").write_text(MAIN)
    found = [folder / "main.c"]
    for file in dict.fromkeys(setup.file for setup in chosen):
        own = [setup for setup in chosen if setup.file == file]
        text = _streaming(own, target) if own[0].kernel.streams else _portable(own)
        found.append(folder / f"{file}.c")
        found[-1].write_text(f'#include <string.h>\n#include "declared.h"\n{text}')
    return found


def _streaming(own: list[Setup], target: Target) -> str:
    """Kernels of a part, again and again with another form and other names."""
    kernels, part, scaled = templates_dir() / "kernels", own[0].kernel.part, own[0].form.scaled
    head = [f"#define LE_{width}_SCALED {int(scaled)}" for width in ("INT4", "INT8", "INT16")]
    head.append(f"#define LE_LONG {int(own[0].form.kind >= 2)}")
    lines = [f'#include "{part}.h"']
    if target.board is not None:
        lines = ["#include <arm_acle.h>"] if part == "dsp" else []
        lines += [(kernels / part / "operand.h").read_text()]
        lines += [(kernels / SHARED[part] / "rows.h").read_text()]
    lines.append("static le_value values[512];")
    for setup in own:
        width = setup.kernel.symbol
        symbol = f"LE_{width.upper()}"
        if target.board is not None:
            form = {"FORM": setup.form.kind, "ONES": setup.form.ones, "BLOCKS": setup.form.blocks}
            lines += [f"#define {symbol}_{name} {number}" for name, number in form.items()]
            both = (f"le_{width}", f"le_{width}_rows")
            lines += [f"#define {name} {name}_{setup.name}" for name in both]
            lines.append((kernels / f"{setup.kernel.name}.c").read_text())
        lines.append(STREAMED.format(name=setup.name, symbol=symbol, width=width))
        if target.board is not None:
            lines += [f"#undef {symbol}_{name}" for name in form]
            lines += [f"#undef {name}" for name in both]
    return "\n".join([*head, *lines])


def _portable(own: list[Setup]) -> str:
    types = sorted({TYPES[setup.bits] for setup in own})
    lines = [f"static {value} {value}_values[512];" for value in types]
    for setup in own:
        weight = "uint8_t" if setup.weight_bits == 4 else TYPES[setup.weight_bits]
        function, value = f"le_rows_{setup.name}", TYPES[setup.bits]
        text = (templates_dir() / "kernels" / f"{setup.kernel.name}.c").read_text()
        for name, meaning in (
            ("LE_WEIGHT", weight),
            ("LE_VALUE", value),
            ("LE_SUM", "int32_t"),
            ("LE_ROWS", function),
        ):
            text = text.replace(name, meaning)
        lines.append(text)
        lines.append(
            PORTABLE.format(name=setup.name, weight=weight, value=value, function=function)
        )
    return "\n".join(lines)


def packed(setup: Setup, case: Case) -> tuple[Ints, Ints, int]:
    """The words that a program reads for a tile, its values, and how far it should read."""
    kernel = setup.kernel
    pad = kernel.padded(len(case.values)) - len(case.values)
    weights = np.zeros((ROWS, len(case.values) + pad), np.int64)
    biases = np.zeros(ROWS, np.int64)
    for k, row in enumerate(kernel.order):
        weights[row, : len(case.values)] = case.weights[k]
        biases[row] = case.biases[k]
    values = np.pad(case.values, (0, pad))
    assert kernel.pack is not None
    stream = kernel.pack(weights, biases)
    if setup.form.scaled:
        stream = np.concatenate([stream, kernel.scales(case.multipliers)])
    if kernel.streams:
        return stream, values, len(stream)
    kind = {4: "<u1", 8: "<i1", 16: "<i2"}[setup.weight_bits]
    data = stream.astype(kind).tobytes()
    data += bytes(-len(data) % 4)
    return np.concatenate([biases, np.frombuffer(data, "<i4")]), values, len(stream)


def run_tiles(
    tiles: list[tuple[Setup, Case]],
    packed_tiles: list[tuple[Ints, Ints, int]],
    target: Target,
    folder: Path,
    **options: Any,
) -> Ints:
    """[tiles, 5]: the sums of the four rows, and how much of the stream was read."""
    folder.mkdir(parents=True, exist_ok=True)
    chosen = list(dict.fromkeys(setup for setup, _ in tiles))
    places = {setup: place for place, setup in enumerate(chosen)}
    data = []
    for (setup, _), (words, values, _) in zip(tiles, packed_tiles, strict=True):
        assert len(words) <= MOST_WORDS
        head = np.array([places[setup], len(words), len(values)])
        data += [numbers.astype("<i4").tobytes() for numbers in (head, values, words)]
    includes = [folder, *([firmware_dir() / "host"] if target.board is None else [])]
    program = gcc.build(target, sources(chosen, target, folder), includes, folder, **options)
    (folder / "input.bin").write_bytes(b"".join(data))
    execute(target, program, folder, 300.0)
    return np.frombuffer((folder / "output.bin").read_bytes(), "<i4").reshape(-1, 5)


def assert_same(tiles: list[tuple[Setup, Case]], target: Target, folder: Path, **more: Any) -> None:
    """All sums are numpy's, and all tiles were read to their end."""
    data = [packed(setup, case) for setup, case in tiles]
    found = run_tiles(tiles, data, target, folder, **more)
    expected = [
        [*case.sums(setup.form.scaled), read]
        for (setup, case), (_, _, read) in zip(tiles, data, strict=True)
    ]
    wrong = np.argwhere((found != np.array(expected)).any(axis=1)).flatten()
    names = sorted({f"{tiles[k][0].name} of {len(tiles[k][1].values)} columns" for k in wrong})
    assert not names, f"{len(wrong)} of {len(tiles)} tiles differ: {'; '.join(names[:8])}"
