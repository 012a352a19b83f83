/*
 * Four rows of int16 weights with the DSP extension (Cortex-M4, M7, M33).
 *
 * A tile of the stream: the biases of rows 0, 1, 2, 3, then for each pair of columns four words, of
 * the rows 0, 1, 2, 3; the first column in the lower half. Sums: rows 0, 1, 3, 2, in the order of
 * the stream. 21 instructions for 32 products; 5 for the tile, and what LE_ENTER and LE_AGAIN take.
 */
#define LE_INT16_FOUR(x) \
    "ldm.w r0!, {r5, r6, r7, r8}\n\t" \
    "smlad r2, r5, " x ", r2\n\t" \
    "smlad r3, r6, " x ", r3\n\t" \
    "smlad r4, r7, " x ", r4\n\t" \
    "smlad r12, r8, " x ", r12\n\t"

/* A pair of columns: 6 instructions. */
#define LE_INT16_ONE \
    "ldr.w r9, [r1], #4\n\t" \
    LE_INT16_FOUR("r9")
#define LE_INT16_ONE_BYTES 24
#define LE_INT16_COLUMNS 2
#define LE_INT16_PER_BLOCK 4
#define LE_INT16_KEPT 0

/* Four pairs of columns: 21 instructions. */
#define LE_INT16_BLOCK \
    "ldm.w r1!, {r9, r10, r11, lr}\n\t" \
    LE_INT16_FOUR("r9") \
    LE_INT16_FOUR("r10") \
    LE_INT16_FOUR("r11") \
    LE_INT16_FOUR("lr")
#define LE_INT16_BLOCK_BYTES 84

__attribute__((naked, noinline)) static void le_int16_rows(void)
{
    __asm__ volatile(
        "push {r4-r11, lr}\n\t"
        LE_LOAD_OPERAND(LE_INT16)
        "ldm.w r0!, {r2, r3, r4, r12}\n\t"
        LE_ENTER(LE_INT16)
        LE_AGAIN(LE_INT16)
        "mov r1, r4\n\t"
        LE_SCALE(LE_INT16)
        LE_LEAVE(LE_INT16));
}

static inline le_sums le_int16(const int32_t **w, const le_operand *operand) LE_CALLS(le_int16_rows)
