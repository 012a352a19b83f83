"""What helpers of generated C are, in arithmetic that cannot overflow: the claims that CBMC proves.

A claim is the body of a C function. `nondet_int()` and the like are any number, ASSUME a condition
under which the code calls the helper, CLAIM what then holds. Quotients are claimed as inequalities
of products.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

PRELUDE = """\
#include <stdint.h>
#include <string.h>

#define ASSUME(condition) __CPROVER_assume(condition)
#define CLAIM(condition) __CPROVER_assert(condition, #condition)
#define WITHIN(a, low, high) ((a) >= (low) && (a) <= (high))
/* q is a / 2^n, rounded down. */
#define FLOOR(q, a, n) \\
    WITHIN((a) - (int64_t)(q) * ((int64_t)1 << (n)), 0, ((int64_t)1 << (n)) - 1)

int32_t nondet_int(void);
int16_t nondet_short(void);
int8_t nondet_byte(void);
uint8_t nondet_unsigned_byte(void);

static int64_t nearest(int64_t a, int64_t low, int64_t high)
{
    return a < low ? low : a > high ? high : a;
}

/* floor(log2(a)), a > 0. */
static int32_t log2_of(int32_t a)
{
    int32_t places = 0;

    for (int32_t k = 1; k < 31; k++) {
        places += a >= (int64_t)1 << k;
    }
    return places;
}
"""


@dataclass(frozen=True)
class Claim:
    """Of one helper. needs: helpers that it calls; context: what its template is filled in with.
    unwind: a little more than its loops run. overflow: whether CBMC also proves that nothing leaves
    its type; of products of two unknowns that is left to Eva, which does. dialects: those that have
    it, all if none is named.
    """

    helper: str
    body: str
    needs: tuple[str, ...] = ()
    context: dict[str, Any] = field(default_factory=dict)
    unwind: int = 1
    overflow: bool = True
    dialects: tuple[str, ...] = ()


def _mulw(name: str, b: str, half: str) -> str:
    return f"""
    const int32_t a = nondet_int(), b = {b}, r = {name}(a, b);
    CLAIM(r == ((int64_t)a * {half}) >> 16);"""


PLAIN = (
    Claim("le_mulw", _mulw("le_mulw", "nondet_short()", "b")),
    Claim(
        "le_clamp",
        """
    const int32_t a = nondet_int(), low = nondet_int(), high = nondet_int();
    ASSUME(low <= high);
    const int32_t r = le_clamp(a, low, high);
    CLAIM(WITHIN(r, low, high));
    CLAIM(!WITHIN(a, low, high) || r == a);
    CLAIM(a > low || r == low);
    CLAIM(a < high || r == high);""",
    ),
    Claim(
        "le_mean",
        """
    /* What C says of / and %: sum = q count + rest, the rest below count and signed as sum. */
    const int32_t sum = nondet_int(), count = nondet_int();
    ASSUME(count > 0);
    const int32_t q = sum / count, rest = sum % count;
    CLAIM(le_mean(sum, count) == (int64_t)q - (rest < 0));""",
        overflow=False,
    ),
    *(
        Claim(
            "le_mean",
            f"""
    const int32_t sum = nondet_int(), r = le_mean(sum, {count});
    CLAIM(WITHIN(sum - (int64_t)r * {count}, 0, {count} - 1));""",
        )
        for count in (1, 3, 256)
    ),
    Claim(
        "le_larger",
        """
    const int32_t a = nondet_int(), b = nondet_int(), r = le_larger(a, b);
    CLAIM((r == a || r == b) && r >= a && r >= b);""",
    ),
    Claim(
        "le_smaller",
        """
    const int32_t a = nondet_int(), b = nondet_int(), r = le_smaller(a, b);
    CLAIM((r == a || r == b) && r <= a && r <= b);""",
    ),
    Claim(
        "le_select",
        """
    const int32_t a = nondet_int(), b = nondet_int(), c = nondet_int(), d = nondet_int();
    CLAIM((int64_t)a - b > 0 ? le_select(a, b, c, d) == c : le_select(a, b, c, d) == d);""",
    ),
    Claim(
        "le_above",
        """
    const int32_t a = nondet_int(), b = nondet_int();
    CLAIM(le_above(a, b) == ((int64_t)a - b > 0 ? a : 0));""",
    ),
    Claim(
        "le_row",
        """
    const int32_t number = nondet_int(), rows = nondet_int();
    ASSUME(rows > 0);
    CLAIM(le_row(number, rows) == nearest(number, 0, (int64_t)rows - 1));""",
    ),
    Claim(
        "le_half",
        """
    uint8_t bytes[2] = {nondet_unsigned_byte(), nondet_unsigned_byte()};
    const int32_t n = nondet_int();
    ASSUME(WITHIN(n, 0, 3));
    CLAIM(le_half(bytes, n) == (n % 2 ? bytes[n / 2] / 16 : bytes[n / 2] % 16) - 8);""",
    ),
    Claim(
        "le_headroom",
        """
    const int32_t a = nondet_int();
    ASSUME(a > 0);
    CLAIM(le_headroom(a) == 30 - log2_of(a));""",
        unwind=32,
    ),
    Claim(
        "le_lift",
        """
    const int32_t a = nondet_int(), n = nondet_int();
    ASSUME(WITHIN(n, 0, 30));
    const int64_t whole = (int64_t)1 << n, most = INT32_MAX >> n;
    CLAIM(most * whole <= INT32_MAX && (most + 1) * whole > INT32_MAX);
    CLAIM(le_lift(a, n) == nearest(a, -most - 1, most) * whole);""",
    ),
)
"""Those of common/ops.c.j2."""


def _saturations() -> Claim:
    """Of all widths, some of a number that is shifted right before."""
    kinds = [(bits, 0) for bits in range(2, 32)]
    kinds += [(bits, places) for bits in (8, 12, 16, 24) for places in (1, 5, 7)]
    body = "\n    const int32_t a = nondet_int();"
    for bits, places in kinds:
        name = f"le_saturate{bits}" + (f"_of_{places}" if places else "")
        high = (1 << (bits - 1)) - 1
        body += f"\n    CLAIM({name}(a) == nearest((int64_t)a >> {places}, -{high} - 1, {high}));"
    return Claim("le_saturate", body, context={"saturations": kinds})


def _pairs() -> Claim:
    """Both halves of a word, of all widths."""
    body = "\n    const int32_t pair = nondet_int();\n    int32_t r;"
    for bits in range(2, 16):
        high = (1 << (bits - 1)) - 1
        body += f"""
    r = le_saturate_pair{bits}(pair);
    CLAIM((int16_t)r == nearest((int16_t)pair, -{high} - 1, {high}));
    CLAIM(r >> 16 == nearest(pair >> 16, -{high} - 1, {high}));"""
    return Claim("le_saturate_pair", body, context={"takes": range(2, 16)}, dialects=("dsp",))


def _sum(name: str, a: str, b: str, places: int) -> str:
    return f"""
    const int32_t sum = nondet_int(), a = nondet_int(), b = nondet_int();
    const int64_t product = (int64_t){a} * {b} >> {places};
    CLAIM((uint32_t){name}(sum, a, b) == (uint32_t)sum + (uint32_t)product);"""


WITH_LONG_PRODUCTS = ("armv7m", "dsp")
OF_DIALECTS = (
    Claim("le_mulw", _mulw("le_mulw", "nondet_short()", "b"), dialects=WITH_LONG_PRODUCTS),
    Claim(
        "le_mulw",
        """
    /* a b = p 2^16 + q: the distributive law, which z3 does not find for two unknowns. */
    const int32_t a = nondet_int(), b = nondet_short();
    const int32_t p = (a >> 16) * b, q = (a & 0xFFFF) * b;
    CLAIM((int64_t)(a >> 16) * (1 << 16) + (a & 0xFFFF) == a);
    CLAIM(le_mulw(a, b) == ((int64_t)p * (1 << 16) + q) >> 16);""",
        overflow=False,
        dialects=("armv6m",),
    ),
    Claim("le_mulw_high", _mulw("le_mulw_high", "nondet_int()", "(b >> 16)")),
    Claim(
        "le_scale",
        """
    const int32_t a = nondet_int(), b = nondet_int();
    CLAIM(le_scale(a, b) == ((int64_t)a * b) >> 32);""",
        overflow=False,
    ),
    Claim("le_mulw_add", _sum("le_mulw_add", "a", "(int16_t)b", 16)),
    Claim("le_mulw_high_add", _sum("le_mulw_high_add", "a", "(b >> 16)", 16)),
    Claim("le_mul_add", _sum("le_mul_add", "(int16_t)a", "(int16_t)b", 0)),
    Claim(
        "le_mul",
        """
    const int32_t a = nondet_int(), b = nondet_int();
    CLAIM(le_mul(a, b) == (int64_t)(int16_t)a * (int16_t)b);""",
    ),
    _saturations(),
    _pairs(),
)
"""Those of dialects/*.c.j2."""
