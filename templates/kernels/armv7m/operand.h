/* Each sum times its multiplier, (sum * multiplier) >> 16; a multiplier is kept shifted left by 16. */
#define LE_SCALE_0
#define LE_SCALE_1 \
    "ldm.w r0!, {r5, r6, r7, r8}\n\t" \
    "smull r9, r2, r2, r5\n\t" \
    "smull r9, r3, r3, r6\n\t" \
    "smull r9, r12, r12, r7\n\t" \
    "smull r9, r1, r1, r8\n\t"

/* What Armv7-M multiplies without the DSP extension: words. */
typedef int32_t le_value;

/* Sum of `count` values. */
static inline int32_t le_sum(const int32_t *values, int32_t count)
{
    const int32_t *const stop = values + count;
    const int32_t *const last = values + (count & ~7);
    int32_t sum = 0;

    while (values != last) {
        sum += values[0];
        sum += values[1];
        sum += values[2];
        sum += values[3];
        sum += values[4];
        sum += values[5];
        sum += values[6];
        sum += values[7];
        values += 8;
    }
    while (values != stop) {
        sum += *values++;
    }
    return sum;
}
