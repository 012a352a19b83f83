"""Which tests reach which functions of the package, and how long each of them computes."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from inspect import CO_OPTIMIZED
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

from tests.mutation.groups import ROOT

GOLDEN = "tests/golden/"
PACKAGE = str(ROOT / "lstm_edge") + "/"


@dataclass
class Reach:
    """seconds: of each test that passed; tests: `file:function` -> those that call it."""

    seconds: dict[str, float] = field(default_factory=dict)
    tests: dict[str, list[str]] = field(default_factory=dict)

    def of(self, file: str, scope: str) -> list[str]:
        """Tests that reach a function: first those of a file with the module's name, then golden
        files, which most edits move, each time the cheapest first. What a module or a class does as
        it is imported is reached by those of any function of the module, and by the golden files.
        """
        name = f"{file}:{scope}"
        if name in self.tests:
            found = set(self.tests[name])
        else:
            found = {t for key, of in self.tests.items() if key.startswith(f"{file}:") for t in of}
            found |= {t for t in self.seconds if t.startswith(GOLDEN)}
        own = f"test_{Path(file).stem}.py::"
        return sorted(
            found, key=lambda t: (own not in t, not t.startswith(GOLDEN), self.seconds[t], t)
        )

    def add(self, other: Reach) -> None:
        """What another file of tests reaches."""
        self.seconds |= other.seconds
        for name, tests in other.tests.items():
            self.tests.setdefault(name, []).extend(tests)

    @classmethod
    def read(cls, path: Path) -> Reach:
        """As `write` left it, or empty."""
        return cls(**json.loads(path.read_text())) if path.exists() else cls()

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(vars(self)))


class Recorder:
    """A plugin of pytest: the functions that each test calls."""

    def __init__(self) -> None:
        self.found, self.seen, self.failed = Reach(), set[CodeType](), set[str]()

    def called(self, frame: FrameType, _: str, __: Any) -> None:
        """What `sys.settrace` calls."""
        if frame.f_code.co_flags & CO_OPTIMIZED:  # no module, and no class: these are imported once
            self.seen.add(frame.f_code)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        self.seen.clear()
        before = time.process_time()
        sys.settrace(self.called)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            self._keep(item.nodeid, time.process_time() - before)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.passed:
            self.failed.add(report.nodeid)

    def _keep(self, test: str, seconds: float) -> None:
        if test in self.failed:
            return
        self.found.seconds[test] = seconds
        for code in self.seen:
            if code.co_filename.startswith(PACKAGE):
                name = f"lstm_edge/{code.co_filename.removeprefix(PACKAGE)}:{code.co_qualname}"
                self.found.tests.setdefault(name, []).append(test)


class Only:
    """A plugin of pytest: these tests alone, in this order."""

    def __init__(self, tests: Iterable[str]) -> None:
        self.places = {test: k for k, test in enumerate(tests)}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        kept = [item for item in items if item.nodeid in self.places]
        items[:] = sorted(kept, key=lambda item: self.places[item.nodeid])
