"""The formats that header and manifest of `--scheme fixed` name are those of the numbers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lstm_edge.emit.formats_comment import comment, formats
from lstm_edge.interpret.execute import run
from lstm_edge.ir.model import DenseOverTime, Layer, Model
from lstm_edge.ir.program import Program
from lstm_edge.ir.serialize import from_bytes
from lstm_edge.operations.call import Op
from lstm_edge.passes.options import Options
from lstm_edge.targets import load_target
from tests.support.command import FIXTURES, done
from tests.support.exactness import rendered
from tests.support.schemes import program_of, sampled_model

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "fixed.md"
LINE = re.compile(r"^(\w+) = (.+) = (-?\d+)$")
FIXED = Options(power_of_two=True)
X, H, C = 384, 512, 262144


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle that the document compiles."""
    folder = tmp_path_factory.mktemp("tiny") / "bundle"
    options = ("--target", "host", "--scheme", "fixed", "--name", "tiny", "-o", folder)
    done("compile", FIXTURES / "one_unit.legacy.onnx", *options)
    return folder


def blocks() -> list[list[str]]:
    """Lines of the document's fenced blocks."""
    parts = DOCUMENT.read_text(encoding="utf-8").split("```\n")[1::2]
    return [part.strip("\n").split("\n") for part in parts]


def observed(bundle: Path) -> dict[str, int]:
    """All numbers of one step, from the document's input and states."""
    program = from_bytes((bundle / "program.npz").read_bytes())
    state = {s.name: s.initial[None] for s in program.states}
    state |= {"lstm.h": np.array([[H]]), "lstm.c": np.array([[C]])}
    seen: dict[str, int] = {}

    def observe(op: Op, _: tuple[Any, ...], result: Any) -> None:
        seen.setdefault(op.dest.removeprefix("lstm."), int(result.flat[0]))

    run(program, {program.inputs[0].name: np.full((1, 7, 1), X)}, state, observe=observe)
    return seen


def test_the_document_quotes_the_header_and_the_weights(tiny: Path) -> None:
    header = (tiny / "tiny.h").read_text(encoding="utf-8")
    weights = (tiny / "tiny_weights.c").read_text(encoding="utf-8")
    for line in blocks()[0]:
        assert f" * {line}\n" in header
    for line in blocks()[1]:
        assert f" = {line};\n" in weights


def test_a_step_computed_by_hand_is_what_the_program_computes(tiny: Path) -> None:
    """Each line: its arithmetic is right, its numbers are known by then, its result is that of the
    program.
    """
    seen = observed(tiny)
    lines = [match for block in blocks()[2:] for line in block if (match := LINE.match(line))]
    assert len(lines) == sum(len(block) for block in blocks()[2:]) > 30
    for name, arithmetic, result in (match.groups() for match in lines):
        assert re.fullmatch(r"[-+*<>() \d]+", arithmetic), arithmetic
        assert eval(arithmetic) == int(result) == seen[name], name
    assert {"c_next", "h_next_stored"} <= {match[1] for match in lines}


def test_the_numbers_of_the_table_are_in_the_weights_file(tiny: Path) -> None:
    text = (tiny / "tiny_weights.c").read_text(encoding="utf-8")
    table = [int(n) for n in re.findall(r"-?\d+", text.split("_table[513] = {")[1].split("}")[0])]
    steps = {f"gate_{gate}_centred": n for gate, n in (("i", 12), ("f", 12), ("o", 13))}
    steps |= {"gate_g": 10, "tanh_c_next": 13}
    read = {name: f"pre_{name[5]}" for name in steps} | {"tanh_c_next": "tanh_c_next_in"}
    seen = observed(tiny)
    found = 0
    for block in blocks()[2:]:
        for match in (m for line in block if (m := LINE.match(line)) and m[1] in steps):
            at = seen[read[match[1]]]
            entry, step = 256 + (at >> steps[match[1]]), steps[match[1]]
            numbers = [int(n) for n in re.findall(r"(?<!\d )-?\d+", match[2])]
            assert numbers[:2] == [table[entry], table[entry + 1]]
            assert numbers[3:] == [at & ((1 << step) - 1), step]
            found += 1
    assert found == len(steps)


def test_the_manifest_has_the_same_formats(tiny: Path) -> None:
    manifest = json.loads((tiny / "manifest.json").read_text(encoding="utf-8"))
    program = from_bytes((tiny / "program.npz").read_bytes())
    assert manifest["formats"] == formats(program)
    header = (tiny / "tiny.h").read_text(encoding="utf-8")
    assert all(f" * {line}".rstrip() + "\n" in header for line in comment(program))


def real_weights(model: Model, layer: str, term: Mapping[str, Any]) -> Any:
    """Of a matrix, or of a part of one that reads parts of a concat; None for a scaled input."""
    op = next(
        n.op for n in model.nodes if isinstance(n.op, Layer | DenseOverTime) and n.name == layer
    )
    return op.weights if isinstance(op, DenseOverTime) else op.params.get(term["matrix"])


@pytest.mark.parametrize(("from_data", "bits"), [(False, 12), (True, 12), (False, 8)])
@pytest.mark.parametrize("number", range(44))
def test_weights_in_their_formats_are_those_of_the_model(
    number: int, from_data: bool, bits: int
) -> None:
    """Integers times 2^-(sum's fraction - operand's): to half of a unit where they are rounded to
    nearest, to a few where they are not. With data features have formats of their own; then only
    some of them are read. Operands of 8 bits are shifted left before some sums.

    Without layers that scale an input, which give the weights behind them
    their gains.
    """
    model = sampled_model(number, norm="", **({"cut": ("input",)} if from_data else {}))
    options = Options(bits, weights=16 if from_data else 8, power_of_two=True)
    program = program_of(model, options, from_data=from_data)
    compared = 0
    for each in formats(program):
        for term in each.get("terms", ()):
            real = real_weights(model, each["layer"], term)
            if real is None:
                continue
            integers = program.constants[f"{each['layer']}.{term['matrix']}"]
            rows = np.atleast_1d(each["fraction"])[:, None]
            unit = 2.0 ** -(rows - np.atleast_1d(term["operand_fraction"])[None, :])
            error = np.abs(integers * unit - real) / unit
            clipped = np.abs(integers) == 2 ** (term["bits"] - 1) - 1
            assert np.all((error <= (8.0 if from_data else 0.5 + 1e-6)) | clipped), term
            compared += 1
    assert compared


@pytest.mark.parametrize("number", range(11))
def test_results_in_their_formats_follow_from_sums_and_shifts(number: int) -> None:
    program = program_of(sampled_model(number), FIXED)
    for each in formats(program):
        if "shift" not in each:
            continue
        fraction = np.atleast_1d(each["fraction"]) + each["left_shift"] - each["shift"]
        assert set(fraction) == {each["result"]}, each["name"]


def test_lines_name_every_port_state_and_matrix() -> None:
    for number in range(22):
        program = program_of(sampled_model(number), FIXED)
        text = "\n".join(comment(program))
        assert max(map(len, comment(program))) <= 96
        for matrix in (m for b in program.blocks for op in b.ops for m in op.matrices):
            assert re.search(rf" {re.escape(matrix.rpartition('.')[2])}(:| of )", text), matrix
        for state in program.states:
            assert f"state {state.name.replace('.', '_')}: Q" in text


def test_other_schemes_have_no_such_comment() -> None:
    program: Program = program_of(sampled_model(0), Options())
    assert formats(program) == []
    assert comment(program) == ()
    assert "Number formats" not in rendered(program, load_target("host"), "gates").files["net.h"]
