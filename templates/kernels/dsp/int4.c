/*
 * Four rows of int4 weights with the DSP extension (Cortex-M4, M7, M33).
 *
 * A tile of the stream: four words, the starts of P, S0, S2, Q, then a word for each pair of
 * columns: a halfword for each, of four digits 4096 * n3 + 256 * (n2 + 8) + 16 * (n1 + 8) + n0 + 8.
 * With S' = S + 8 * sum of x:
 *
 *     P   += SMLAD(word, x)                             = S0' + 16 * S1' + 256 * Q
 *     S0' += SMLAD(lowest digit, x)
 *     Q   += SMLAD(upper byte, x)                       = S2' + 16 * S3
 *     S2' += SMLAD(lower digit of the upper byte, x)
 *
 * S0 starts at bias 0, S2 at bias 2, Q at bias 2 + 16 * bias 3, P at bias 0 + 16 * bias 1 + 256 * Q,
 * all mod 2^32. Exact where S1' and S3, biases included, have 28 bits: lstm_edge proves that.
 * Sums: rows 1, 0, 2, 3. 61 instructions for 64 products; 14 for the tile, and what LE_ENTER and
 * LE_AGAIN take.
 */
#define LE_INT4_WORD(w, x) \
    "sxtb16 r12, " w ", ror #8\n\t" \
    "smlad r2, " w ", " x ", r2\n\t" \
    "and.w " w ", " w ", #0x000F000F\n\t" \
    "smlad r5, r12, " x ", r5\n\t" \
    "and.w r12, r12, #0x000F000F\n\t" \
    "smlad r3, " w ", " x ", r3\n\t" \
    "smlad r4, r12, " x ", r4\n\t"

/* A pair of columns: 9 instructions. */
#define LE_INT4_ONE \
    "ldr.w r6, [r0], #4\n\t" \
    "ldr.w r10, [r1], #4\n\t" \
    LE_INT4_WORD("r6", "r10")
#define LE_INT4_ONE_BYTES 36
#define LE_INT4_COLUMNS 2
#define LE_INT4_PER_BLOCK 8
#define LE_INT4_KEPT 4

/* Eight pairs of columns: 61 instructions. */
#define LE_INT4_BLOCK \
    "ldm.w r0!, {r6, r7, r8, r9}\n\t" \
    "ldm.w r1!, {r10, r11, lr}\n\t" \
    LE_INT4_WORD("r6", "r10") \
    LE_INT4_WORD("r7", "r11") \
    LE_INT4_WORD("r8", "lr") \
    "ldm.w r1!, {r10, r11, lr}\n\t" \
    LE_INT4_WORD("r9", "r10") \
    "ldm.w r0!, {r6, r7, r8, r9}\n\t" \
    LE_INT4_WORD("r6", "r11") \
    LE_INT4_WORD("r7", "lr") \
    "ldm.w r1!, {r10, r11}\n\t" \
    LE_INT4_WORD("r8", "r10") \
    LE_INT4_WORD("r9", "r11")
#define LE_INT4_BLOCK_BYTES 244

__attribute__((naked, noinline)) static void le_int4_rows(void)
{
    __asm__ volatile(
        "push {r4-r11, lr}\n\t"
        LE_LOAD_OPERAND(LE_INT4)
        "push {r6}\n\t"
        "ldm.w r0!, {r2, r3, r4, r5}\n\t"
        LE_ENTER(LE_INT4)
        LE_AGAIN(LE_INT4)
        "pop {r6}\n\t"
        "sub.w r2, r2, r5, lsl #8\n\t" /* S0' + 16 * S1' */
        "subs r2, r2, r3\n\t"
        "lsls r6, r6, #3\n\t"
        "rsb r2, r6, r2, asr #4\n\t"
        "subs r3, r3, r6\n\t"
        "sub.w r12, r4, r6\n\t"
        "subs r5, r5, r4\n\t"
        "asrs r1, r5, #4\n\t"
        LE_SCALE(LE_INT4)
        LE_LEAVE(LE_INT4));
}

static inline le_sums le_int4(const int32_t **w, const le_operand *operand) LE_CALLS(le_int4_rows)
