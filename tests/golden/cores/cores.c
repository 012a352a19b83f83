/*
 * generated for a test
 */
#include "cores_private.h"

#if CORES_CORE == CORES_MVE || CORES_CORE == CORES_DSP

/* Scheduled before registers are given out, the code around the kernels keeps too much on the stack. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-schedule-insns")
#endif

#elif CORES_CORE == CORES_ARMV6M

/* With eight registers, what gcc computes early to have it later goes to the stack. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-tree-pre")
#if !defined(__OPTIMIZE_SIZE__)
#pragma GCC optimize("no-move-loop-invariants")
#endif
#endif

#endif

/*
 * gcc 12 takes functions of several stores for such without effect and leaves out their calls; the
 * pass that does so came with gcc 11.
 */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 11
#pragma GCC optimize("no-ipa-modref")
#endif

#include <string.h>

#if CORES_CORE == CORES_MVE

#include <arm_acle.h>
#include <arm_mve.h>

#elif CORES_CORE == CORES_DSP

#include <arm_acle.h>

#elif CORES_CORE == CORES_PORTABLE

/* (a * b) >> 16, floor. Exact for every a and every b of 16 bits: the product has 48 bits. */
LSTM_EDGE_CODE_SECTION static inline int32_t le_mulw(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * (int16_t)b) >> 16);
}

/* The nearest number within low .. high. */
LSTM_EDGE_CODE_SECTION static inline int32_t le_clamp(int32_t a, int32_t low, int32_t high)
{
    return a < low ? low : (a > high ? high : a);
}

#endif

LSTM_EDGE_CODE_SECTION static inline int32_t le_larger(int32_t a, int32_t b)
{
    return a < b ? b : a;
}

#if CORES_CORE == CORES_PORTABLE

/* Linear interpolation in 513 entries that lie 2^n apart, the middle one at a = 0; a is clamped. */
LSTM_EDGE_CODE_SECTION static inline int32_t le_table(const int16_t *entries, int32_t a, int32_t n)
{
    const int32_t half = (int32_t)256 << n;
    const int32_t inside = a < -half ? -half : (a > half - 1 ? half - 1 : a);
    const int32_t segment = inside >> n;
    const int16_t *const entry = &entries[256 + segment];
    const int32_t fraction = inside & (((int32_t)1 << n) - 1);

    return entry[0] + (((entry[1] - entry[0]) * fraction) >> n);
}

#endif

/* Natural logarithm of a > 0 with 15 fractional bits: e * log(2) + log(1 + m), a = 2^e (1 + m). */
LSTM_EDGE_CODE_SECTION static inline int32_t le_log(const int16_t *entries, int32_t a)
{
    int32_t exponent = 30;
    uint32_t mantissa = (uint32_t)a;

    /*@ dynamic_split exponent; */
    while (mantissa < ((uint32_t)1 << 30)) {
        mantissa <<= 1;
        exponent--;
    }
    mantissa -= (uint32_t)1 << 30;
    const int16_t *const entry = &entries[mantissa >> 21];
    /*@ split entry - entries; */
    const int32_t fraction = (int32_t)((mantissa >> 6) & 0x7FFFu);

    /* 22713: log(2) in Q0.15 */
    return exponent * 22713 + entry[0] + (((entry[1] - entry[0]) * fraction) >> 15);
}

#if CORES_CORE == CORES_MVE

/* gcc 12 takes a narrowing store for one of a single element: a fence stands behind such stores. */
#define LE_FENCE() __asm__ volatile("" : : : "memory")

/* Keeps gcc from making a pointer anew for each use. */
#define LE_KEEP(pointer) __asm__("" : "+r"(pointer))

/*
 * What the kernels for Helium multiply. A register holds a piece of a vector: 16 columns of bytes or 8 of
 * halfwords. Once a step int16 numbers are copied into such pieces, with zeros behind the last column:
 *
 *     le_bytes    what is left of a number behind `places` bits, which are 0: 8 bits
 *     le_planes   numbers of 15 bits as 128 * high + low: 16 bytes of high, 16 of low, and so on
 *     le_halves   numbers of 16 bits
 *
 * They are written as bytes, whose address may be any: QEMU does not see a misaligned halfword.
 */

/* Eight numbers, of which `left` are there; the others are 0. Its callers know `left` as a constant. */
LSTM_EDGE_CODE_SECTION static inline int16x8_t le_eight(const int16_t *x, int32_t left)
{
    if (left <= 0) {
        return vdupq_n_s16(0);
    }
    return left >= 8 ? vldrhq_s16(x) : vldrhq_z_s16(x, vctp16q((uint32_t)left));
}

LSTM_EDGE_CODE_SECTION static inline void le_both_planes(int16x8_t x, int8_t *staged)
{
    vstrbq_s16(staged, vshrq_n_s16(x, 7));
    vstrbq_s16(staged + 16, vandq_s16(x, vdupq_n_s16(127)));
}

LSTM_EDGE_CODE_SECTION static inline void le_planes(const int16_t *x, int32_t columns, int8_t *staged)
{
    LE_KEEP(staged);
    const int32_t whole = columns & ~15;

    for (int32_t k = 0; k < whole; k += 16) {
        le_both_planes(vldrhq_s16(x + k), staged + 2 * k);
        le_both_planes(vldrhq_s16(x + k + 8), staged + 2 * k + 8);
    }
    if (whole < columns) {
        le_both_planes(le_eight(x + whole, columns - whole), staged + 2 * whole);
        LE_FENCE();
        le_both_planes(le_eight(x + whole + 8, columns - whole - 8), staged + 2 * whole + 8);
    }
    LE_FENCE();
}

LSTM_EDGE_CODE_SECTION static inline void le_halves(const int16_t *x, int32_t columns, int8_t *staged)
{
    LE_KEEP(staged);
    const int32_t whole = columns & ~7;

    for (int32_t k = 0; k < whole; k += 8) {
        vstrbq_s8(staged + 2 * k, vreinterpretq_s8_s16(vldrhq_s16(x + k)));
    }
    if (whole < columns) {
        const int16x8_t last = le_eight(x + whole, columns - whole);
        vstrbq_s8(staged + 2 * whole, vreinterpretq_s8_s16(last));
    }
    LE_FENCE();
}

/* Copies `count` numbers. */
LSTM_EDGE_CODE_SECTION static inline void le_take16(const int16_t *from, int16_t *to, int32_t count)
{
    const int32_t whole = count & ~7;

    for (int32_t k = 0; k < whole; k += 8) {
        vstrhq_s16(to + k, vldrhq_s16(from + k));
    }
    if (whole < count) {
        const mve_pred16_t live = vctp16q((uint32_t)(count - whole));
        vstrhq_p_s16(to + whole, vldrhq_z_s16(from + whole, live), live);
    }
    LE_FENCE();
}

/* The nearest number of n bits: a left shift that saturates, and back. */
#define le_v_saturate(a, n) vshrq_n_s32(vqshlq_n_s32((a), 32 - (n)), 32 - (n))

/*
 * Four numbers by lines of 512 segments: starts are in Q0.15, ways << 9, both from the middle segment on. `at` has
 * the segment in its upper 9 bits, signed, and 23 bits within it; addresses of a gather wrap, so a negative
 * segment counts from the middle.
 */
LSTM_EDGE_CODE_SECTION static inline int32x4_t le_v_line_at(const int16_t *starts, const int32_t *ways, int32x4_t at)
{
    const uint32x4_t segment = vreinterpretq_u32_s32(vshrq_n_s32(at, 23));
    const int32x4_t start = vldrhq_gather_shifted_offset_s32(starts, segment);
    const int32x4_t way = vldrwq_gather_shifted_offset_s32(ways, segment);

    return vaddq_s32(start, vmulhq_s32(at, way));
}

/* One saturating shift limits a number of n bits within a segment, and brings it to 23. */
#define le_v_line(starts, ways, a, n) le_v_line_at((starts), (ways), vqshlq_n_s32((a), 23 - (n)))

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
    LSTM_EDGE_CODE_SECTION static inline const int32_t *name(const int32_t *w, const int8_t *x, int32_t *sums, int32_t blocks) \
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

/* int8 weights times bytes: 16 columns in 16 bytes of a row. */
#define LE_INT8_FIRST(columns) "vldrb.8 q6, [r0], #" #columns "\n\t"
#define LE_INT8_SECOND(columns) "vldrb.8 q7, [r0], #" #columns "\n\t"

/* int8 weights times halfwords: 8 columns in 8 bytes of a row. */
#define LE_INT8_HALVES_FIRST(columns) "vldrb.s16 q6, [r0], #" #columns "\n\t"
#define LE_INT8_HALVES_SECOND(columns) "vldrb.s16 q7, [r0], #" #columns "\n\t"

/* 5 columns, from the biases. */
#define LE_ROWS_1(a, b) \
    LE_PIECE(LE_INT8_HALVES, 5, , LE_ADD(s16, a, q6, q0)) \
    LE_ADD(s16, b, q7, q0)
LE_ROWS(le_rows_1, LE_TAKE_1, LE_BIASES, LE_ROWS_1, LE_NO_MORE)

/* 2 columns, from the biases. */
#define LE_ROWS_2(a, b) \
    LE_PIECE(LE_INT8_HALVES, 2, , LE_ADD(s16, a, q6, q0)) \
    LE_ADD(s16, b, q7, q0)
LE_ROWS(le_rows_2, LE_TAKE_1, LE_BIASES, LE_ROWS_2, LE_NO_MORE)

/* 3 columns, from the biases. */
#define LE_ROWS_3(a, b) \
    LE_PIECE(LE_INT8, 3, , LE_NEW(s8, r2, q6, q0) LE_ADD(s8, a, q6, q1) LE_NEW(s8, r12, q7, q0)) \
    LE_ADD(s8, b, q7, q1) \
    LE_SHIFTED(a, b, 7)
LE_ROWS(le_rows_3, LE_TAKE_2, LE_BIASES, LE_ROWS_3, LE_NO_MORE)

#elif CORES_CORE == CORES_DSP

/* (a * b) >> 16, floor; b: the lower half of a word. */
LSTM_EDGE_CODE_SECTION static inline int32_t le_mulw(int32_t a, int32_t b)
{
    int32_t product;
    __asm__("smulwb %0, %1, %2" : "=r"(product) : "r"(a), "r"(b));
    return product;
}

/* sum + ((a * b) >> 16); b: the lower half of a word. */
LSTM_EDGE_CODE_SECTION static inline int32_t le_mulw_add(int32_t sum, int32_t a, int32_t b)
{
    return __smlawb(a, b, sum);
}

/* The same on top of a sum. */
LSTM_EDGE_CODE_SECTION static inline int32_t le_mul_add(int32_t sum, int32_t a, int32_t b)
{
    return __smlabb(a, b, sum);
}

/* The nearest number of 31 bits. */
LSTM_EDGE_CODE_SECTION static inline int32_t le_saturate31(int32_t a)
{
    int32_t inside;
    __asm__("ssat %0, #31, %1" : "=r"(inside) : "r"(a));
    return inside;
}

/* `count` numbers from any address, each to the nearest one of 16 bits. */
LSTM_EDGE_CODE_SECTION static void le_take16(const int16_t *from, int16_t *to, int32_t count)
{
    const int16_t *const stop = from + count;
    const int16_t *const last = from + (count & ~3);

    while (from != last) {
        int32_t first;
        int32_t second;
        (void)memcpy(&first, from, sizeof first);
        (void)memcpy(&second, from + 2, sizeof second);
        (void)memcpy(to, &first, sizeof first);
        (void)memcpy(to + 2, &second, sizeof second);
        from += 4;
        to += 4;
    }
    while (from != stop) {
        *to++ = *from++;
    }
}

/*
 * Linear interpolation in 512 segments that are 2^10 wide, the middle one from a = 0; a is clamped.
 * A segment is a word: what its line has at a = 0 in the lower half, 4 times the way to the
 * next entry in the upper one. The result is the lower half of what is returned, the rest is anything.
 */
LSTM_EDGE_CODE_SECTION static inline int32_t le_table10_of_14(const int32_t *middle, int32_t a)
{
    int32_t segment;
    __asm__("ssat %0, #9, %1, asr #10" : "=r"(segment) : "r"(a));
    const int32_t word = middle[segment];

    return __smlawt((int32_t)((uint32_t)a << 4), word, word);
}

/*
 * Linear interpolation in 512 segments that are 2^11 wide, the middle one from a = 0; a is clamped.
 * A segment is a word: what its line has at a = 0 in the lower half, 4 times the way to the
 * next entry in the upper one. The result is the lower half of what is returned, the rest is anything.
 */
LSTM_EDGE_CODE_SECTION static inline int32_t le_table11_of_14(const int32_t *middle, int32_t a)
{
    int32_t segment;
    __asm__("ssat %0, #9, %1, asr #11" : "=r"(segment) : "r"(a));
    const int32_t word = middle[segment];

    return __smlawt((int32_t)((uint32_t)a << 3), word, word);
}

/*
 * Linear interpolation in 512 segments that are 2^13 wide, the middle one from a = 0; a is clamped.
 * A segment is a word: what its line has at a = 0 in the lower half, 4 times the way to the
 * next entry in the upper one. The result is the lower half of what is returned, the rest is anything.
 * This one takes a >> 1.
 */
LSTM_EDGE_CODE_SECTION static inline int32_t le_table13_of_half(const int32_t *middle, int32_t a)
{
    int32_t segment;
    __asm__("ssat %0, #9, %1, asr #14" : "=r"(segment) : "r"(a));
    const int32_t word = middle[segment];

    return __smlawt(a & -2, word, word);
}

/*
 * Linear interpolation in 512 segments that are 2^9 wide, the middle one from a = 0; a is clamped.
 * A segment is a word: what its line has at a = 0 in the lower half, 4 times the way to the
 * next entry in the upper one. The result is the lower half of what is returned, the rest is anything.
 */
LSTM_EDGE_CODE_SECTION static inline int32_t le_table9_of_14(const int32_t *middle, int32_t a)
{
    int32_t segment;
    __asm__("ssat %0, #9, %1, asr #9" : "=r"(segment) : "r"(a));
    const int32_t word = middle[segment];

    return __smlawt((int32_t)((uint32_t)a << 5), word, word);
}

#define LE_LONG 0
#define LE_INT8_FORM 1
#define LE_INT8_ONES 3
#define LE_INT8_BLOCKS 0
#define LE_INT8_SCALED 1

/* Each sum times its multiplier, (sum * multiplier) >> 16; two multipliers to a word. */
#define LE_SCALE_0
#define LE_SCALE_1 \
    "ldm.w r0!, {r5, r6}\n\t" \
    "smulwb r2, r2, r5\n\t" \
    "smulwt r3, r3, r5\n\t" \
    "smulwb r12, r12, r6\n\t" \
    "smulwt r1, r1, r6\n\t"

/* What the DSP extension multiplies: halfwords, two in a word. */
typedef int16_t le_value;

/* Two values, which are 4-byte aligned, as a word. */
LSTM_EDGE_CODE_SECTION static inline int32_t le_pair(const int16_t *values)
{
    int32_t pair;
    (void)memcpy(&pair, values, sizeof pair);
    return pair;
}

/* Sum of `count` values, an even number, 4-byte aligned; 16 of them at a time. */
LSTM_EDGE_CODE_SECTION static inline int32_t le_sum(const int16_t *values, int32_t count)
{
    const int16_t *const stop = values + count;
    const int16_t *const last = values + (count & ~15);
    int32_t sum = 0;

    while (values != last) {
        __asm__ volatile(
            "ldmia.w %[values]!, {r4, r5, r6, r8}\n\t"
            "smlad %[sum], r4, %[ones], %[sum]\n\t"
            "smlad %[sum], r5, %[ones], %[sum]\n\t"
            "smlad %[sum], r6, %[ones], %[sum]\n\t"
            "smlad %[sum], r8, %[ones], %[sum]\n\t"
            "ldmia.w %[values]!, {r4, r5, r6, r8}\n\t"
            "smlad %[sum], r4, %[ones], %[sum]\n\t"
            "smlad %[sum], r5, %[ones], %[sum]\n\t"
            "smlad %[sum], r6, %[ones], %[sum]\n\t"
            "smlad %[sum], r8, %[ones], %[sum]"
            : [values] "+r"(values), [sum] "+r"(sum)
            : [ones] "r"(0x00010001)
            : "r4", "r5", "r6", "r8", "memory");
    }
    while (values != stop) {
        sum = __smlad(le_pair(values), 0x00010001, sum);
        values += 2;
    }
    return sum;
}

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

LSTM_EDGE_CODE_SECTION __attribute__((naked, noinline)) static void le_int8_rows(void)
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

LSTM_EDGE_CODE_SECTION static inline le_sums le_int8(const int32_t **w, const le_operand *operand) LE_CALLS(le_int8_rows)

/* The sums of a tile, in the order of the kernel, among those that a group keeps. */
LSTM_EDGE_CODE_SECTION static inline void le_store(int32_t *sums, le_sums tile)
{
    sums[0] = tile.s0;
    sums[1] = tile.s1;
    sums[2] = tile.s2;
    sums[3] = tile.s3;
}

#elif CORES_CORE == CORES_ARMV7M

/* (a * b) >> 16, floor, b of 16 bits: the upper word of a * (b << 16). */
LSTM_EDGE_CODE_SECTION static inline int32_t le_mulw(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * (int32_t)((uint32_t)b << 16)) >> 32);
}

/* The nearest number of 31 bits. */
LSTM_EDGE_CODE_SECTION static inline int32_t le_saturate31(int32_t a)
{
    int32_t inside;
    __asm__("ssat %0, #31, %1" : "=r"(inside) : "r"(a));
    return inside;
}

/*
 * Linear interpolation in 512 segments that are 2^10 wide, the middle one from a = 0; a is clamped.
 * A segment is a word: what its line has at a = 0 in the upper half, the way to the next entry in the
 * lower one.
 */
LSTM_EDGE_CODE_SECTION static inline int32_t le_table10(const int32_t *middle, int32_t a)
{
    int32_t segment;
    __asm__("ssat %0, #9, %1, asr #10" : "=r"(segment) : "r"(a));
    const int32_t word = middle[segment];

    return (word >> 16) + (((int16_t)word * (a)) >> 10);
}

/*
 * Linear interpolation in 512 segments that are 2^11 wide, the middle one from a = 0; a is clamped.
 * A segment is a word: what its line has at a = 0 in the upper half, the way to the next entry in the
 * lower one.
 */
LSTM_EDGE_CODE_SECTION static inline int32_t le_table11(const int32_t *middle, int32_t a)
{
    int32_t segment;
    __asm__("ssat %0, #9, %1, asr #11" : "=r"(segment) : "r"(a));
    const int32_t word = middle[segment];

    return (word >> 16) + (((int16_t)word * (a)) >> 11);
}

/*
 * Linear interpolation in 512 segments that are 2^13 wide, the middle one from a = 0; a is clamped.
 * A segment is a word: what its line has at a = 0 in the upper half, the way to the next entry in the
 * lower one.
 * This one takes a >> 1.
 */
LSTM_EDGE_CODE_SECTION static inline int32_t le_table13_of_half(const int32_t *middle, int32_t a)
{
    int32_t segment;
    __asm__("ssat %0, #9, %1, asr #14" : "=r"(segment) : "r"(a));
    const int32_t word = middle[segment];

    return (word >> 16) + (((int16_t)word * (a & -2)) >> 14);
}

/*
 * Linear interpolation in 512 segments that are 2^9 wide, the middle one from a = 0; a is clamped.
 * A segment is a word: what its line has at a = 0 in the upper half, the way to the next entry in the
 * lower one.
 */
LSTM_EDGE_CODE_SECTION static inline int32_t le_table9(const int32_t *middle, int32_t a)
{
    int32_t segment;
    __asm__("ssat %0, #9, %1, asr #9" : "=r"(segment) : "r"(a));
    const int32_t word = middle[segment];

    return (word >> 16) + (((int16_t)word * (a)) >> 9);
}

#define LE_LONG 0
#define LE_INT8_FORM 1
#define LE_INT8_ONES 3
#define LE_INT8_BLOCKS 1
#define LE_INT8_SCALED 1

/* Each sum times its multiplier, (sum * multiplier) >> 16; a multiplier is kept shifted left by 16. */
#define LE_SCALE_0
#define LE_SCALE_1 \
    "ldm.w r0!, {r5, r6, r7, r8}\n\t" \
    "smull r9, r2, r2, r5\n\t" \
    "smull r9, r3, r3, r6\n\t" \
    "smull r9, r12, r12, r7\n\t" \
    "smull r9, r1, r1, r8\n\t"

/* What Armv7-M multiplies without the DSP extension: words. */
typedef int32_t le_value;

/* Sum of `count` values. */
LSTM_EDGE_CODE_SECTION static inline int32_t le_sum(const int32_t *values, int32_t count)
{
    const int32_t *const stop = values + count;
    const int32_t *const last = values + (count & ~7);
    int32_t sum = 0;

    while (values != last) {
        sum += values[0];
        sum += values[1];
        sum += values[2];
        sum += values[3];
        sum += values[4];
        sum += values[5];
        sum += values[6];
        sum += values[7];
        values += 8;
    }
    while (values != stop) {
        sum += *values++;
    }
    return sum;
}

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

/*
 * Four rows of int8 weights on Armv7-M without the DSP extension.
 *
 * A tile of the stream: the words P0 P1 P2 P3, then a word for each column: digits of four rows, the
 * three lower bytes w + 128 unsigned, the upper one w signed. Values have 32 bits.
 *
 *     Pk += (word >> 8 * k) * x                       mod 2^32
 *     Sk  = Pk - 256 * P(k + 1) - 128 * sum of x      for k < 3;    S3 = P3
 *
 * Pk starts at bias k + 256 * P(k + 1), all mod 2^32, so exact for any sums of 32 bits. The sums of x
 * are taken away first: 128 times it from P2, 128 * 257 times from P1, 128 * 65,793 times from P0.
 * Sums: rows 0, 1, 3, 2. 30 instructions for 16 products; 12 for the tile.
 */
#define LE_INT8_COLUMN(w, x) \
    "mla r2, " w ", " x ", r2\n\t" \
    "asr.w " w ", " w ", #8\n\t" \
    "mla r3, " w ", " x ", r3\n\t" \
    "asr.w " w ", " w ", #8\n\t" \
    "mla r4, " w ", " x ", r4\n\t" \
    "asr.w " w ", " w ", #8\n\t" \
    "mla r12, " w ", " x ", r12\n\t"

/* A column: 9 instructions. */
#define LE_INT8_ONE \
    "ldr.w r5, [r0], #4\n\t" \
    "ldr.w r9, [r1], #4\n\t" \
    LE_INT8_COLUMN("r5", "r9")
#define LE_INT8_ONE_BYTES 36
#define LE_INT8_COLUMNS 1
#define LE_INT8_PER_BLOCK 4
#define LE_INT8_KEPT 0

/* Four columns: 30 instructions. */
#define LE_INT8_BLOCK \
    "ldm.w r1!, {r9, r10, r11, lr}\n\t" \
    "ldm.w r0!, {r5, r6, r7, r8}\n\t" \
    LE_INT8_COLUMN("r5", "r9") \
    LE_INT8_COLUMN("r6", "r10") \
    LE_INT8_COLUMN("r7", "r11") \
    LE_INT8_COLUMN("r8", "lr")
#define LE_INT8_BLOCK_BYTES 120

LSTM_EDGE_CODE_SECTION __attribute__((naked, noinline)) static void le_int8_rows(void)
{
    __asm__ volatile(
        "push {r4-r11, lr}\n\t"
        LE_LOAD_OPERAND(LE_INT8)
        "ldm.w r0!, {r2, r3, r4, r12}\n\t"
        "sub.w r4, r4, r6, lsl #7\n\t"
        "add.w r7, r6, r6, lsl #8\n\t"
        "sub.w r3, r3, r7, lsl #7\n\t"
        "add.w r7, r6, r7, lsl #8\n\t"
        "sub.w r2, r2, r7, lsl #7\n\t"
        LE_ENTER(LE_INT8)
        LE_AGAIN(LE_INT8)
        "sub.w r2, r2, r3, lsl #8\n\t"
        "sub.w r3, r3, r4, lsl #8\n\t"
        "sub.w r1, r4, r12, lsl #8\n\t"
        LE_SCALE(LE_INT8)
        LE_LEAVE(LE_INT8));
}

LSTM_EDGE_CODE_SECTION static inline le_sums le_int8(const int32_t **w, const le_operand *operand) LE_CALLS(le_int8_rows)

/* The sums of a tile, in the order of the kernel, among those that a group keeps. */
LSTM_EDGE_CODE_SECTION static inline void le_store(int32_t *sums, le_sums tile)
{
    sums[0] = tile.s0;
    sums[1] = tile.s1;
    sums[2] = tile.s2;
    sums[3] = tile.s3;
}

#elif CORES_CORE == CORES_ARMV6M

/* (a * b) >> 16, floor, b of 16 bits, from two 32-bit products. gcc makes two shifts of a cast. */
LSTM_EDGE_CODE_SECTION static inline int32_t le_mulw(int32_t a, int32_t b)
{
    int32_t low;
    __asm__("uxth %0, %1" : "=l"(low) : "l"(a));
    return (a >> 16) * b + ((low * b) >> 16);
}

/* The nearest number of 31 bits. */
LSTM_EDGE_CODE_SECTION static inline int32_t le_saturate31(int32_t a)
{
    if ((int32_t)((uint32_t)a << 1) >> 1 != a) {
        return a < 0 ? -(INT32_MAX >> 1) - 1 : INT32_MAX >> 1;
    }
    return a;
}

/*
 * Linear interpolation in 512 segments that are 2^10 wide, the middle one from a = 0; a is clamped.
 * A segment is a word: what its line has at a = 0 in the lower half, the way to the next entry in the
 * upper one.
 * The first and the last way are 0, so that it does not matter how far beyond them a is.
 * Not inlined: the low registers would run out.
 */
LSTM_EDGE_CODE_SECTION static __attribute__((noinline)) int32_t le_table10(const int32_t *middle, int32_t a)
{
    int32_t segment = a >> 10;

    if (((uint32_t)segment + 256u) >> 9 != 0) {
        segment = a < 0 ? -256 : 255;
    }
    const int32_t word = middle[segment];

    return (int16_t)word + (((word >> 16) * (a)) >> 10);
}

/*
 * Linear interpolation in 512 segments that are 2^11 wide, the middle one from a = 0; a is clamped.
 * A segment is a word: what its line has at a = 0 in the lower half, the way to the next entry in the
 * upper one.
 * The first and the last way are 0, so that it does not matter how far beyond them a is.
 * Not inlined: the low registers would run out.
 */
LSTM_EDGE_CODE_SECTION static __attribute__((noinline)) int32_t le_table11(const int32_t *middle, int32_t a)
{
    int32_t segment = a >> 11;

    if (((uint32_t)segment + 256u) >> 9 != 0) {
        segment = a < 0 ? -256 : 255;
    }
    const int32_t word = middle[segment];

    return (int16_t)word + (((word >> 16) * (a)) >> 11);
}

/*
 * Linear interpolation in 512 segments that are 2^13 wide, the middle one from a = 0; a is clamped.
 * A segment is a word: what its line has at a = 0 in the lower half, the way to the next entry in the
 * upper one.
 * The first and the last way are 0, so that it does not matter how far beyond them a is.
 * Not inlined: the low registers would run out.
 */
LSTM_EDGE_CODE_SECTION static __attribute__((noinline)) int32_t le_table13(const int32_t *middle, int32_t a)
{
    int32_t segment = a >> 13;

    if (((uint32_t)segment + 256u) >> 9 != 0) {
        segment = a < 0 ? -256 : 255;
    }
    const int32_t word = middle[segment];

    return (int16_t)word + (((word >> 16) * (a)) >> 13);
}

/*
 * Linear interpolation in 512 segments that are 2^9 wide, the middle one from a = 0; a is clamped.
 * A segment is a word: what its line has at a = 0 in the lower half, the way to the next entry in the
 * upper one.
 * The first and the last way are 0, so that it does not matter how far beyond them a is.
 * Not inlined: the low registers would run out.
 */
LSTM_EDGE_CODE_SECTION static __attribute__((noinline)) int32_t le_table9(const int32_t *middle, int32_t a)
{
    int32_t segment = a >> 9;

    if (((uint32_t)segment + 256u) >> 9 != 0) {
        segment = a < 0 ? -256 : 255;
    }
    const int32_t word = middle[segment];

    return (int16_t)word + (((word >> 16) * (a)) >> 9);
}

#define LE_LONG 0
#define LE_INT8_FORM 1
#define LE_INT8_ONES 2
#define LE_INT8_BLOCKS 1
#define LE_INT8_SCALED 1

/* What Armv6-M multiplies: words. */
typedef int32_t le_value;

/* Sum of `count` values. */
LSTM_EDGE_CODE_SECTION static inline int32_t le_sum(const int32_t *values, int32_t count)
{
    const int32_t *const stop = values + count;
    const int32_t *const last = values + (count & ~7);
    int32_t sum = 0;

    while (values != last) {
        sum += values[0];
        sum += values[1];
        sum += values[2];
        sum += values[3];
        sum += values[4];
        sum += values[5];
        sum += values[6];
        sum += values[7];
        values += 8;
    }
    while (values != stop) {
        sum += *values++;
    }
    return sum;
}

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

LSTM_EDGE_CODE_SECTION static inline le_operand le_operand_of(
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

LSTM_EDGE_CODE_SECTION __attribute__((naked, noinline)) static void le_int8_rows(void)
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

LSTM_EDGE_CODE_SECTION static inline le_sums le_int8(const int32_t **w, const le_operand *operand) LE_CALLS(le_int8_rows)

/* The sums of a tile, in the order of the kernel, among those that a group keeps. */
LSTM_EDGE_CODE_SECTION static inline void le_store(int32_t *sums, le_sums tile)
{
    sums[0] = tile.s0;
    sums[1] = tile.s1;
    sums[2] = tile.s2;
    sums[3] = tile.s3;
}

#else

/*
 * Four rows in plain C. w: the rows of a column next to each other. x: what the columns are multiplied
 * with. sums: of the rows so far. Result: the weight behind the tile. Column by column, one after the
 * other: float32 counts on that order.
 */
LSTM_EDGE_CODE_SECTION static const int8_t *le_rows_int8_int16(const int8_t *w, const int16_t *x, int32_t columns, int32_t *sums)
{
    const int16_t *const stop = x + columns;
    const int16_t *const whole = x + columns / 16 * 16;
    int32_t s0 = sums[0];
    int32_t s1 = sums[1];
    int32_t s2 = sums[2];
    int32_t s3 = sums[3];

    while (x != whole) {
        const int32_t x0 = x[0];
        s0 += w[0] * x0;
        s1 += w[1] * x0;
        s2 += w[2] * x0;
        s3 += w[3] * x0;
        const int32_t x1 = x[1];
        s0 += w[4] * x1;
        s1 += w[5] * x1;
        s2 += w[6] * x1;
        s3 += w[7] * x1;
        const int32_t x2 = x[2];
        s0 += w[8] * x2;
        s1 += w[9] * x2;
        s2 += w[10] * x2;
        s3 += w[11] * x2;
        const int32_t x3 = x[3];
        s0 += w[12] * x3;
        s1 += w[13] * x3;
        s2 += w[14] * x3;
        s3 += w[15] * x3;
        const int32_t x4 = x[4];
        s0 += w[16] * x4;
        s1 += w[17] * x4;
        s2 += w[18] * x4;
        s3 += w[19] * x4;
        const int32_t x5 = x[5];
        s0 += w[20] * x5;
        s1 += w[21] * x5;
        s2 += w[22] * x5;
        s3 += w[23] * x5;
        const int32_t x6 = x[6];
        s0 += w[24] * x6;
        s1 += w[25] * x6;
        s2 += w[26] * x6;
        s3 += w[27] * x6;
        const int32_t x7 = x[7];
        s0 += w[28] * x7;
        s1 += w[29] * x7;
        s2 += w[30] * x7;
        s3 += w[31] * x7;
        const int32_t x8 = x[8];
        s0 += w[32] * x8;
        s1 += w[33] * x8;
        s2 += w[34] * x8;
        s3 += w[35] * x8;
        const int32_t x9 = x[9];
        s0 += w[36] * x9;
        s1 += w[37] * x9;
        s2 += w[38] * x9;
        s3 += w[39] * x9;
        const int32_t x10 = x[10];
        s0 += w[40] * x10;
        s1 += w[41] * x10;
        s2 += w[42] * x10;
        s3 += w[43] * x10;
        const int32_t x11 = x[11];
        s0 += w[44] * x11;
        s1 += w[45] * x11;
        s2 += w[46] * x11;
        s3 += w[47] * x11;
        const int32_t x12 = x[12];
        s0 += w[48] * x12;
        s1 += w[49] * x12;
        s2 += w[50] * x12;
        s3 += w[51] * x12;
        const int32_t x13 = x[13];
        s0 += w[52] * x13;
        s1 += w[53] * x13;
        s2 += w[54] * x13;
        s3 += w[55] * x13;
        const int32_t x14 = x[14];
        s0 += w[56] * x14;
        s1 += w[57] * x14;
        s2 += w[58] * x14;
        s3 += w[59] * x14;
        const int32_t x15 = x[15];
        s0 += w[60] * x15;
        s1 += w[61] * x15;
        s2 += w[62] * x15;
        s3 += w[63] * x15;
        w += 64;
        x += 16;
    }
    while (x != stop) {
        const int32_t x0 = *x++;
        s0 += w[0] * x0;
        s1 += w[1] * x0;
        s2 += w[2] * x0;
        s3 += w[3] * x0;
        w += 4;
    }
    sums[0] = s0;
    sums[1] = s1;
    sums[2] = s2;
    sums[3] = s3;
    return w;
}

#endif

#if CORES_CORE == CORES_MVE || CORES_CORE == CORES_DSP

/* lstm_x_h_take_0: x as kernels read it */
LSTM_EDGE_CODE_SECTION static void cores_lstm_x_h_take_0_units(
    const int16_t *x,
    int16_t *lstm_x_h_out)
{
    le_take16(x, lstm_x_h_out, 2);
}

#elif CORES_CORE == CORES_ARMV7M || CORES_CORE == CORES_ARMV6M

/* lstm_x_h_take_0: x as kernels read it */
LSTM_EDGE_CODE_SECTION static void cores_lstm_x_h_take_0_units(
    const int16_t *x,
    int32_t *lstm_x_h_out)
{
    for (int32_t unit = 0; unit < 2; unit++) {
        lstm_x_h_out[unit] = x[unit];
    }
}

#else

/* lstm_x_h_take_0: x as kernels read it */
LSTM_EDGE_CODE_SECTION static void cores_lstm_x_h_take_0_units(
    const int16_t *x,
    int16_t *lstm_x_h_out)
{
    for (int32_t unit = 0; unit < 2; unit++) {
        lstm_x_h_out[unit] = x[unit];
    }
}

#endif

#if CORES_CORE == CORES_MVE

/* lstm: 3 units, 2 rows each over x [2], lstm_h [3]; 2 rows each over x [2]; 2 rows each over lstm_h [3] */
LSTM_EDGE_CODE_SECTION static void cores_lstm_units(
    const int16_t *x_h,
    const int16_t *h,
    int32_t *c,
    int16_t *x_h_out,
    int16_t *hidden_out)
{
    int8_t staged[64];
    int32_t sums[24];
    const int32_t *w = cores_lstm_weights;
    const int32_t *constant = cores_lstm_constants[0][0];
    le_halves(x_h, 5, staged);
    le_planes(h, 3, staged + 16);
    le_halves(x_h, 2, staged + 48);
    const int16_t *sigmoid_table = &cores_sigmoid_starts_table[256];
    LE_KEEP(sigmoid_table);
    const int32_t *sigmoid_table_ways = &cores_sigmoid_ways_table[256];
    LE_KEEP(sigmoid_table_ways);
    int32_t there = 3;
    w = le_rows_1(w, staged, sums, 2 * 1);
    w = le_rows_2(w, staged + 48, sums + 8 * 1, 2 * 1);
    w = le_rows_3(w, staged + 16, sums + 16 * 1, 2 * 1);
    const int32_t *sum = sums + 10;
    LE_KEEP(sum);
    for (int32_t left = 1; left > 0; left--) {
        const mve_pred16_t live = vctp32q((uint32_t)there);
        const int32x4_t c_here = vldrwq_z_s32(c, live);
        const int32x4_t pre_f = vmulhq_s32(vldrwq_s32(sum - 10), vldrwq_s32(&constant[0])); /* Q6.15 */
        const int32x4_t gate_f_centred = le_v_line(sigmoid_table, sigmoid_table_ways, pre_f, 11); /* sigmoid(pre_f), less 1/2; Q0.16 */
        const int32x4_t product_half = vshrq_n_s32(c_here, 1); /* Q10.19 */
        const int32x4_t product_rest = vmulhq_s32(c_here, vshlq_n_s32(gate_f_centred, 16)); /* Q10.19 */
        const int32x4_t product = vaddq_s32(product_half, product_rest); /* gate_f * c; Q11.19 */
        const int32x4_t pre_i_W_i = vmulhq_s32(vldrwq_s32(sum - 2), vldrwq_s32(&constant[4])); /* Q7.14 */
        const int32x4_t pre_i_R_i = vmulhq_s32(vldrwq_s32(sum + 6), vldrwq_s32(&constant[8])); /* Q2.16 */
        const int32x4_t pre_i_b = vrshrq_n_s32(pre_i_R_i, 2); /* Q2.14 */
        const int32x4_t pre_i = vaddq_s32(pre_i_W_i, pre_i_b); /* W_i x + R_i h + b_i; Q7.14 */
        const int32x4_t gate_i_centred = le_v_line(sigmoid_table, sigmoid_table_ways, pre_i, 10); /* sigmoid(pre_i), less 1/2; Q0.16 */
        const int32x4_t gate_i = vhaddq_n_s32(gate_i_centred, 32768); /* sigmoid(pre_i); Q0.15 */
        const int32x4_t pre_g = vmulhq_s32(vldrwq_s32(sum - 6), vldrwq_s32(&constant[12])); /* Q7.14 */
        const int32x4_t gate_g = le_v_line(sigmoid_table, sigmoid_table_ways, pre_g, 9); /* tanh(pre_g); Q0.15 */
        const int32x4_t product2 = vmulq_s32(gate_i, gate_g); /* gate_i * gate_g; Q0.30 */
        const int32x4_t c_next_b_raised = vaddq_n_s32(product2, 2560); /* Q0.30 */
        const int32x4_t c_next_b = vshrq_n_s32(c_next_b_raised, 11); /* Q0.19 */
        const int32x4_t c_next = vaddq_s32(product, c_next_b); /* product + product2; Q12.19 */
        const int32x4_t c_next_stored_sat = le_v_saturate(c_next, 31); /* Q11.19 */
        const int32x4_t pre_o_W_o = vmulhq_s32(vldrwq_s32(sum + 2), vldrwq_s32(&constant[16])); /* Q7.15 */
        const int32x4_t pre_o_R_o = vmulhq_s32(vldrwq_s32(sum + 10), vldrwq_s32(&constant[20])); /* Q1.16 */
        const int32x4_t pre_o_b = vrshrq_n_s32(pre_o_R_o, 1); /* Q1.15 */
        const int32x4_t pre_o = vaddq_s32(pre_o_W_o, pre_o_b); /* W_o x + R_o h + b_o; Q7.15 */
        const int32x4_t gate_o_centred = le_v_line(sigmoid_table, sigmoid_table_ways, pre_o, 11); /* sigmoid(pre_o), less 1/2; Q0.16 */
        const int32x4_t gate_o = vhaddq_n_s32(gate_o_centred, 32768); /* sigmoid(pre_o); Q0.15 */
        const int32x4_t tanh_c_next_in = vshrq_n_s32(c_next_stored_sat, 1); /* Q11.18 */
        const int32x4_t tanh_c_next = le_v_line(sigmoid_table, sigmoid_table_ways, tanh_c_next_in, 13); /* tanh(c_next); Q0.15 */
        const int32x4_t h_next = vmulq_s32(gate_o, tanh_c_next); /* gate_o * tanh_c_next; Q0.30 */
        const int32x4_t h_next_stored = vrshrq_n_s32(h_next, 19); /* Q1.11 */
        vstrwq_p_s32(c, c_next_stored_sat, live);
        vstrhq_p_s32(x_h_out, h_next_stored, live);
        vstrhq_p_s32(hidden_out, h_next_stored, live);
        LE_FENCE();
        c += 4;
        x_h_out += 4;
        hidden_out += 4;
        there -= 4;
        sum += 4;
        constant += 24;
    }
}

/* fc: 2 units, 1 row each over lstm_h_next_stored [3] */
LSTM_EDGE_CODE_SECTION static void cores_fc_units(
    const int16_t *lstm_h_next_stored,
    int32_t *y_out,
    int32_t *softmax_largest_out)
{
    int32_t softmax_largest = INT32_MIN;
    int8_t staged[32];
    int32_t sums[4];
    const int32_t *w = cores_fc_weights;
    const int32_t *constant = cores_fc_constants[0][0];
    le_planes(lstm_h_next_stored, 3, staged);
    int32_t there = 2;
    w = le_rows_3(w, staged, sums, 1);
    const int32_t *sum = sums;
    LE_KEEP(sum);
    for (int32_t left = 1; left > 0; left--) {
        const mve_pred16_t live = vctp32q((uint32_t)there);
        const int32x4_t y = vmulhq_s32(vldrwq_s32(sum), vldrwq_s32(&constant[0])); /* Q2.16 */
        softmax_largest = vmaxvq_p_s32(softmax_largest, y, live);
        vstrwq_p_s32(y_out, y, live);
        LE_FENCE();
        y_out += 4;
        there -= 4;
        sum += 4;
        constant += 4;
    }
    softmax_largest_out[0] = softmax_largest;
}

#elif CORES_CORE == CORES_DSP

/* lstm: 3 units, 2 rows each over x [2], lstm_h [3]; 2 rows each over x [2]; 2 rows each over lstm_h [3] */
LSTM_EDGE_CODE_SECTION static void cores_lstm_units(
    const int16_t *x_h,
    const int16_t *h,
    int32_t *c,
    int16_t *x_h_out,
    int16_t *hidden_out,
    int32_t *sums)
{
    const int32_t x_h_sum = le_sum(x_h, 2);
    const le_operand x_h_operand = LE_OPERAND(LE_INT8, x_h, 1, x_h_sum);
    const int32_t h_sum = le_sum(h, 4);
    const le_operand h_operand = LE_OPERAND(LE_INT8, h, 2, h_sum);
    const int32_t x_h_sum_2 = x_h_sum + h_sum;
    const le_operand x_h_operand_2 = LE_OPERAND(LE_INT8, x_h, 3, x_h_sum_2);
    const int32_t *w = cores_lstm_weights;
    for (int32_t group = 0; group < 3; group += 2) {
        le_store(&sums[0], le_int8(&w, &x_h_operand_2));
        le_store(&sums[4], le_int8(&w, &x_h_operand));
        le_store(&sums[8], le_int8(&w, &h_operand));
        for (int32_t k = 0; k < 2 && group + k < 3; k++) {
            const int32_t unit = group + k;
            const int32_t gate_f_centred = le_table11_of_14(&cores_sigmoid_table[256], sums[2 * k]); /* Q0.16 */
            const int32_t product_half = c[unit] >> 1; /* Q10.19 */
            const int32_t product = le_mulw_add(product_half, c[unit], gate_f_centred); /* Q11.19 */
            const int32_t pre_i_b = (sums[2 * k + 8] + 2) >> 2; /* Q2.14 */
            const int32_t pre_i = sums[2 * k + 4] + pre_i_b; /* W_i x + R_i h + b_i; Q7.14 */
            const int32_t gate_i_centred = le_table10_of_14(&cores_sigmoid_table[256], pre_i); /* Q0.16 */
            const int32_t gate_i_cut = (int16_t)gate_i_centred >> 1; /* Q0.15 */
            const int32_t gate_i = gate_i_cut + 16384; /* sigmoid(pre_i); Q0.15 */
            const int32_t gate_g = le_table9_of_14(&cores_sigmoid_table[256], sums[2 * k + 1]); /* Q0.15 */
            const int32_t c_next_b_raised = le_mul_add(2560, gate_i, gate_g); /* Q0.30 */
            const int32_t c_next_b = c_next_b_raised >> 11; /* Q0.19 */
            const int32_t c_next = product + c_next_b; /* product + product2; Q12.19 */
            const int32_t c_next_stored_sat = le_saturate31(c_next); /* Q11.19 */
            const int32_t pre_o_b = (sums[2 * k + 9] + 1) >> 1; /* Q1.15 */
            const int32_t pre_o = sums[2 * k + 5] + pre_o_b; /* W_o x + R_o h + b_o; Q7.15 */
            const int32_t gate_o_centred = le_table11_of_14(&cores_sigmoid_table[256], pre_o); /* Q0.16 */
            const int32_t gate_o_cut = (int16_t)gate_o_centred >> 1; /* Q0.15 */
            const int32_t gate_o = gate_o_cut + 16384; /* sigmoid(pre_o); Q0.15 */
            const int32_t tanh_c_next = le_table13_of_half(&cores_sigmoid_table[256], c_next_stored_sat); /* Q0.15 */
            const int32_t h_next = le_mul_add(262144, gate_o, tanh_c_next); /* Q0.30 */
            const int32_t h_next_stored = h_next >> 19; /* Q1.11 */
            c[unit] = c_next_stored_sat;
            x_h_out[unit] = (int16_t)h_next_stored;
            hidden_out[unit] = (int16_t)h_next_stored;
        }
    }
}

/* fc: 2 units, 1 row each over lstm_h_next_stored [3] */
LSTM_EDGE_CODE_SECTION static void cores_fc_units(
    const int16_t *lstm_h_next_stored,
    int32_t *y_out,
    int32_t *softmax_largest_out,
    int32_t *sums)
{
    int32_t softmax_largest = INT32_MIN;
    const int32_t lstm_h_next_stored_sum = le_sum(lstm_h_next_stored, 4);
    const le_operand lstm_h_next_stored_operand = LE_OPERAND(LE_INT8, lstm_h_next_stored, 2, lstm_h_next_stored_sum);
    const int32_t *w = cores_fc_weights;
    for (int32_t group = 0; group < 2; group += 2) {
        le_store(&sums[0], le_int8(&w, &lstm_h_next_stored_operand));
        for (int32_t k = 0; k < 2; k++) {
            const int32_t unit = group + k;
            softmax_largest = le_larger(softmax_largest, sums[k]);
            y_out[unit] = sums[k];
        }
    }
    softmax_largest_out[0] = softmax_largest;
}

#elif CORES_CORE == CORES_ARMV7M

/* lstm: 3 units, 2 rows each over x [2], lstm_h [3]; 2 rows each over x [2]; 2 rows each over lstm_h [3] */
LSTM_EDGE_CODE_SECTION static void cores_lstm_units(
    const int32_t *x_h,
    const int32_t *h,
    int32_t *c,
    int32_t *x_h_out,
    int16_t *hidden_out,
    int32_t *sums)
{
    const int32_t x_h_sum = le_sum(x_h, 2);
    const le_operand x_h_operand = LE_OPERAND(LE_INT8, x_h, 2, x_h_sum);
    const int32_t h_sum = le_sum(h, 3);
    const le_operand h_operand = LE_OPERAND(LE_INT8, h, 3, h_sum);
    const int32_t x_h_sum_2 = x_h_sum + h_sum;
    const le_operand x_h_operand_2 = LE_OPERAND(LE_INT8, x_h, 5, x_h_sum_2);
    const int32_t *w = cores_lstm_weights;
    for (int32_t group = 0; group < 3; group += 2) {
        le_store(&sums[0], le_int8(&w, &x_h_operand_2));
        le_store(&sums[4], le_int8(&w, &x_h_operand));
        le_store(&sums[8], le_int8(&w, &h_operand));
        for (int32_t k = 0; k < 2 && group + k < 3; k++) {
            const int32_t unit = group + k;
            const int32_t gate_f_centred = le_table11(&cores_sigmoid_table[256], sums[2 * k]); /* Q0.16 */
            const int32_t product_half = c[unit] >> 1; /* Q10.19 */
            const int32_t product = product_half + le_mulw(c[unit], gate_f_centred); /* Q11.19 */
            const int32_t pre_i_b = (sums[2 * k + 8] + 2) >> 2; /* Q2.14 */
            const int32_t pre_i = sums[2 * k + 4] + pre_i_b; /* W_i x + R_i h + b_i; Q7.14 */
            const int32_t gate_i_centred = le_table10(&cores_sigmoid_table[256], pre_i); /* Q0.16 */
            const int32_t gate_i_cut = gate_i_centred >> 1; /* Q0.15 */
            const int32_t gate_i = gate_i_cut + 16384; /* sigmoid(pre_i); Q0.15 */
            const int32_t gate_g = le_table9(&cores_sigmoid_table[256], sums[2 * k + 1]); /* Q0.15 */
            const int32_t c_next_b_raised = gate_i * gate_g + 2560; /* Q0.30 */
            const int32_t c_next_b = c_next_b_raised >> 11; /* Q0.19 */
            const int32_t c_next = product + c_next_b; /* product + product2; Q12.19 */
            const int32_t c_next_stored_sat = le_saturate31(c_next); /* Q11.19 */
            const int32_t pre_o_b = (sums[2 * k + 9] + 1) >> 1; /* Q1.15 */
            const int32_t pre_o = sums[2 * k + 5] + pre_o_b; /* W_o x + R_o h + b_o; Q7.15 */
            const int32_t gate_o_centred = le_table11(&cores_sigmoid_table[256], pre_o); /* Q0.16 */
            const int32_t gate_o_cut = gate_o_centred >> 1; /* Q0.15 */
            const int32_t gate_o = gate_o_cut + 16384; /* sigmoid(pre_o); Q0.15 */
            const int32_t tanh_c_next = le_table13_of_half(&cores_sigmoid_table[256], c_next_stored_sat); /* Q0.15 */
            const int32_t h_next = gate_o * tanh_c_next + 262144; /* gate_o * tanh_c_next; Q0.30 */
            const int32_t h_next_stored = h_next >> 19; /* Q1.11 */
            c[unit] = c_next_stored_sat;
            x_h_out[unit] = h_next_stored;
            hidden_out[unit] = (int16_t)h_next_stored;
        }
    }
}

/* fc: 2 units, 1 row each over lstm_h_next_stored [3] */
LSTM_EDGE_CODE_SECTION static void cores_fc_units(
    const int32_t *lstm_h_next_stored,
    int32_t *y_out,
    int32_t *softmax_largest_out,
    int32_t *sums)
{
    int32_t softmax_largest = INT32_MIN;
    const int32_t lstm_h_next_stored_sum = le_sum(lstm_h_next_stored, 3);
    const le_operand lstm_h_next_stored_operand = LE_OPERAND(LE_INT8, lstm_h_next_stored, 3, lstm_h_next_stored_sum);
    const int32_t *w = cores_fc_weights;
    for (int32_t group = 0; group < 2; group += 2) {
        le_store(&sums[0], le_int8(&w, &lstm_h_next_stored_operand));
        for (int32_t k = 0; k < 2; k++) {
            const int32_t unit = group + k;
            softmax_largest = le_larger(softmax_largest, sums[k]);
            y_out[unit] = sums[k];
        }
    }
    softmax_largest_out[0] = softmax_largest;
}

#elif CORES_CORE == CORES_ARMV6M

/* lstm: 3 units, 2 rows each over x [2], lstm_h [3]; 2 rows each over x [2]; 2 rows each over lstm_h [3] */
LSTM_EDGE_CODE_SECTION static void cores_lstm_units(
    const int32_t *x_h,
    const int32_t *h,
    int32_t *c,
    int32_t *x_h_out,
    int16_t *hidden_out,
    int32_t *sums)
{
    const int32_t x_h_sum = le_sum(x_h, 2);
    const le_operand x_h_operand = LE_OPERAND(LE_INT8, x_h, 1, x_h_sum);
    const int32_t h_sum = le_sum(h, 4);
    const le_operand h_operand = LE_OPERAND(LE_INT8, h, 2, h_sum);
    const int32_t x_h_sum_2 = x_h_sum + h_sum;
    const le_operand x_h_operand_2 = LE_OPERAND(LE_INT8, x_h, 3, x_h_sum_2);
    const int32_t *w = cores_lstm_weights;
    for (int32_t group = 0; group < 3; group += 2) {
        le_store(&sums[0], le_int8(&w, &x_h_operand_2));
        le_store(&sums[4], le_int8(&w, &x_h_operand));
        le_store(&sums[8], le_int8(&w, &h_operand));
        for (int32_t k = 0; k < 2 && group + k < 3; k++) {
            const int32_t unit = group + k;
            const int32_t gate_f_centred = le_table11(&cores_sigmoid_table[256], sums[2 * k]); /* Q0.16 */
            const int32_t product_half = c[unit] >> 1; /* Q10.19 */
            const int32_t product = product_half + le_mulw(c[unit], gate_f_centred); /* Q11.19 */
            const int32_t pre_i_b = (sums[2 * k + 8] + 2) >> 2; /* Q2.14 */
            const int32_t pre_i = sums[2 * k + 4] + pre_i_b; /* W_i x + R_i h + b_i; Q7.14 */
            const int32_t gate_i_centred = le_table10(&cores_sigmoid_table[256], pre_i); /* Q0.16 */
            const int32_t gate_i_cut = gate_i_centred >> 1; /* Q0.15 */
            const int32_t gate_i = gate_i_cut + 16384; /* sigmoid(pre_i); Q0.15 */
            const int32_t gate_g = le_table9(&cores_sigmoid_table[256], sums[2 * k + 1]); /* Q0.15 */
            const int32_t c_next_b_raised = gate_i * gate_g + 2560; /* Q0.30 */
            const int32_t c_next_b = c_next_b_raised >> 11; /* Q0.19 */
            const int32_t c_next = product + c_next_b; /* product + product2; Q12.19 */
            const int32_t c_next_stored_sat = le_saturate31(c_next); /* Q11.19 */
            const int32_t pre_o_b = (sums[2 * k + 9] + 1) >> 1; /* Q1.15 */
            const int32_t pre_o = sums[2 * k + 5] + pre_o_b; /* W_o x + R_o h + b_o; Q7.15 */
            const int32_t gate_o_centred = le_table11(&cores_sigmoid_table[256], pre_o); /* Q0.16 */
            const int32_t gate_o_cut = gate_o_centred >> 1; /* Q0.15 */
            const int32_t gate_o = gate_o_cut + 16384; /* sigmoid(pre_o); Q0.15 */
            const int32_t tanh_c_next = le_table13(&cores_sigmoid_table[256], c_next_stored_sat >> 1); /* Q0.15 */
            const int32_t h_next = gate_o * tanh_c_next + 262144; /* gate_o * tanh_c_next; Q0.30 */
            const int32_t h_next_stored = h_next >> 19; /* Q1.11 */
            c[unit] = c_next_stored_sat;
            x_h_out[unit] = h_next_stored;
            hidden_out[unit] = (int16_t)h_next_stored;
        }
    }
}

/* fc: 2 units, 1 row each over lstm_h_next_stored [3] */
LSTM_EDGE_CODE_SECTION static void cores_fc_units(
    const int32_t *lstm_h_next_stored,
    int32_t *y_out,
    int32_t *softmax_largest_out,
    int32_t *sums)
{
    int32_t softmax_largest = INT32_MIN;
    const int32_t lstm_h_next_stored_sum = le_sum(lstm_h_next_stored, 4);
    const le_operand lstm_h_next_stored_operand = LE_OPERAND(LE_INT8, lstm_h_next_stored, 2, lstm_h_next_stored_sum);
    const int32_t *w = cores_fc_weights;
    for (int32_t group = 0; group < 2; group += 2) {
        le_store(&sums[0], le_int8(&w, &lstm_h_next_stored_operand));
        for (int32_t k = 0; k < 2; k++) {
            const int32_t unit = group + k;
            softmax_largest = le_larger(softmax_largest, sums[k]);
            y_out[unit] = sums[k];
        }
    }
    softmax_largest_out[0] = softmax_largest;
}

#else

/* lstm: 3 units, 2 rows each over x [2], lstm_h [3]; 2 rows each over x [2]; 2 rows each over lstm_h [3] */
LSTM_EDGE_CODE_SECTION static void cores_lstm_units(
    const int16_t *x_h,
    const int16_t *h,
    int32_t *c,
    int16_t *x_h_out,
    int16_t *hidden_out)
{
    const int8_t *w = cores_lstm_weights;
    const int32_t *bias = cores_lstm_bias;
    for (int32_t group = 0; group < 3; group += 2) {
        int32_t sums[12];
        (void)memcpy(sums, bias, sizeof sums);
        bias += 12;
        w = le_rows_int8_int16(w, x_h, 5, &sums[0]);
        w = le_rows_int8_int16(w, x_h, 2, &sums[4]);
        w = le_rows_int8_int16(w, h, 3, &sums[8]);
        for (int32_t k = 0; k < 2 && group + k < 3; k++) {
            const int32_t unit = group + k;
            const int16_t *const multiplier = cores_lstm_multiplier[unit];
            const int32_t pre_f = le_mulw(sums[2 * k], multiplier[0]); /* Q6.15 */
            const int32_t gate_f_centred = le_table(cores_sigmoid_table, pre_f, 11); /* Q0.16 */
            const int32_t product_half = c[unit] >> 1; /* Q10.19 */
            const int32_t product_rest = le_mulw(c[unit], gate_f_centred); /* Q10.19 */
            const int32_t product = product_half + product_rest; /* gate_f * c; Q11.19 */
            const int32_t pre_i_W_i = le_mulw(sums[2 * k + 4], multiplier[1]); /* Q7.14 */
            const int32_t pre_i_R_i = le_mulw(sums[2 * k + 8], multiplier[2]); /* Q2.16 */
            const int32_t pre_i_b = (pre_i_R_i + 2) >> 2; /* Q2.14 */
            const int32_t pre_i = pre_i_W_i + pre_i_b; /* W_i x + R_i h + b_i; Q7.14 */
            const int32_t gate_i_centred = le_table(cores_sigmoid_table, pre_i, 10); /* Q0.16 */
            const int32_t gate_i_cut = gate_i_centred >> 1; /* Q0.15 */
            const int32_t gate_i = gate_i_cut + 16384; /* sigmoid(pre_i); Q0.15 */
            const int32_t pre_g = le_mulw(sums[2 * k + 1], multiplier[3]); /* Q7.14 */
            const int32_t gate_g = le_table(cores_sigmoid_table, pre_g, 9); /* tanh(pre_g); Q0.15 */
            const int32_t product2 = gate_i * gate_g; /* Q0.30 */
            const int32_t c_next_b_raised = product2 + 2560; /* Q0.30 */
            const int32_t c_next_b = c_next_b_raised >> 11; /* Q0.19 */
            const int32_t c_next = product + c_next_b; /* product + product2; Q12.19 */
            const int32_t c_next_stored_sat = le_clamp(c_next, -1073741824, 1073741823); /* Q11.19 */
            const int32_t pre_o_W_o = le_mulw(sums[2 * k + 5], multiplier[4]); /* Q7.15 */
            const int32_t pre_o_R_o = le_mulw(sums[2 * k + 9], multiplier[5]); /* Q1.16 */
            const int32_t pre_o_b = (pre_o_R_o + 1) >> 1; /* Q1.15 */
            const int32_t pre_o = pre_o_W_o + pre_o_b; /* W_o x + R_o h + b_o; Q7.15 */
            const int32_t gate_o_centred = le_table(cores_sigmoid_table, pre_o, 11); /* Q0.16 */
            const int32_t gate_o_cut = gate_o_centred >> 1; /* Q0.15 */
            const int32_t gate_o = gate_o_cut + 16384; /* sigmoid(pre_o); Q0.15 */
            const int32_t tanh_c_next_in = c_next_stored_sat >> 1; /* Q11.18 */
            const int32_t tanh_c_next = le_table(cores_sigmoid_table, tanh_c_next_in, 13); /* Q0.15 */
            const int32_t h_next = gate_o * tanh_c_next; /* Q0.30 */
            const int32_t h_next_stored = (h_next + 262144) >> 19; /* Q1.11 */
            c[unit] = c_next_stored_sat;
            x_h_out[unit] = (int16_t)h_next_stored;
            hidden_out[unit] = (int16_t)h_next_stored;
        }
    }
}

/* fc: 2 units, 1 row each over lstm_h_next_stored [3] */
LSTM_EDGE_CODE_SECTION static void cores_fc_units(
    const int16_t *lstm_h_next_stored,
    int32_t *y_out,
    int32_t *softmax_largest_out)
{
    int32_t softmax_largest = INT32_MIN;
    const int8_t *w = cores_fc_weights;
    const int32_t *bias = cores_fc_bias;
    for (int32_t group = 0; group < 2; group += 2) {
        int32_t sums[4];
        (void)memcpy(sums, bias, sizeof sums);
        bias += 4;
        w = le_rows_int8_int16(w, lstm_h_next_stored, 3, &sums[0]);
        for (int32_t k = 0; k < 2; k++) {
            const int32_t unit = group + k;
            const int16_t *const multiplier = &cores_fc_multiplier[unit];
            const int32_t y = le_mulw(sums[k], multiplier[0]); /* Q2.16 */
            softmax_largest = le_larger(softmax_largest, y);
            y_out[unit] = y;
        }
    }
    softmax_largest_out[0] = softmax_largest;
}

#endif

#if CORES_CORE == CORES_MVE

/* softmax: 2 units, elementwise */
LSTM_EDGE_CODE_SECTION static void cores_softmax_units(
    const int32_t *fc_y,
    const int32_t *largest,
    int32_t *distance_in_out,
    int32_t *sum_out)
{
    int32_t sum_2 = 0;
    int32_t there = 2;
    for (int32_t left = 1; left > 0; left--) {
        const mve_pred16_t live = vctp32q((uint32_t)there);
        const int32x4_t fc_y_here = vldrwq_z_s32(fc_y, live);
        const int32x4_t distance = vaddq_n_s32(vnegq_s32(fc_y_here), largest[0]); /* Q3.16 */
        const int32x4_t from_largest = vmaxq_s32(distance, vdupq_n_s32(0)); /* Q3.16 */
        const int32x4_t distance_in = vshlq_n_s32(from_largest, 1); /* Q3.17 */
        const int32x4_t exp_halvings = vqdmulhq_n_s32(distance_in, 23637 * 32768); /* Q3.15 */
        const int32x4_t exp_places = vshrq_n_s32(exp_halvings, 15);
        const int32x4_t exp_fraction = vandq_s32(exp_halvings, vdupq_n_s32(32767)); /* Q0.15 */
        const int32x4_t exp_product1 = vmulhq_s32(vdupq_n_s32(116257215), vshlq_n_s32(exp_fraction, 16)); /* Q0.33 */
        const int32x4_t exp_sum1 = vaddq_n_s32(exp_product1, -455902040); /* Q0.33 */
        const int32x4_t exp_product2 = vmulhq_s32(exp_sum1, vshlq_n_s32(exp_fraction, 16)); /* Q0.32 */
        const int32x4_t exp_sum2 = vaddq_n_s32(exp_product2, 1027961701); /* Q0.32 */
        const int32x4_t exp_product3 = vmulhq_s32(exp_sum2, vshlq_n_s32(exp_fraction, 16)); /* Q0.31 */
        const int32x4_t exp_sum3 = vaddq_n_s32(exp_product3, -1488270953); /* Q0.31 */
        const int32x4_t exp_product4 = vmulhq_s32(exp_sum3, vshlq_n_s32(exp_fraction, 16)); /* Q0.30 */
        const int32x4_t exp_sum4 = vaddq_n_s32(exp_product4, 1073739036); /* Q0.30 */
        const int32x4_t exponential = vshlq_s32(exp_sum4, vnegq_s32(exp_places)); /* Q0.30 */
        const int32x4_t part = vrshrq_n_s32(exponential, 1); /* Q0.29 */
        sum_2 = vaddvaq_p_s32(sum_2, part, live);
        vstrwq_p_s32(distance_in_out, distance_in, live);
        LE_FENCE();
        fc_y += 4;
        distance_in_out += 4;
        there -= 4;
    }
    sum_out[0] = sum_2;
}

#elif CORES_CORE == CORES_DSP

/* softmax: 2 units, elementwise */
LSTM_EDGE_CODE_SECTION static void cores_softmax_units(
    const int32_t *fc_y,
    const int32_t *largest,
    int32_t *distance_in_out,
    int32_t *sum_out)
{
    int32_t sum = 0;
    for (int32_t unit = 0; unit < 2; unit++) {
        const int32_t distance = largest[0] - fc_y[unit]; /* Q3.16 */
        const int32_t from_largest = le_larger(distance, 0); /* Q3.16 */
        const int32_t distance_in = from_largest * 2; /* Q3.17 */
        const int32_t exp_halvings = le_mulw(distance_in, 23637); /* Q3.15 */
        const int32_t exp_places = exp_halvings >> 15;
        const int32_t exp_fraction = exp_halvings & 32767; /* Q0.15 */
        const int32_t exp_sum1 = le_mulw_add(-455902040, 116257215, exp_fraction); /* Q0.33 */
        const int32_t exp_sum2 = le_mulw_add(1027961701, exp_sum1, exp_fraction); /* Q0.32 */
        const int32_t exp_sum3 = le_mulw_add(-1488270953, exp_sum2, exp_fraction); /* Q0.31 */
        const int32_t exp_sum4 = le_mulw_add(1073739036, exp_sum3, exp_fraction); /* Q0.30 */
        const int32_t exponential = exp_sum4 >> exp_places; /* Q0.30 */
        const int32_t part = (exponential + 1) >> 1; /* Q0.29 */
        sum = sum + part;
        distance_in_out[unit] = distance_in;
    }
    sum_out[0] = sum;
}

#elif CORES_CORE == CORES_ARMV7M || CORES_CORE == CORES_ARMV6M

/* softmax: 2 units, elementwise */
LSTM_EDGE_CODE_SECTION static void cores_softmax_units(
    const int32_t *fc_y,
    const int32_t *largest,
    int32_t *distance_in_out,
    int32_t *sum_out)
{
    int32_t sum = 0;
    for (int32_t unit = 0; unit < 2; unit++) {
        const int32_t distance = largest[0] - fc_y[unit]; /* Q3.16 */
        const int32_t from_largest = le_larger(distance, 0); /* Q3.16 */
        const int32_t distance_in = from_largest * 2; /* Q3.17 */
        const int32_t exp_halvings = le_mulw(distance_in, 23637); /* Q3.15 */
        const int32_t exp_places = exp_halvings >> 15;
        const int32_t exp_fraction = exp_halvings & 32767; /* Q0.15 */
        const int32_t exp_sum1 = -455902040 + le_mulw(116257215, exp_fraction); /* Q0.33 */
        const int32_t exp_sum2 = 1027961701 + le_mulw(exp_sum1, exp_fraction); /* Q0.32 */
        const int32_t exp_sum3 = -1488270953 + le_mulw(exp_sum2, exp_fraction); /* Q0.31 */
        const int32_t exp_sum4 = 1073739036 + le_mulw(exp_sum3, exp_fraction); /* Q0.30 */
        const int32_t exponential = exp_sum4 >> exp_places; /* Q0.30 */
        const int32_t part = (exponential + 1) >> 1; /* Q0.29 */
        sum = sum + part;
        distance_in_out[unit] = distance_in;
    }
    sum_out[0] = sum;
}

#else

/* softmax: 2 units, elementwise */
LSTM_EDGE_CODE_SECTION static void cores_softmax_units(
    const int32_t *fc_y,
    const int32_t *largest,
    int32_t *distance_in_out,
    int32_t *sum_out)
{
    int32_t sum = 0;
    for (int32_t unit = 0; unit < 2; unit++) {
        const int32_t distance = largest[0] - fc_y[unit]; /* Q3.16 */
        const int32_t from_largest = le_larger(distance, 0); /* Q3.16 */
        const int32_t distance_in = from_largest * 2; /* Q3.17 */
        const int32_t exp_halvings = le_mulw(distance_in, 23637); /* Q3.15 */
        const int32_t exp_places = exp_halvings >> 15;
        const int32_t exp_fraction = exp_halvings & 32767; /* Q0.15 */
        const int32_t exp_product1 = le_mulw(116257215, exp_fraction); /* Q0.33 */
        const int32_t exp_sum1 = exp_product1 + -455902040; /* Q0.33 */
        const int32_t exp_product2 = le_mulw(exp_sum1, exp_fraction); /* Q0.32 */
        const int32_t exp_sum2 = exp_product2 + 1027961701; /* Q0.32 */
        const int32_t exp_product3 = le_mulw(exp_sum2, exp_fraction); /* Q0.31 */
        const int32_t exp_sum3 = exp_product3 + -1488270953; /* Q0.31 */
        const int32_t exp_product4 = le_mulw(exp_sum3, exp_fraction); /* Q0.30 */
        const int32_t exp_sum4 = exp_product4 + 1073739036; /* Q0.30 */
        const int32_t exponential = exp_sum4 >> exp_places; /* Q0.30 */
        const int32_t part = (exponential + 1) >> 1; /* Q0.29 */
        sum = sum + part;
        distance_in_out[unit] = distance_in;
    }
    sum_out[0] = sum;
}

#endif

/* softmax_2: 1 unit, elementwise */
LSTM_EDGE_CODE_SECTION static void cores_softmax_2_units(
    const int32_t *sum,
    int32_t *softmax_log_sum_2_out)
{
    for (int32_t unit = 0; unit < 1; unit++) {
        const int32_t total = le_larger(sum[0], 536869518); /* the largest unit alone; Q1.29 */
        const int32_t log_counted = le_log(cores_log_table, total); /* Q5.15 */
        const int32_t log_sum = log_counted - 658676; /* Q0.15 */
        const int32_t log_sum_2 = log_sum * 4; /* Q0.17 */
        softmax_log_sum_2_out[unit] = log_sum_2;
    }
}

#if CORES_CORE == CORES_MVE

/* softmax_3: 2 units, elementwise */
LSTM_EDGE_CODE_SECTION static void cores_softmax_3_units(
    const int32_t *distance_in,
    const int32_t *log_sum_2,
    int32_t *probability_out)
{
    int32_t there = 2;
    for (int32_t left = 1; left > 0; left--) {
        const mve_pred16_t live = vctp32q((uint32_t)there);
        const int32x4_t distance_in_here = vldrwq_z_s32(distance_in, live);
        const int32x4_t minus_log = vaddq_n_s32(distance_in_here, log_sum_2[0]); /* Q3.17 */
        const int32x4_t share_halvings = vqdmulhq_n_s32(minus_log, 23637 * 32768); /* Q4.15 */
        const int32x4_t share_places = vshrq_n_s32(share_halvings, 15);
        const int32x4_t share_fraction = vandq_s32(share_halvings, vdupq_n_s32(32767)); /* Q0.15 */
        const int32x4_t share_product1 = vmulhq_s32(vdupq_n_s32(116257215), vshlq_n_s32(share_fraction, 16)); /* Q0.33 */
        const int32x4_t share_sum1 = vaddq_n_s32(share_product1, -455902040); /* Q0.33 */
        const int32x4_t share_product2 = vmulhq_s32(share_sum1, vshlq_n_s32(share_fraction, 16)); /* Q0.32 */
        const int32x4_t share_sum2 = vaddq_n_s32(share_product2, 1027961701); /* Q0.32 */
        const int32x4_t share_product3 = vmulhq_s32(share_sum2, vshlq_n_s32(share_fraction, 16)); /* Q0.31 */
        const int32x4_t share_sum3 = vaddq_n_s32(share_product3, -1488270953); /* Q0.31 */
        const int32x4_t share_product4 = vmulhq_s32(share_sum3, vshlq_n_s32(share_fraction, 16)); /* Q0.30 */
        const int32x4_t share_sum4 = vaddq_n_s32(share_product4, 1073739036); /* Q0.30 */
        const int32x4_t share_mantissa = vshlq_n_s32(share_sum4, 1); /* Q0.31 */
        const int32x4_t y = vshlq_s32(share_mantissa, vnegq_s32(share_places)); /* Q0.31 */
        vstrwq_p_s32(probability_out, y, live);
        LE_FENCE();
        distance_in += 4;
        probability_out += 4;
        there -= 4;
    }
}

#elif CORES_CORE == CORES_DSP

/* softmax_3: 2 units, elementwise */
LSTM_EDGE_CODE_SECTION static void cores_softmax_3_units(
    const int32_t *distance_in,
    const int32_t *log_sum_2,
    int32_t *probability_out)
{
    for (int32_t unit = 0; unit < 2; unit++) {
        const int32_t minus_log = distance_in[unit] + log_sum_2[0]; /* Q3.17 */
        const int32_t share_halvings = le_mulw(minus_log, 23637); /* Q4.15 */
        const int32_t share_places = share_halvings >> 15;
        const int32_t share_fraction = share_halvings & 32767; /* Q0.15 */
        const int32_t share_sum1 = le_mulw_add(-455902040, 116257215, share_fraction); /* Q0.33 */
        const int32_t share_sum2 = le_mulw_add(1027961701, share_sum1, share_fraction); /* Q0.32 */
        const int32_t share_sum3 = le_mulw_add(-1488270953, share_sum2, share_fraction); /* Q0.31 */
        const int32_t share_sum4 = le_mulw_add(1073739036, share_sum3, share_fraction); /* Q0.30 */
        const int32_t share_mantissa = share_sum4 * 2; /* Q0.31 */
        const int32_t y = share_mantissa >> share_places; /* Q0.31 */
        probability_out[unit] = y;
    }
}

#elif CORES_CORE == CORES_ARMV7M || CORES_CORE == CORES_ARMV6M

/* softmax_3: 2 units, elementwise */
LSTM_EDGE_CODE_SECTION static void cores_softmax_3_units(
    const int32_t *distance_in,
    const int32_t *log_sum_2,
    int32_t *probability_out)
{
    for (int32_t unit = 0; unit < 2; unit++) {
        const int32_t minus_log = distance_in[unit] + log_sum_2[0]; /* Q3.17 */
        const int32_t share_halvings = le_mulw(minus_log, 23637); /* Q4.15 */
        const int32_t share_places = share_halvings >> 15;
        const int32_t share_fraction = share_halvings & 32767; /* Q0.15 */
        const int32_t share_sum1 = -455902040 + le_mulw(116257215, share_fraction); /* Q0.33 */
        const int32_t share_sum2 = 1027961701 + le_mulw(share_sum1, share_fraction); /* Q0.32 */
        const int32_t share_sum3 = -1488270953 + le_mulw(share_sum2, share_fraction); /* Q0.31 */
        const int32_t share_sum4 = 1073739036 + le_mulw(share_sum3, share_fraction); /* Q0.30 */
        const int32_t share_mantissa = share_sum4 * 2; /* Q0.31 */
        const int32_t y = share_mantissa >> share_places; /* Q0.31 */
        probability_out[unit] = y;
    }
}

#else

/* softmax_3: 2 units, elementwise */
LSTM_EDGE_CODE_SECTION static void cores_softmax_3_units(
    const int32_t *distance_in,
    const int32_t *log_sum_2,
    int32_t *probability_out)
{
    for (int32_t unit = 0; unit < 2; unit++) {
        const int32_t minus_log = distance_in[unit] + log_sum_2[0]; /* Q3.17 */
        const int32_t share_halvings = le_mulw(minus_log, 23637); /* Q4.15 */
        const int32_t share_places = share_halvings >> 15;
        const int32_t share_fraction = share_halvings & 32767; /* Q0.15 */
        const int32_t share_product1 = le_mulw(116257215, share_fraction); /* Q0.33 */
        const int32_t share_sum1 = share_product1 + -455902040; /* Q0.33 */
        const int32_t share_product2 = le_mulw(share_sum1, share_fraction); /* Q0.32 */
        const int32_t share_sum2 = share_product2 + 1027961701; /* Q0.32 */
        const int32_t share_product3 = le_mulw(share_sum2, share_fraction); /* Q0.31 */
        const int32_t share_sum3 = share_product3 + -1488270953; /* Q0.31 */
        const int32_t share_product4 = le_mulw(share_sum3, share_fraction); /* Q0.30 */
        const int32_t share_sum4 = share_product4 + 1073739036; /* Q0.30 */
        const int32_t share_mantissa = share_sum4 * 2; /* Q0.31 */
        const int32_t y = share_mantissa >> share_places; /* Q0.31 */
        probability_out[unit] = y;
    }
}

#endif

void cores_init(cores_state *state)
{
    (void)memset(state, 0, sizeof *state);
    cores_reset(state);
}

void cores_reset(cores_state *state)
{
    (void)memset(state->lstm_x_h, 0, sizeof state->lstm_x_h);
    (void)memset(state->lstm_c, 0, sizeof state->lstm_c);
    (void)memcpy(state->lstm_c, cores_lstm_c_initial, sizeof cores_lstm_c_initial);
    state->current = 0;
}

void cores_get_lstm_c(const cores_state *state, cores_lstm_c_state_t *values)
{
    (void)memcpy(values, state->lstm_c, 3u * sizeof values[0]);
}

void cores_set_lstm_c(cores_state *state, const cores_lstm_c_state_t *values)
{
    int32_t *const current = state->lstm_c;

    for (int32_t k = 0; k < 3; k++) {
        const int32_t low = -1073741824; /* Q11.19 */
        const int32_t high = 1073741823; /* Q11.19 */
        const int32_t raised = (values[k] < low ? low : values[k]);
        const int32_t inside = (raised > high ? high : raised);
        current[k] = inside;
    }
}

#if CORES_CORE == CORES_MVE || CORES_CORE == CORES_DSP || CORES_CORE == CORES_PORTABLE

void cores_get_lstm_h(const cores_state *state, cores_lstm_h_state_t *values)
{
    (void)memcpy(values, &state->lstm_x_h[state->current][2], 3u * sizeof values[0]);
}

void cores_set_lstm_h(cores_state *state, const cores_lstm_h_state_t *values)
{
    int16_t *const current = &state->lstm_x_h[state->current][2];

    for (int32_t k = 0; k < 3; k++) {
        const int16_t low = -2048; /* Q1.11 */
        const int16_t high = 2048; /* Q1.11 */
        const int16_t raised = (int16_t)(values[k] < low ? low : values[k]);
        const int16_t inside = (int16_t)(raised > high ? high : raised);
        current[k] = inside;
    }
}

#else

void cores_get_lstm_h(const cores_state *state, cores_lstm_h_state_t *values)
{
    const int32_t *const current = &state->lstm_x_h[state->current][2];

    for (int32_t k = 0; k < 3; k++) {
        values[k] = (int16_t)current[k];
    }
}

void cores_set_lstm_h(cores_state *state, const cores_lstm_h_state_t *values)
{
    int32_t *const current = &state->lstm_x_h[state->current][2];

    for (int32_t k = 0; k < 3; k++) {
        const int16_t low = -2048; /* Q1.11 */
        const int16_t high = 2048; /* Q1.11 */
        const int16_t raised = (int16_t)(values[k] < low ? low : values[k]);
        const int16_t inside = (int16_t)(raised > high ? high : raised);
        current[k] = inside;
    }
}

#endif

#if CORES_CORE == CORES_MVE || CORES_CORE == CORES_PORTABLE

LSTM_EDGE_CODE_SECTION void cores_step(
    cores_state *state,
    const cores_x_t *x,
    cores_probability_t *probability,
    cores_hidden_t *hidden)
{
    const int32_t now = state->current;
    const int32_t next = 1 - now;

    cores_lstm_x_h_take_0_units(x, state->lstm_x_h[now]);
    cores_lstm_units(state->lstm_x_h[now], &state->lstm_x_h[now][2], state->lstm_c, &state->lstm_x_h[next][2], hidden);
    if (probability != NULL) {
        cores_fc_units(&state->lstm_x_h[next][2], state->fc_y, state->softmax_largest);
        cores_softmax_units(state->fc_y, state->softmax_largest, state->softmax_distance_in, state->softmax_sum);
        cores_softmax_2_units(state->softmax_sum, state->softmax_log_sum_2);
        cores_softmax_3_units(state->softmax_distance_in, state->softmax_log_sum_2, probability);
    }
    state->current = next;
}

#else

LSTM_EDGE_CODE_SECTION void cores_step(
    cores_state *state,
    const cores_x_t *x,
    cores_probability_t *probability,
    cores_hidden_t *hidden)
{
    const int32_t now = state->current;
    const int32_t next = 1 - now;

    cores_lstm_x_h_take_0_units(x, state->lstm_x_h[now]);
    cores_lstm_units(state->lstm_x_h[now], &state->lstm_x_h[now][2], state->lstm_c, &state->lstm_x_h[next][2], hidden, state->lstm_sums);
    if (probability != NULL) {
        cores_fc_units(&state->lstm_x_h[next][2], state->fc_y, state->softmax_largest, state->fc_sums);
        cores_softmax_units(state->fc_y, state->softmax_largest, state->softmax_distance_in, state->softmax_sum);
        cores_softmax_2_units(state->softmax_sum, state->softmax_log_sum_2);
        cores_softmax_3_units(state->softmax_distance_in, state->softmax_log_sum_2, probability);
    }
    state->current = next;
}

#endif

LSTM_EDGE_CODE_SECTION void cores_run(
    cores_state *state,
    const cores_x_t *x,
    int32_t steps,
    cores_probability_t *probability,
    cores_hidden_t *hidden)
{
    for (int32_t t = 0; t < steps; t++) {
        cores_step(state, &x[t * 2], t == steps - 1 ? probability : NULL, &hidden[t * 3]);
    }
}

void cores_quantize_x(const float *real, cores_x_t *stored)
{
    for (int32_t k = 0; k < 2; k++) {
        const float centred = real[k] - 0.0f;
        float scaled = centred * 163835.0f; /* 1/256 of a stored unit */

        if (!(scaled > -1.07374182e+09f)) { /* NaN, too */
            scaled = -1.07374182e+09f;
        }
        if (scaled > 1.07374182e+09f) {
            scaled = 1.07374182e+09f;
        }
        int32_t rounded = ((int32_t)scaled + 128) >> 8; /* stored units, to nearest */

        if (rounded < -32768) {
            rounded = -32768;
        }
        if (rounded > 32767) {
            rounded = 32767;
        }
        stored[k] = (cores_x_t)rounded;
    }
}

void cores_dequantize_probability(const cores_probability_t *stored, float *real)
{
    for (int32_t k = 0; k < 2; k++) {
        real[k] = (float)stored[k] * 4.65661287e-10f;
    }
}

void cores_dequantize_hidden(const cores_hidden_t *stored, float *real)
{
    for (int32_t k = 0; k < 3; k++) {
        real[k] = (float)stored[k] * 0.00048828125f;
    }
}
