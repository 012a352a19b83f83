"""What is mutated, and the tests that are asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Group:
    """sources, tests: patterns below lstm_edge/ and tests/."""

    sources: tuple[str, ...]
    tests: tuple[str, ...]

    def files(self) -> list[str]:
        """The sources, relative to the repository."""
        found = [p for each in self.sources for p in sorted((ROOT / "lstm_edge").glob(each))]
        return [str(p.relative_to(ROOT)) for p in dict.fromkeys(found) if p.name != "__init__.py"]


_COMPILER = (
    "golden/test_parts.py",
    "golden/test_golden.py",
    "golden/test_programs.py",
    "golden/test_code.py",
    "golden/test_kernels.py",
    "oracle/test_layers.py",
    "oracle/test_small_results.py",
    "oracle/test_elementwise.py",
    "api/test_inputs_like.py",
    "proofs/test_*.py",
    "property/test_intervals.py",
    "unit/test_*_formats.py",
    "unit/test_builder.py",
    "unit/test_decisions.py",
    "unit/test_doubled.py",
    "unit/test_entering.py",
    "unit/test_fake_quant.py",
    "unit/test_finer.py",
    "unit/test_fixed_*.py",
    "unit/test_formats.py",
    "unit/test_fuse.py",
    "unit/test_grids_of_numbers.py",
    "unit/test_input_scales.py",
    "unit/test_lengths_of_operations.py",
    "unit/test_lift.py",
    "unit/test_logits.py",
    "unit/test_lower_open.py",
    "unit/test_mve.py",
    "unit/test_numbers.py",
    "unit/test_numerics*.py",
    "unit/test_on_the_way.py",
    "unit/test_operation_tables.py",
    "unit/test_prove.py",
    "unit/test_proved_bounds.py",
    "unit/test_quantize_rows.py",
    "unit/test_readers_of_power.py",
    "unit/test_rescale.py",
    "unit/test_round_weights.py",
    "unit/test_schedule.py",
    "unit/test_segments.py",
    "unit/test_select.py",
    "unit/test_shared_work.py",
    "unit/test_spectrum.py",
    "unit/test_tables.py",
    "unit/test_wide.py",
)
"""Whole programs, byte for byte and against float64, and parts of the compiler by themselves."""

GROUPS: Mapping[str, Group] = {
    "numerics": Group(
        (
            "formats.py",
            "rounding.py",
            "passes/scales.py",
            "passes/*formats.py",
            "ir/bound.py",
            "passes/tables.py",
            "passes/quantize_rows.py",
            "passes/round_*.py",
            "passes/fixed/*.py",
        ),
        _COMPILER,
    ),
    "operations": Group(("operations/*.py",), _COMPILER),
    "intervals": Group(
        (
            "operations/bounds.py",
            "operations/limits.py",
            "operations/intermediate.py",
            "operations/*on_the_way.py",
        ),
        _COMPILER,
    ),
    "proof": Group(("passes/prove.py", "passes/certificate.py"), _COMPILER),
    "packing": Group(
        (
            "kernels/*.py",
            "passes/operands.py",
            "passes/tiles.py",
            "passes/select.py",
            "emit/nibbles.py",
            "emit/parameters.py",
            "emit/elements.py",
            "emit/products.py",
        ),
        _COMPILER,
    ),
    "lowering": Group(
        (
            "passes/lower*.py",
            "passes/builder.py",
            "passes/curved.py",
            "passes/entering.py",
            "passes/exponential.py",
            "passes/left.py",
            "passes/logits.py",
            "passes/multiplied.py",
            "passes/numbers.py",
            "passes/raised.py",
            "passes/row_scales.py",
            "passes/storing.py",
        ),
        _COMPILER,
    ),
    "gates": Group(
        (
            "cells/classic.py",
            "cells/gated.py",
            "frontend/model/layout.py",
            "frontend/model/recurrent/*.py",
            "frontend/keras/recurrent.py",
            "frontend/npz/recurrent.py",
        ),
        (
            "golden/test_read.py",
            "golden/test_drawn_layers.py",
            "golden/test_programs.py",
            "oracle/test_between_sweeps.py",
            "oracle/test_cells.py",
            "oracle/test_frontend_recurrent.py",
            "oracle/test_frontend_npz.py",
            "oracle/test_frontend_keras.py",
            "oracle/test_frontend_states.py",
            "oracle/test_cells_by_name.py",
            "oracle/test_npz_placed.py",
            "oracle/test_inner_recurrent.py",
            "oracle/test_masks.py",
            "oracle/test_keras_masks.py",
            "oracle/test_lengths_and_states.py",
            "oracle/test_other_forms.py",
            "oracle/test_across_time.py",
            "hostile/test_bad_models.py",
            "hostile/test_bad_keras.py",
            "hostile/test_bad_recurrent.py",
            "hostile/test_unsupported_keras.py",
        ),
    ),
}


def files_of_tests(group: Group) -> list[str]:
    """Relative to the repository, each once."""
    found = [p for each in group.tests for p in sorted((ROOT / "tests").glob(each))]
    return [str(p.relative_to(ROOT)) for p in dict.fromkeys(found)]
