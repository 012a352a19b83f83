"""What each kernel says of itself: its costs, its forms, what it fits, the words that it packs.

Tests on boards compare its sums with numpy's; costs only choose, so a wrong one is seen nowhere
else. `--update-golden` writes the file anew: look at the difference.
"""

from __future__ import annotations

import zlib
from itertools import product
from pathlib import Path

import numpy as np

from lstm_edge.formats import INT32_MAX
from lstm_edge.kernels import KERNELS, best_part
from lstm_edge.kernels.kernel import Kernel, Product

PATH = Path(__file__).resolve().parent / "kernels.txt"
LENGTHS = ((1,), (7,), (8,), (40,), (203,), (1024,), (3, 8), (16, 24), (5, 1001))
"""Columns of the operands that share a kernel."""


def packed(kernel: Kernel) -> str:
    """A tile of four rows as words, and multipliers of its sums."""
    if kernel.pack is None:
        return "packed by units"
    rng, columns = np.random.default_rng(0), kernel.padded(5)
    if kernel.is_float:
        weights, biases = rng.normal(size=(4, columns)), rng.normal(size=4)
        words = kernel.pack(weights.astype(np.float32), biases.astype(np.float32))
    else:
        most = 2 ** ((kernel.weight_bits or 8) - 1) - 1
        weights = rng.integers(-most, most, (4, columns), endpoint=True)
        words = kernel.pack(weights, rng.integers(-(2**24), 2**24, 4))
    data = np.ascontiguousarray(words).tobytes()
    scales = np.asarray(kernel.scales(np.array([3, -5, 32767, -32768]))).tolist()
    return f"{len(words)} {words.dtype} {zlib.crc32(data):08x}, scaled by {scales}"


def fitting(kernel: Kernel) -> str:
    """Of bits of weights and operands, and bounds of sums, those that it takes."""
    sums = (2**23, 2**31 - 1)
    values = (2**15, 2**23, 2**24, INT32_MAX, INT32_MAX + 1)
    cases = product((0, 4, 8, 16), (8, 15, 16, 17, 32), sums, values)
    return "".join("01"[kernel.fits(Product(*case))] for case in cases)


def described(kernel: Kernel) -> list[str]:
    facts = (kernel.part, kernel.symbol, kernel.ctype, kernel.columns, kernel.order, kernel.needs)
    starts = [k for k in range(9) if kernel.begins_at(k)]
    lines = [
        f"{kernel.name}: {facts}, streams {kernel.streams}, begins at {starts}",
        f"  {kernel.per_block} {kernel.most_blocks} {kernel.costs}; {packed(kernel)}",
        f"  fits {fitting(kernel)}",
    ]
    for lengths, unrolled in product(LENGTHS if kernel.pack else (), (False, True)):
        whole = tuple(map(kernel.padded, lengths))
        forms = [kernel.form(whole, unrolled, scaled) for scaled in (False, True)]
        form = forms[0]
        costs = [kernel.instructions(max(whole), each) for each in forms]
        assert kernel.form(whole, unrolled) == form
        assert forms[1].scaled
        lines.append(f"  {whole} {unrolled}: {form.kind} {form.ones} {form.blocks}, {costs}")
    return lines


def test_kernels_are_the_golden_ones(update_golden: bool) -> None:
    lines = [line for kernel in KERNELS.values() for line in described(kernel)]
    if update_golden:
        PATH.write_text("\n".join(lines) + "\n")
    assert lines == PATH.read_text().splitlines(), "see --update-golden"


def test_the_first_part_that_a_core_has_is_taken() -> None:
    assert best_part(("fpu", "armv7m", "dsp")) == "dsp"
    assert best_part(("armv7m", "fpu")) == "armv7m"
    assert best_part(("armv6m",)) == "armv6m"
    assert best_part(("fpu", "mve")) == "portable"
