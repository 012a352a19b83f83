static inline void le_both_planes(int16x8_t x, int8_t *staged)
{
    vstrbq_s16(staged, vshrq_n_s16(x, 7));
    vstrbq_s16(staged + 16, vandq_s16(x, vdupq_n_s16(127)));
}

static inline void le_planes(const int16_t *x, int32_t columns, int8_t *staged)
{
    LE_KEEP(staged);
    const int32_t whole = columns & ~15;

    for (int32_t k = 0; k < whole; k += 16) {
        le_both_planes(vldrhq_s16(x + k), staged + 2 * k);
        le_both_planes(vldrhq_s16(x + k + 8), staged + 2 * k + 8);
    }
    if (whole < columns) {
        le_both_planes(le_eight(x + whole, columns - whole), staged + 2 * whole);
        LE_FENCE();
        le_both_planes(le_eight(x + whole + 8, columns - whole - 8), staged + 2 * whole + 8);
    }
    LE_FENCE();
}
