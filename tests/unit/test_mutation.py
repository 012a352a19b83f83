"""Edits of our own code are what they are said to be, and the list of those that change nothing is
of lines that are there.
"""

from __future__ import annotations

import sys

from tests.mutation.__main__ import known
from tests.mutation.edits import changed, changes_of, edit
from tests.mutation.groups import GROUPS, ROOT, files_of_tests
from tests.mutation.reach import Reach, Recorder

SOURCE = '''"""1 < 2."""
ORDER = "ifgo"
NAMES = ("a", "b")


class Format:
    low: int = 3

    @cached(1)
    def fits(self, a: "1 + 1", b: int) -> bool:
        """3 + 4."""
        assert a < b
        if a < b and not a:
            raise ValueError(f"{a + b} of 12")
        self.low = max(a, b)
        return shift(a, 0) >= b.low


def outer(a):
    return lambda x: x << a
'''


def edits() -> dict[int, set[str]]:
    """What each line becomes."""
    found: dict[int, set[str]] = {}
    for line, changes in changes_of(SOURCE).items():
        made = [edit("f.py", SOURCE, line, change) for change in changes]
        found[line] = {m.after for m in made if m}
    return found


def test_edits_are_slips_of_the_hand_and_leave_texts_alone() -> None:
    assert edits() == {
        2: {"ORDER = 'figo'"},
        3: {'NAMES = ("b", "a")'},
        7: {"low: int = 4", "low: int = 2"},
        13: {
            "if not (a < b and not a):",
            "if a <= b and not a:",
            "if a > b and not a:",
            "if a < b or not a:",
            "if a < b and a:",
        },
        14: {"pass"},
        15: {"pass", "self.low = min(a, b)"},
        16: {
            "return not (shift(a, 0) >= b.low)",
            "return shift(0, a) >= b.low",
            "return shift(a, 1) >= b.low",
            "return shift(a, -1) >= b.low",
            "return shift(a, 0) > b.low",
            "return shift(a, 0) <= b.low",
            "return shift(a, 0) >= b.high",
        },
        20: {"return lambda x: x >> a"},
    }


def test_what_means_the_same_is_no_edit() -> None:
    made = {
        "y = clip(a, b, c)": set(),
        "y = max(a, b)": {"y = min(a, b)"},
        "y = a.clip(b, c)": {"y = a.clip(c, b)"},
        "y = a.reshape(-1)": set(),
        "y = a in ('b', 'c')": {"y = a not in ('b', 'c')"},
    }
    for source, expected in made.items():
        found = [edit("f.py", source, 1, change) for change in changes_of(source).get(1, [])]
        assert {m.after for m in found if m} == expected


def test_an_edit_knows_the_function_around_it() -> None:
    scopes = {line: {c.scope for c in changes} for line, changes in changes_of(SOURCE).items()}
    assert scopes[2] == {""}
    assert scopes[7] == {"Format"}
    assert scopes[16] == {"Format.fits"}
    assert scopes[20] == {"outer.<locals>.<lambda>"}


def test_tests_of_a_module_come_first_then_golden_and_cheap_ones_before_others() -> None:
    names = ("unit/test_a.py::x", "golden/g.py::w", "b.py::y", "b.py::z")
    seconds = {
        f"tests/{name}": cost for name, cost in zip(names, (2.0, 3.0, 0.5, 1.0), strict=True)
    }
    of_others = {"lstm_edge/c.py:C.g": ["tests/b.py::y"]}
    reach = Reach(seconds, {"lstm_edge/a.py:f": [*seconds], **of_others})
    assert reach.of("lstm_edge/a.py", "f") == [*seconds]
    assert reach.of("lstm_edge/a.py", "C") == [*seconds]
    assert reach.of("lstm_edge/c.py", "C.g") == ["tests/b.py::y"]
    assert reach.of("lstm_edge/c.py", "C") == ["tests/golden/g.py::w", "tests/b.py::y"]


def test_a_class_that_is_imported_is_not_called() -> None:
    made = compile("class C:\n    def f(self): pass\nC().f()\n", "f.py", "exec")
    recorder = Recorder()
    sys.settrace(recorder.called)
    try:
        exec(made, {})
    finally:
        sys.settrace(None)
    assert [code.co_qualname for code in recorder.seen if code.co_filename == "f.py"] == ["C.f"]


def test_groups_are_of_files_that_are_there() -> None:
    for group in GROUPS.values():
        assert all([*(ROOT / "lstm_edge").glob(pattern)] for pattern in group.sources)
        assert all([*(ROOT / "tests").glob(pattern)] for pattern in group.tests)
        assert len(files_of_tests(group)) == len(set(files_of_tests(group)))


def test_each_edit_that_changes_nothing_is_one_of_a_line_that_is_there() -> None:
    """One that the script would make."""
    listed = known()
    assert all(listed.values())
    for file in {file for file, _, _ in listed}:
        source = (ROOT / file).read_text()
        made = {
            changed(source, line, change)[:2]
            for line, changes in changes_of(source).items()
            for change in changes
        }
        assert {entry[1:] for entry in listed if entry[0] == file} <= made
