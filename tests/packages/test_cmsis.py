"""A package as a CMSIS pack: its description, and the .pack that tools install."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from lstm_edge import bundle
from lstm_edge.packages.systems import archive_files, package_files
from tests.packages.pack_rules import faults
from tests.support.command import FIXTURES, done
from tests.support.package_tools import ABOUT, NAME, sample_tree, write_all

PDSC = f"engine.{NAME}.pdsc"


def test_the_description_holds_to_the_rules(package: Path) -> None:
    text = (package / PDSC).read_text()
    assert faults(text, set(sample_tree(package))) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("<vendor>engine</vendor>", "<vendor>my engine</vendor>", "<vendor> says"),
        ("<vendor>engine</vendor>", "", "0 of <vendor>"),
        ('version="1.2.3"', 'version="one"', "<release> has version"),
        ("Cversion=", "Kversion=", "<component> has no Cversion"),
        ('category="source"', 'category="code"', "<file> has category"),
        (f"src/{NAME}.c", "src/other.c", "src/other.c is not in the pack"),
        ('<condition id="network">', '<condition id="net">', "condition network is not defined"),
        ("<keywords>", "<tags/><keywords>", "<package> has <tags>"),
    ],
)
def test_the_rules_refuse_what_is_wrong(old: str, new: str, said: str, package: Path) -> None:
    text = (package / PDSC).read_text()
    assert old in text
    found = faults(text.replace(old, new), set(sample_tree(package)))
    assert any(said in fault for fault in found), found


def test_code_for_one_core_is_offered_on_cores_that_run_it(tmp_path: Path) -> None:
    made = tmp_path / "made"
    model = FIXTURES / "lstm_open.legacy.onnx"
    done("compile", model, "--target", "cortex-m4", "--name", NAME, "-o", made)
    package = write_all(made, tmp_path / NAME, ("cmsis",))
    text = (package / PDSC).read_text()
    assert faults(text, set(sample_tree(package))) == []
    accepted = [line.split('"')[1] for line in text.splitlines() if "<accept " in line]
    assert accepted == [f"Cortex-{core}" for core in ("M55", "M85", "M4", "M7", "M33", "M35P")]
    assert 'condition="core"' in text


def test_the_archives_hold_the_folder(compiled: Path) -> None:
    files = package_files(bundle.read(compiled), ("all",), ABOUT)
    archives = archive_files(files, NAME, ("arduino", "cmsis"), ABOUT)
    assert list(archives) == [f"{NAME}-1.2.3.zip", f"engine.{NAME}.1.2.3.pack"]
    assert archives == archive_files(
        dict(reversed(files.items())), NAME, ("arduino", "cmsis"), ABOUT
    )
    for name, prefix in zip(archives, (f"{NAME}/", ""), strict=True):
        with zipfile.ZipFile(io.BytesIO(archives[name])) as opened:
            assert {e.filename: opened.read(e) for e in opened.infolist()} == {
                f"{prefix}{path}": data for path, data in files.items()
            }
            assert {e.date_time for e in opened.infolist()} == {(1980, 1, 1, 0, 0, 0)}
