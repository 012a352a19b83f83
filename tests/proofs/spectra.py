"""Claims of spectra: what a Fourier transform is made of, power, and sums over bands."""

from __future__ import annotations

from tests.proofs.helpers import Claim

SPECTRA = (
    Claim(
        "le_turn",
        """
    const int32_t a = nondet_int(), b = nondet_int(), c = nondet_int(), s = nondet_int();
    ASSUME(c > INT32_MIN && s > INT32_MIN);
    CLAIM(le_turn(a, b, c, s) == ((int64_t)a * c + (int64_t)b * s) >> 32);""",
        overflow=False,
    ),
    Claim(
        "le_fft_two",
        """
    int32_t z[8], was[8];
    for (int k = 0; k < 8; k++) {
        was[k] = z[k] = nondet_int();
        ASSUME(WITHIN(z[k], -(1 << 30), (1 << 30) - 1));
    }
    le_fft_two(z, 4);
    for (int k = 0; k < 8; k += 4) {
        for (int part = k; part < k + 2; part++) {
            CLAIM(z[part] == (int64_t)was[part] + was[part + 2]);
            CLAIM(z[part + 2] == (int64_t)was[part] - was[part + 2]);
        }
    }""",
        unwind=9,
    ),
    Claim(
        "le_fft_four",
        """
    int32_t z[8], a[2], b[2], c[2], d[2];
    for (int k = 0; k < 2; k++) {
        a[k] = z[k] = nondet_int();
        b[k] = nondet_int();
        c[k] = nondet_int();
        d[k] = nondet_int();
        ASSUME(WITHIN(a[k], -(1 << 28), 1 << 28) && WITHIN(b[k], -(1 << 28), 1 << 28));
        ASSUME(WITHIN(c[k], -(1 << 28), 1 << 28) && WITHIN(d[k], -(1 << 28), 1 << 28));
    }
    le_fft_four(z, 1, b[0], b[1], c[0], c[1], d[0], d[1]);
    /* a + b w^2j + c w^j + d w^3j, w = -i */
    CLAIM(z[0] == a[0] + b[0] + c[0] + d[0] && z[1] == a[1] + b[1] + c[1] + d[1]);
    CLAIM(z[2] == a[0] - b[0] + c[1] - d[1] && z[3] == a[1] - b[1] - c[0] + d[0]);
    CLAIM(z[4] == a[0] + b[0] - c[0] - d[0] && z[5] == a[1] + b[1] - c[1] - d[1]);
    CLAIM(z[6] == a[0] - b[0] - c[1] + d[1] && z[7] == a[1] - b[1] + c[0] - d[0]);""",
        unwind=9,
    ),
    Claim(
        "le_spare",
        """
    int32_t x[3];
    int64_t most = 1;
    for (int k = 0; k < 3; k++) {
        x[k] = nondet_int();
        ASSUME(x[k] > INT32_MIN);
        const int64_t size = x[k] < 0 ? -(int64_t)x[k] : x[k];
        most = size > most ? size : most;
    }
    CLAIM(le_spare(x, 3) == 30 - log2_of((int32_t)most));""",
        unwind=32,
    ),
    Claim(
        "le_power",
        """
    int32_t z[4], power[3];
    for (int k = 0; k < 4; k++) {
        z[k] = nondet_int();
        ASSUME(z[k] > INT32_MIN);
    }
    le_power(z, 3, power);
    for (int k = 0; k < 2; k++) {
        const int32_t re = z[2 * k] * ((int32_t)1 << power[2]);
        const int32_t im = z[2 * k + 1] * ((int32_t)1 << power[2]);
        CLAIM(power[k] == ((int64_t)re * re + (int64_t)im * im) >> 32);
    }""",
        needs=("le_spare",),
        unwind=32,
        overflow=False,
    ),
    Claim(
        "le_bands",
        """
    const int16_t bands[3][2] = {{1, 2}, {0, 0}, {0, 1}};
    int32_t x[3], sums[3];
    int16_t weights[3];
    const int32_t n = nondet_int();
    ASSUME(WITHIN(n, 1, 31));
    for (int k = 0; k < 3; k++) {
        x[k] = nondet_int();
        weights[k] = nondet_short();
    }
    le_bands(x, bands, weights, 3, n, sums);
    const int64_t half = (int64_t)1 << (n - 1);
    const int64_t two = half + (int64_t)x[1] * weights[0] + (int64_t)x[2] * weights[1];
    CLAIM(sums[0] == nearest(two >> n, INT32_MIN, INT32_MAX));
    CLAIM(sums[1] == 0);
    CLAIM(sums[2] == nearest((half + (int64_t)x[0] * weights[2]) >> n, INT32_MIN, INT32_MAX));""",
        unwind=4,
        overflow=False,
    ),
)
"""Those of common/spectrum.c.j2."""
