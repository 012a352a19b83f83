/*
 * What the kernels of four rows share on Armv7-M and Armv8-M Mainline. A kernel K has two pieces of
 * code, K_ONE for K_COLUMNS columns (one or two) and K_BLOCK for K_PER_BLOCK times as many, and is
 * one of four forms, K_FORM:
 *
 *     0   K_ONES times the first and K_BLOCKS times the second, for one count of columns
 *     1   the same, entered where the operand says: for any count up to that
 *     2   the same again and again until the operand ends: for any count
 *     3   K_ONES times the first, then passes of K_BLOCKS times the second: for one long count
 *
 * A kernel is called by LE_CALLS, with the stream in r0 and the operand in r1. It returns the word
 * behind the tile in r0, the sums in r2, r3, r12, r1, and keeps r4 to r11. It is naked: it needs all
 * registers, and is the same code at any optimization level.
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
    const le_value *values; /* 4-byte aligned, a multiple of K_COLUMNS */
    int32_t sum;            /* of the values */
    int32_t skip_ones;      /* bytes of code to jump over: of the single columns, */
    int32_t skip_blocks;    /* and of the blocks */
#if LE_LONG
    const le_value *stop;   /* behind the last value */
#endif
} le_operand;

typedef struct {
    int32_t s0, s1, s2, s3;
} le_sums;

/* r1: values, r6: sum, r8 and r11: skips; the stop goes to the stack. */
#define LE_LOAD_OPERAND(k) LE_JOIN(LE_LOAD_OPERAND_, k##_FORM)
#define LE_LOAD_OPERAND_0 "ldm.w r1, {r1, r6}\n\t"
#define LE_LOAD_OPERAND_1 "ldm.w r1, {r1, r6, r8, r11}\n\t"
#define LE_LOAD_OPERAND_3 LE_LOAD_OPERAND_2
#define LE_LOAD_OPERAND_2 "ldm.w r1, {r1, r6, r8, r11, lr}\n\tpush {lr}\n\t"

#define LE_ENTER(k) LE_JOIN(LE_ENTER_, k##_FORM)(k)
#define LE_ENTER_0(k) LE_REPEAT(k##_ONES, k##_ONE) LE_REPEAT(k##_BLOCKS, k##_BLOCK)
#define LE_ENTER_1(k) \
    "add pc, r8\n\tnop\n\t" LE_REPEAT(k##_ONES, k##_ONE) \
    "add pc, r11\n\tnop\n" \
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

/* K_KEPT: bytes that the kernel itself has pushed. */
#define LE_AGAIN(k) LE_JOIN(LE_AGAIN_, k##_FORM)(k)
#define LE_AGAIN_0(k)
#define LE_AGAIN_1(k)
#define LE_AGAIN_2(k) "ldr r6, [sp, #" LE_TEXT(k##_KEPT) "]\n\tcmp r1, r6\n\tbne.w 1b\n\t"
#define LE_AGAIN_3(k) LE_AGAIN_2(k)

/* K_SCALED: whether multipliers follow the tile. */
#define LE_SCALE(k) LE_JOIN(LE_SCALE_, k##_SCALED)

#define LE_LEAVE(k) LE_JOIN(LE_LEAVE_, k##_FORM)
#define LE_LEAVE_0 "pop {r4-r11, pc}\n\t"
#define LE_LEAVE_1 LE_LEAVE_0
#define LE_LEAVE_3 LE_LEAVE_2
#define LE_LEAVE_2 "add sp, #4\n\t" LE_LEAVE_0

/* The operand of kernel k with `ones` times K_COLUMNS columns, and the sum of its values. */
#define LE_OPERAND(k, values, ones, sum) \
    { \
        (values), (sum), \
        (k##_ONES - (ones) % k##_PER_BLOCK) * k##_ONE_BYTES, \
        LE_SKIPPED(k##_BLOCKS, (ones) / k##_PER_BLOCK) * k##_BLOCK_BYTES \
        LE_STOP((values) + (ones) * k##_COLUMNS) \
    }
/* Blocks to skip, so that whole passes of `all` blocks follow the first one; all where none is left. */
#define LE_SKIPPED(all, blocks) ((blocks) == 0 ? (all) : ((all) - (blocks) % LE_SOME(all)) % LE_SOME(all))
#define LE_SOME(all) ((all) == 0 ? 1 : (all))

/*
 * The body of a function that calls a kernel: the sums of a tile's four rows, in the order of the
 * kernel; *w goes behind the tile. Position-independent code has no constant address to call. The
 * empty statement hides that *w is what r0 was: gcc would leave out the next call's move to r0, though
 * calls in between have changed it.
 */
#if defined(__PIC__)
#define LE_CALL "blx %[kernel]"
#define LE_ADDRESS "r"
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
        register int32_t r12 __asm__("r12"); \
        __asm__ volatile( \
            LE_CALL \
            : "+r"(r0), "+r"(r1), "=&r"(r2), "=&r"(r3), "=&r"(r12) \
            : [kernel] LE_ADDRESS(rows) \
            : "lr", "cc", "memory"); \
        const le_sums sums = {r2, r3, r12, r1}; \
        const int32_t *next = r0; \
        __asm__("" : "+r"(next)); \
        *w = next; \
        return sums; \
    }
