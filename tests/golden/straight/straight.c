/*
 * generated for a test
 */
/* Products and sums are rounded one by one: a fused multiply-add would change the last bit. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off", "no-tree-vectorize")
#endif

/*
 * gcc 12 takes functions of several stores for such without effect and leaves out their calls; the
 * pass that does so came with gcc 11.
 */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 11
#pragma GCC optimize("no-ipa-modref")
#endif

#include "straight_private.h"

#include <string.h>

#if defined(__arm__) && !defined(__ARM_PCS_VFP)
#error "this file was generated for a core with an FPU and hard-float calls; compile the model again for yours"
#endif

LSTM_EDGE_CODE_SECTION static inline float le_larger(float a, float b)
{
    return a < b ? b : a;
}

#if defined(__arm__)
/*
 * A curve is entered with its argument in s0 and leaves its value there. Naked, it is the same code at
 * any optimization level. VMLA and its like round twice, as a product and a sum do. One VLDM takes all
 * constants, and each coefficient becomes the next sum.
 */
#if defined(__PIC__)
#define LE_CALL_CURVE "blx %[curve]"
#define LE_CURVE_ADDRESS "r"
#else
#define LE_CALL_CURVE "bl %c[curve]"
#define LE_CURVE_ADDRESS "i"
#endif

/* What a comparison of floats leaves; clang always reads it at once, and has no name for it. */
#if defined(__clang__)
#define LE_CURVE_FLAGS
#else
#define LE_CURVE_FLAGS , "vfpcc"
#endif

/* The first instructions: r0 the bits of s0, r2 those of |s0|, twice; s1 to s10 constants. */
#define LE_OPEN_CURVE \
    "vmov r0, s0\n\t" \
    "lsls r2, r0, #1\n\t"
#define LE_EXP_CONSTANTS "adr.w r1, 6f\n\tvldmia r1, {s1-s10}\n\t"

/*
 * exp of s0, or of -s0, between +-87.0f. k, the integer nearest to it / log(2), is the quotient with
 * 1/2 of its sign added, cut off. r0: the bits of s0. half: how 1/2 gets the sign of k. times, less: a
 * product, and what is left of the argument. 2^k is added to the exponent: the product is normal.
 */
#define LE_EXP(half, times, less) \
    "and r0, r0, #0x80000000\n\t" \
    times " s13, s0, s1\n\t" \
    half "\n\t" \
    "vmov s14, r0\n\t" \
    "vadd.f32 s13, s13, s14\n\t" \
    "vcvt.s32.f32 s13, s13\n\t" \
    "vmov r0, s13\n\t" \
    "vcvt.f32.s32 s13, s13\n\t" \
    less " s0, s13, s2\n\t" \
    "vmls.f32 s0, s13, s3\n\t" \
    "vmla.f32 s5, s4, s0\n\t" \
    "vmla.f32 s6, s5, s0\n\t" \
    "vmla.f32 s7, s6, s0\n\t" \
    "vmla.f32 s8, s7, s0\n\t" \
    "vmla.f32 s9, s8, s0\n\t" \
    "vmul.f32 s9, s9, s0\n\t" \
    "vmla.f32 s0, s9, s0\n\t" \
    "vadd.f32 s0, s0, s10\n\t" \
    "vmov r1, s0\n\t" \
    "add.w r0, r1, r0, lsl #23\n\t" \
    "vmov s0, r0\n\t"
#define LE_EXP_PLUS LE_EXP("orr r0, r0, #0x3f000000", "vmul.f32", "vmls.f32")
#define LE_EXP_MINUS LE_EXP("eor r0, r0, #0xbf000000", "vnmul.f32", "vnmla.f32")

/* s0 between +-87.0f; NaN is the end that is looked at last. */
#define LE_CLAMP_OPEN "2:\n\tvldr s14, 4f\n\tvldr s15, 5f\n\t"
#define LE_CLAMP(end, which) \
    "vcmp.f32 s0, " end "\n\t" \
    "vmrs APSR_nzcv, fpscr\n\t" \
    "it " which "\n\t" \
    "vmov" which ".f32 s0, " end "\n\t"
#define LE_CLAMP_CLOSE "vmov r0, s0\n\tb 3b\n\t"
#define LE_CLAMP_PLUS LE_CLAMP_OPEN LE_CLAMP("s14", "gt") LE_CLAMP("s15", "le") LE_CLAMP_CLOSE
#define LE_CLAMP_MINUS LE_CLAMP_OPEN LE_CLAMP("s15", "mi") LE_CLAMP("s14", "pl") LE_CLAMP_CLOSE

/* The limits; log2(e), log(2) in two parts, the series of exp, 1. */
#define LE_EXP_TABLE \
    ".balign 4\n" \
    "4:\n\t.word 0x42ae0000\n" \
    "5:\n\t.word 0xc2ae0000\n" \
    "6:\n\t.word 0x3fb8aa3b, 0x3f318000, 0xb95e8083\n\t" \
    ".word 0x39500d01, 0x3ab60b61, 0x3c088889, 0x3d2aaaab, 0x3e2aaaab, 0x3f000000\n\t" \
    ".word 0x3f800000\n\t"

/* Below 64 in magnitude nothing is clamped. */
LSTM_EDGE_CODE_SECTION __attribute__((naked, noinline, unused)) static void le_exp_curve(void)
{
    __asm__ volatile(
        LE_OPEN_CURVE
        LE_EXP_CONSTANTS
        "cmp.w r2, #0x85000000\n\t"
        "bhs.n 2f\n"
        "3:\n\t"
        LE_EXP_PLUS
        "bx lr\n"
        LE_CLAMP_PLUS
        LE_EXP_TABLE);
}

LSTM_EDGE_CODE_SECTION __attribute__((unused)) static inline float le_exp(float x)
{
    register float s0 __asm__("s0") = x;
    __asm__(LE_CALL_CURVE
            : "+t"(s0)
            : [curve] LE_CURVE_ADDRESS(le_exp_curve)
            : "r0", "r1", "r2", "r12", "lr", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10",
              "s13", "s14", "s15", "cc" LE_CURVE_FLAGS);
    return s0;
}


/* 1 / (1 + exp(-x)). */
LSTM_EDGE_CODE_SECTION __attribute__((naked, noinline, unused)) static void le_sigmoid_curve(void)
{
    __asm__ volatile(
        LE_OPEN_CURVE
        LE_EXP_CONSTANTS
        "cmp.w r2, #0x85000000\n\t"
        "bhs.n 2f\n"
        "3:\n\t"
        LE_EXP_MINUS
        "vadd.f32 s0, s0, s10\n\t"
        "vdiv.f32 s0, s10, s0\n\t"
        "bx lr\n"
        LE_CLAMP_MINUS
        LE_EXP_TABLE);
}

LSTM_EDGE_CODE_SECTION __attribute__((unused)) static inline float le_sigmoid(float x)
{
    register float s0 __asm__("s0") = x;
    __asm__(LE_CALL_CURVE
            : "+t"(s0)
            : [curve] LE_CURVE_ADDRESS(le_sigmoid_curve)
            : "r0", "r1", "r2", "r12", "lr", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10",
              "s13", "s14", "s15", "cc" LE_CURVE_FLAGS);
    return s0;
}


/* A series below 0.375f, 1 - 2 / (exp(2x) + 1) above. */
LSTM_EDGE_CODE_SECTION __attribute__((naked, noinline, unused)) static void le_tanh_curve(void)
{
    __asm__ volatile(
        LE_OPEN_CURVE
        "cmp.w r2, #0x7d800000\n\t"
        "blo.n 7f\n\t"
        LE_EXP_CONSTANTS
        "vadd.f32 s0, s0, s0\n\t"
        "cmp.w r2, #0x84000000\n\t"
        "bhs.n 2f\n"
        "3:\n\t"
        LE_EXP_PLUS
        "vadd.f32 s0, s0, s10\n\t"
        "vmov.f32 s1, #2.0\n\t"
        "vdiv.f32 s0, s1, s0\n\t"
        "vsub.f32 s0, s10, s0\n\t"
        "bx lr\n"
        "7:\n\t"
        "adr.w r1, 8f\n\t"
        "vldmia r1, {s1-s5}\n\t"
        "vmul.f32 s6, s0, s0\n\t"
        "vmla.f32 s2, s1, s6\n\t"
        "vmla.f32 s3, s2, s6\n\t"
        "vmla.f32 s4, s3, s6\n\t"
        "vmla.f32 s5, s4, s6\n\t"
        "vmul.f32 s5, s5, s6\n\t"
        "vmla.f32 s0, s5, s0\n\t"
        "bx lr\n"
        LE_CLAMP_PLUS
        LE_EXP_TABLE
        "8:\n\t.word 0xbc11371b, 0x3cb327a4, 0xbd5d0dd1, 0x3e088889, 0xbeaaaaab\n\t");
}

LSTM_EDGE_CODE_SECTION __attribute__((unused)) static inline float le_tanh(float x)
{
    register float s0 __asm__("s0") = x;
    __asm__(LE_CALL_CURVE
            : "+t"(s0)
            : [curve] LE_CURVE_ADDRESS(le_tanh_curve)
            : "r0", "r1", "r2", "r12", "lr", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10",
              "s13", "s14", "s15", "cc" LE_CURVE_FLAGS);
    return s0;
}


#else
/* 2^k * exp(r), k the integer nearest to x / log(2); x is clamped to +-87.0f, NaN to the lower. */
LSTM_EDGE_CODE_SECTION static inline float le_exp(float x)
{
    const float inside = x > -87.0f ? (x < 87.0f ? x : 87.0f) : -87.0f;
    const float scaled = inside * 1.44269502f;
    const int32_t k = (int32_t)(scaled + (scaled < 0.0f ? -0.5f : 0.5f));
    const float whole = (float)k;
    const float r = (inside - whole * 0.693359375f) - whole * -0.000212194442f;
    float series = 0.000198412701f;
    series = series * r + 0.00138888892f;
    series = series * r + 0.00833333377f;
    series = series * r + 0.0416666679f;
    series = series * r + 0.166666672f;
    series = series * r + 0.5f;
    const float value = (series * r) * r + r + 1.0f;
    const int32_t bits = (int32_t)((uint32_t)(k + 127) << 23);
    float power;
    (void)memcpy(&power, &bits, sizeof power);
    return value * power;
}

LSTM_EDGE_CODE_SECTION static inline float le_sigmoid(float x)
{
    return 1.0f / (1.0f + le_exp(-x));
}

/* A series below 0.375f, 1 - 2 / (exp(2x) + 1) above. */
LSTM_EDGE_CODE_SECTION static inline float le_tanh(float x)
{
    if ((x < 0.0f ? -x : x) < 0.375f) {
        const float square = x * x;
        float series = -0.00886323582f;
        series = series * square + 0.0218694881f;
        series = series * square + -0.0539682545f;
        series = series * square + 0.13333334f;
        series = series * square + -0.333333343f;
        return (series * square) * x + x;
    }
    return 1.0f - 2.0f / (le_exp(x + x) + 1.0f);
}

#endif

/* lstm_x_h_take_0: x as kernels read it */
LSTM_EDGE_CODE_SECTION static void straight_lstm_x_h_take_0_units(
    const float *x,
    float *lstm_x_h_out)
{
    for (int32_t unit = 0; unit < 2; unit++) {
        lstm_x_h_out[unit] = x[unit];
    }
}

/* lstm: 3 units, 4 rows each over x [2], lstm_h [3] */
LSTM_EDGE_CODE_SECTION static void straight_lstm_units(
    const float *x_h,
    float *c,
    float *x_h_out,
    float *hidden_out)
{
    {
        float pre_f = 0.375f;
        float pre_i = 1.0625f;
        float pre_g = 0.0625f;
        float pre_o = 0.125f;
        pre_f += 0.8125f * x_h[0];
        pre_i += -1.25f * x_h[0];
        pre_g += 0.6875f * x_h[0];
        pre_o += 0.9375f * x_h[0];
        pre_f += -0.0625f * x_h[1];
        pre_i += -0.625f * x_h[1];
        pre_g += 0.875f * x_h[1];
        pre_o += -0.375f * x_h[1];
        pre_f += 1.0625f * x_h[2];
        pre_i += 0.375f * x_h[2];
        pre_g += -0.4375f * x_h[2];
        pre_o += 1.0f * x_h[2];
        pre_f += 0.5625f * x_h[3];
        pre_i += -1.1875f * x_h[3];
        pre_g += 0.125f * x_h[3];
        pre_o += 0.0625f * x_h[3];
        pre_f += 0.9375f * x_h[4];
        pre_i += 0.6875f * x_h[4];
        pre_g += -1.0f * x_h[4];
        pre_o += 0.0f * x_h[4];
        const float gate_f = le_sigmoid(pre_f); /* sigmoid(pre_f) */
        const float product = gate_f * c[0]; /* gate_f * c */
        const float gate_i = le_sigmoid(pre_i); /* sigmoid(pre_i) */
        const float gate_g = le_tanh(pre_g); /* tanh(pre_g) */
        const float product2 = gate_i * gate_g;
        const float c_next = product + product2;
        const float gate_o = le_sigmoid(pre_o); /* sigmoid(pre_o) */
        const float tanh_c_next = le_tanh(c_next); /* tanh(c_next) */
        const float h_next = gate_o * tanh_c_next;
        c[0] = c_next;
        x_h_out[0] = h_next;
        hidden_out[0] = h_next;
    }
    {
        float pre_f = 0.25f;
        float pre_i = -0.125f;
        float pre_g = 1.0f;
        float pre_o = -0.4375f;
        pre_f += -0.0625f * x_h[0];
        pre_i += 0.875f * x_h[0];
        pre_g += -0.625f * x_h[0];
        pre_o += -0.8125f * x_h[0];
        pre_f += 0.8125f * x_h[1];
        pre_i += 0.6875f * x_h[1];
        pre_g += -1.25f * x_h[1];
        pre_o += -0.375f * x_h[1];
        pre_f += -0.375f * x_h[2];
        pre_i += 0.875f * x_h[2];
        pre_g += -1.25f * x_h[2];
        pre_o += 0.8125f * x_h[2];
        pre_f += -0.8125f * x_h[3];
        pre_i += -0.625f * x_h[3];
        pre_g += -0.625f * x_h[3];
        pre_o += -0.0625f * x_h[3];
        pre_f += -0.375f * x_h[4];
        pre_i += -1.25f * x_h[4];
        pre_g += 0.875f * x_h[4];
        pre_o += -0.0625f * x_h[4];
        const float gate_f = le_sigmoid(pre_f); /* sigmoid(pre_f) */
        const float product = gate_f * c[1]; /* gate_f * c */
        const float gate_i = le_sigmoid(pre_i); /* sigmoid(pre_i) */
        const float gate_g = le_tanh(pre_g); /* tanh(pre_g) */
        const float product2 = gate_i * gate_g;
        const float c_next = product + product2;
        const float gate_o = le_sigmoid(pre_o); /* sigmoid(pre_o) */
        const float tanh_c_next = le_tanh(c_next); /* tanh(c_next) */
        const float h_next = gate_o * tanh_c_next;
        c[1] = c_next;
        x_h_out[1] = h_next;
        hidden_out[1] = h_next;
    }
    {
        float pre_f = 1.0f;
        float pre_i = -0.4375f;
        float pre_g = 0.25f;
        float pre_o = -0.125f;
        pre_f += 0.0f * x_h[0];
        pre_i += -1.1875f * x_h[0];
        pre_g += -1.0f * x_h[0];
        pre_o += 0.9375f * x_h[0];
        pre_f += 0.0625f * x_h[1];
        pre_i += 0.375f * x_h[1];
        pre_g += 0.125f * x_h[1];
        pre_o += 0.5625f * x_h[1];
        pre_f += 0.9375f * x_h[2];
        pre_i += -1.0f * x_h[2];
        pre_g += 0.6875f * x_h[2];
        pre_o += 0.8125f * x_h[2];
        pre_f += 0.5625f * x_h[3];
        pre_i += 0.125f * x_h[3];
        pre_g += -1.1875f * x_h[3];
        pre_o += 0.0f * x_h[3];
        pre_f += 1.0625f * x_h[4];
        pre_i += -0.4375f * x_h[4];
        pre_g += 0.375f * x_h[4];
        pre_o += 0.0625f * x_h[4];
        const float gate_f = le_sigmoid(pre_f); /* sigmoid(pre_f) */
        const float product = gate_f * c[2]; /* gate_f * c */
        const float gate_i = le_sigmoid(pre_i); /* sigmoid(pre_i) */
        const float gate_g = le_tanh(pre_g); /* tanh(pre_g) */
        const float product2 = gate_i * gate_g;
        const float c_next = product + product2;
        const float gate_o = le_sigmoid(pre_o); /* sigmoid(pre_o) */
        const float tanh_c_next = le_tanh(c_next); /* tanh(c_next) */
        const float h_next = gate_o * tanh_c_next;
        c[2] = c_next;
        x_h_out[2] = h_next;
        hidden_out[2] = h_next;
    }
}

/* fc: 2 units, 1 row each over lstm_h_next [3] */
LSTM_EDGE_CODE_SECTION static void straight_fc_units(
    const float *lstm_h_next,
    float *y_out,
    float *softmax_largest_out)
{
    float softmax_largest = -3.402823466e+38f;
    {
        float y = -1.25f;
        y += 0.8125f * lstm_h_next[0];
        y += 0.0f * lstm_h_next[1];
        y += 0.0625f * lstm_h_next[2];
        softmax_largest = le_larger(softmax_largest, y);
        y_out[0] = y;
    }
    {
        float y = -1.0f;
        y += 1.0f * lstm_h_next[0];
        y += 0.25f * lstm_h_next[1];
        y += 0.375f * lstm_h_next[2];
        softmax_largest = le_larger(softmax_largest, y);
        y_out[1] = y;
    }
    softmax_largest_out[0] = softmax_largest;
}

/* softmax: 2 units, elementwise */
LSTM_EDGE_CODE_SECTION static void straight_softmax_units(
    const float *fc_y,
    const float *largest,
    float *exponential_out,
    float *total_out)
{
    float total = 0.0f;
    {
        const float below_largest = fc_y[0] - largest[0];
        const float exponential = le_exp(below_largest);
        total = total + exponential;
        exponential_out[0] = exponential;
    }
    {
        const float below_largest = fc_y[1] - largest[0];
        const float exponential = le_exp(below_largest);
        total = total + exponential;
        exponential_out[1] = exponential;
    }
    total_out[0] = total;
}

/* softmax_2: 2 units, elementwise */
LSTM_EDGE_CODE_SECTION static void straight_softmax_2_units(
    const float *exponential,
    const float *total,
    float *probability_out)
{
    {
        const float y = exponential[0] / total[0];
        probability_out[0] = y;
    }
    {
        const float y = exponential[1] / total[0];
        probability_out[1] = y;
    }
}

void straight_init(straight_state *state)
{
    (void)memset(state, 0, sizeof *state);
    straight_reset(state);
}

void straight_reset(straight_state *state)
{
    (void)memset(state->lstm_x_h, 0, sizeof state->lstm_x_h);
    (void)memset(state->lstm_c, 0, sizeof state->lstm_c);
    (void)memcpy(state->lstm_c, straight_lstm_c_initial, sizeof straight_lstm_c_initial);
    state->current = 0;
}

void straight_get_lstm_c(const straight_state *state, straight_lstm_c_state_t *values)
{
    (void)memcpy(values, state->lstm_c, 3u * sizeof values[0]);
}

void straight_set_lstm_c(straight_state *state, const straight_lstm_c_state_t *values)
{
    (void)memcpy(state->lstm_c, values, 3u * sizeof values[0]);
}

void straight_get_lstm_h(const straight_state *state, straight_lstm_h_state_t *values)
{
    (void)memcpy(values, &state->lstm_x_h[state->current][2], 3u * sizeof values[0]);
}

void straight_set_lstm_h(straight_state *state, const straight_lstm_h_state_t *values)
{
    (void)memcpy(&state->lstm_x_h[state->current][2], values, 3u * sizeof values[0]);
}

LSTM_EDGE_CODE_SECTION void straight_step(
    straight_state *state,
    const straight_x_t *x,
    straight_probability_t *probability,
    straight_hidden_t *hidden)
{
    const int32_t now = state->current;
    const int32_t next = 1 - now;

    straight_lstm_x_h_take_0_units(x, state->lstm_x_h[now]);
    straight_lstm_units(state->lstm_x_h[now], state->lstm_c, &state->lstm_x_h[next][2], hidden);
    if (probability != NULL) {
        straight_fc_units(&state->lstm_x_h[next][2], state->fc_y, state->softmax_largest);
        straight_softmax_units(state->fc_y, state->softmax_largest, state->softmax_exponential, state->softmax_total);
        straight_softmax_2_units(state->softmax_exponential, state->softmax_total, probability);
    }
    state->current = next;
}

LSTM_EDGE_CODE_SECTION void straight_run(
    straight_state *state,
    const straight_x_t *x,
    int32_t steps,
    straight_probability_t *probability,
    straight_hidden_t *hidden)
{
    for (int32_t t = 0; t < steps; t++) {
        straight_step(state, &x[t * 2], t == steps - 1 ? probability : NULL, &hidden[t * 3]);
    }
}

void straight_quantize_x(const float *real, straight_x_t *stored)
{
    for (int32_t k = 0; k < 2; k++) {
        stored[k] = real[k];
    }
}

void straight_dequantize_probability(const straight_probability_t *stored, float *real)
{
    for (int32_t k = 0; k < 2; k++) {
        real[k] = stored[k];
    }
}

void straight_dequantize_hidden(const straight_hidden_t *stored, float *real)
{
    for (int32_t k = 0; k < 3; k++) {
        real[k] = stored[k];
    }
}
