"""Sets of targets: what a name stands for, and which macro tells whose C."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from lstm_edge import families
from lstm_edge.emit.merged import selection
from lstm_edge.errors import TargetError
from lstm_edge.families import FAMILIES, PORTABLE, all_sets, family_of, load_cores
from lstm_edge.resources import templates_dir
from lstm_edge.targets import all_targets, load_target


def names(name: str) -> list[str]:
    return [target.name for target in load_cores(name).targets]


@pytest.mark.parametrize("target", all_targets(), ids=lambda target: target.name)
def test_a_target_is_for_itself(target: object) -> None:
    cores = load_cores(getattr(target, "name", ""))
    assert cores.targets == (target,)
    assert cores.name == cores.slowest.name
    assert not cores.several


def test_a_set_has_a_member_of_each_family() -> None:
    cores = load_cores("cortex-m")
    assert cores in all_sets()
    assert cores.families == FAMILIES
    assert cores.slowest.name == "cortex-m0"
    assert [t.name for t in cores.emulated] == names("cortex-m")[:-1]


@pytest.mark.parametrize(
    ("name", "canonical", "targets"),
    [
        ("cortex-m4,cortex-m55", "cortex-m55,cortex-m4", ["cortex-m55", "cortex-m4", "portable"]),
        ("cortex-m55 , cortex-m4", "cortex-m55,cortex-m4", ["cortex-m55", "cortex-m4", "portable"]),
        ("cortex-m4,cortex-m4", "cortex-m4", ["cortex-m4"]),
        ("cortex-m0,portable", "cortex-m0,portable", ["cortex-m0", "portable"]),
        ("host,cortex-m0", "cortex-m0,host", ["cortex-m0", "host"]),
        ("cortex-m7,cortex-m33", "cortex-m33,cortex-m7", ["cortex-m33", "cortex-m7", "portable"]),
    ],
)
def test_a_list(name: str, canonical: str, targets: list[str]) -> None:
    assert load_cores(name).name == canonical
    assert names(name) == targets


def test_a_list_may_hold_a_set() -> None:
    assert set(names("cortex-m,cortex-m7")) == {*names("cortex-m"), "cortex-m7"}


@pytest.mark.parametrize(
    "name", ["", ",", "cortex-m4,", "cortex-m4,cortex-m5", "cortex-x", "CORTEX-M"]
)
def test_an_unknown_name_is_an_error_that_lists_the_known_ones(name: str) -> None:
    with pytest.raises(
        TargetError, match=r"unknown target .*cortex-m0plus, .*, cortex-m$"
    ) as caught:
        load_cores(name)
    assert "\n" not in str(caught.value)


def test_c_that_no_macro_tells_stands_alone() -> None:
    other = replace(load_target("cortex-m4"), name="mine", features=("vectors",))
    with pytest.raises(TargetError, match="mine has C of its own"):
        family_of(other)


def test_families_that_are_not_in_a_list_fall_to_a_later_one() -> None:
    mve, dsp, armv7m, armv6m, portable = FAMILIES
    lines = selection("NET", (mve, armv7m, portable)).splitlines()
    assert lines[-7:] == [
        "#elif defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 1)",
        "#define NET_CORE NET_MVE",
        "#elif __ARM_ARCH_ISA_THUMB == 2",
        "#define NET_CORE NET_ARMV7M",
        "#else",
        "#define NET_CORE NET_PORTABLE",
        "#endif",
    ]
    assert selection("NET", (dsp, armv6m, PORTABLE)).splitlines()[-3:] == [
        "#else",
        "#define NET_CORE NET_ARMV6M",
        "#endif",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("order = 5\n", "missing key 'title'"),
        ("order = = 5\n", "members.toml"),
        ('order = 5\ntitle = "x"\nmembers = ["cortex-m4"]\n', "expected two targets or more"),
        ('order = 5\ntitle = "x"\nmembers = "cortex-m4"\n', "a list"),
        ('order = 5\ntitle = "x"\nmembers = ["cortex-m4", "m5"]\n', "unknown target 'm5'"),
        ('order = 5\ntitle = "x"\ncores = 1\nmembers = ["cortex-m4"]\n', "unknown key 'cores'"),
    ],
)
def test_a_mistake_in_a_set_is_named(
    text: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(templates_dir() / "targets", tmp_path / "targets")
    (tmp_path / "targets" / "cortex-m" / "members.toml").write_text(text)
    monkeypatch.setattr(families, "templates_dir", lambda: tmp_path)
    with pytest.raises(TargetError, match=message):
        load_cores("cortex-m")
