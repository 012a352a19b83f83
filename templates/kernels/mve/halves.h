static inline void le_halves(const int16_t *x, int32_t columns, int8_t *staged)
{
    LE_KEEP(staged);
    const int32_t whole = columns & ~7;

    for (int32_t k = 0; k < whole; k += 8) {
        vstrbq_s8(staged + 2 * k, vreinterpretq_s8_s16(vldrhq_s16(x + k)));
    }
    if (whole < columns) {
        const int16x8_t last = le_eight(x + whole, columns - whole);
        vstrbq_s8(staged + 2 * whole, vreinterpretq_s8_s16(last));
    }
    LE_FENCE();
}
