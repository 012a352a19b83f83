/*
 * Four rows of int8 weights on Armv6-M.
 *
 * A tile of the stream: the words P0 P1 P2 P3, then a word for each column: digits of four rows, the
 * three lower bytes w + 128 unsigned, the upper one w signed. Values have 32 bits.
 *
 *     Pk += (word >> 8 * k) * x                       mod 2^32
 *     Sk  = Pk - 256 * P(k + 1) - 128 * sum of x      for k < 3;    S3 = P3
 *
 * Pk starts at bias k + 256 * P(k + 1), all mod 2^32, so exact for any sums of 32 bits. Sums: rows
 * 2, 1, 0, 3. 71 instructions for 24 products; 22 for the tile.
 */
#define LE_INT8_COLUMN(w, x) \
    "asrs r2, " w ", #24\n\t" \
    "muls r2, " x ", r2\n\t" \
    "add lr, r2\n\t" \
    "asrs r2, " w ", #16\n\t" \
    "muls r2, " x ", r2\n\t" \
    "add r12, r2\n\t" \
    "asrs r2, " w ", #8\n\t" \
    "muls r2, " x ", r2\n\t" \
    "add r8, r2\n\t" \
    "muls " w ", " x ", " w "\n\t" \
    "add r9, " w "\n\t"

/* Two columns: 24 instructions. */
#define LE_INT8_ONE \
    "ldm r0!, {r4, r5}\n\t" \
    "ldm r1!, {r6, r7}\n\t" \
    LE_INT8_COLUMN("r4", "r6") \
    LE_INT8_COLUMN("r5", "r7")
#define LE_INT8_ONE_BYTES 48
#define LE_INT8_COLUMNS 2
#define LE_INT8_PER_BLOCK 3
#define LE_INT8_LESS 128

/* Six columns: 71 instructions. */
#define LE_INT8_BLOCK \
    "ldm r0!, {r3, r4, r5}\n\t" \
    "ldm r1!, {r6, r7}\n\t" \
    LE_INT8_COLUMN("r3", "r6") \
    LE_INT8_COLUMN("r4", "r7") \
    "ldm r1!, {r6, r7}\n\t" \
    LE_INT8_COLUMN("r5", "r6") \
    "ldm r0!, {r3, r4, r5}\n\t" \
    LE_INT8_COLUMN("r3", "r7") \
    "ldm r1!, {r6, r7}\n\t" \
    LE_INT8_COLUMN("r4", "r6") \
    LE_INT8_COLUMN("r5", "r7")
#define LE_INT8_BLOCK_BYTES 142

__attribute__((naked, noinline)) static void le_int8_rows(void)
{
    __asm__ volatile(
        LE_BEGIN(LE_INT8)
        LE_ENTER(LE_INT8)
        LE_AGAIN(LE_INT8)
        LE_SUMMED(LE_INT8)
        LE_LESS("r4", "r3", "8")
        LE_LESS("r3", "r2", "8")
        LE_LESS("r2", "r1", "8")
        LE_SCALE(LE_INT8)
        LE_LEAVE);
}

static inline le_sums le_int8(const int32_t **w, const le_operand *operand) LE_CALLS(le_int8_rows)
