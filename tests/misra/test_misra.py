"""MISRA C:2012 as cppcheck's addon reads it, and clang-tidy, on the generated C of two models.

`make misra` looks at more models, and writes docs/misra.md.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import lstm_edge
from lstm_edge.api.network import Network
from lstm_edge.targets import load_target
from tests.misra.checkers import deviations, library_calls, misra, tidy, unexplained
from tests.support.choices import PLAIN
from tests.support.models import random_inputs, random_model

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
FORBIDDEN = """
#include <stdint.h>
#include <stdlib.h>

int32_t again(int32_t a);
int32_t heap(int32_t a);
int32_t varying(int32_t a);

int32_t again(int32_t a)
{
    return (a == 0) ? 0 : again(a - 1);
}

int32_t heap(int32_t a)
{
    int32_t *room;

    room = (int32_t *)malloc(4u);
    room[0] = a;
    return room[0];
}

int32_t varying(int32_t a)
{
    int32_t room[a];
    room[0] = a;
    return room[0];
}
"""


CASES = {"loops": ("portable", "*.c"), "pairs": ("cortex-m4", "pairs.c")}


@pytest.mark.parametrize("case", CASES)
def test_what_is_found_is_listed(
    case: str, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    target, files = CASES[case]
    core = load_target(target)
    tool_or_skip("cppcheck", "clang-tidy", core.compiler)
    sources = sorted((GOLDEN / case).glob(files))
    assert sources
    assert unexplained(misra(sources, core), deviations("misra")) == []
    assert unexplained(tidy(sources, core), deviations("tidy")) == []
    assert library_calls(sources, core, tmp_path) <= {"memcpy", "memmove", "memset"}


def test_weights_that_can_be_replaced_are_listed_as_well(
    tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    core = load_target("portable")
    tool_or_skip("cppcheck", "clang-tidy", core.compiler)
    chosen = {**PLAIN, "hidden": (3,), "rows": 0, "steps": 4, "layout": "batch_first"}
    model = random_model(1, **chosen)
    made = lstm_edge.compile(
        Network(model), target=core.name, calibration=random_inputs(model, 6), updatable=True
    )
    for name in ("net.h", "net_private.h", "net_weights.c"):
        (tmp_path / name).write_bytes(made.files[name])
    sources = [tmp_path / "net_weights.c"]
    assert unexplained(misra(sources, core), deviations("misra")) == []
    assert unexplained(tidy(sources, core), deviations("tidy")) == []
    assert library_calls(sources, core, tmp_path) <= {"memcmp", "memcpy"}


def test_what_is_forbidden_is_seen(tmp_path: Path, tool_or_skip: Callable[..., None]) -> None:
    """Recursion, the heap, and arrays of variable length have no deviation; nor has a file whose
    reading ends early.
    """
    core = load_target("portable")
    tool_or_skip("cppcheck", core.compiler)
    (tmp_path / "forbidden.c").write_text(FORBIDDEN)
    (tmp_path / "broken.c").write_text("LE_UNKNOWN(a, b)\nint main(void) { return 0; }}\n")
    sources = sorted(tmp_path.glob("*.c"))
    found = unexplained(misra(sources, core), deviations("misra"))
    assert {"17.2", "18.8", "21.3"} <= {f.rule for f in found if f.file == "forbidden.c"}
    assert any(f.file == "broken.c" for f in found)


def test_required_rules_have_a_category_and_a_reason() -> None:
    known = deviations("misra")
    assert {each.category for each in known.values()} <= {"required", "advisory"}
    assert all(each.about and each.reason for each in known.values())
