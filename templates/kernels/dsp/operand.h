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
    (void)memcpy(&pair, values, sizeof pair);
    return pair;
}

/* Sum of `count` values, an even number, 4-byte aligned; 16 of them at a time. */
static inline int32_t le_sum(const int16_t *values, int32_t count)
{
    const int16_t *const stop = values + count;
    const int16_t *const last = values + (count & ~15);
    int32_t sum = 0;

    while (values != last) {
        __asm__ volatile(
            "ldmia.w %[values]!, {r4, r5, r6, r8}\n\t"
            "smlad %[sum], r4, %[ones], %[sum]\n\t"
            "smlad %[sum], r5, %[ones], %[sum]\n\t"
            "smlad %[sum], r6, %[ones], %[sum]\n\t"
            "smlad %[sum], r8, %[ones], %[sum]\n\t"
            "ldmia.w %[values]!, {r4, r5, r6, r8}\n\t"
            "smlad %[sum], r4, %[ones], %[sum]\n\t"
            "smlad %[sum], r5, %[ones], %[sum]\n\t"
            "smlad %[sum], r6, %[ones], %[sum]\n\t"
            "smlad %[sum], r8, %[ones], %[sum]"
            : [values] "+r"(values), [sum] "+r"(sum)
            : [ones] "r"(0x00010001)
            : "r4", "r5", "r6", "r8", "memory");
    }
    while (values != stop) {
        sum = __smlad(le_pair(values), 0x00010001, sum);
        values += 2;
    }
    return sum;
}
