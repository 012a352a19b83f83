"""Edits of our own code, one at a time: what the tests do not notice is printed.

Lines are drawn from the modules of a group, and one edit of each is made, in memory. Asked are the
tests that call the function around it, cheapest first, in a process of its own that is forked from
one that has imported what is large. What does not end is noticed. `make mutation` runs it; the
first time it finds out which tests call what, in some minutes, and keeps that in build/mutation.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import math
import os
import random
import resource
import signal
import sys
import tomllib
from collections.abc import Callable, Iterable
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType

import pytest

from tests.mutation.edits import Edit, changes_of, edit
from tests.mutation.groups import GROUPS, ROOT, Group, files_of_tests
from tests.mutation.reach import Only, Reach, Recorder

FOLDER = ROOT / "build" / "mutation"
KNOWN = Path(__file__).with_name("equivalent.toml")
PARTS = ("boards", "costs", "hypotheses", "spared")
LARGE = ("click", "h5py", "hypothesis", "jinja2", "numpy", "onnx.reference", "onnxruntime")
CHOICE = (
    *("tests/conftest.py", "tests/costs.txt", "tests/mutation/reach.py"),
    *map("tests/support/{}.py".format, PARTS),
)
"""Of which cases of a test `make test` runs, and so this: what is said of a file holds as long."""
SLACK = 20.0
"""Seconds that tests may take longer than they did."""
ASKED = 80
"""Tests of a first run: most edits are noticed by one of the cheapest, and few files are read."""


class Changed(MetaPathFinder, SourceFileLoader):
    """Imports one module as it is after an edit."""

    def __init__(self, made: Edit) -> None:
        self.source = made.source
        name = made.file.removesuffix(".py").replace("/", ".")
        super().__init__(name, str(ROOT / made.file))

    def find_spec(self, fullname: str, path: object, target: object = None) -> ModuleSpec | None:
        if fullname != self.name:
            return None
        return importlib.util.spec_from_file_location(fullname, self.path, loader=self)

    def get_code(self, fullname: str) -> CodeType:
        return compile(self.source, self.path, "exec", dont_inherit=True)


OPTIONS = ("-q", "-p", "no:cacheprovider", "-p", "no:xdist", f"--basetemp={FOLDER / 'tmp'}")


def in_a_process(task: Callable[[], int], seconds: float = math.inf) -> bool:
    """Whether a task finds no fault in a process of its own, silently and in time. Where an edit
    leaves no case of the tests that are asked, `make test` would find none either.
    """
    child = os.fork()
    if child:
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return status in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
    status = 1
    try:
        if seconds < math.inf:
            resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds)))
            signal.alarm(4 * int(seconds))
        silent = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(silent, stream)
        status = task()
    finally:
        os._exit(status)


def passes(made: Edit, tests: list[str], seconds: float) -> bool:
    """Whether tests pass with an edit made; `seconds` is what they take without one."""

    def task() -> int:
        sys.meta_path.insert(0, Changed(made))
        files = list(dict.fromkeys(test.split("::")[0] for test in tests))
        return int(pytest.main([*OPTIONS, "-x", *files], plugins=[Only(tests)]))

    return in_a_process(task, 3 * seconds + SLACK)


def is_noticed(made: Edit, reach: Reach, most: float) -> bool:
    """Whether a test fails, of those that reach the edit and cost less than `most` seconds
    together.
    """
    tests, total = [], 0.0
    for test in reach.of(made.file, made.scope):
        total += reach.seconds[test]
        if total > most and tests:
            break
        tests.append(test)
    near, far = tests[:ASKED], tests[ASKED:]
    return any(
        some and not passes(made, some, sum(map(reach.seconds.__getitem__, some)))
        for some in (near, far)
    )


def known() -> dict[tuple[str, str, str], str]:
    """(file, line before, line after) -> why nothing can notice the edit."""
    if not KNOWN.exists():
        return {}
    entries = tomllib.loads(KNOWN.read_text())["equivalent"]
    return {(e["file"], e["line"], edit): e["why"] for e in entries for edit in e["edits"]}


def drawn(files: list[str], rng: random.Random, count: int) -> list[Edit]:
    """Edits of `count` lines, one of each, none of which is known to be equivalent."""
    equivalent = known()
    sources = {file: (ROOT / file).read_text() for file in files}
    changes = {file: changes_of(source) for file, source in sources.items()}
    lines = [(file, line) for file in files for line in sorted(changes[file])]
    rng.shuffle(lines)
    found: list[Edit] = []
    for file, line in lines:
        if len(found) == count:
            break
        made = edit(file, sources[file], line, rng.choice(changes[file][line]))
        if made and (made.file, made.before, made.after) not in equivalent:
            found.append(made)
    return found


def reached(groups: Iterable[Group], anew: bool) -> Reach:
    """Which tests of groups call what: found out where a file of tests is not what it was."""
    whole = Reach()
    choice = b"".join((ROOT / file).read_bytes() for file in CHOICE)
    for file in dict.fromkeys(file for group in groups for file in files_of_tests(group)):
        digest = hashlib.sha256(choice + (ROOT / file).read_bytes()).hexdigest()[:16]
        path = FOLDER / "reach" / f"{file.replace('/', '.')}.{digest}.json"
        if anew or not path.exists():
            in_a_process(lambda file=file, path=path: record(file, path))
        whole.add(Reach.read(path))
    return whole


def record(file: str, path: Path) -> int:
    """Run the tests of a file once."""
    recorder = Recorder()
    status = pytest.main([*OPTIONS, "-m", "not long and not docs", file], plugins=[recorder])
    recorder.found.write(path)
    return int(status)


def main() -> int:
    """Print what was not noticed; 1 where that is more than `--least` allows."""
    parser = argparse.ArgumentParser(prog="tests.mutation", description=__doc__)
    parser.add_argument("groups", nargs="*", help=f"of {', '.join(GROUPS)}; all if not said")
    parser.add_argument("--only", default="", help="files whose path has this in it")
    parser.add_argument("--count", type=int, default=20, help="lines of each group")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=60.0, help="of tests for an edit, at most")
    parser.add_argument("--least", type=float, default=95.0, help="percent that must be noticed")
    parser.add_argument("--record", action="store_true", help="find out anew which tests call what")
    given = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in LARGE:
        importlib.import_module(name)
    chosen = {name: GROUPS[name] for name in given.groups or GROUPS}
    reach = reached(chosen.values(), given.record)
    missed = total = 0
    for name, group in chosen.items():
        files = [file for file in group.files() if given.only in file]
        edits = drawn(files, random.Random(given.seed), given.count)
        unseen = []
        for made in edits:
            if not is_noticed(made, reach, given.seconds):
                unseen.append(made)
                why = "" if reach.of(made.file, made.scope) else "  (no test calls it)"
                print(f"  {made}{why}", flush=True)
        total, missed = total + len(edits), missed + len(unseen)
        print(f"{name}: {len(edits) - len(unseen)} of {len(edits)} noticed", flush=True)
    share = 100.0 * (total - missed) / max(total, 1)
    print(f"{share:.1f} % of {total} noticed")
    return 0 if share >= given.least else 1


if __name__ == "__main__":
    sys.exit(main())
