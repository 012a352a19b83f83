"""cppcheck's MISRA addon and clang-tidy on generated C, and the deviations that are known."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lstm_edge.profile.symbols import tool
from lstm_edge.targets import Target
from lstm_edge.toolchain import gcc

DEVIATIONS = Path(__file__).resolve().parent / "deviations.toml"
TEMPLATE = "{file}|{line}|{severity}|{id}|{message}"
RULE = "misra-c2012-"
TIDY = re.compile(r"^(.*?):(\d+):\d+: (?:warning|error): (.*) \[([\w.,-]+)\]$", re.MULTILINE)
DEFINED = re.compile(r"^#define (\w+) (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Finding:
    """rule: a number of MISRA, a check of clang-tidy, or an error of the tool itself."""

    rule: str
    file: str
    line: int
    message: str


@dataclass(frozen=True)
class Deviation:
    """name: of a rule or a check. category, about: of a rule, empty for a check."""

    name: str
    reason: str
    category: str = ""
    about: str = ""


def deviations(kind: str) -> dict[str, Deviation]:
    """By name, those of `misra` or `tidy`."""
    said = tomllib.loads(DEVIATIONS.read_text())[kind]
    key = "rule" if kind == "misra" else "check"
    found = [Deviation(each.pop(key), **each) for each in said]
    return {each.name: each for each in found}


def misra(sources: Sequence[Path], target: Target) -> list[Finding]:
    """What the addon finds. What cppcheck cannot read is a finding too, for it ends the file."""
    command = ["cppcheck", "--addon=misra", "--std=c99", "--enable=style", "--quiet"]
    command += ["--suppress=missingIncludeSystem", f"--template={TEMPLATE}", "--template-location="]
    command += [f"-D{name}={value}" for name, value in _macros(sources, target)]
    said = subprocess.run([*command, *sources], capture_output=True, text=True, check=True).stderr
    found = []
    for text in said.splitlines():
        if text.count("|") < 4:
            continue
        file, line, severity, name, message = text.split("|", 4)
        if name.startswith(RULE):
            found.append(Finding(name[len(RULE) :], Path(file).name, int(line), message))
        elif severity == "error":
            found.append(Finding(name, Path(file).name, int(line), message))
    return found


def tidy(sources: Sequence[Path], target: Target) -> list[Finding]:
    """What clang-tidy's checks `bugprone` and `cert` find."""
    flags = ["-std=c99"]
    if target.compiler.startswith("arm-none-eabi"):
        flags += ["--target=arm-none-eabi", *target.flags, "-isystem", _arm_headers(target)]
    command = ["clang-tidy", "--quiet", "--checks=-*,bugprone-*,cert-*", *sources, "--", *flags]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return [
        Finding(rule, Path(file).name, int(line), message)
        for file, line, message, rule in TIDY.findall(said)
    ]


def library_calls(sources: Sequence[Path], target: Target, folder: Path) -> set[str]:
    """What the C needs from outside of it, but for helpers of the compiler (`__aeabi_...`): the
    addon overlooks `malloc` in the initializer of a variable.
    """
    flags = ("-Wvla", "-Walloca")
    made = gcc.compile_objects(target, sources, [sources[0].parent], folder, extra_flags=flags)
    command = [tool(target, "nm"), "--undefined-only", "--format=just-symbols", *made]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    names = {word for word in said.split() if not word.endswith(":")}
    own = sources[0].parent.name
    return {name for name in names if not name.startswith(("__", "_GLOBAL", f"{own}_"))}


def unexplained(findings: Iterable[Finding], known: dict[str, Deviation]) -> list[Finding]:
    """Those without a deviation."""
    return [each for each in findings if each.rule not in known]


def version(tool: str) -> str:
    """Its name and number, as it says them."""
    said = subprocess.run([tool, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"\d+\.\d+(\.\d+)?", said)
    return f"{tool} {found[0]}" if found else tool


def _macros(sources: Sequence[Path], target: Target) -> list[tuple[str, str]]:
    """What the target's compiler defines, of that what the C asks for."""
    command = [target.compiler, *target.flags, "-std=c99", "-dM", "-E", "-x", "c", "/dev/null"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    folder = sources[0].parent
    words = {w for path in folder.glob("*.[ch]") for w in re.findall(r"\b__\w+", path.read_text())}
    return [(name, value) for name, value in DEFINED.findall(said) if name in words]


def _arm_headers(target: Target) -> str:
    """The folder of newlib's headers."""
    command = [target.compiler, "-E", "-v", "-x", "c", "/dev/null"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    found = re.search(r"^ (/\S*arm-none-eabi/include)$", said, re.MULTILINE)
    return found[1] if found else "/usr/include/newlib"
