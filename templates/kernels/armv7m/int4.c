/*
 * Four rows of int4 weights on Armv7-M without the DSP extension.
 *
 * A tile of the stream: the words P0 P1 P2 P3, then a word for each two columns: a halfword for each,
 * of four digits 4096 * n3 + 256 * (n2 + 8) + 16 * (n1 + 8) + n0 + 8. Values have 32 bits.
 *
 *     Pk += (halfword >> 4 * k) * x                  mod 2^32
 *     Sk  = Pk - 16 * P(k + 1) - 8 * sum of x        for k < 3;    S3 = P3
 *
 * Pk starts at bias k + 16 * P(k + 1), all mod 2^32, so exact for any sums of 32 bits. The sums of x
 * are taken away first: 8 times it from P2, 8 * 17 times from P1, 8 * 273 times from P0.
 * Sums: rows 0, 1, 3, 2. 34 instructions for 16 products; 12 for the tile.
 */
#define LE_INT4_COLUMN(w, x) \
    "mla r2, " w ", " x ", r2\n\t" \
    "asr.w " w ", " w ", #4\n\t" \
    "mla r3, " w ", " x ", r3\n\t" \
    "asr.w " w ", " w ", #4\n\t" \
    "mla r4, " w ", " x ", r4\n\t" \
    "asr.w " w ", " w ", #4\n\t" \
    "mla r12, " w ", " x ", r12\n\t"

/* The columns of a word; t: a register for one of them. */
#define LE_INT4_TWO(w, t, x0, x1) \
    "sxth.w " t ", " w "\n\t" \
    LE_INT4_COLUMN(t, x0) \
    "asr.w " w ", " w ", #16\n\t" \
    LE_INT4_COLUMN(w, x1)

/* Two columns: 18 instructions. */
#define LE_INT4_ONE \
    "ldr.w r5, [r0], #4\n\t" \
    "ldm.w r1!, {r9, r10}\n\t" \
    LE_INT4_TWO("r5", "r7", "r9", "r10")
#define LE_INT4_ONE_BYTES 72
#define LE_INT4_COLUMNS 2
#define LE_INT4_PER_BLOCK 2
#define LE_INT4_KEPT 0

/* Four columns: 34 instructions. */
#define LE_INT4_BLOCK \
    "ldm.w r1!, {r9, r10, r11, lr}\n\t" \
    "ldm.w r0!, {r5, r6}\n\t" \
    LE_INT4_TWO("r5", "r7", "r9", "r10") \
    LE_INT4_TWO("r6", "r7", "r11", "lr")
#define LE_INT4_BLOCK_BYTES 136

__attribute__((naked, noinline)) static void le_int4_rows(void)
{
    __asm__ volatile(
        "push {r4-r11, lr}\n\t"
        LE_LOAD_OPERAND(LE_INT4)
        "ldm.w r0!, {r2, r3, r4, r12}\n\t"
        "sub.w r4, r4, r6, lsl #3\n\t"
        "add.w r7, r6, r6, lsl #4\n\t"
        "sub.w r3, r3, r7, lsl #3\n\t"
        "add.w r7, r6, r7, lsl #4\n\t"
        "sub.w r2, r2, r7, lsl #3\n\t"
        LE_ENTER(LE_INT4)
        LE_AGAIN(LE_INT4)
        "sub.w r2, r2, r3, lsl #4\n\t"
        "sub.w r3, r3, r4, lsl #4\n\t"
        "sub.w r1, r4, r12, lsl #4\n\t"
        LE_SCALE(LE_INT4)
        LE_LEAVE(LE_INT4));
}

static inline le_sums le_int4(const int32_t **w, const le_operand *operand) LE_CALLS(le_int4_rows)
