/*
 * Four rows of int8 weights on Armv7-M without the DSP extension.
 *
 * A tile of the stream: the words P0 P1 P2 P3, then a word for each column: digits of four rows, the
 * three lower bytes w + 128 unsigned, the upper one w signed. Values have 32 bits.
 *
 *     Pk += (word >> 8 * k) * x                       mod 2^32
 *     Sk  = Pk - 256 * P(k + 1) - 128 * sum of x      for k < 3;    S3 = P3
 *
 * Pk starts at bias k + 256 * P(k + 1), all mod 2^32, so exact for any sums of 32 bits. The sums of x
 * are taken away first: 128 times it from P2, 128 * 257 times from P1, 128 * 65,793 times from P0.
 * Sums: rows 0, 1, 3, 2. 30 instructions for 16 products; 12 for the tile.
 */
#define LE_INT8_COLUMN(w, x) \
    "mla r2, " w ", " x ", r2\n\t" \
    "asr.w " w ", " w ", #8\n\t" \
    "mla r3, " w ", " x ", r3\n\t" \
    "asr.w " w ", " w ", #8\n\t" \
    "mla r4, " w ", " x ", r4\n\t" \
    "asr.w " w ", " w ", #8\n\t" \
    "mla r12, " w ", " x ", r12\n\t"

/* A column: 9 instructions. */
#define LE_INT8_ONE \
    "ldr.w r5, [r0], #4\n\t" \
    "ldr.w r9, [r1], #4\n\t" \
    LE_INT8_COLUMN("r5", "r9")
#define LE_INT8_ONE_BYTES 36
#define LE_INT8_COLUMNS 1
#define LE_INT8_PER_BLOCK 4
#define LE_INT8_KEPT 0

/* Four columns: 30 instructions. */
#define LE_INT8_BLOCK \
    "ldm.w r1!, {r9, r10, r11, lr}\n\t" \
    "ldm.w r0!, {r5, r6, r7, r8}\n\t" \
    LE_INT8_COLUMN("r5", "r9") \
    LE_INT8_COLUMN("r6", "r10") \
    LE_INT8_COLUMN("r7", "r11") \
    LE_INT8_COLUMN("r8", "lr")
#define LE_INT8_BLOCK_BYTES 120

__attribute__((naked, noinline)) static void le_int8_rows(void)
{
    __asm__ volatile(
        "push {r4-r11, lr}\n\t"
        LE_LOAD_OPERAND(LE_INT8)
        "ldm.w r0!, {r2, r3, r4, r12}\n\t"
        "sub.w r4, r4, r6, lsl #7\n\t"
        "add.w r7, r6, r6, lsl #8\n\t"
        "sub.w r3, r3, r7, lsl #7\n\t"
        "add.w r7, r6, r7, lsl #8\n\t"
        "sub.w r2, r2, r7, lsl #7\n\t"
        LE_ENTER(LE_INT8)
        LE_AGAIN(LE_INT8)
        "sub.w r2, r2, r3, lsl #8\n\t"
        "sub.w r3, r3, r4, lsl #8\n\t"
        "sub.w r1, r4, r12, lsl #8\n\t"
        LE_SCALE(LE_INT8)
        LE_LEAVE(LE_INT8));
}

static inline le_sums le_int8(const int32_t **w, const le_operand *operand) LE_CALLS(le_int8_rows)
