/*
 * Rows of weights times one vector with Helium (Cortex-M55, M85).
 *
 * A block is four rows; its words in the stream are four biases, then its weights: piece by piece of the
 * columns, first of rows 0 and 1, then of rows 2 and 3, nothing between them. Where the last piece of a row
 * reads into what follows, x is 0: no load is predicated, and 16 bytes stand behind the last block.
 *
 * A function LE_ROWS takes so many blocks, one after the other, with some columns of x in registers:
 *
 *     sums = start + W * x                  in the words `sums`, which are the start if a row is continued
 *
 * Registers: r0 stream, r1 sums, r3 x; q0 to q5 the pieces of x, q6 and q7 the weights of two rows; r4, r6, r8,
 * r10 the sums, r2 and r12 what is to be shifted left before it is added to a sum: high planes, or x whose
 * lower bits are 0. Loads and multiplications alternate. Naked of any choice by a compiler: the same code at
 * each optimization level.
 */
#define LE_NEW(lanes, sum, w, x) "vmladav." #lanes " " #sum ", " #w ", " #x "\n\t"
#define LE_ADD(lanes, sum, w, x) "vmladava." #lanes " " #sum ", " #w ", " #x "\n\t"

/* A piece of two rows. before: the last multiplication of the piece before it; now: but the last of this one. */
#define LE_PIECE(kernel, columns, before, now) \
    kernel##_FIRST(columns) before kernel##_SECOND(columns) now

/* To the sums a and b of two rows, what was summed aside. */
#define LE_SHIFTED(a, b, places) \
    "add.w " #a ", " #a ", r2, lsl #" #places "\n\t" \
    "add.w " #b ", " #b ", r12, lsl #" #places "\n\t"

#define LE_BIASES "ldmia.w r0!, {r4, r6, r8, r10}\n\t"
#define LE_GO_ON "ldmia.w r1, {r4, r6, r8, r10}\n\t"
#define LE_SKIP "adds r0, #2\n\t"
#define LE_NO_MORE

#define LE_TAKE_1 "vldrb.8 q0, [r3], #16\n\t"
#define LE_TAKE_2 LE_TAKE_1 "vldrb.8 q1, [r3], #16\n\t"
#define LE_TAKE_3 LE_TAKE_2 "vldrb.8 q2, [r3], #16\n\t"
#define LE_TAKE_4 LE_TAKE_3 "vldrb.8 q3, [r3], #16\n\t"
#define LE_TAKE_5 LE_TAKE_4 "vldrb.8 q4, [r3], #16\n\t"
#define LE_TAKE_6 LE_TAKE_5 "vldrb.8 q5, [r3], #16\n\t"

#define LE_ROWS(name, take, start, pair, end) \
    static inline const int32_t *name(const int32_t *w, const int8_t *x, int32_t *sums, int32_t blocks) \
    { \
        register const int32_t *r0 __asm__("r0") = w; \
        register int32_t *r1 __asm__("r1") = sums; \
        register const int8_t *r3 __asm__("r3") = x; \
        __asm__ volatile( \
            take \
            "dls lr, %[blocks]\n" \
            "1:\n\t" \
            start \
            pair(r4, r6) \
            pair(r8, r10) \
            "stmia.w r1!, {r4, r6, r8, r10}\n\t" \
            end \
            "le lr, 1b\n\t" \
            : "+r"(r0), "+r"(r1), "+r"(r3) \
            : [blocks] "r"(blocks) \
            : "r2", "r4", "r6", "r8", "r10", "r12", "lr", "q0", "q1", "q2", "q3", "q4", "q5", "q6", "q7", \
              "cc", "memory"); \
        return r0; \
    }
