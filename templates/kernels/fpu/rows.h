/*
 * What the kernel of float32 rows needs on a core with an FPU. Its pieces of code and its four forms
 * are those of the integer kernels: K_ONE for a column, K_BLOCK for K_PER_BLOCK columns, and K_FORM
 *
 *     0   K_ONES times the first and K_BLOCKS times the second, for one count of columns
 *     1   the same, entered where the operand says: for any count up to that
 *     2   the same again and again until the operand ends: for any count
 *     3   K_ONES times the first, then passes of K_BLOCKS times the second: for one long count
 *
 * A kernel is called by LE_CALLS, with the stream in r0 and the operand in r1. It returns the word
 * behind the tile in r0, the sums in s0 to s3, and keeps r4 to r11 and s16 to s31. It is naked: it is
 * the same code at any optimization level.
 */
#define LE_JOIN(a, b) LE_JOINED(a, b)
#define LE_JOINED(a, b) a##b
#define LE_TEXT(a) LE_TEXT_OF(a)
#define LE_TEXT_OF(a) #a

/* r1: values, r2 and r3: skips, r12: the stop. */
#define LE_LOAD_OPERAND(k) LE_JOIN(LE_LOAD_OPERAND_, k##_FORM)
#define LE_LOAD_OPERAND_0 "ldr r1, [r1]\n\t"
#define LE_LOAD_OPERAND_1 "ldm.w r1, {r1, r2, r3}\n\t"
#define LE_LOAD_OPERAND_3 LE_LOAD_OPERAND_2
#define LE_LOAD_OPERAND_2 "ldm.w r1, {r1, r2, r3, r12}\n\t"

#define LE_ENTER(k) LE_JOIN(LE_ENTER_, k##_FORM)(k)
#define LE_ENTER_0(k) LE_REPEAT(k##_ONES, k##_ONE) LE_REPEAT(k##_BLOCKS, k##_BLOCK)
#define LE_ENTER_1(k) \
    "add pc, r2\n\tnop\n\t" LE_REPEAT(k##_ONES, k##_ONE) \
    "add pc, r3\n\tnop\n" \
    "1:\n\t" LE_REPEAT(k##_BLOCKS, k##_BLOCK)
#define LE_ENTER_2(k) LE_ENTER_1(k)
#define LE_ENTER_3(k) LE_REPEAT(k##_ONES, k##_ONE) "1:\n\t" LE_REPEAT(k##_BLOCKS, k##_BLOCK)
#define LE_REPEAT(count, code) ".rept " LE_TEXT(count) "\n\t" code ".endr\n\t"

#define LE_AGAIN(k) LE_JOIN(LE_AGAIN_, k##_FORM)
#define LE_AGAIN_0
#define LE_AGAIN_1
#define LE_AGAIN_2 "cmp r1, r12\n\tbne.w 1b\n\t"
#define LE_AGAIN_3 LE_AGAIN_2

/* The operand of kernel k with `ones` columns. */
#define LE_OPERAND(k, values, ones) \
    { \
        (values), \
        (k##_ONES - (ones) % k##_PER_BLOCK) * k##_ONE_BYTES, \
        LE_SKIPPED(k##_BLOCKS, (ones) / k##_PER_BLOCK) * k##_BLOCK_BYTES \
        LE_STOP((values) + (ones)) \
    }
/* Blocks to skip, so that whole passes of `all` blocks follow the first one; all where none is left. */
#define LE_SKIPPED(all, blocks) ((blocks) == 0 ? (all) : ((all) - (blocks) % LE_SOME(all)) % LE_SOME(all))
#define LE_SOME(all) ((all) == 0 ? 1 : (all))

/*
 * The body of a function that calls a kernel: the sums of a tile's four rows; *w goes behind the tile.
 * Position-independent code has no constant address to call. The empty statement hides that *w is what
 * r0 was: gcc would leave out the next call's move to r0, though calls in between have changed it.
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
        register const float *r0 __asm__("r0") = *w; \
        register int32_t r1 __asm__("r1") = (int32_t)operand; \
        register float s0 __asm__("s0"); \
        register float s1 __asm__("s1"); \
        register float s2 __asm__("s2"); \
        register float s3 __asm__("s3"); \
        __asm__ volatile( \
            LE_CALL \
            : "+r"(r0), "+r"(r1), "=&t"(s0), "=&t"(s1), "=&t"(s2), "=&t"(s3) \
            : [kernel] LE_ADDRESS(rows) \
            : "r2", "r3", "r12", "lr", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "s12", \
              "s13", "s14", "s15", "cc", "memory"); \
        const le_sums sums = {s0, s1, s2, s3}; \
        const float *next = r0; \
        __asm__("" : "+r"(next)); \
        *w = next; \
        return sums; \
    }
