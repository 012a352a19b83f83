"""A package as a library of PlatformIO, which builds and runs the example without a network."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.package_tools import NAME, PASSED, package_tool, ran, with_a_wrong_result

FIXTURE = Path(__file__).parent / "fixtures" / "platformio"

CHECK = """
import sys
from platformio.package.manifest.parser import ManifestParserFactory
from platformio.package.manifest.schema import ManifestSchema

# The list of licences is on the network.
known = {"licenses": [{"licenseId": name} for name in ("MIT", "Apache-2.0")]}
ManifestSchema.load_spdx_licenses = staticmethod(lambda: known)
for path in sys.argv[1:]:
    found = ManifestSchema().load_manifest(ManifestParserFactory.new_from_file(path).as_dict())
    print(found["name"], found["version"], found.get("license"))
"""


def offline(folder: Path) -> dict[str, str]:
    """The environment of a PlatformIO that has all that it would download."""
    shutil.copytree(FIXTURE / "tool-scons", folder / "packages" / "tool-scons")
    shutil.copytree(FIXTURE / "native", folder / "platforms" / "native")
    return {
        "PLATFORMIO_CORE_DIR": str(folder),
        "PLATFORMIO_WORKSPACE_DIR": str(folder / "workspace"),
        "PLATFORMIO_SETTING_ENABLE_TELEMETRY": "false",
        "PLATFORMIO_NO_ANSI": "true",
    }


def test_the_example_builds_and_passes(package: Path, tmp_path: Path) -> None:
    pio = package_tool("pio")
    example = package / "examples" / "platformio"
    said = ran(pio, "run", "-d", example, "-t", "exec", env=offline(tmp_path / "core"))
    assert "Executing" in said
    assert "warning: " not in said
    assert PASSED in ran(tmp_path / "core" / "workspace" / "build" / "native" / "program")
    assert not (example / ".pio").exists()


@pytest.mark.all_cases
def test_a_wrong_result_fails_what_runs_the_example(package: Path, tmp_path: Path) -> None:
    pio = package_tool("pio")
    example = with_a_wrong_result(package, tmp_path / NAME) / "examples" / "platformio"
    env = offline(tmp_path / "core")
    assert "FAILED" in ran(pio, "run", "-d", example, "-t", "exec", env=env, status=1)


def test_the_manifests_hold_to_the_schema(package: Path) -> None:
    files = [package / "library.json", package / "library.properties"]
    said = ran(package_tool("python"), "-c", CHECK, *files)
    assert said.splitlines() == ["net_2 1.2.3 MIT OR Apache-2.0", "net_2 1.2.3 None"]


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("library.json", '"1.2.3"', '"one"'),
        ("library.json", '"net_2",', '"net:2",'),
        ("library.json", "Apache-2.0", "Nobodys"),
        ("library.properties", "version=1.2.3", "version="),
    ],
)
def test_the_schema_refuses_what_is_wrong(
    name: str, old: str, new: str, package: Path, tmp_path: Path
) -> None:
    text = (package / name).read_text()
    assert old in text
    wrong = tmp_path / name
    wrong.write_text(text.replace(old, new))
    assert "Error" in ran(package_tool("python"), "-c", CHECK, wrong, status=1)
