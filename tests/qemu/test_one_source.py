"""One source for all cores, on each of them: the same bits, and the instructions of its own C."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from lstm_edge.emit.render import render
from lstm_edge.emit.testing import pack_input, render_harness
from lstm_edge.families import FAMILIES, Family, family_of
from lstm_edge.interpret.feed import run_numpy
from lstm_edge.ir.program import Program
from lstm_edge.passes.options import Options, Widths
from lstm_edge.profile.counting import build_program, count_calls
from lstm_edge.runner import run_sources
from lstm_edge.targets import Target, load_target
from lstm_edge.toolchain import gcc
from tests.support.counted import BOARDS, every_board
from tests.support.exactness import as_feed, assert_same_bits, every, stored_streams
from tests.support.many_layers import side_by_side
from tests.support.models import random_model
from tests.support.one_source import BANNER, STRING_H, one_source, written
from tests.support.programs import Array
from tests.support.schemes import program_of, sampled_model

SAMPLED = {
    "states": (0, Options()),
    "ids": (1, Options(8, 16, 4)),
    "conv": (3, Options(power_of_two=True)),
    "both": (4, Options(16, 32, 16)),
    "norm": (7, Options()),
    "lengths": (8, Options(weights=4)),
}
ON = {
    "cortex-m55": "mve",
    "cortex-m4": "dsp",
    "cortex-m7": "dsp",
    "cortex-m33": "dsp",
    "cortex-m3": "armv7m",
    "cortex-m0": "armv6m",
    "cortex-m0plus": "armv6m",
}


@dataclass(frozen=True)
class Source:
    """A model in one source for all cores, with what it is fed and what comes out."""

    program: Program
    folder: Path
    sources: tuple[Path, ...]
    inputs: Mapping[str, Array]
    expected: Mapping[str, Array]


def every_width() -> Program:
    """Kernels of all widths in one program, and of two in a layer: a gate, and half of another."""
    model = side_by_side(3, (5,), ("lstm", "gru", "rnn", "dense"))
    mixed = Widths(4, 12, ("W_z", "R_z", "W_r"))
    widths = (Widths(8, 12), mixed, Widths(16, 16), Widths(8, 8))
    layers = {n.name: w for n, w in zip(model.nodes, widths, strict=True)}
    return program_of(model, Options(layers=layers))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Source]:
    @cache
    def make(kind: str) -> Source:
        if kind in SAMPLED:
            number, options = SAMPLED[kind]
            program = program_of(sampled_model(number), options)
        else:
            program = every_width()
        folder = tmp_path_factory.mktemp(kind)
        sources = written(one_source(program), folder)
        inputs = stored_streams(program, 40)
        expected = every(run_numpy(program, as_feed(inputs)))
        return Source(program, folder, sources, inputs, expected)

    return make


def run_on(target: Target, source: Source, folder: Path, **options: Any) -> None:
    """Builds it for a core, runs it there, and compares."""
    folder.mkdir(exist_ok=True)
    found = run_sources(
        source.program,
        target,
        source.sources,
        [source.folder],
        folder,
        as_feed(source.inputs),
        **options,
    )
    assert_same_bits(source.expected, every(found))


@pytest.mark.parametrize("optimize", ["-O2", "-Os"])
@every_board
def test_all_kernels_on_each_core(
    target: Target,
    optimize: str,
    made: Callable[[str], Source],
    tmp_path: Path,
    target_or_skip: Callable[[Target], None],
) -> None:
    target_or_skip(target)
    run_on(target, made("all"), tmp_path, optimize=optimize)


@pytest.mark.parametrize("kind", SAMPLED)
@every_board
def test_random_models_on_each_core(
    target: Target,
    kind: str,
    made: Callable[[str], Source],
    tmp_path: Path,
    target_or_skip: Callable[[Target], None],
) -> None:
    target_or_skip(target)
    turn = BOARDS.index(target) + list(SAMPLED).index(kind)
    run_on(target, made(kind), tmp_path, optimize=("-O2", "-Os")[turn % 2])


@pytest.mark.parametrize("optimize", ["-O1", "-Os"])
@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m3", "cortex-m4", "cortex-m55"])
def test_clang(
    core: str,
    optimize: str,
    made: Callable[[str], Source],
    tmp_path: Path,
    target_or_skip: Callable[[Target], None],
    tool_or_skip: Callable[..., None],
) -> None:
    """What clang makes of it, in a program that gcc links."""
    target = load_target(core)
    target_or_skip(target)
    tool_or_skip("clang")
    source = made("all")
    include = tmp_path / "include"
    include.mkdir()
    (include / "string.h").write_text(STRING_H)
    objects = gcc.compile_objects(
        target,
        source.sources,
        [source.folder],
        tmp_path / "clang",
        compiler="clang",
        optimize=optimize,
        extra_flags=("--target=arm-none-eabi", f"-I{include}", "-ffreestanding"),
    )
    linked = Source(source.program, source.folder, (), source.inputs, source.expected)
    given = tuple(f"-Wl,{path.resolve()}" for path in objects)
    run_on(target, linked, tmp_path / "built", extra_flags=given)


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4", "cortex-m55"])
def test_a_compiler_without_the_syntax_of_gnu_takes_plain_c(
    core: str,
    made: Callable[[str], Source],
    tmp_path: Path,
    target_or_skip: Callable[[Target], None],
) -> None:
    target = load_target(core)
    target_or_skip(target)
    source = made("all")
    undefined = ("-U__GNUC__",)
    assert chosen(target, source, tmp_path, undefined) == "portable"
    objects = gcc.compile_objects(
        target, source.sources, [source.folder], tmp_path / "plain", extra_flags=undefined
    )
    linked = Source(source.program, source.folder, (), source.inputs, source.expected)
    given = tuple(f"-Wl,{path.resolve()}" for path in objects)
    # The harness declares the state of the same layout, so it takes the same branch.
    run_on(target, linked, tmp_path / "built", extra_flags=(*given, *undefined))


def chosen(target: Target, source: Source, folder: Path, flags: tuple[str, ...] = ()) -> str:
    """The feature of the family whose branch a compiler takes: only for it is there no error."""
    fits = []
    for family in FAMILIES:
        probe = folder / f"probe_{family.feature}.c"
        probe.write_text(
            f'#include "net.h"\nextern int is_so[NET_CORE == NET_{family.symbol} ? 1 : -1];\n'
        )
        try:
            gcc.compile_objects(target, [probe], [source.folder], folder, extra_flags=flags)
        except gcc.ToolchainError:
            continue
        fits.append(family.feature)
    (found,) = fits
    return found


@every_board
def test_each_core_takes_its_own_branch(
    target: Target,
    made: Callable[[str], Source],
    tmp_path: Path,
    target_or_skip: Callable[[Target], None],
) -> None:
    target_or_skip(target)
    assert chosen(target, made("all"), tmp_path) == family_of(target).feature
    assert family_of(target).feature == ON.get(target.name, family_of(target).feature)


@pytest.mark.parametrize(
    ("flags", "feature"),
    [
        (("-mcpu=cortex-m23", "-mfloat-abi=soft"), "armv6m"),
        (("-mcpu=cortex-m33+nodsp", "-mfloat-abi=soft"), "armv7m"),
        (("-mcpu=cortex-m55+nomve", "-mfloat-abi=soft"), "dsp"),
        (("-mcpu=cortex-m55+nofp", "-mfloat-abi=softfp"), "mve"),
        (("-mcpu=cortex-m4", "-mbig-endian", "-mfloat-abi=soft"), "portable"),
        (("-mcpu=cortex-r5", "-mfloat-abi=soft"), "portable"),
        (("-mcpu=cortex-a9", "-mfloat-abi=soft"), "portable"),
    ],
)
def test_cores_without_a_target(
    flags: tuple[str, ...],
    feature: str,
    made: Callable[[str], Source],
    tmp_path: Path,
    tool_or_skip: Callable[..., None],
) -> None:
    tool_or_skip("arm-none-eabi-gcc")
    target = load_target("cortex-m3")
    assert chosen(target, made("all"), tmp_path, flags) == feature


def test_the_least_family_runs_on_a_core_that_is_not_in_the_list(
    tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    """Cortex-M4 with C for M0 and M55."""
    target = load_target("cortex-m4")
    target_or_skip(target)
    program = every_width()
    sources = written(one_source(program, name="cortex-m0,cortex-m55"), tmp_path)
    inputs = stored_streams(program, 40)
    expected = every(run_numpy(program, as_feed(inputs)))
    run_on(target, Source(program, tmp_path, sources, inputs, expected), tmp_path / "built")


COUNTED: dict[str, dict[str, Any]] = {
    "lstm": {"features": 8, "hidden": (20,), "cell": "plain", "head": ("dense",), "steps": None},
    "gru": {"features": 5, "hidden": (12, 9), "cell": "gru", "head": ("dense", "softmax")},
}


@pytest.mark.parametrize("family", FAMILIES[:-1], ids=lambda family: family.feature)
@pytest.mark.parametrize("kind", COUNTED)
def test_a_step_takes_the_instructions_of_the_cores_own_c(
    kind: str, family: Family, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip("arm-none-eabi-gcc", "qemu-system-arm", "cc")
    target = next(load_target(core) for core, feature in ON.items() if feature == family.feature)
    given = {"front": (), "norm": "", "direction": "forward", "read": "steps", **COUNTED[kind]}
    program = program_of(random_model(3, **given), Options())
    own = render(program, target, "gates", BANNER).files
    counts = []
    for name, files in (("own", own), ("one", one_source(program).files)):
        folder = tmp_path / name
        folder.mkdir()
        for file, text in {**files, "main.c": render_harness(program, target)}.items():
            (folder / file).write_text(text)
        sources = [path for path in sorted(folder.iterdir()) if path.suffix == ".c"]
        built = folder / "built"
        built.mkdir()
        feed = as_feed({n: a[:1, :1, :4] for n, a in stored_streams(program, 8).items()})
        (built / "input.bin").write_bytes(pack_input(program, feed))
        executable = build_program(target, sources, [folder], built)
        counts.append(count_calls(executable, "net_step").mean)
    assert counts[0] == counts[1]
