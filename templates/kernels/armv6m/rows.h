/*
 * What the kernels of four rows share on Armv6-M (Cortex-M0, M0+), whose only multiplication is MULS:
 * it overwrites a factor, and only r0 to r7 take part. A kernel K has two pieces of code, K_ONE for
 * K_COLUMNS columns and K_BLOCK for K_PER_BLOCK times as many, and is one of four forms, K_FORM:
 *
 *     0   K_ONES times the first and K_BLOCKS times the second, for one count of columns
 *     1   the same, entered where the operand says: for any count up to that
 *     2   the same again and again until the operand ends: for any count
 *     3   K_ONES times the first, then passes of K_BLOCKS times the second: for one long count
 *
 * It sums in r9, r8, r12 and lr. A kernel is called by LE_CALLS, with the stream in r0 and the operand
 * in r1. It returns the word behind the tile in r0, the sums in r2, r3, r4, r1, and keeps r5 to r7,
 * r10 and r11.
 */
#define LE_JOIN(a, b) LE_JOINED(a, b)
#define LE_JOINED(a, b) a##b
#define LE_TEXT(a) LE_TEXT_OF(a)
#define LE_TEXT_OF(a) #a

/*
 * A vector that rows are multiplied with, made once a step. Kernels load it whole: order counts.
 * LE_LONG: whether some kernel has form 2 or 3 and asks where the values stop.
 */
#if LE_LONG
#define LE_STOP(stop) , (stop)
#else
#define LE_STOP(stop)
#endif
typedef struct {
    const le_value *values; /* a multiple of K_COLUMNS */
    int32_t skip_ones;      /* bytes of code to jump over: of the single columns, */
    int32_t skip_blocks;    /* and of the blocks */
    int32_t less;           /* what a lower digit has too much: a multiple of the sum of the values */
#if LE_LONG
    const le_value *stop;   /* behind the last value */
#endif
} le_operand;

typedef struct {
    int32_t s0, s1, s2, s3;
} le_sums;

/* r1: values; on the stack: skip_ones, skip_blocks, less, stop. */
#define LE_BEGIN(k) \
    ".syntax unified\n\t" \
    LE_JOIN(LE_KEEP_, k##_FORM) \
    "ldm r0!, {r2, r3, r4, r5}\n\t" \
    "mov r9, r2\n\t" \
    "mov r8, r3\n\t" \
    "mov r12, r4\n\t" \
    "mov lr, r5\n\t"
#define LE_KEEP_0 "ldm r1, {r1, r2, r3, r4}\n\tpush {r4, r5, r6, r7, lr}\n\t"
#define LE_KEEP_1 LE_KEEP_0 "push {r2, r3}\n\t"
#define LE_KEEP_2 LE_KEEP_LONG "push {r2, r3, r4, r5}\n\t"
#define LE_KEEP_3 LE_KEEP_LONG "push {r4, r5}\n\t"
#define LE_KEEP_LONG "push {r5-r7, lr}\n\tldm r1, {r1, r2, r3, r4, r5}\n\t"

#define LE_ENTER(k) LE_JOIN(LE_ENTER_, k##_FORM)(k)
#define LE_ENTER_0(k) LE_REPEAT(k##_ONES, k##_ONE) LE_REPEAT(k##_BLOCKS, k##_BLOCK)
#define LE_ENTER_1(k) \
    "pop {r3}\n\tadd pc, r3\n\tnop\n\t" LE_REPEAT(k##_ONES, k##_ONE) \
    "pop {r3}\n\tadd pc, r3\n\tnop\n" \
    "1:\n\t" LE_REPEAT(k##_BLOCKS, k##_BLOCK) \
    LE_CHECK_SIZE(k##_BLOCKS, k##_BLOCK_BYTES)
#define LE_ENTER_2(k) LE_ENTER_1(k)
#define LE_ENTER_3(k) LE_REPEAT(k##_ONES, k##_ONE) "1:\n\t" LE_REPEAT(k##_BLOCKS, k##_BLOCK)
#define LE_REPEAT(count, code) ".rept " LE_TEXT(count) "\n\t" code ".endr\n\t"

/* LE_OPERAND counts on these sizes. clang's assembler cannot compare them. */
#if defined(__clang__)
#define LE_CHECK_SIZE(count, bytes)
#else
#define LE_CHECK_SIZE(count, bytes) \
    ".if (. - 1b) != " LE_TEXT(count) " * " LE_TEXT(bytes) "\n\t.error \"size of a block\"\n\t.endif\n\t"
#endif

/* A conditional branch would not reach. */
#define LE_AGAIN(k) LE_JOIN(LE_AGAIN_, k##_FORM)
#define LE_AGAIN_0
#define LE_AGAIN_1
#define LE_AGAIN_3 LE_AGAIN_2
#define LE_AGAIN_2 "ldr r3, [sp, #4]\n\tcmp r1, r3\n\tbeq 2f\n\tb 1b\n2:\n\t"

/* r4, r3, r2, r1: what r9, r8, r12, lr have summed; r5: less. */
#define LE_SUMMED(k) \
    LE_JOIN(LE_SUMMED_, k##_FORM) \
    "mov r4, r9\n\t" \
    "mov r3, r8\n\t" \
    "mov r2, r12\n\t" \
    "mov r1, lr\n\t"
#define LE_SUMMED_0 "pop {r5}\n\t"
#define LE_SUMMED_1 LE_SUMMED_0
#define LE_SUMMED_2 "pop {r5, r6}\n\t"
#define LE_SUMMED_3 LE_SUMMED_2

/* S = P - (next << bits) - less; r6 is used. */
#define LE_LESS(p, next, bits) \
    "lsls r6, " next ", #" bits "\n\t" \
    "subs " p ", " p ", r6\n\t" \
    "subs " p ", " p ", r5\n\t"

/* Each sum times its multiplier, (sum * multiplier) >> 16. K_SCALED: whether these follow the tile. */
#define LE_SCALE(k) LE_JOIN(LE_SCALE_, k##_SCALED)
#define LE_SCALE_0
#define LE_SCALE_1 \
    "ldm r0!, {r5, r7}\n\t" \
    LE_SCALED("r2", "r5") \
    LE_SCALED("r3", "r7") \
    "ldm r0!, {r5, r7}\n\t" \
    LE_SCALED("r4", "r5") \
    LE_SCALED("r1", "r7")
#define LE_SCALED(sum, multiplier) \
    "uxth r6, " sum "\n\t" \
    "asrs " sum ", " sum ", #16\n\t" \
    "muls r6, " multiplier ", r6\n\t" \
    "muls " sum ", " multiplier ", " sum "\n\t" \
    "asrs r6, r6, #16\n\t" \
    "adds " sum ", " sum ", r6\n\t"

#define LE_LEAVE "pop {r5-r7, pc}\n\t"

/* The operand of kernel k with `ones` times K_COLUMNS columns, and the sum of its values. */
#define LE_OPERAND(k, values, ones, sum) \
    le_operand_of( \
        (values), (ones) * k##_COLUMNS, (uint32_t)(sum) * k##_LESS, \
        LE_SKIPPED(k##_BLOCKS, (ones) / k##_PER_BLOCK) * k##_BLOCK_BYTES, \
        (k##_ONES - (ones) % k##_PER_BLOCK) * k##_ONE_BYTES)
/* Blocks to skip, so that whole passes of `all` blocks follow the first one; all where none is left. */
#define LE_SKIPPED(all, blocks) ((blocks) == 0 ? (all) : ((all) - (blocks) % LE_SOME(all)) % LE_SOME(all))
#define LE_SOME(all) ((all) == 0 ? 1 : (all))

static inline le_operand le_operand_of(
    const le_value *values, int32_t count, uint32_t less, int32_t skip_blocks, int32_t skip_ones)
{
    const le_operand operand = {values, skip_ones, skip_blocks, (int32_t)less LE_STOP(values + count)};
    (void)count;
    return operand;
}

/*
 * The body of a function that calls a kernel: the sums of a tile's four rows, in the order of the
 * kernel; *w goes behind the tile. Position-independent code has no constant address to call. The
 * empty statement hides that *w is what r0 was: gcc would leave out the next call's move to r0, though
 * calls in between have changed it.
 */
#if defined(__PIC__)
#define LE_CALL "blx %[kernel]"
#define LE_ADDRESS "l"
#else
#define LE_CALL "bl %c[kernel]"
#define LE_ADDRESS "i"
#endif
#define LE_CALLS(rows) \
    { \
        register const int32_t *r0 __asm__("r0") = *w; \
        register int32_t r1 __asm__("r1") = (int32_t)operand; \
        register int32_t r2 __asm__("r2"); \
        register int32_t r3 __asm__("r3"); \
        register int32_t r4 __asm__("r4"); \
        __asm__ volatile( \
            LE_CALL \
            : "+l"(r0), "+l"(r1), "=&l"(r2), "=&l"(r3), "=&l"(r4) \
            : [kernel] LE_ADDRESS(rows) \
            : "r8", "r9", "r12", "lr", "cc", "memory"); \
        const le_sums sums = {r2, r3, r4, r1}; \
        const int32_t *next = r0; \
        __asm__("" : "+l"(next)); \
        *w = next; \
        return sums; \
    }
