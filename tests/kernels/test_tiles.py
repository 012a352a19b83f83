"""Every kernel alone gives numpy's sums, in all its forms, on this computer and on boards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lstm_edge.kernels.kernel import Form, Product
from lstm_edge.targets import Target, all_targets, load_target
from tests.kernels.batch import (
    COLUMNS,
    STREAMING,
    Case,
    Setup,
    assert_same,
    cases,
    kernels_of,
    portable_setups,
    setups,
)
from tests.support.exactness import sanitized

HOST = load_target("host")
BOARDS = tuple(
    target for target in all_targets() if target.board is not None and kernels_of(target)
)
AROUND = (4, 5, 6, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 128)
"""Columns on both sides of blocks, beside `COLUMNS`."""


def tiles(chosen: list[Setup], each: int, seed: int) -> list[tuple[Setup, Case]]:
    columns = (*COLUMNS, *AROUND)
    return [
        (setup, case)
        for k, setup in enumerate(chosen)
        for case in cases(setup, columns, 1000 * seed + k, each)
    ]


@pytest.mark.all_cases
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_stand_ins_and_plain_c_on_this_computer(
    compiler: str, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    """With sanitizers, over thousands of tiles: stand-ins have no forms, all counts fit."""
    tool_or_skip(compiler)
    forms = [Form(2, 0, 1), Form(2, 0, 1, scaled=True)]
    chosen = [Setup(kernel, form) for kernel in STREAMING for form in forms]
    chosen += portable_setups()
    many = tiles(chosen, 16, len(compiler))
    assert len(many) > 5000
    assert_same(many, HOST, tmp_path, optimize="-O1", **sanitized(compiler))


@pytest.mark.each_case
@pytest.mark.parametrize("target", BOARDS, ids=lambda target: target.name)
def test_all_forms_on_a_board(
    target: Target, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    """Every kernel that the core can run, a program with all of them at once."""
    target_or_skip(target)
    chosen = [setup for kernel in kernels_of(target) for setup in setups(kernel)]
    assert {setup.kernel.symbol for setup in chosen} == {"int4", "int8", "int16"}
    assert {setup.form.kind for setup in chosen} == {0, 1, 2, 3}
    chosen += portable_setups()
    many = tiles(chosen, 8, BOARDS.index(target))
    assert len(many) > 3000
    assert_same(many, target, tmp_path)


def test_tiles_fill_the_sums_that_kernels_are_exact_for() -> None:
    """The extremes meet the bounds that choose a kernel, from inside."""
    for kernel in STREAMING:
        setup = Setup(kernel, Form(2, 0, 1))
        reached = 0
        for case in cases(setup, COLUMNS, 0, 8):
            far = (np.abs(case.weights) @ np.abs(case.values) + np.abs(case.biases)).max()
            product = Product(kernel.weight_bits, 16, int(far), int(np.abs(case.values).sum()))
            assert kernel.fits(product)
            reached = max(reached, int(np.abs(case.sums(scaled=False)).max()))
        assert reached > (2**26 if kernel.name == "dsp/int4" else 2**31 - 2**16)
