/*
 * generated for a test
 */
/* Scheduled before registers are given out, the code around the kernels keeps too much on the stack. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-schedule-insns")
#endif

/*
 * gcc 12 takes functions of several stores for such without effect and leaves out their calls; the
 * pass that does so came with gcc 11.
 */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 11
#pragma GCC optimize("no-ipa-modref")
#endif

#include "vectors_private.h"

#include <string.h>

#if defined(__arm__) && !(defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 1))
#error "this file was generated for a core with Helium; compile the model again for yours"
#endif

#if defined(__arm__) && !defined(__ARM_FEATURE_DSP)
#error "this file was generated for a core with the DSP extension; compile the model again for yours"
#endif

#if defined(__has_include)
#if !__has_include(<arm_acle.h>)
#error "this file was generated for a Cortex-M with the DSP extension; compile the model again for yours (host and portable give the same bits)"
#endif
#endif
#include <arm_acle.h>
#include <arm_mve.h>

LSTM_EDGE_CODE_SECTION static inline int32_t le_larger(int32_t a, int32_t b)
{
    return a < b ? b : a;
}

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

#if defined(__arm__)
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

#else
#include "mve.h"
#endif

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

/* lstm_x_h_take_0: x as kernels read it */
LSTM_EDGE_CODE_SECTION static void vectors_lstm_x_h_take_0_units(
    const int16_t *x,
    int16_t *lstm_x_h_out)
{
    le_take16(x, lstm_x_h_out, 2);
}

/* lstm: 3 units, 2 rows each over x [2], lstm_h [3]; 2 rows each over x [2]; 2 rows each over lstm_h [3] */
LSTM_EDGE_CODE_SECTION static void vectors_lstm_units(
    const int16_t *x_h,
    const int16_t *h,
    int32_t *c,
    int16_t *x_h_out,
    int16_t *hidden_out)
{
    int8_t staged[64];
    int32_t sums[24];
    const int32_t *w = vectors_lstm_weights;
    const int32_t *constant = vectors_lstm_constants[0][0];
    le_halves(x_h, 5, staged);
    le_planes(h, 3, staged + 16);
    le_halves(x_h, 2, staged + 48);
    const int16_t *sigmoid_table = &vectors_sigmoid_starts_table[256];
    LE_KEEP(sigmoid_table);
    const int32_t *sigmoid_table_ways = &vectors_sigmoid_ways_table[256];
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
LSTM_EDGE_CODE_SECTION static void vectors_fc_units(
    const int16_t *lstm_h_next_stored,
    int32_t *y_out,
    int32_t *softmax_largest_out)
{
    int32_t softmax_largest = INT32_MIN;
    int8_t staged[32];
    int32_t sums[4];
    const int32_t *w = vectors_fc_weights;
    const int32_t *constant = vectors_fc_constants[0][0];
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

/* softmax: 2 units, elementwise */
LSTM_EDGE_CODE_SECTION static void vectors_softmax_units(
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

/* softmax_2: 1 unit, elementwise */
LSTM_EDGE_CODE_SECTION static void vectors_softmax_2_units(
    const int32_t *sum,
    int32_t *softmax_log_sum_2_out)
{
    for (int32_t unit = 0; unit < 1; unit++) {
        const int32_t total = le_larger(sum[0], 536869518); /* the largest unit alone; Q1.29 */
        const int32_t log_counted = le_log(vectors_log_table, total); /* Q5.15 */
        const int32_t log_sum = log_counted - 658676; /* Q0.15 */
        const int32_t log_sum_2 = log_sum * 4; /* Q0.17 */
        softmax_log_sum_2_out[unit] = log_sum_2;
    }
}

/* softmax_3: 2 units, elementwise */
LSTM_EDGE_CODE_SECTION static void vectors_softmax_3_units(
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

void vectors_init(vectors_state *state)
{
    (void)memset(state, 0, sizeof *state);
    vectors_reset(state);
}

void vectors_reset(vectors_state *state)
{
    (void)memset(state->lstm_x_h, 0, sizeof state->lstm_x_h);
    (void)memset(state->lstm_c, 0, sizeof state->lstm_c);
    (void)memcpy(state->lstm_c, vectors_lstm_c_initial, sizeof vectors_lstm_c_initial);
    state->current = 0;
}

void vectors_get_lstm_c(const vectors_state *state, vectors_lstm_c_state_t *values)
{
    (void)memcpy(values, state->lstm_c, 3u * sizeof values[0]);
}

void vectors_set_lstm_c(vectors_state *state, const vectors_lstm_c_state_t *values)
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

void vectors_get_lstm_h(const vectors_state *state, vectors_lstm_h_state_t *values)
{
    (void)memcpy(values, &state->lstm_x_h[state->current][2], 3u * sizeof values[0]);
}

void vectors_set_lstm_h(vectors_state *state, const vectors_lstm_h_state_t *values)
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

LSTM_EDGE_CODE_SECTION void vectors_step(
    vectors_state *state,
    const vectors_x_t *x,
    vectors_probability_t *probability,
    vectors_hidden_t *hidden)
{
    const int32_t now = state->current;
    const int32_t next = 1 - now;

    vectors_lstm_x_h_take_0_units(x, state->lstm_x_h[now]);
    vectors_lstm_units(state->lstm_x_h[now], &state->lstm_x_h[now][2], state->lstm_c, &state->lstm_x_h[next][2], hidden);
    if (probability != NULL) {
        vectors_fc_units(&state->lstm_x_h[next][2], state->fc_y, state->softmax_largest);
        vectors_softmax_units(state->fc_y, state->softmax_largest, state->softmax_distance_in, state->softmax_sum);
        vectors_softmax_2_units(state->softmax_sum, state->softmax_log_sum_2);
        vectors_softmax_3_units(state->softmax_distance_in, state->softmax_log_sum_2, probability);
    }
    state->current = next;
}

LSTM_EDGE_CODE_SECTION void vectors_run(
    vectors_state *state,
    const vectors_x_t *x,
    int32_t steps,
    vectors_probability_t *probability,
    vectors_hidden_t *hidden)
{
    for (int32_t t = 0; t < steps; t++) {
        vectors_step(state, &x[t * 2], t == steps - 1 ? probability : NULL, &hidden[t * 3]);
    }
}

void vectors_quantize_x(const float *real, vectors_x_t *stored)
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
        stored[k] = (vectors_x_t)rounded;
    }
}

void vectors_dequantize_probability(const vectors_probability_t *stored, float *real)
{
    for (int32_t k = 0; k < 2; k++) {
        real[k] = (float)stored[k] * 4.65661287e-10f;
    }
}

void vectors_dequantize_hidden(const vectors_hidden_t *stored, float *real)
{
    for (int32_t k = 0; k < 3; k++) {
        real[k] = (float)stored[k] * 0.00048828125f;
    }
}
