/*
 * Four rows of int8 weights with the DSP extension (Cortex-M4, M7, M33).
 *
 * A tile of the stream: the words B0 P0 P1 B1, then for each pair of columns two words, of the rows
 * (b0, a0) and (b1, a1). A word holds both columns, a halfword each: 256 * b + (a + 128), b signed in
 * the upper byte, a + 128 unsigned in the lower one. B: the bias of b. P: that of a, plus 256 * B.
 *
 *     B += SMLAD(SXTB16(word ROR 8), x)    = sum of b * x
 *     P += SMLAD(word, x)                  = 256 * B + A + 128 * sum of x, mod 2^32
 *
 * so A = P - 256 * B - 128 * sum of x is exact for every A of 32 bits. Sums: b0, a0, b1, a1.
 * 27 instructions for 32 products; 8 for the tile, and what LE_ENTER and LE_AGAIN take.
 */
#define LE_INT8_TWO(w0, w1, x) \
    "smlad r3, " w0 ", " x ", r3\n\t" \
    "sxtb16 " w0 ", " w0 ", ror #8\n\t" \
    "smlad r4, " w1 ", " x ", r4\n\t" \
    "sxtb16 " w1 ", " w1 ", ror #8\n\t" \
    "smlad r2, " w0 ", " x ", r2\n\t" \
    "smlad r12, " w1 ", " x ", r12\n\t"

/* A pair of columns: 8 instructions. */
#define LE_INT8_ONE \
    "ldm.w r0!, {r5, r6}\n\t" \
    "ldr.w r9, [r1], #4\n\t" \
    LE_INT8_TWO("r5", "r6", "r9")
#define LE_INT8_ONE_BYTES 32
#define LE_INT8_COLUMNS 2
#define LE_INT8_PER_BLOCK 4
#define LE_INT8_KEPT 0

/* Four pairs of columns: 27 instructions. */
#define LE_INT8_BLOCK \
    "ldm.w r1!, {r9, r10, r11, lr}\n\t" \
    "ldm.w r0!, {r5, r6, r7, r8}\n\t" \
    LE_INT8_TWO("r5", "r6", "r9") \
    LE_INT8_TWO("r7", "r8", "r10") \
    "ldm.w r0!, {r5, r6, r7, r8}\n\t" \
    LE_INT8_TWO("r5", "r6", "r11") \
    LE_INT8_TWO("r7", "r8", "lr")
#define LE_INT8_BLOCK_BYTES 108

__attribute__((naked, noinline)) static void le_int8_rows(void)
{
    __asm__ volatile(
        "push {r4-r11, lr}\n\t"
        LE_LOAD_OPERAND(LE_INT8)
        "ldm.w r0!, {r2, r3, r4, r12}\n\t"
        "sub.w r3, r3, r6, lsl #7\n\t"
        "sub.w r4, r4, r6, lsl #7\n\t"
        LE_ENTER(LE_INT8)
        LE_AGAIN(LE_INT8)
        "sub.w r3, r3, r2, lsl #8\n\t"
        "sub.w r1, r4, r12, lsl #8\n\t"
        LE_SCALE(LE_INT8)
        LE_LEAVE(LE_INT8));
}

static inline le_sums le_int8(const int32_t **w, const le_operand *operand) LE_CALLS(le_int8_rows)
