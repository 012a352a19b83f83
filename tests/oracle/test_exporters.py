"""docs/exporters.md says what becomes of each file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.oracle.exporter_table import TABLE, cell
from tests.oracle.exporters import EXPORTERS, Verdict, pattern_files, short, verdict

ROW = re.compile(r"^\| (\S+\.onnx) \| \d+ \| (.+) \|$", re.MULTILINE)


def sections() -> dict[tuple[str, str], str]:
    """(heading, file's name) -> what the table says of it."""
    text = TABLE.read_text()
    parts = [part.split("\n", maxsplit=1) for part in text.split("\n## ")[1:]]
    return {(head, name): said for head, rows in parts for name, said in ROW.findall(rows)}


@pytest.mark.all_cases
def test_the_table_says_what_the_code_does(shared_dir: Path) -> None:
    pytest.importorskip("onnxruntime")
    files = list(pattern_files(shared_dir / "onnx_patterns"))
    written = sections()
    assert set(written) == {(heading, file.name) for heading, file in files}
    wrong = []
    for heading, file in files:
        found, said = verdict(file), written[heading, file.name]
        if not agrees(found, said):
            wrong.append(f"{file.name}: {cell(found)}; docs/exporters.md: {said}")
    assert not wrong, "make exporters\n" + "\n".join(wrong)


def agrees(found: Verdict, said: str) -> bool:
    """The same refusal, or a difference of about the same size: libraries round differently."""
    if found.refusal or found.failure or not said.startswith("below "):
        return cell(found) == said
    return found.difference <= 10 * float(said.removeprefix("below "))


def test_every_file_that_compiles_agrees_with_onnxruntime() -> None:
    """To float32; to 8 bits or half precision where the file computes so."""
    found = {key: said for key, said in sections().items() if not said.startswith("refused: ")}
    assert len(found) > 150
    for (_, name), said in found.items():
        coarse = re.search(r"\.(q|fp16)", name)
        assert said.startswith("below "), f"{name}: {said}"
        assert float(said.removeprefix("below ")) <= (1e-2 if coarse else 1e-5), name


def test_the_table_names_no_folder_of_a_machine() -> None:
    text = TABLE.read_text()
    assert not re.search(r"(^|[\s'(])/(home|tmp|root|work|usr|var|Users)\b", text)
    assert all(f"\n## {heading}\n" in text for heading in EXPORTERS.values())


def test_a_long_refusal_keeps_its_beginning() -> None:
    assert short("Loop 'x': is not supported yet; do that") == "Loop 'x': is not supported yet"
    assert short("a" * 500).endswith("aaa ...")
    assert cell(Verdict(refusal="a | b")) == "refused: a \\| b"
    assert cell(Verdict(2.3e-8)) == "below 1e-7"
