"""The build systems, and the files of a package for some or all of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lstm_edge.bundle import Bundle
from lstm_edge.emit.environment import environment
from lstm_edge.errors import DataError
from lstm_edge.packages.about import About
from lstm_edge.packages.archives import archive
from lstm_edge.packages.contents import Contents, contents_of
from lstm_edge.packages.names import check_name, registry_name, symbol

_CMAKE = ("CMakeLists.txt", "cmake/config.cmake.in")
_SHARED = ("README.md", "LICENSE", "examples/selftest.c")
_ARDUINO_SKETCH = "examples/SelfTest/SelfTest.ino"


@dataclass(frozen=True)
class System:
    """title: what its users call it. files: what it reads beside `src/` and what all packages have;
    templates/packages holds each, with `.j2` behind. %s is where the vendor and the name stand.
    """

    title: str
    files: tuple[str, ...]


SYSTEMS: Mapping[str, System] = {
    "cmake": System("CMake", (*_CMAKE, "examples/cmake/CMakeLists.txt")),
    "arduino": System("Arduino", ("library.properties", _ARDUINO_SKETCH)),
    "platformio": System("PlatformIO", ("library.json", "examples/platformio/platformio.ini")),
    "zephyr": System(
        "Zephyr",
        (
            "zephyr/module.yml",
            "zephyr/Kconfig",
            "zephyr/CMakeLists.txt",
            "samples/selftest/CMakeLists.txt",
            "samples/selftest/prj.conf",
            "samples/selftest/sample.yaml",
        ),
    ),
    "esp-idf": System(
        "ESP-IDF",
        (
            "CMakeLists.txt",
            "idf_component.yml",
            "examples/esp-idf/CMakeLists.txt",
            "examples/esp-idf/main/CMakeLists.txt",
            "examples/esp-idf/main/idf_component.yml",
        ),
    ),
    "cmsis": System("CMSIS pack", ("%s.pdsc",)),
    "conan": System(
        "Conan",
        (*_CMAKE, "conanfile.py", "test_package/conanfile.py", "test_package/CMakeLists.txt"),
    ),
}
ALL = "all"


def parse_systems(text: str) -> tuple[str, ...]:
    """`cmake,arduino` or `all`, in the order of `SYSTEMS`; DataError for an unknown word."""
    return checked_systems([word.strip() for word in text.split(",")])


def checked_systems(words: Sequence[str]) -> tuple[str, ...]:
    """The same from a list."""
    known = ", ".join([*SYSTEMS, ALL])
    if isinstance(words, str):
        raise DataError(f"packages={words!r}: expected a list, as ['cmake']; there are {known}")
    for word in words:
        if word not in SYSTEMS and word != ALL:
            raise DataError(f"unknown package {word!r}; there are {known}")
    if not words:
        raise DataError(f"no package was named; there are {known}")
    return tuple(name for name in SYSTEMS if ALL in words or name in words)


def package_files(bundle: Bundle, systems: Sequence[str], about: About) -> dict[str, bytes]:
    """Path -> bytes of one folder for all `systems`; the same arguments give the same bytes.

    DataError where a system cannot take the model's name or its C.
    """
    contents = contents_of(bundle)
    chosen = checked_systems(systems)
    check_name(contents.name, chosen)
    if "esp-idf" in chosen and not contents.boards.all:
        raise DataError(
            f"esp-idf: the C is for {contents.boards.target}, which no chip of Espressif is; "
            "compile the model with --target cortex-m, which has portable C, too"
        )
    files = {f"src/{name}": data for name, data in contents.files.items()}
    values = _values(contents, chosen, about)
    templates = [*_SHARED, *(path for name in chosen for path in SYSTEMS[name].files)]
    for path in dict.fromkeys(templates):
        text = environment().get_template(_template(path)).render(values)
        files[path.replace("%s", f"{about.vendor}.{contents.name}")] = text.encode()
    return dict(sorted(files.items()))


def archive_files(
    files: Mapping[str, bytes], name: str, systems: Sequence[str], about: About
) -> dict[str, bytes]:
    """Archives of a package for those who install a file: Arduino's .zip and the CMSIS .pack."""
    found = {}
    if "arduino" in systems:
        found[f"{name}-{about.version}.zip"] = archive(files, f"{name}/")
    if "cmsis" in systems:
        found[f"{about.vendor}.{name}.{about.version}.pack"] = archive(files, "")
    return found


def _template(path: str) -> str:
    return f"packages/{path.replace('%s', 'pack')}.j2"


def _values(contents: Contents, systems: tuple[str, ...], about: About) -> dict[str, object]:
    """What templates may use."""
    return {
        "model": contents,
        "about": about,
        "boards": contents.boards,
        "systems": systems,
        "titles": [SYSTEMS[name].title for name in systems],
        "symbol": symbol(contents.name),
        "library": f"lstm_edge_{contents.name}",
        "registry": registry_name(contents.name),
        "quoted": json.dumps,
    }
