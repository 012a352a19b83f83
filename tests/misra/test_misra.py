"""Rules of MISRA C:2012: generated C breaks those with a listed deviation only."""

from __future__ import annotations

from pathlib import Path

from tests.misra.rules import LISTED, NEVER, breaches, unlisted

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
BAD = """
#include <stdlib.h>
int again(int n);
int again(int n)
{
    int room[n];
    int *more = malloc(4u);
    room[0] = (more == NULL) ? 0 : 1;
    return (n > 0) ? again(n - 1) : room[0];
}
"""


def test_generated_c_breaks_no_rule_without_a_listed_deviation() -> None:
    for case, target in (("loops", "host"), ("pairs", "cortex-m4")):
        found = breaches([GOLDEN / case / f"{case}.c"], target)
        assert found, "the addon ran"
        assert unlisted(found) == []


def test_recursion_heap_and_arrays_of_variable_length_are_found(tmp_path: Path) -> None:
    path = tmp_path / "bad.c"
    path.write_text(BAD)
    assert not set(NEVER) & set(LISTED)
    assert set(NEVER) <= {b.rule for b in unlisted(breaches([path], "host"))}
