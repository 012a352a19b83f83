"""Programs as bytes: back to the same program, and damaged bytes are refused."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

from lstm_edge.errors import DataError
from lstm_edge.interpret.execute import run
from lstm_edge.ir import serialize
from lstm_edge.ir.program import Port, Program
from lstm_edge.ir.serialize import DESCRIPTION, from_bytes, to_bytes
from lstm_edge.passes.lower_real import lower_real
from tests.support.models import random_inputs, random_model
from tests.support.programs import quantized, stored

SEEDS = range(12)


def make(seed: int, scheme: str = "int8", **choices: Any) -> Program:
    model = random_model(seed, read="last", **choices)
    if scheme == "float32":
        return lower_real(model)
    return quantized(model, random_inputs(model, 4))


def assert_same_arrays(ours: Any, other: Any) -> None:
    assert set(ours) == set(other)
    for name, array in ours.items():
        assert np.array_equal(array, other[name]), name


def assert_same_ports(ours: tuple[Port, ...], others: tuple[Port, ...]) -> None:
    for a, b in zip(ours, others, strict=True):
        assert (a.name, a.value, a.axes, a.shape, a.per_step) == (
            b.name,
            b.value,
            b.axes,
            b.shape,
            b.per_step,
        )
        assert np.array_equal(a.scale, b.scale)
        assert np.array_equal(a.zero_point, b.zero_point)


@pytest.mark.parametrize("scheme", ["int8", "float32"])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_program_survives_bytes(seed: int, scheme: str) -> None:
    program = make(seed, scheme)
    again = from_bytes(to_bytes(program))
    assert (again.name, again.scheme, again.steps) == (program.name, program.scheme, program.steps)
    assert again.settings == program.settings
    assert list(again.values.items()) == list(program.values.items())
    assert again.blocks == program.blocks
    assert_same_arrays(again.constants, program.constants)
    assert_same_ports(again.inputs, program.inputs)
    assert_same_ports(again.outputs, program.outputs)
    for a, b in zip(again.states, program.states, strict=True):
        assert (a.name, a.next, a.accumulator) == (b.name, b.next, b.accumulator)
        assert np.array_equal(a.initial, b.initial)


@pytest.mark.parametrize("scheme", ["int8", "float32"])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_program_computes_the_same_after_it_was_bytes(seed: int, scheme: str) -> None:
    program = make(seed, scheme)
    again = from_bytes(to_bytes(program))
    inputs = stored(program, random_inputs(random_model(seed, read="last"), 3))
    for ours, others in zip(run(program, inputs), run(again, inputs), strict=True):
        assert_same_arrays(ours, others)
        assert all(others[name].dtype == ours[name].dtype for name in ours)


@pytest.mark.parametrize("scheme", ["int8", "float32"])
def test_equal_programs_are_equal_bytes(scheme: str) -> None:
    first, second = (to_bytes(make(3, scheme)) for _ in range(2))
    assert first == second
    assert to_bytes(from_bytes(first)) == first


def test_programs_that_differ_in_one_weight_are_different_bytes() -> None:
    program = make(3, weights="normal")
    changed = dict(program.constants)
    name = next(name for name in changed if ".W_" in name)
    changed[name] = changed[name] + np.eye(*changed[name].shape, dtype=np.int64)
    other = Program(**{**vars(program), "constants": changed})
    assert to_bytes(program) != to_bytes(other)


GOOD = to_bytes(make(1, weights="normal", hidden=(3,), head=("dense",)))


def refuse(data: bytes) -> None:
    """DataError or, where the damage is in what the file's checksums do not cover, a program."""
    with suppress(DataError):
        from_bytes(data)


@pytest.mark.parametrize("data", [b"", b"PK", b"\0" * 1000, b"not a program", GOOD[1:]])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(DataError, match="not a program"):
        from_bytes(data)


@pytest.mark.parametrize("part", np.linspace(0.0, 0.999, 12).tolist())
def test_a_truncated_file_is_refused(part: float) -> None:
    with pytest.raises(DataError, match="not a program"):
        from_bytes(GOOD[: int(len(GOOD) * part)])


@pytest.mark.parametrize("seed", range(20))
def test_damaged_bytes_never_raise_anything_but_a_data_error(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(20):
        data = bytearray(GOOD)
        for at in rng.integers(0, len(data), int(rng.integers(1, 6))):
            data[at] = int(rng.integers(256))
        refuse(bytes(data))


def test_any_one_wrong_byte_in_the_directory_of_the_file_is_survived() -> None:
    start = GOOD.index(b"PK\x01\x02")
    for at in range(start, min(start + 120, len(GOOD))):
        for value in (0, 1, 255):
            refuse(GOOD[:at] + bytes([value]) + GOOD[at + 1 :])


def rewritten(change: Callable[[dict[str, Any]], Any]) -> bytes:
    """The good file with another description in it."""
    with np.load(io.BytesIO(GOOD)) as file:
        arrays = {name: file[name] for name in file.files}
    description = json.loads(bytes(arrays[DESCRIPTION]))
    replaced = change(description)
    text = json.dumps(description if replaced is None else replaced).encode()
    stream = io.BytesIO()
    np.savez(stream, **{**arrays, DESCRIPTION: np.frombuffer(text, np.uint8)})
    return stream.getvalue()


def test_a_description_that_is_written_anew_is_read() -> None:
    assert from_bytes(rewritten(lambda d: None)).name == "net"


@pytest.mark.parametrize(
    ("key", "value"),
    [("sweeps", ["forward"] * 1000), ("along", 10**9), ("every", 0), ("low", 2**31)],
)
def test_sizes_that_do_not_fit_are_refused(key: str, value: Any) -> None:
    def change(described: dict[str, Any]) -> None:
        part = {"along": described["states"][0], "every": described["inputs"][0]}
        part["low"] = described["values"][0]["format"]
        part.get(key, described)[key] = value

    with pytest.raises(DataError, match="not a program"):
        from_bytes(rewritten(change))


def test_a_program_has_so_many_numbers_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serialize, "MOST_NUMBERS", 10)
    with pytest.raises(DataError, match="numbers, more than 10"):
        from_bytes(GOOD)


FIELDS = sorted(json.loads(bytes(np.load(io.BytesIO(GOOD))[DESCRIPTION])))


@pytest.mark.parametrize("field", FIELDS)
def test_a_description_without_one_of_its_fields_is_refused(field: str) -> None:
    def drop(description: dict[str, Any]) -> None:
        del description[field]

    with pytest.raises(DataError, match="not a program"):
        from_bytes(rewritten(drop))


@pytest.mark.parametrize("field", ["values", "blocks", "states", "inputs", "outputs"])
@pytest.mark.parametrize("wrong", [None, 3, "text", [1], [[]], [{}], {"name": 1}])
def test_a_description_with_a_field_of_another_type_is_refused(field: str, wrong: Any) -> None:
    with pytest.raises(DataError, match="not a program"):
        from_bytes(rewritten(lambda d: d.update({field: wrong})))


@pytest.mark.parametrize("wrong", [None, 3, "text", [], [1, 2], {}])
def test_a_description_that_is_another_json_value_is_refused(wrong: Any) -> None:
    with pytest.raises(DataError, match="not a program"):
        from_bytes(rewritten(lambda d: {} if wrong is None else wrong))


@pytest.mark.parametrize(
    ("field", "wrong"),
    [("dest", "absent"), ("args", ["absent"]), ("bias", "absent"), ("matrices", ["absent"])],
)
def test_an_operation_that_names_nothing_is_refused(field: str, wrong: Any) -> None:
    def spoil(description: dict[str, Any]) -> None:
        description["blocks"][0]["ops"][0][field] = wrong

    with pytest.raises(DataError):
        from_bytes(rewritten(spoil))


def test_an_operation_of_another_version_is_refused() -> None:
    def spoil(description: dict[str, Any]) -> None:
        description["blocks"][0]["ops"][0]["kind"] = "fused"

    with pytest.raises(DataError):
        from_bytes(rewritten(spoil))


@pytest.mark.parametrize(
    "text", ["(1677d'shape': (1677d", "{" * 500, "'", "\\", "{'descr': '|u1'}", ""]
)
def test_an_array_whose_header_is_no_header_is_refused(text: str) -> None:
    header = text.encode() + b"\n"
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        magic = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little")
        file.writestr(f"{DESCRIPTION}.npy", magic + header)
    with pytest.raises(DataError) as caught:
        from_bytes(stream.getvalue())
    assert "\n" not in str(caught.value)


def test_pickles_are_not_read() -> None:
    stream = io.BytesIO()
    np.savez(stream, **{DESCRIPTION: np.array([{"a": 1}], object)}, allow_pickle=True)
    with pytest.raises(DataError):
        from_bytes(stream.getvalue())


def test_a_zip_of_something_else_is_refused() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("readme.txt", "hello")
    with pytest.raises(DataError):
        from_bytes(stream.getvalue())
