"""What a package says about itself: version, licence and people, checked, from one place."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

from lstm_edge.errors import DataError
from lstm_edge.files import read_bytes
from lstm_edge.limits import LARGEST_TEXT

NO_LICENCE = "LicenseRef-Proprietary"
"""Nobody may use the model unless its owner says so: what the law has where nothing is said."""
NO_URL = "https://example.invalid/"
"""For systems that ask for an address where none was given: RFC 6761 lets it lead nowhere."""

_NUMBER = r"(?:0|[1-9][0-9]*)"
_VERSION = re.compile(rf"({_NUMBER}\.{_NUMBER}\.{_NUMBER})(?:-[0-9a-z-]+(?:\.[0-9a-z-]+)*)?")
_LICENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*")
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_VENDOR = re.compile(r"[A-Za-z0-9_-]{1,64}")
_URL = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]+)?(?:/[A-Za-z0-9._~%/?=&+-]*)?")
_PERSON = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\"\\<>(),:;@={}$#]{1,64}")


@dataclass(frozen=True)
class About:
    """version: as semver.org has it, in small letters, without build metadata. license: an
    identifier or expression of SPDX. author: also maintains it. vendor: prefix of the CMSIS pack.
    license_text: what LICENSE says after its first lines.
    """

    version: str = "0.1.0"
    license: str = NO_LICENCE
    author: str = "Unknown"
    email: str | None = None
    vendor: str = "local"
    url: str | None = None
    license_text: str | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None and field.default is None:
                continue
            if not isinstance(value, str):
                raise DataError(f"{field.name} of a package is {value!r}, expected a string")
            if field.name in _CHECKS:
                _check(field.name, value)

    @property
    def numbers(self) -> str:
        """The version without what follows the three numbers."""
        return self.version.partition("-")[0]

    @property
    def person(self) -> str:
        """Name <address>, or the name alone."""
        return f"{self.author} <{self.email}>" if self.email else self.author

    @property
    def address(self) -> str:
        """The URL, or one that leads nowhere."""
        return self.url or NO_URL

    @property
    def spdx(self) -> str | None:
        """The licence where it is one of SPDX's list, for systems that take no other."""
        return None if "LicenseRef-" in self.license else self.license


def is_licence(text: str) -> bool:
    """True for the grammar of SPDX: identifiers, with AND, OR, WITH and parentheses around."""
    words = text.replace("(", " ( ").replace(")", " ) ").split(" ")
    depth, wants_name = 0, True
    for word in (word for word in words if word):
        if word == "(" and wants_name:
            depth += 1
        elif word == ")" and not wants_name and depth:
            depth -= 1
        elif word in ("AND", "OR", "WITH") and not wants_name:
            wants_name = True
        elif word not in ("AND", "OR", "WITH") and wants_name and _LICENCE.fullmatch(word):
            wants_name = False
        else:
            return False
    return depth == 0 and not wants_name


def read_about(path: Path) -> About:
    """The keys of a TOML file, which are those of `About`, and `license_file`, a path beside it."""
    try:
        table = tomllib.loads(read_bytes(path, LARGEST_TEXT).decode())
        if "license_file" in table:
            given = path.parent / str(table.pop("license_file"))
            table["license_text"] = read_bytes(given, LARGEST_TEXT).decode()
    except OSError as error:
        raise DataError(
            f"{error.filename or path} cannot be read ({error.strerror or error})"
        ) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise DataError(f"{path} is not a file of TOML ({error})") from None
    except DataError as error:
        raise DataError(f"{path}: a text that it needs {error}") from None
    return with_values(About(), table, f"{path}: ")


def with_values(about: About, values: Mapping[str, object], place: str = "") -> About:
    """The same with other values; DataError, after `place`, for an unknown or a bad one."""
    known = [field.name for field in fields(About)]
    for key in values:
        if key not in known:
            listed = ", ".join([*known, "license_file"])
            raise DataError(f"{place}unknown key {key!r}; there are {listed}")
    try:
        return replace(about, **dict(values))  # type: ignore[arg-type]
    except DataError as error:
        raise DataError(f"{place}{error}") from None


def _check(name: str, value: str) -> None:
    matches, expected = _CHECKS[name]
    if not matches(value):
        raise DataError(f"{name} of a package is {value!r}, expected {expected}")


_CHECKS: Mapping[str, tuple[Callable[[str], object], str]] = {
    "version": (
        lambda text: _VERSION.fullmatch(text) and len(text) <= 50,
        "three numbers such as 1.2.0, or 1.2.0-rc.1 in small letters",
    ),
    "license": (is_licence, "an SPDX expression such as MIT, or LicenseRef- and a name"),
    "author": (
        lambda text: _PERSON.fullmatch(text) and text == text.strip(),
        "a name of up to 64 characters without quotes, brackets, commas, colons or @",
    ),
    "email": (
        lambda text: _EMAIL.fullmatch(text) and len(text) <= 50,
        "an address such as name@example.org, of up to 50 characters",
    ),
    "vendor": (_VENDOR.fullmatch, "letters, digits, _ and -, up to 64"),
    "url": (_URL.fullmatch, "an address that begins with http:// or https://"),
}
