/*
 * generated for a test
 */
#include "pairs.h"

#include <string.h>

/* The code needs a >> that rounds down, as every compiler for these cores has it. */
typedef char pairs_shift_is_arithmetic[(-1 >> 1) == -1 ? 1 : -1];

extern const int16_t pairs_sigmoid_table[513];
extern const int16_t pairs_exp_table[513];
extern const int32_t pairs_lstm_weights[3][6];
extern const int32_t pairs_lstm_bias[3][6];
extern const int16_t pairs_lstm_multiplier[3][6];
extern const int8_t pairs_fc_weights[2][3];
extern const int32_t pairs_fc_bias[2][1];
extern const int16_t pairs_fc_multiplier[2][1];
extern const int32_t pairs_lstm_c_initial[3];

/* (a * b) >> 16, floor. Exact for every a and every b of 16 bits: the product has 48 bits. */
static inline int32_t le_mulw(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * (int16_t)b) >> 16);
}

/* The nearest number within low .. high. */
static inline int32_t le_clamp(int32_t a, int32_t low, int32_t high)
{
    return a < low ? low : a > high ? high : a;
}

static inline int32_t le_larger(int32_t a, int32_t b)
{
    return a < b ? b : a;
}

/* Linear interpolation in 513 entries that lie 2^n apart, the middle one at a = 0; a is clamped. */
static inline int32_t le_table(const int16_t *entries, int32_t a, int32_t n)
{
    const int32_t half = (int32_t)256 << n;
    const int32_t inside = a < -half ? -half : a > half - 1 ? half - 1 : a;
    const int16_t *const entry = &entries[256 + (inside >> n)];
    const int32_t fraction = inside & (((int32_t)1 << n) - 1);

    return entry[0] + (((entry[1] - entry[0]) * fraction) >> n);
}

#include <arm_acle.h>

#if !defined(__ARM_FEATURE_DSP)
#error "this file was generated for a core with the DSP extension; compile it again for yours"
#endif

/* Two int16 as one word, from any int16 address. */
static inline int32_t le_load_pair(const int16_t *values)
{
    int32_t word;
    memcpy(&word, values, sizeof word);
    return word;
}

/* The upper rows' sum: (256 * upper + low - low) >> 8, mod 2^32. */
static inline int32_t le_upper_sum(int32_t pair, int32_t low)
{
    return (int32_t)((uint32_t)pair - (uint32_t)low) >> 8;
}

/* lstm: 3 units, 6 rows each over x [2], lstm_h [3] */
static void pairs_lstm_units(
    const int16_t *x,
    const int16_t *h,
    int32_t *c,
    int16_t *h_out,
    int16_t *hidden_out)
{
    const int32_t *w = &pairs_lstm_weights[0][0];
    for (int32_t unit = 0; unit < 3; unit++) {
        const int32_t *const bias = pairs_lstm_bias[unit];
        const int16_t *const multiplier = pairs_lstm_multiplier[unit];
        int32_t pre_f_acc = bias[0];
        int32_t pre_i_W_i_acc = bias[1];
        int32_t pre_i_R_i_acc = bias[2];
        int32_t pre_g_acc = bias[3];
        int32_t pre_o_W_o_acc = bias[4];
        int32_t pre_o_R_o_acc = bias[5];

        int32_t pair_0 = 0;
        int32_t low_0 = 0;
        int32_t pair_1 = 0;
        int32_t low_1 = 0;
        {
            int32_t values = le_load_pair(&x[0]);
            pair_0 = __smlad(w[0], values, pair_0);
            low_0 = __smlad(__sxtb16(w[0]), values, low_0);
            pair_1 = __smlad(w[1], values, pair_1);
            low_1 = __smlad(__sxtb16(w[1]), values, low_1);
            w += 2;
        }
        pre_f_acc += low_0;
        pre_i_W_i_acc += le_upper_sum(pair_0, low_0);
        pre_g_acc += low_1;
        pre_o_W_o_acc += le_upper_sum(pair_1, low_1);
        pair_0 = 0;
        low_0 = 0;
        pair_1 = 0;
        low_1 = 0;
        {
            int32_t values = le_load_pair(&h[0]);
            pair_0 = __smlad(w[0], values, pair_0);
            low_0 = __smlad(__sxtb16(w[0]), values, low_0);
            pair_1 = __smlad(w[1], values, pair_1);
            low_1 = __smlad(__sxtb16(w[1]), values, low_1);
            w += 2;
        }
        {
            const int32_t values = (uint16_t)h[2];
            pair_0 = __smlad(w[0], values, pair_0);
            low_0 = __smlad(__sxtb16(w[0]), values, low_0);
            pair_1 = __smlad(w[1], values, pair_1);
            low_1 = __smlad(__sxtb16(w[1]), values, low_1);
            w += 2;
        }
        pre_f_acc += low_0;
        pre_i_R_i_acc += le_upper_sum(pair_0, low_0);
        pre_g_acc += low_1;
        pre_o_R_o_acc += le_upper_sum(pair_1, low_1);

        const int32_t pre_f = le_mulw(pre_f_acc, multiplier[0]);
        const int32_t gate_f_centred = le_table(pairs_sigmoid_table, pre_f, 11);
        const int32_t product_half = c[unit] >> 1;
        const int32_t product_rest = le_mulw(c[unit], gate_f_centred);
        const int32_t product = product_half + product_rest; /* gate_f * c */
        const int32_t pre_i_W_i = le_mulw(pre_i_W_i_acc, multiplier[1]);
        const int32_t pre_i_R_i = le_mulw(pre_i_R_i_acc, multiplier[2]);
        const int32_t pre_i_b = (pre_i_R_i + 2) >> 2;
        const int32_t pre_i = pre_i_W_i + pre_i_b; /* W_i x + R_i h + b_i */
        const int32_t gate_i_centred = le_table(pairs_sigmoid_table, pre_i, 10);
        const int32_t gate_i_cut = gate_i_centred >> 1;
        const int32_t gate_i = gate_i_cut + 16384; /* sigmoid(pre_i) */
        const int32_t pre_g = le_mulw(pre_g_acc, multiplier[3]);
        const int32_t gate_g = le_table(pairs_sigmoid_table, pre_g, 9); /* tanh(pre_g) */
        const int32_t product2 = gate_i * gate_g;
        const int32_t c_next_b_raised = product2 + 2560;
        const int32_t c_next_b = c_next_b_raised >> 11;
        const int32_t c_next = product + c_next_b; /* product + product2 */
        const int32_t c_next_stored_sat = le_clamp(c_next, -1073741824, 1073741823);
        const int32_t pre_o_W_o = le_mulw(pre_o_W_o_acc, multiplier[4]);
        const int32_t pre_o_R_o = le_mulw(pre_o_R_o_acc, multiplier[5]);
        const int32_t pre_o_b = (pre_o_R_o + 1) >> 1;
        const int32_t pre_o = pre_o_W_o + pre_o_b; /* W_o x + R_o h + b_o */
        const int32_t gate_o_centred = le_table(pairs_sigmoid_table, pre_o, 11);
        const int32_t gate_o_cut = gate_o_centred >> 1;
        const int32_t gate_o = gate_o_cut + 16384; /* sigmoid(pre_o) */
        const int32_t tanh_c_next_in = c_next_stored_sat >> 1;
        const int32_t tanh_c_next = le_table(pairs_sigmoid_table, tanh_c_next_in, 13);
        const int32_t h_next = gate_o * tanh_c_next;
        const int32_t h_next_stored = (h_next + 262144) >> 19;
        c[unit] = c_next_stored_sat;
        h_out[unit] = (int16_t)h_next_stored;
        hidden_out[unit] = (int16_t)h_next_stored;
    }
}

/* fc: 2 units, 1 row each over lstm_h_next_stored [3] */
static void pairs_fc_units(
    const int16_t *lstm_h_next_stored,
    int32_t *y_out,
    int32_t *softmax_largest_out)
{
    int32_t softmax_largest = INT32_MIN;
    const int8_t *w = &pairs_fc_weights[0][0];
    for (int32_t unit = 0; unit < 2; unit++) {
        const int32_t *const bias = pairs_fc_bias[unit];
        const int16_t *const multiplier = pairs_fc_multiplier[unit];
        int32_t y_acc = bias[0];

        y_acc += w[0] * lstm_h_next_stored[0];
        y_acc += w[1] * lstm_h_next_stored[1];
        y_acc += w[2] * lstm_h_next_stored[2];
        w += 3;

        const int32_t y = le_mulw(y_acc, multiplier[0]);
        softmax_largest = le_larger(softmax_largest, y);
        y_out[unit] = y;
    }
    softmax_largest_out[0] = softmax_largest;
}

/* softmax: 2 units, elementwise */
static void pairs_softmax_units(
    const int32_t *fc_y,
    const int32_t *largest,
    int16_t *exponential_out,
    int32_t *sum_out)
{
    int32_t sum = 0;
    for (int32_t unit = 0; unit < 2; unit++) {
        const int32_t below_largest = fc_y[unit] - largest[0];
        const int32_t argument = below_largest + 524288;
        const int32_t exponential = le_table(pairs_exp_table, argument, 11);
        sum = sum + exponential;
        exponential_out[unit] = (int16_t)exponential;
    }
    sum_out[0] = sum;
}

/* softmax_2: 1 unit, elementwise */
static void pairs_softmax_2_units(
    const int32_t *sum,
    int16_t *softmax_reciprocal_out)
{
    for (int32_t unit = 0; unit < 1; unit++) {
        const int32_t total = le_larger(sum[0], 32765); /* the largest unit alone */
        const int32_t reciprocal = 1073610755 / total;
        softmax_reciprocal_out[unit] = (int16_t)reciprocal;
    }
}

/* softmax_3: 2 units, elementwise */
static void pairs_softmax_3_units(
    const int16_t *exponential,
    const int16_t *reciprocal,
    int16_t *probability_out)
{
    for (int32_t unit = 0; unit < 2; unit++) {
        const int32_t scaled = exponential[unit] * reciprocal[0];
        const int32_t y = (scaled + 16384) >> 15;
        probability_out[unit] = (int16_t)y;
    }
}

void pairs_init(pairs_state *state)
{
    memset(state, 0, sizeof *state);
    pairs_reset(state);
}

void pairs_reset(pairs_state *state)
{
    memcpy(state->lstm_c, pairs_lstm_c_initial, sizeof pairs_lstm_c_initial);
    memset(state->lstm_h, 0, sizeof state->lstm_h);
    state->current = 0;
}

void pairs_get_lstm_c(const pairs_state *state, int32_t *values)
{
    memcpy(values, state->lstm_c, 3 * sizeof values[0]);
}

void pairs_set_lstm_c(pairs_state *state, const int32_t *values)
{
    for (int32_t k = 0; k < 3; k++) {
        const int32_t low = -1073741824;
        const int32_t high = 1073741823;
        const int32_t raised = values[k] < low ? low : values[k];
        state->lstm_c[k] = raised > high ? high : raised;
    }
}

void pairs_get_lstm_h(const pairs_state *state, int16_t *values)
{
    memcpy(values, state->lstm_h[state->current], 3 * sizeof values[0]);
}

void pairs_set_lstm_h(pairs_state *state, const int16_t *values)
{
    for (int32_t k = 0; k < 3; k++) {
        const int16_t low = -2048;
        const int16_t high = 2048;
        const int16_t raised = values[k] < low ? low : values[k];
        state->lstm_h[state->current][k] = raised > high ? high : raised;
    }
}

void pairs_step(pairs_state *state, const int16_t *x, int16_t *probability, int16_t *hidden)
{
    const int32_t now = state->current;
    const int32_t next = 1 - now;

    pairs_lstm_units(x, state->lstm_h[now], state->lstm_c, state->lstm_h[next], hidden);
    if (probability != NULL) {
        pairs_fc_units(state->lstm_h[next], state->fc_y, state->softmax_largest);
        pairs_softmax_units(state->fc_y, state->softmax_largest, state->softmax_exponential, state->softmax_sum);
        pairs_softmax_2_units(state->softmax_sum, state->softmax_reciprocal);
        pairs_softmax_3_units(state->softmax_exponential, state->softmax_reciprocal, probability);
    }
    state->current = next;
}

void pairs_run(pairs_state *state, const int16_t *x, int32_t steps, int16_t *probability, int16_t *hidden)
{
    for (int32_t t = 0; t < steps; t++) {
        pairs_step(state, &x[t * 2], t == steps - 1 ? probability : NULL, &hidden[t * 3]);
    }
}

void pairs_quantize_x(const float *real, int16_t *stored)
{
    for (int32_t k = 0; k < 2; k++) {
        const float centred = real[k] - -0.0f;
        float scaled = centred * 163835.0f;

        if (!(scaled > -1.07374182e+09f)) { /* NaN, too */
            scaled = -1.07374182e+09f;
        }
        if (scaled > 1.07374182e+09f) {
            scaled = 1.07374182e+09f;
        }
        int32_t rounded = ((int32_t)scaled + 128) >> 8;

        if (rounded < -32768) {
            rounded = -32768;
        }
        if (rounded > 32767) {
            rounded = 32767;
        }
        stored[k] = (int16_t)rounded;
    }
}

void pairs_dequantize_probability(const int16_t *stored, float *real)
{
    for (int32_t k = 0; k < 2; k++) {
        real[k] = (float)stored[k] * 3.05213034e-05f;
    }
}

void pairs_dequantize_hidden(const int16_t *stored, float *real)
{
    for (int32_t k = 0; k < 3; k++) {
        real[k] = (float)stored[k] * 0.00048828125f;
    }
}
