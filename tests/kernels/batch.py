"""Kernels alone: random tiles, packed, multiplied by a kernel's C code, against numpy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.kernels import KERNELS
from lstm_edge.kernels.kernel import ROWS, Form, Kernel
from lstm_edge.resources import firmware_dir, templates_dir
from lstm_edge.targets import Target
from lstm_edge.toolchain import execute, gcc

Ints = npt.NDArray[np.int64]
SHARED = {"dsp": "thumb2", "armv7m": "thumb2", "armv6m": "armv6m"}

MAIN = """
#include "edge_io.h"

static int32_t numbers[1 << 11];

int main(void)
{
    static le_value values[512];
    const edge_file input = edge_open_read("input.bin");
    const edge_file output = edge_open_write("output.bin");
    int32_t head[2];

    while (edge_read(input, head, sizeof head) == sizeof head) {
        edge_read(input, values, (size_t)head[0] * sizeof values[0]);
        edge_read(input, numbers, (size_t)head[1] * sizeof numbers[0]);
        const le_operand operand = LE_OPERAND(KERNEL, values, head[0] / COLUMNS, le_sum(values, head[0]));
        const int32_t *w = numbers;
        const le_sums sums = ROWS(&w, &operand);
        const int32_t out[5] = {sums.s0, sums.s1, sums.s2, sums.s3, (int32_t)(w - numbers)};
        edge_write(output, out, sizeof out);
    }
    return edge_close(output) ? 0 : 1;
}
"""


@dataclass(frozen=True)
class Case:
    """A tile: weights [4, columns], biases [4], values [columns]."""

    weights: Ints
    biases: Ints
    values: Ints

    @property
    def sums(self) -> Ints:
        return self.weights @ self.values + self.biases


def cases(kernel: Kernel, lengths: list[int], seed: int, each: int = 4) -> Iterator[Case]:
    """Random tiles and extremes whose sums, biases included, fill 32 bits (28 of int4)."""
    rng = np.random.default_rng(seed)
    most = 2 ** (kernel.weight_bits - 1)
    reach = 2 ** (27 if kernel.weight_bits == 4 else 31) - 1
    for length in lengths:
        for k in range(each):
            extreme = k % 2
            weights = rng.integers(-most, most, (ROWS, length))
            values = rng.integers(-(2**15), 2**15, length)
            if extreme:
                weights = rng.choice([-most, most - 1], (ROWS, length))
                values = rng.choice([-(2**15), 2**15 - 1], length)
            while True:
                far = (np.abs(weights) @ np.abs(values)).max()
                far += 8 * np.abs(values).sum() if kernel.weight_bits == 4 else 0
                if far < reach:
                    break
                values = np.sign(values) * (np.abs(values) // 2)
            room = reach - far
            biases = rng.integers(-room, room + 1, ROWS) if k % 4 < 2 else np.zeros(ROWS, int)
            if extreme and k % 4 < 2:
                biases = rng.choice([-room, room], ROWS)
            yield Case(weights, biases, values)


def source(kernel: Kernel, form: Form) -> str:
    """A program that reads tiles and writes their sums."""
    symbol = f"LE_{kernel.symbol.upper()}"
    folder = templates_dir() / "kernels"
    parts = [
        "#include <stdint.h>",
        "#include <string.h>",
        f"#define {symbol}_FORM {form.kind}",
        f"#define {symbol}_ONES {form.ones}",
        f"#define {symbol}_BLOCKS {form.blocks}",
        f"#define LE_LONG {int(form.kind >= 2)}",
        f"#define {symbol}_SCALED {int(form.scaled)}",
        "#if defined(__arm__)",
        "#include <arm_acle.h>" if kernel.part == "dsp" else "",
        (folder / kernel.part / "operand.h").read_text(),
        (folder / SHARED[kernel.part] / "rows.h").read_text(),
        (folder / f"{kernel.name}.c").read_text(),
        "#else",
        f'#include "{kernel.part}.h"',
        "#endif",
        f"#define KERNEL {symbol}",
        f"#define COLUMNS {symbol}_COLUMNS",
        f"#define ROWS le_{kernel.symbol}",
    ]
    main = MAIN.replace("LE_OPERAND(KERNEL,", f"LE_OPERAND({symbol},")
    return "\n".join(parts) + main


def run_cases(
    kernel: Kernel, target: Target, form: Form, tiles: list[Case], folder: Path, **options: Any
) -> Ints:
    """[tiles, 5]: the four sums in the order of the rows, and the words that were read."""
    value = "<i2" if kernel.ctype == "int16_t" else "<i4"
    data = []
    for case in tiles:
        pad = kernel.padded(len(case.values)) - len(case.values)
        weights = np.pad(case.weights, ((0, 0), (0, pad)))
        values = np.pad(case.values, (0, pad))
        packed = kernel.pack(weights, case.biases)
        data.append(np.array([len(values), len(packed)], "<i4").tobytes())
        data += [values.astype(value).tobytes(), packed.astype("<i4").tobytes()]
    main = folder / "main.c"
    main.write_text(source(kernel, form))
    includes = [firmware_dir() / "host"] if target.board is None else []
    program = gcc.build(target, [main], includes, folder, **options)
    (folder / "input.bin").write_bytes(b"".join(data))
    execute(target, program, folder, 120.0)
    found = np.frombuffer((folder / "output.bin").read_bytes(), "<i4").reshape(-1, 5)
    ordered = np.empty_like(found)
    for k, row in enumerate(kernel.order):
        ordered[:, row] = found[:, k]
    ordered[:, 4] = found[:, 4]
    return ordered.astype(np.int64)


STREAMING = [kernel for kernel in KERNELS.values() if kernel.streams]
