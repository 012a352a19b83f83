"""`verify` looks at all that the C offers, not at results alone: an edit of each is noticed."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

import lstm_edge
from lstm_edge import Compiled
from lstm_edge.api.network import Network
from lstm_edge.errors import ToolchainError
from tests.host.mutants import SILENT, digits, mutants_of
from tests.support.choices import PLAIN
from tests.support.models import random_inputs, random_model

EDITS = {
    "digits_weights.c": {"identity": (r"model digits", "model digit5")},
    "digits.c": {
        "quantize_rows": (r"\+ 128\) >> 8", "+ 127) >> 8"),
        "quantize_rows_from_int16": (r"(from_int16\([\s\S]*?)product \+ ", r"\1product - "),
        "dequantize_logits": (r"\(float\)stored\[k\] \* ", "(float)stored[k] * 2.0f * "),
        "run": (r"t < steps; t\+\+", "t <= steps; t++"),
        "set_lstm_c": (r"(void digits_set_lstm_c.*\n\{)", r"\1 if (values[0] < 0) { return; }"),
        "reset (lstm_h)": (r"(void digits_reset.*\n\{)", r"\1 if (state->current) { return; }"),
    },
    "digits.h": {"macros": (r"_LOGITS_SCALE +", r"_LOGITS_SCALE 1.5f + ")},
    "digits_selftest.c": {"selftest": (r"(expected_logits.*\n\s*\{)", r"\g<1>1 + ")},
}


@pytest.fixture(scope="module")
def made() -> Compiled:
    return digits()


def test_each_edit_is_told_by_what_it_spoils(made: Compiled) -> None:
    assert made.compare(on=["host"]).ok
    files, expected = dict(made.files), set()
    for name, edits in EDITS.items():
        text = files[name].decode()
        for check, (old, new) in edits.items():
            text, count = re.subn(old, new, text, count=1)
            assert count, f"{check}: the C has no {old}"
            expected.add(check)
        files[name] = text.encode()
    found = Compiled(replace(made.bundle, files=files)).compare(on=["host"])
    told = {part.rpartition(": ")[0] for part in found.differences["host"].split("; ")}
    assert told >= expected


def test_the_state_beside_a_result_is_looked_at(made: Compiled) -> None:
    """A step too many behind the last result changes nothing but what is remembered."""
    text = made.files["digits.c"].decode().replace("t < steps; t++", "t <= steps; t++")
    files = {**made.files, "digits.c": text.encode()}
    found = Compiled(replace(made.bundle, files=files)).compare(on=["host"])
    assert found.differences["host"].startswith("run: ")


def test_what_the_self_test_tells_where_nothing_differs_is_looked_at(made: Compiled) -> None:
    name = "digits_selftest.c"
    text = made.files[name].decode().replace("        first->output = NULL;\n", "")
    files = {**made.files, name: text.encode()}
    found = Compiled(replace(made.bundle, files=files)).compare(on=["host"])
    assert found.differences["host"] == "selftest: 1 numbers differ"


def edited(made: Compiled, *edits: tuple[str, str]) -> Compiled:
    text = made.files["digits.c"].decode()
    for old, new in edits:
        text, count = re.subn(old, new, text, count=1)
        assert count, old
    return Compiled(replace(made.bundle, files={**made.files, "digits.c": text.encode()}))


def test_the_other_half_of_a_state_is_looked_at(made: Compiled) -> None:
    """Where an odd number of steps was run."""
    half = (r"(get_lstm_h\(.*\n\{\n.*)\[state->current\]", r"\1[0]")
    found = edited(made, half).compare(on=["host"]).differences["host"]
    assert found.startswith("run from states: ")


def test_what_c_leaves_undefined_ends_the_program(made: Compiled) -> None:
    """NaN as an integer: the smallest one on this computer, and 0 on an Arm."""
    nan = (r"if \(!\(scaled > (.*)\)\) \{", r"if (scaled <= \1) {")
    with pytest.raises(ToolchainError, match="failed with signal"):
        edited(made, nan).compare(on=["host"])


@pytest.mark.parametrize(("read", "cell"), [("last", "gru"), ("steps", "plain"), ("mean", "gru")])
def test_sequences_of_a_fixed_length_that_end_with_ticks_of_their_own_are_right(
    read: str, cell: str
) -> None:
    """A convolution waits for the step behind: it ends once the C has counted all steps."""
    model = random_model(
        3, **{**PLAIN, "read": read, "cell": cell, "hidden": (6,), "front": ("conv",), "steps": 8},
        also=(), cut=(), layout="batch_first",
    )  # fmt: skip
    made = lstm_edge.compile(Network(model), target="portable", calibration=random_inputs(model, 8))
    program = made.bundle.program
    assert any(block.clock.extra for block in program.blocks)
    assert made.compare(on=["host"]).differences == {}


def test_edits_are_of_lines_that_do_something(made: Compiled) -> None:
    """What draws mutants knows comments and hints to compilers from code."""
    text = made.files["digits.c"].decode()
    every = [each for line in mutants_of(text, "digits.c") for each in line]
    assert len(every) > 300
    assert all(m.before != m.after and not SILENT.match(m.before) for m in every)
