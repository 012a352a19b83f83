/* Each sum times its multiplier, (sum * multiplier) >> 16; two multipliers to a word. */
#define LE_SCALE_0
#define LE_SCALE_1 \
    "ldm.w r0!, {r5, r6}\n\t" \
    "smulwb r2, r2, r5\n\t" \
    "smulwt r3, r3, r5\n\t" \
    "smulwb r12, r12, r6\n\t" \
    "smulwt r1, r1, r6\n\t"

/* What the DSP extension multiplies: halfwords, two in a word. */
typedef int16_t le_value;

/* Two values, which are 4-byte aligned, as a word. */
static inline int32_t le_pair(const int16_t *values)
{
    int32_t pair;
    memcpy(&pair, values, sizeof pair);
    return pair;
}

/* Sum of `count` values, an even number, 4-byte aligned. */
static inline int32_t le_sum(const int16_t *values, int32_t count)
{
    const int16_t *const stop = values + count;
    const int16_t *const last = values + (count & ~15);
    int32_t sum = 0;

    while (values != last) {
        sum = __smlad(le_pair(values), 0x00010001, sum);
        sum = __smlad(le_pair(values + 2), 0x00010001, sum);
        sum = __smlad(le_pair(values + 4), 0x00010001, sum);
        sum = __smlad(le_pair(values + 6), 0x00010001, sum);
        sum = __smlad(le_pair(values + 8), 0x00010001, sum);
        sum = __smlad(le_pair(values + 10), 0x00010001, sum);
        sum = __smlad(le_pair(values + 12), 0x00010001, sum);
        sum = __smlad(le_pair(values + 14), 0x00010001, sum);
        values += 16;
    }
    while (values != stop) {
        sum = __smlad(le_pair(values), 0x00010001, sum);
        values += 2;
    }
    return sum;
}
