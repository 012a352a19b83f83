"""A package as a recipe of Conan: created, and its test package run, without a network."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.support.package_tools import NAME, PASSED, package_tool, ran


def test_conan_creates_the_package_and_its_test_passes(
    package: Path, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip("cmake", "cc", "make")
    conan = package_tool("conan")
    env = {"CONAN_HOME": str(tmp_path / "home")}
    recipe = tmp_path / NAME
    shutil.copytree(package, recipe)
    ran(conan, "profile", "detect", env=env)
    said = ran(conan, "create", recipe, "--no-remote", "--build=missing", env=env)
    assert PASSED in said
    assert "WARN" not in said.replace("WARN: experimental", "")
    listed = ran(conan, "list", f"{NAME}/1.2.3:*", "--format=json", env=env)
    (revision,) = json.loads(listed[listed.index("{") :])["Local Cache"][f"{NAME}/1.2.3"][
        "revisions"
    ].values()
    assert len(revision["packages"]) == 1
