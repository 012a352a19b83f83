#include <arm_acle.h>

/* What the DSP extension multiplies: halfwords, two in a word. */
typedef int16_t le_value;

/* Sum of `count` values, an even number, 4-byte aligned. */
static inline int32_t le_sum(const int16_t *values, int32_t count)
{
    const int16_t *const stop = values + count;
    int32_t sum = 0;

    while (stop - values >= 8) {
        int32_t four[4];
        memcpy(four, values, sizeof four);
        sum = __smlad(four[0], 0x00010001, sum);
        sum = __smlad(four[1], 0x00010001, sum);
        sum = __smlad(four[2], 0x00010001, sum);
        sum = __smlad(four[3], 0x00010001, sum);
        values += 8;
    }
    while (values != stop) {
        int32_t two;
        memcpy(&two, values, sizeof two);
        sum = __smlad(two, 0x00010001, sum);
        values += 2;
    }
    return sum;
}
