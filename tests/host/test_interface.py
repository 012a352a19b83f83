"""The C as firmware sees it: options change without a change in firmware; what an image says."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lstm_edge.emit.identity import Identity
from lstm_edge.emit.render import render
from lstm_edge.interpret.execute import run
from lstm_edge.interpret.ports import dequantize
from lstm_edge.ir.program import Program
from lstm_edge.passes.options import Options
from lstm_edge.targets import load_target
from lstm_edge.toolchain import execute, gcc
from tests.golden.test_golden import given, tiny_model
from tests.support.exactness import float_program
from tests.support.programs import quantized, stored

HOST = load_target("host")
STEPS = 12
PROGRAMS = {
    "int8": Options(),
    "int8, activations of 8 bits": Options(8, 16),
    "int8, activations of 16 bits": Options(16, 32),
    "fixed": Options(power_of_two=True),
    "float32": None,
}
FIRMWARE = """
#include "edge_io.h"
#include "net.h"

static net_state state;
static net_x_t x[NET_X_SIZE];
static net_probability_t probability[NET_PROBABILITY_SIZE];
static net_hidden_t hidden[NET_HIDDEN_SIZE];
static net_lstm_c_state_t memory_c[3];
static net_lstm_h_state_t memory_h[3];

int main(void)
{
    const edge_file in = edge_open_read("input.bin");
    const edge_file out = edge_open_write("output.bin");
    float real[NET_X_SIZE];
    float results[NET_PROBABILITY_SIZE + NET_HIDDEN_SIZE];

    net_init(&state);
    while (edge_read(in, real, sizeof real) == sizeof real) {
        net_quantize_x(real, x);
        net_step(&state, x, probability, hidden);
        net_dequantize_probability(probability, results);
        net_dequantize_hidden(hidden, results + NET_PROBABILITY_SIZE);
        edge_write(out, results, sizeof results);

        net_get_lstm_c(&state, memory_c);
        net_get_lstm_h(&state, memory_h);
        net_init(&state);
        net_set_lstm_c(&state, memory_c);
        net_set_lstm_h(&state, memory_h);
    }
    return edge_close(out) ? 0 : 1;
}
"""


def program_of(options: Options | None) -> Program:
    model = tiny_model("net")
    if options is None:
        return float_program(model)
    return quantized(model, given(32), options, from_data=False)


def written(folder: Path, files: dict[str, str]) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    return [folder / name for name in files if name.endswith(".c")]


@pytest.mark.parametrize("scheme", PROGRAMS)
def test_one_firmware_runs_with_every_number_format(
    scheme: str, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    """It has no type, no scale and no condition of its own; what it gives is what numpy gives."""
    tool_or_skip("cc")
    program = program_of(PROGRAMS[scheme])
    files = {**render(program, HOST, "gates", ("for a test",)).files, "main.c": FIRMWARE}
    built = gcc.build(HOST, written(tmp_path, files), [tmp_path], tmp_path)
    x = given(STEPS)["x"]
    (tmp_path / "input.bin").write_bytes(x.astype("<f4").tobytes())
    execute(HOST, built, tmp_path)
    found = np.frombuffer((tmp_path / "output.bin").read_bytes(), "<f4").reshape(STEPS, 5)
    inputs = stored(program, {"x": x})["x"]
    ends = []
    for step in range(1, STEPS + 1):
        outputs, _ = run(program, {"x": inputs[:, :step]})
        ends.append(outputs["probability"][0])
    outputs, _ = run(program, {"x": inputs})
    probability, hidden = program.outputs
    expected = [
        dequantize(program, probability, np.array(ends)),
        dequantize(program, hidden, outputs["hidden"][0]),
    ]
    assert np.array_equal(found, np.concatenate(expected, axis=1).astype(np.float32))


@pytest.mark.parametrize("compiler", ["gcc -std=c99", "g++ -std=c++11", "clang -std=c11"])
@pytest.mark.parametrize("scheme", ["int8", "float32"])
def test_each_header_compiles_alone_and_twice(
    scheme: str, compiler: str, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    command, standard = compiler.split()
    tool_or_skip(command)
    program = program_of(PROGRAMS[scheme])
    written(tmp_path, dict(render(program, HOST, "gates", ("for a test",)).files))
    language = "c++" if "++" in standard else "c"
    flags = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-x", language]
    for header in ("net.h", "net_private.h"):
        text = f'#include "{header}"\n#include "{header}"\n'
        subprocess.run(
            [command, standard, *flags, f"-I{tmp_path}", "-"], input=text, text=True, check=True
        )


def test_nothing_is_declared_twice(tmp_path: Path, tool_or_skip: Callable[..., None]) -> None:
    tool_or_skip("cc")
    files = render(program_of(Options()), HOST, "gates", ("for a test",)).files
    for source in written(tmp_path, dict(files)):
        flags = ["-std=c99", "-Wredundant-decls", "-Werror", "-fsyntax-only", f"-I{tmp_path}"]
        subprocess.run(["cc", *flags, str(source)], check=True)
    assert "extern" not in files["net.c"] + files["net_weights.c"]


REFERRED = "int main(void) { static net_state state; net_init(&state); return %s; }\n"


@pytest.mark.parametrize("refers", [True, False])
def test_an_image_that_refers_to_the_identity_keeps_it(
    refers: bool, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip("cc", "strings")
    identity = Identity("ab" * 32, "scheme=int8 weights=8", "1.2.3")
    rendered = render(program_of(Options()), HOST, "gates", ("for a test",), identity=identity)
    main = '#include "net.h"\n' + REFERRED % ("net_identity[0]" if refers else "0")
    sources = written(tmp_path, {**rendered.files, "main.c": main})
    image = tmp_path / "image"
    flags = ["-O2", "-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections", f"-I{tmp_path}"]
    subprocess.run(["cc", *flags, *map(str, sources), "-o", str(image)], check=True)
    texts = subprocess.run(["strings", image], check=True, capture_output=True, text=True).stdout
    text = f"lstm-edge 1.2.3; model net; sha256 {'ab' * 32}; scheme=int8 weights=8"
    assert (text in texts.splitlines()) is refers
    header = rendered.files["net.h"].splitlines()
    lines = [line.split(maxsplit=2) for line in header if line.startswith("#define NET_")]
    macros = {line[1]: line[2] for line in lines if len(line) == 3}
    assert macros["NET_MODEL_NAME"] == '"net"'
    assert macros["NET_MODEL_SHA256"] == f'"{"ab" * 32}"'
    assert macros["NET_TOOL_VERSION"].startswith('"1.2.3"')
    assert macros["NET_TOOL_VERSION_NUMBER"].startswith("10203")
    assert macros["NET_SCHEME"] == '"int8"'


CLAIMS = {"int": ("-Dint=short", "net_int_has_32_bits"), "float": ("-Dfloat=double", "net_float")}


@pytest.mark.parametrize("standard", ["c99", "c11", "c++98", "c++11"])
@pytest.mark.parametrize("claim", CLAIMS)
def test_a_compiler_with_other_types_is_refused_by_name(
    claim: str, standard: str, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip("gcc", "g++")
    change, name = CLAIMS[claim]
    program = program_of(PROGRAMS["float32"])
    written(tmp_path, dict(render(program, HOST, "gates", ("for a test",)).files))
    (tmp_path / "only.c").write_text('#include <stdint.h>\n#include "net_private.h"\n')
    language = "c++" if "++" in standard else "c"
    command = ["gcc", f"-std={standard}", "-fsyntax-only", "-x", language, f"-I{tmp_path}"]
    source = str(tmp_path / "only.c")
    subprocess.run([*command, source], check=True)
    text = (tmp_path / "net_private.h").read_text()
    word, _, other = change.removeprefix("-D").partition("=")
    (tmp_path / "net_private.h").write_text(text.replace(f"sizeof({word})", f"sizeof({other})"))
    failed = subprocess.run([*command, source], capture_output=True, text=True)
    assert failed.returncode != 0
    assert name in failed.stderr
