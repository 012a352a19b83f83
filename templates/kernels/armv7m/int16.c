/*
 * Four rows of int16 weights on Armv7-M without the DSP extension.
 *
 * A tile of the stream: the words P0 P1 P2 P3, then two words for each column: of the rows (0, 1) and
 * (2, 3), the first w + 32,768 unsigned in the lower half, the second w signed in the upper one.
 * Values have 32 bits.
 *
 *     P1 += (word >> 16) * x          P0 += word * x         mod 2^32
 *     S1  = P1                        S0  = P0 - 65,536 * P1 - 32,768 * sum of x
 *
 * P1 starts at its bias, P0 at bias 0 + 65,536 * P1. Sums: rows 0, 1, 3, 2. 27 instructions for 16
 * products; 8 for the tile.
 */
#define LE_INT16_COLUMN(w0, w1, x) \
    "mla r2, " w0 ", " x ", r2\n\t" \
    "asr.w " w0 ", " w0 ", #16\n\t" \
    "mla r3, " w0 ", " x ", r3\n\t" \
    "mla r4, " w1 ", " x ", r4\n\t" \
    "asr.w " w1 ", " w1 ", #16\n\t" \
    "mla r12, " w1 ", " x ", r12\n\t"

/* A column: 8 instructions. */
#define LE_INT16_ONE \
    "ldm.w r0!, {r5, r6}\n\t" \
    "ldr.w r9, [r1], #4\n\t" \
    LE_INT16_COLUMN("r5", "r6", "r9")
#define LE_INT16_ONE_BYTES 32
#define LE_INT16_COLUMNS 1
#define LE_INT16_PER_BLOCK 4
#define LE_INT16_KEPT 0

/* Four columns: 27 instructions. */
#define LE_INT16_BLOCK \
    "ldm.w r1!, {r9, r10, r11, lr}\n\t" \
    "ldm.w r0!, {r5, r6, r7, r8}\n\t" \
    LE_INT16_COLUMN("r5", "r6", "r9") \
    LE_INT16_COLUMN("r7", "r8", "r10") \
    "ldm.w r0!, {r5, r6, r7, r8}\n\t" \
    LE_INT16_COLUMN("r5", "r6", "r11") \
    LE_INT16_COLUMN("r7", "r8", "lr")
#define LE_INT16_BLOCK_BYTES 108

__attribute__((naked, noinline)) static void le_int16_rows(void)
{
    __asm__ volatile(
        "push {r4-r11, lr}\n\t"
        LE_LOAD_OPERAND(LE_INT16)
        "ldm.w r0!, {r2, r3, r4, r12}\n\t"
        "sub.w r2, r2, r6, lsl #15\n\t"
        "sub.w r4, r4, r6, lsl #15\n\t"
        LE_ENTER(LE_INT16)
        LE_AGAIN(LE_INT16)
        "sub.w r2, r2, r3, lsl #16\n\t"
        "sub.w r1, r4, r12, lsl #16\n\t"
        LE_SCALE(LE_INT16)
        LE_LEAVE(LE_INT16));
}

static inline le_sums le_int16(const int32_t **w, const le_operand *operand) LE_CALLS(le_int16_rows)
