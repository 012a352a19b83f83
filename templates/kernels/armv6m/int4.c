/*
 * Four rows of int4 weights on Armv6-M.
 *
 * A tile of the stream: the words P0 P1 P2 P3, then a word for each two columns: a halfword for each,
 * of four digits 4096 * n3 + 256 * (n2 + 8) + 16 * (n1 + 8) + n0 + 8. Values have 32 bits.
 *
 *     Pk += (halfword >> 4 * k) * x                  mod 2^32
 *     Sk  = Pk - 16 * P(k + 1) - 8 * sum of x        for k < 3;    S3 = P3
 *
 * Pk starts at bias k + 16 * P(k + 1), all mod 2^32, so exact for any sums of 32 bits. Sums: rows
 * 2, 1, 0, 3. 51 instructions for 16 products; 22 for the tile.
 */
#define LE_INT4_PRODUCT(w, digit, x, sum) \
    "asrs r2, " w ", #" digit "\n\t" \
    "muls r2, " x ", r2\n\t" \
    "add " sum ", r2\n\t"

/* The columns of a word; r3 is used. */
#define LE_INT4_TWO(w, x0, x1) \
    "sxth r3, " w "\n\t" \
    LE_INT4_PRODUCT("r3", "12", x0, "lr") \
    LE_INT4_PRODUCT("r3", "8", x0, "r12") \
    LE_INT4_PRODUCT("r3", "4", x0, "r8") \
    "muls r3, " x0 ", r3\n\t" \
    "add r9, r3\n\t" \
    LE_INT4_PRODUCT(w, "28", x1, "lr") \
    LE_INT4_PRODUCT(w, "24", x1, "r12") \
    LE_INT4_PRODUCT(w, "20", x1, "r8") \
    LE_INT4_PRODUCT(w, "16", x1, "r9")

/* Two columns: 26 instructions. */
#define LE_INT4_ONE \
    "ldm r0!, {r4}\n\t" \
    "ldm r1!, {r6, r7}\n\t" \
    LE_INT4_TWO("r4", "r6", "r7")
#define LE_INT4_ONE_BYTES 52
#define LE_INT4_COLUMNS 2
#define LE_INT4_PER_BLOCK 2
#define LE_INT4_LESS 8

/* Four columns: 51 instructions. */
#define LE_INT4_BLOCK \
    "ldm r0!, {r4, r5}\n\t" \
    "ldm r1!, {r6, r7}\n\t" \
    LE_INT4_TWO("r4", "r6", "r7") \
    "ldm r1!, {r6, r7}\n\t" \
    LE_INT4_TWO("r5", "r6", "r7")
#define LE_INT4_BLOCK_BYTES 102

__attribute__((naked, noinline)) static void le_int4_rows(void)
{
    __asm__ volatile(
        LE_BEGIN(LE_INT4)
        LE_ENTER(LE_INT4)
        LE_AGAIN(LE_INT4)
        LE_SUMMED(LE_INT4)
        LE_LESS("r4", "r3", "4")
        LE_LESS("r3", "r2", "4")
        LE_LESS("r2", "r1", "4")
        LE_SCALE(LE_INT4)
        LE_LEAVE);
}

static inline le_sums le_int4(const int32_t **w, const le_operand *operand) LE_CALLS(le_int4_rows)
