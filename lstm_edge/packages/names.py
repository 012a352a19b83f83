"""A model's name in seven build systems: what each makes of it, or why it does not take it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lstm_edge.errors import DataError

_LANGUAGE = (
    "assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal "
    "stdalign stdarg stdatomic stdbit stdbool stdckdint stddef stdint stdio stdlib stdnoreturn "
    "string tgmath threads time uchar wchar wctype"
)
_LIBRARIES = (
    "alloca dirent dlfcn endian fcntl features getopt glob grp libgen malloc memory newlib poll "
    "pthread pwd regex reent sched search semaphore strings syslog termios unistd utime values"
)
_CORES = "arm_acle arm_mve arm_neon cmsis_compiler cmsis_gcc core_cm0 core_cm4"
_FRAMEWORKS = "arduino freertos hal pgmspace sdkconfig spi wire autoconf kernel zephyr"
_HEADERS = frozenset(f"{_LANGUAGE} {_LIBRARIES} {_CORES} {_FRAMEWORKS}".split())
"""Headers without `.h`: a folder with a second one of that name is on every search path."""
_FILES = ("main", "cmake", "readme", "license")
"""Stems of files that programs and this package have, too."""
_DEVICES = re.compile(r"con|prn|aux|nul|com[0-9]|lpt[0-9]")
"""Of Windows, which takes no file of such a name, whatever its ending."""
LONGEST = 63
"""Characters that the manager of Arduino's libraries takes; the others take more."""


def check_name(name: str, systems: Sequence[str]) -> None:
    """DataError where a system would take the name for something else, or not at all."""
    remedy = "compile the model with another --name"
    small = name.lower()
    if small in _HEADERS:
        raise DataError(f"{name}.h would hide a header of the C library or a framework; {remedy}")
    if small in _FILES:
        raise DataError(f"a package cannot be called {name}: programs have such a file; {remedy}")
    if _DEVICES.fullmatch(small):
        raise DataError(f"{name}.h is no file on Windows, where {name} is a device; {remedy}")
    if len(name) > LONGEST:
        raise DataError(
            f"the name {name[:20]}... has {len(name)} characters, a package may have {LONGEST}; "
            f"{remedy}"
        )
    if "arduino" in systems and not re.match(r"(?!arduino)[a-z]", small):
        raise DataError(
            f"arduino takes no library called {name}: the name has to begin with a letter, and not "
            f"with `arduino`; {remedy}"
        )
    if "conan" in systems and len(name) < 2:
        raise DataError(f"conan takes no name of one character, {name}; {remedy}")


def registry_name(name: str) -> str:
    """For registries that want small letters: Conan, and the component registry of Espressif."""
    return name.lower()


def symbol(name: str) -> str:
    """A macro or a symbol of Kconfig."""
    return f"LSTM_EDGE_{name.upper()}"
