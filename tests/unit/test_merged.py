"""One source for several cores: each family reads its own C, letter by letter."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lstm_edge.emit.merged import Merged, merged
from lstm_edge.emit.pieces import on_arm, pieces
from lstm_edge.emit.render import render
from lstm_edge.families import FAMILIES, PORTABLE, family_of, load_cores
from lstm_edge.ir.program import Program
from lstm_edge.passes.options import Options
from tests.support.exactness import float_program
from tests.support.many_layers import side_by_side
from tests.support.one_source import BANNER, EVERY, as_read, lines_of, one_source, without_choice
from tests.support.schemes import program_of, sampled_model

WIDTHS = (Options(), Options(8, 16, 4), Options(16, 32, 16), Options(power_of_two=True))
SETS = (EVERY, "cortex-m4,cortex-m55", "cortex-m0,cortex-m7", "cortex-m33,cortex-m4")


def assert_each_reads_its_own(
    program: Program, unroll: str, optimize: str, name: str = EVERY
) -> None:
    cores, made = load_cores(name), one_source(program, unroll, optimize, name)
    files = without_choice(made.files, program.name, cores)
    for target in cores.targets:
        own = render(program, target, unroll, BANNER, optimize, alone=False).files
        assert list(own) == list(files)
        for file, rendered in own.items():
            text = rendered if family_of(target) is PORTABLE else on_arm(rendered)
            read = as_read(files[file], program.name, family_of(target))
            assert lines_of(read, program.name) == lines_of(text, program.name), (target.name, file)


@pytest.mark.parametrize("number", range(22))
def test_each_family_reads_its_own_c(number: int) -> None:
    """All kinds of layers and cells, with other widths, kinds of code and sets."""
    program = program_of(sampled_model(number), WIDTHS[number % 4])
    unroll = ("gates", "none", "full")[number % 3]
    optimize = "size" if number % 5 == 4 else "speed"
    assert_each_reads_its_own(program, unroll, optimize)
    assert_each_reads_its_own(program, unroll, optimize, SETS[number % 4])


def test_states_as_arguments_too() -> None:
    program = program_of(sampled_model(0), Options())
    program = replace(program, settings=replace(program.settings, state="explicit"))
    assert_each_reads_its_own(program, "gates", "speed")


def test_float32_chooses_by_the_fpu() -> None:
    program = float_program(sampled_model(3))
    made = one_source(program)
    header = next(text for name, text in made.files.items() if name.endswith(".h"))
    assert "(__ARM_FEATURE_MVE & 2) && defined(__ARM_PCS_VFP)" in header
    assert "defined(__ARM_FP) && (__ARM_FP & 4) && defined(__ARM_PCS_VFP)" in header
    assert_each_reads_its_own(program, "gates", "speed")


def mixed() -> Merged:
    return one_source(program_of(side_by_side(3, (5,), ("lstm", "dense")), Options()))


def test_shared_functions_and_arrays_stand_once() -> None:
    made = mixed()
    code, weights, header = (made.files[f"net{end}"] for end in (".c", "_weights.c", ".h"))
    for function in ("net_init", "net_reset", "net_quantize_x", "net_dequantize_dense_5"):
        assert code.count(f"void {function}(") == 1
    assert weights.count(" const float net_x_units[") == 1
    assert header.count("} net_state;") == 4  # mve and dsp have the same
    assert header.count("void net_init(") == 1
    assert code.index('#include "net_private.h"') < code.index("#if ")
    assert "#error" not in code
    assert "__arm__" not in code


def test_the_order_of_families_and_the_seed_of_hashes_decide_nothing() -> None:
    names = ("cortex-m4,cortex-m55", "cortex-m55,cortex-m4", "cortex-m55,cortex-m4,cortex-m4")
    program = program_of(sampled_model(1), Options())
    first, *others = (one_source(program, name=name).files for name in names)
    assert all(other == first for other in others)


def test_what_stands_in_for_kernels_elsewhere_is_left_out() -> None:
    text = (
        "int a;\n#if defined(__arm__)\nint b;\n#if X\nint c;\n#else\nint d;\n#endif\nint e;\n"
        "#else\n#if Y\nint f;\n#else\nint g;\n#endif\nint h;\n#endif\nint i;\n"
    )
    left = "int a;\nint b;\n#if X\nint c;\n#else\nint d;\n#endif\nint e;\nint i;\n"
    assert on_arm(text) == left
    assert on_arm(left) == left


def test_pieces_end_where_functions_do() -> None:
    text = (
        "/* one */\nstatic int one(void)\n{\n    int a = 1;\n\n    return a;\n}\n\n"
        "#if A\nint two;\n\nint three;\n#endif\n\n"
        "extern int x[2];\nint x[2] = {1, 2};\n"
        "/* y */\nextern int y[1];\nint y[1] = {\n    1,\n};\n"
    )
    found = pieces(text)
    assert [piece.name for piece in found] == [
        "one",
        "#if A\nint two;\n\nint three;\n#endif",
        "x",
        "y",
    ]
    assert "\n\n".join(piece.text for piece in found) == text.replace("};\n/*", "};\n\n/*").rstrip()


def test_pieces_in_another_order_are_kept_in_it() -> None:
    mve, dsp = FAMILIES[:2]
    one, two, three = (f"int {name}(void);\n\n" for name in ("one", "two", "three"))
    texts = {mve: one + two + three, dsp: three + one + two, PORTABLE: two}
    text = merged("M", texts)
    for family, own in texts.items():
        assert lines_of(as_read(text, "m", family), "m") == lines_of(own, "m")
    assert text.count("int two(void);") == 1
