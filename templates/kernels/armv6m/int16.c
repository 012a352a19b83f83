/*
 * Four rows of int16 weights on Armv6-M.
 *
 * A tile of the stream: the words P0 P1 P2 P3, then two words for each column: of the rows (0, 1) and
 * (2, 3), the first w + 32,768 unsigned in the lower half, the second w signed in the upper one.
 * Values have 32 bits.
 *
 *     P1 += (word >> 16) * x          P0 += word * x         mod 2^32
 *     S1  = P1                        S0  = P0 - 65,536 * P1 - 32,768 * sum of x
 *
 * P1 starts at its bias, P0 at bias 0 + 65,536 * P1. Sums: rows 2, 1, 0, 3. 23 instructions for 8
 * products; 19 for the tile.
 */
#define LE_INT16_COLUMN(w0, w1, x) \
    "asrs r2, " w0 ", #16\n\t" \
    "muls r2, " x ", r2\n\t" \
    "add r8, r2\n\t" \
    "muls " w0 ", " x ", " w0 "\n\t" \
    "add r9, " w0 "\n\t" \
    "asrs r2, " w1 ", #16\n\t" \
    "muls r2, " x ", r2\n\t" \
    "add lr, r2\n\t" \
    "muls " w1 ", " x ", " w1 "\n\t" \
    "add r12, " w1 "\n\t"

/* Two columns: 23 instructions. */
#define LE_INT16_ONE \
    "ldm r0!, {r3, r4, r5, r6}\n\t" \
    "ldm r1!, {r7}\n\t" \
    LE_INT16_COLUMN("r3", "r4", "r7") \
    "ldm r1!, {r7}\n\t" \
    LE_INT16_COLUMN("r5", "r6", "r7")
#define LE_INT16_ONE_BYTES 46
#define LE_INT16_COLUMNS 2
#define LE_INT16_PER_BLOCK 2
#define LE_INT16_LESS 32768

/* Four columns: 46 instructions. */
#define LE_INT16_BLOCK LE_INT16_ONE LE_INT16_ONE
#define LE_INT16_BLOCK_BYTES 92

__attribute__((naked, noinline)) static void le_int16_rows(void)
{
    __asm__ volatile(
        LE_BEGIN(LE_INT16)
        LE_ENTER(LE_INT16)
        LE_AGAIN(LE_INT16)
        LE_SUMMED(LE_INT16)
        LE_LESS("r4", "r3", "16")
        LE_LESS("r2", "r1", "16")
        LE_SCALE(LE_INT16)
        LE_LEAVE);
}

static inline le_sums le_int16(const int32_t **w, const le_operand *operand) LE_CALLS(le_int16_rows)
