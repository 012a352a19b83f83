"""The target for any C99 compiler."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.networks import Network
from lstm_edge import bundle
from lstm_edge.targets import all_targets
from lstm_edge.verify import verify
from tests.support.compiling import compile_file

OF_SOME_COMPILER = re.compile(r"__asm|__attribute__|__sm|__ss|arm_acle|#pragma|__builtin")
ONLY_FOR_GCC = re.compile(r"#if defined\(__GNUC__\)[^\n]*\n#pragma GCC optimize[^\n]*\n#endif\n")
"""What other compilers do not see: docs/decisions/0024-two-faults-of-gcc.md."""


def test_it_is_listed_and_has_neither_board_nor_features() -> None:
    (target,) = [each for each in all_targets() if each.name == "portable"]
    assert target.board is None
    assert target.features == ()


@pytest.mark.parametrize("options", [{}, {"weights": 4, "activations": 8}, {"unroll": "full"}])
@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_its_c_is_for_any_compiler_and_right_to_the_bit(
    kind: str,
    options: dict[str, object],
    tmp_path: Path,
    tool_or_skip: Callable[..., None],
) -> None:
    tool_or_skip("cc")
    model, calibration = Network(kind, 7, 9, 3).write(tmp_path)
    compiled = compile_file(model, "portable", calibration=calibration, **options)
    code = compiled.files[f"{compiled.program.name}.c"].decode()
    assert OF_SOME_COMPILER.search(ONLY_FOR_GCC.sub("", code)) is None
    bundle.write(tmp_path / "b", compiled.files)
    result = verify(bundle.read(tmp_path / "b"), None, ("host",))
    assert result.exact == {"host": True}
