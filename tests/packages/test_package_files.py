"""What goes into a package, what it says of itself, and where it may be written."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from pathlib import Path

import pytest

from lstm_edge import bundle
from lstm_edge.errors import DataError
from lstm_edge.packages import folder as folders
from lstm_edge.packages.about import NO_LICENCE, About, is_licence, read_about, with_values
from lstm_edge.packages.boards import boards_of
from lstm_edge.packages.names import check_name
from lstm_edge.packages.pack import default_folder, package_of
from lstm_edge.packages.systems import SYSTEMS, package_files, parse_systems
from lstm_edge.targets import all_targets, load_target
from tests.support.command import FIXTURES, done, tree
from tests.support.package_tools import ABOUT, NAME

OPEN = FIXTURES / "lstm_open.legacy.onnx"


@pytest.fixture(scope="module")
def for_m4(tmp_path_factory: pytest.TempPathFactory) -> bundle.Bundle:
    made = tmp_path_factory.mktemp("m4") / NAME
    done("compile", OPEN, "--target", "cortex-m4", "--name", NAME, "-o", made)
    return bundle.read(made)


def test_a_package_for_some_systems_is_a_part_of_that_for_all(compiled: Path) -> None:
    """But for the texts that name the systems; and no system's files are in another's place."""
    made = bundle.read(compiled)
    every = package_files(made, tuple(SYSTEMS), ABOUT)
    for systems in itertools.combinations(SYSTEMS, 2):
        some = package_files(made, systems, ABOUT)
        assert some.keys() <= every.keys()
        differing = {path for path in some if some[path] != every[path]}
        assert differing <= {"README.md", "CMakeLists.txt", "examples/selftest.c"}
        titles = re.findall("^## (.*)$", some["README.md"].decode(), re.MULTILINE)
        assert titles == [SYSTEMS[name].title for name in SYSTEMS if name in systems]


def test_every_file_of_the_bundles_c_is_there_once(compiled: Path) -> None:
    made = bundle.read(compiled)
    files = package_files(made, ("all",), ABOUT)
    wanted = {
        path.name: path.read_bytes() for path in compiled.iterdir() if path.suffix in (".c", ".h")
    }
    assert len(wanted) >= 4
    assert {p.removeprefix("src/"): d for p, d in files.items() if p.startswith("src/")} == wanted
    assert len(set(files.values())) == len(files)
    for path in ("CMakeLists.txt", "zephyr/CMakeLists.txt", f"engine.{NAME}.pdsc"):
        text = files[path].decode()
        assert all(name in text for name in wanted if name.endswith(".c")), path


def test_a_private_header_is_packed_and_not_installed(compiled: Path) -> None:
    made = bundle.read(compiled)
    header = f"{NAME}_private.h"
    made = replace(made, files={**made.files, header: b"/* shared */\n"})
    files = package_files(made, ("all",), ABOUT)
    assert files[f"src/{header}"] == b"/* shared */\n"
    assert header not in files["CMakeLists.txt"].decode()
    assert f'name="src/{header}" scope="private"' in files[f"engine.{NAME}.pdsc"].decode()


@pytest.mark.parametrize("name", ["on", "NO", "null"])
def test_a_name_that_is_a_word_of_yaml_stays_a_name(compiled: Path, name: str) -> None:
    made = bundle.read(compiled)
    files = {file.replace(NAME, name, 1): data for file, data in made.files.items()}
    named = replace(made, program=replace(made.program, name=name), files=files)
    found = package_files(named, ("zephyr",), ABOUT)
    assert f'  tags: "{name}"\n' in found["samples/selftest/sample.yaml"].decode()
    portable = package_files(named, ("esp-idf",), ABOUT)
    wanted = portable["examples/esp-idf/main/idf_component.yml"].decode()
    assert f'  "{name.lower()}":\n' in wanted


def test_version_and_licence_are_the_same_everywhere(compiled: Path) -> None:
    about = About("3.1.4-rc.1", "Zlib", "Grace", vendor="navy", url="https://example.org/x")
    files = package_files(bundle.read(compiled), ("all",), about)
    texts = {path: data.decode() for path, data in files.items() if not path.startswith("src/")}
    says = {path for path, text in texts.items() if "3.1.4-rc.1" in text}
    assert says >= {"library.properties", "library.json", "idf_component.yml", "conanfile.py"}
    assert says >= {f"navy.{NAME}.pdsc", "README.md", "LICENSE"}
    assert "VERSION 3.1.4 " in texts["CMakeLists.txt"]
    assert {path for path, text in texts.items() if "Zlib" in text} >= {
        *("library.properties", "library.json", "idf_component.yml", "conanfile.py", "LICENSE"),
    }
    assert not any("MIT" in text for text in texts.values())


def test_a_licence_is_not_claimed_that_nobody_gave(compiled: Path) -> None:
    files = package_files(bundle.read(compiled), ("all",), About())
    for path, data in files.items():
        if not path.startswith("src/"):
            assert not re.search(r"\b(MIT|Apache|BSD|GPL|public domain)", data.decode(), re.I), path
    assert NO_LICENCE in files["LICENSE"].decode()
    assert b'"license"' not in files["library.json"]
    given = package_files(bundle.read(compiled), ("all",), About(license_text="All mine.\n"))
    assert given["LICENSE"].decode().endswith("All mine.\n")


def test_the_same_bundle_gives_the_same_bytes(compiled: Path, tmp_path: Path) -> None:
    made = bundle.read(compiled)
    for name in ("a", "b"):
        package_of(made, ("all",), ABOUT, archives=True).write(tmp_path / name / NAME)
    found = tree(tmp_path / "a")
    assert found == tree(tmp_path / "b")
    assert f"{NAME}-1.2.3.zip" in found
    assert not any(str(tmp_path).encode() in data for data in found.values())


def test_the_folder_has_the_models_name() -> None:
    assert default_folder(Path("build/x"), "digits") == Path("build/x-package/digits")


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "cmake,", "make", "cmake arduino"])
def test_an_unknown_system_is_refused(text: str) -> None:
    with pytest.raises(DataError, match=r"there are cmake, arduino, .*, conan, all"):
        parse_systems(text)


def test_systems_have_one_order() -> None:
    assert parse_systems("conan, cmake,conan") == ("cmake", "conan")
    assert parse_systems("cmake,all") == tuple(SYSTEMS)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("math", "would hide a header"),
        ("Arduino", "would hide a header"),
        ("main", "programs have such a file"),
        ("_net", "begin with a letter"),
        ("ArduinoNet", "begin with a letter"),
        ("aux", "no file on Windows"),
        ("COM1", "no file on Windows"),
        ("n" * 64, "has 64 characters"),
        ("n", "conan takes no name of one character"),
    ],
)
def test_a_name_that_a_system_cannot_take_is_refused(name: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        check_name(name, tuple(SYSTEMS))


@pytest.mark.parametrize("name", ["test", "install", "net_2", "n2", "CamelCase", "n" * 63])
def test_other_names_are_taken(name: str) -> None:
    """Words that CMake keeps for itself among them: the target is called lstm_edge_<name>."""
    check_name(name, tuple(SYSTEMS))


def test_a_name_is_only_refused_by_a_system_that_was_asked_for() -> None:
    check_name("_n", ("cmake", "zephyr"))
    check_name("n", ("cmake", "zephyr"))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("version", v) for v in ("", "1", "1.2", "01.2.3", "1.2.3+build", "1.2.3-RC", "1.2.3 ")),
        *(("license", v) for v in ("", "my licence", "MIT OR", "(MIT", "AND MIT", "MIT\nEvil")),
        *(("author", v) for v in ("", "A <a@b.c>", 'A "B"', "A\nB", " A", "A & <b>", "{{ A }}")),
        *(("author", v) for v in ("A\x7f", "A\x85B", "A\u2028B")),
        *(("email", v) for v in ("", "a", "a@b", "a@b c.d", "<a@b.cd>")),
        *(("vendor", v) for v in ("", "my firm", "a/b", "..")),
        *(("url", v) for v in ("", "example.org", "ftp://x.org", 'https://x.org/"', "https://x y")),
        ("version", 1.2),
    ],
)
def test_what_a_package_says_of_itself_is_checked(key: str, value: object) -> None:
    with pytest.raises(DataError, match=f"^{key} of a package is .*expected"):
        with_values(About(), {key: value})


@pytest.mark.parametrize(
    "text",
    ["MIT", "GPL-2.0-or-later WITH GCC-exception-3.1", "(MIT OR Apache-2.0) AND Zlib", NO_LICENCE],
)
def test_expressions_of_spdx_are_licences(text: str) -> None:
    assert is_licence(text)


def test_a_file_says_what_the_package_is(tmp_path: Path) -> None:
    path = tmp_path / "package.toml"
    (tmp_path / "terms.txt").write_text("Terms.\n")
    path.write_text('version = "2.0.0"\nlicense = "LicenseRef-Firm"\nlicense_file = "terms.txt"\n')
    assert read_about(path) == About("2.0.0", "LicenseRef-Firm", license_text="Terms.\n")
    for text, said in (
        ('licence = "MIT"', "unknown key 'licence'; there are version, license"),
        ("version = ", "not a file of TOML"),
        ("version = " + "[" * 5000, "not a file of TOML"),
        ('license_file = "none.txt"', "none.txt cannot be read"),
        ('version = "2"', f"^{re.escape(str(path))}: version of a package is '2'"),
    ):
        path.write_text(text)
        with pytest.raises(DataError, match=said):
            read_about(path)


# --- boards --------------------------------------------------------------------------------------


def test_only_c_for_arm_alone_has_limits() -> None:
    for target in all_targets():
        found = boards_of(target.name, (target,))
        assert found.all is not target.is_arm, target.name
        assert ("M4" in found.cortex) is (target.is_arm and "mve" not in target.features)
        assert ("M0" in found.cortex) is ("armv6m" in target.features)
        assert found.arduino
        assert found.platformio
    both = boards_of("cortex-m4,portable", (load_target("cortex-m4"), load_target("portable")))
    assert both.all


def test_a_package_for_one_core_says_so(for_m4: bundle.Bundle) -> None:
    files = package_files(for_m4, ("arduino", "platformio", "zephyr"), ABOUT)
    assert "--target cortex-m`" in files["README.md"].decode()
    assert b"architectures=nrf52," in files["library.properties"]
    assert b'"nordicnrf52"' in files["library.json"]
    assert b"(CPU_CORTEX_M33 && ARMV8_M_DSP)" in files["zephyr/Kconfig"]
    with pytest.raises(DataError, match=r"no chip of Espressif is; .* --target cortex-m"):
        package_files(for_m4, ("all",), ABOUT)


# --- where it is written -------------------------------------------------------------------------


def written(folder: Path, **files: bytes) -> None:
    named = {name.replace("__", "/"): data for name, data in files.items()}
    folders.write_package(folder, folders.with_record(named, NAME))


def test_a_package_is_replaced_and_leaves_nothing_of_the_old_one(tmp_path: Path) -> None:
    place = tmp_path / "a" / "b"
    written(place, src__a=b"1", src__old__b=b"1", c=b"1")
    (place / "mine").write_bytes(b"mine")
    written(place, src__a=b"2", d=b"2")
    (place / folders.RECORD).unlink()
    assert tree(place) == {"d": b"2", "mine": b"mine", "src": b"", "src/a": b"2"}


@pytest.mark.parametrize("mine", ["new", "src/a", "src/gone"])
def test_nothing_is_changed_where_a_file_would_be_lost(mine: str, tmp_path: Path) -> None:
    """One that lstm-edge did not write, one that it would write anew, and one it would remove."""
    place = tmp_path / NAME
    written(place, src__a=b"1", src__gone=b"1")
    (place / mine).write_bytes(b"mine")
    before = tree(place)
    said = "is not of lstm-edge" if mine == "new" else "was changed after lstm-edge wrote it"
    with pytest.raises(DataError, match=f"{mine} {said}"):
        written(place, src__a=b"2", new=b"2")
    assert tree(place) == before


def test_a_folder_in_the_place_of_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(DataError, match="is a folder where a file belongs"):
        written(tmp_path, a=b"1")
    assert tree(tmp_path) == {"a": b""}


def test_a_file_in_the_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "src").write_bytes(b"mine")
    with pytest.raises(DataError, match="src is a file where a folder belongs"):
        written(tmp_path, a=b"1", src__b=b"1")
    assert tree(tmp_path) == {"src": b"mine"}


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match=r"cannot be written .*; choose another with -o"):
        written(tmp_path / "file" / "net", a=b"1")
    assert tree(tmp_path) == {"file": b""}


def test_a_record_that_leads_out_of_the_folder_removes_nothing(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"1")
    place = tmp_path / NAME
    written(place, a=b"1")
    record = place / folders.RECORD
    text = record.read_text()
    for path in ("../outside", str(outside), "src/../../outside"):
        record.write_text(text.replace('"a":', f'"{path}":'))
        with pytest.raises(DataError, match="a is not of lstm-edge"):
            written(place, a=b"2")
        (place / "a").unlink()
        written(place, a=b"1")
    assert outside.read_bytes() == b"1"
