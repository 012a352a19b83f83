static inline int16x8_t le_behind(int16x8_t x, int32_t places)
{
    return places == 0 ? x : vshlq_r_s16(x, -places);
}

static inline void le_bytes(const int16_t *x, int32_t columns, int32_t places, int8_t *staged)
{
    LE_KEEP(staged);
    const int32_t whole = columns & ~15;

    for (int32_t k = 0; k < whole; k += 16) {
        vstrbq_s16(staged + k, le_behind(vldrhq_s16(x + k), places));
        vstrbq_s16(staged + k + 8, le_behind(vldrhq_s16(x + k + 8), places));
    }
    if (whole < columns) {
        vstrbq_s16(staged + whole, le_behind(le_eight(x + whole, columns - whole), places));
        LE_FENCE();
        vstrbq_s16(staged + whole + 8, le_behind(le_eight(x + whole + 8, columns - whole - 8), places));
    }
    LE_FENCE();
}
