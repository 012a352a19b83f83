"""The curves of float32 in C: their constants as literals, and as words for assembly."""

from __future__ import annotations

from typing import Any

import numpy as np

from lstm_edge.emit.environment import environment
from lstm_edge.emit.spell import float_literal
from lstm_edge.operations import curves_float, waves_float


def curves_of_float(dialect: str, helpers: set[str]) -> str:
    """The functions of these names in float32, alone."""
    template = environment().get_template("common/ops_float.c.j2")
    return template.render(helpers=helpers, dialect=dialect, **float_constants())


def float_constants() -> dict[str, Any]:
    """What the templates of the curves name."""
    f = curves_float

    def text(number: Any) -> str:
        return float_literal(float(number))

    return {
        "bits": _float_bits(),
        "limit": text(f.EXP_LIMIT),
        "log2e": text(f.LOG2E),
        "ln2_high": text(f.LN2_HIGH),
        "ln2_low": text(f.LN2_LOW),
        "exp_coefficients": [text(c) for c in f.EXP_COEFFICIENTS],
        "log_coefficients": [text(c) for c in f.LOG_COEFFICIENTS],
        "tanh_small": text(f.TANH_SMALL),
        "tanh_coefficients": [text(c) for c in f.TANH_COEFFICIENTS],
        "sqrt_half_bits": int(f.SQRT_HALF_BITS),
        "rsqrt_limits": [float_literal(float(limit)) for limit in f.RSQRT_LIMITS],
        "rsqrt_bits": int(f.RSQRT_BITS),
        "rsqrt_rounds": f.RSQRT_ROUNDS,
        "erf_small": text(f.ERF_SMALL),
        "erf_coefficients": [text(c) for c in f.ERF_COEFFICIENTS],
        "erfc_coefficients": [text(c) for c in f.ERFC_COEFFICIENTS],
        "two_over_pi": [f"0x{word:08x}u" for word in waves_float.WORDS],
        "near_bits": f"0x{int(waves_float.NEAR_BITS):08x}u",
        "quarter": text(waves_float.QUARTER),
        "half_pi": [text(c) for c in waves_float.HALF_PI],
        "rest_unit": text(waves_float.UNIT),
        "sin_coefficients": [text(c) for c in waves_float.SIN_COEFFICIENTS],
        "cos_coefficients": [text(c) for c in waves_float.COS_COEFFICIENTS],
    }


def _float_bits() -> dict[str, Any]:
    """The same as words, for assembly. twice: without the sign, as LSLS #1 leaves a number."""
    f = curves_float

    def word(number: Any) -> str:
        return f"0x{int(np.float32(number).view(np.uint32)):08x}"

    return {
        "limit": word(f.EXP_LIMIT),
        "minus_limit": word(-f.EXP_LIMIT),
        "log2e": word(f.LOG2E),
        "ln2_high": word(f.LN2_HIGH),
        "ln2_low": word(f.LN2_LOW),
        "exp_coefficients": [word(c) for c in f.EXP_COEFFICIENTS],
        "twice_tanh_small": f"0x{2 * int(f.TANH_SMALL.view(np.uint32)):08x}",
        "tanh_coefficients": [word(c) for c in f.TANH_COEFFICIENTS],
    }
