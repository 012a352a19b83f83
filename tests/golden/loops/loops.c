/*
 * generated for a test
 */
/*
 * gcc 12 takes functions of several stores for such without effect and leaves out their calls; the
 * pass that does so came with gcc 11.
 */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 11
#pragma GCC optimize("no-ipa-modref")
#endif

#include "loops_private.h"

#include <string.h>

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

LSTM_EDGE_CODE_SECTION static inline int32_t le_larger(int32_t a, int32_t b)
{
    return a < b ? b : a;
}

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

/* lstm_x_h_take_0: x as kernels read it */
LSTM_EDGE_CODE_SECTION static void loops_lstm_x_h_take_0_units(
    const int16_t *x,
    int16_t *lstm_x_h_out)
{
    for (int32_t unit = 0; unit < 2; unit++) {
        lstm_x_h_out[unit] = x[unit];
    }
}

/* lstm: 3 units, 2 rows each over x [2], lstm_h [3]; 2 rows each over x [2]; 2 rows each over lstm_h [3] */
LSTM_EDGE_CODE_SECTION static void loops_lstm_units(
    const int16_t *x_h,
    const int16_t *h,
    int32_t *c,
    int16_t *x_h_out,
    int16_t *hidden_out)
{
    const int8_t *w = loops_lstm_weights;
    const int32_t *bias = loops_lstm_bias;
    for (int32_t group = 0; group < 3; group += 2) {
        int32_t sums[12];
        (void)memcpy(sums, bias, sizeof sums);
        bias += 12;
        w = le_rows_int8_int16(w, x_h, 5, &sums[0]);
        w = le_rows_int8_int16(w, x_h, 2, &sums[4]);
        w = le_rows_int8_int16(w, h, 3, &sums[8]);
        for (int32_t k = 0; k < 2 && group + k < 3; k++) {
            const int32_t unit = group + k;
            const int16_t *const multiplier = loops_lstm_multiplier[unit];
            const int32_t pre_f = le_mulw(sums[2 * k], multiplier[0]); /* Q6.15 */
            const int32_t gate_f_centred = le_table(loops_sigmoid_table, pre_f, 11); /* Q0.16 */
            const int32_t product_half = c[unit] >> 1; /* Q10.19 */
            const int32_t product_rest = le_mulw(c[unit], gate_f_centred); /* Q10.19 */
            const int32_t product = product_half + product_rest; /* gate_f * c; Q11.19 */
            const int32_t pre_i_W_i = le_mulw(sums[2 * k + 4], multiplier[1]); /* Q7.14 */
            const int32_t pre_i_R_i = le_mulw(sums[2 * k + 8], multiplier[2]); /* Q2.16 */
            const int32_t pre_i_b = (pre_i_R_i + 2) >> 2; /* Q2.14 */
            const int32_t pre_i = pre_i_W_i + pre_i_b; /* W_i x + R_i h + b_i; Q7.14 */
            const int32_t gate_i_centred = le_table(loops_sigmoid_table, pre_i, 10); /* Q0.16 */
            const int32_t gate_i_cut = gate_i_centred >> 1; /* Q0.15 */
            const int32_t gate_i = gate_i_cut + 16384; /* sigmoid(pre_i); Q0.15 */
            const int32_t pre_g = le_mulw(sums[2 * k + 1], multiplier[3]); /* Q7.14 */
            const int32_t gate_g = le_table(loops_sigmoid_table, pre_g, 9); /* tanh(pre_g); Q0.15 */
            const int32_t product2 = gate_i * gate_g; /* Q0.30 */
            const int32_t c_next_b_raised = product2 + 2560; /* Q0.30 */
            const int32_t c_next_b = c_next_b_raised >> 11; /* Q0.19 */
            const int32_t c_next = product + c_next_b; /* product + product2; Q12.19 */
            const int32_t c_next_stored_sat = le_clamp(c_next, -1073741824, 1073741823); /* Q11.19 */
            const int32_t pre_o_W_o = le_mulw(sums[2 * k + 5], multiplier[4]); /* Q7.15 */
            const int32_t pre_o_R_o = le_mulw(sums[2 * k + 9], multiplier[5]); /* Q1.16 */
            const int32_t pre_o_b = (pre_o_R_o + 1) >> 1; /* Q1.15 */
            const int32_t pre_o = pre_o_W_o + pre_o_b; /* W_o x + R_o h + b_o; Q7.15 */
            const int32_t gate_o_centred = le_table(loops_sigmoid_table, pre_o, 11); /* Q0.16 */
            const int32_t gate_o_cut = gate_o_centred >> 1; /* Q0.15 */
            const int32_t gate_o = gate_o_cut + 16384; /* sigmoid(pre_o); Q0.15 */
            const int32_t tanh_c_next_in = c_next_stored_sat >> 1; /* Q11.18 */
            const int32_t tanh_c_next = le_table(loops_sigmoid_table, tanh_c_next_in, 13); /* Q0.15 */
            const int32_t h_next = gate_o * tanh_c_next; /* Q0.30 */
            const int32_t h_next_stored = (h_next + 262144) >> 19; /* Q1.11 */
            c[unit] = c_next_stored_sat;
            x_h_out[unit] = (int16_t)h_next_stored;
            hidden_out[unit] = (int16_t)h_next_stored;
        }
    }
}

/* fc: 2 units, 1 row each over lstm_h_next_stored [3] */
LSTM_EDGE_CODE_SECTION static void loops_fc_units(
    const int16_t *lstm_h_next_stored,
    int32_t *y_out,
    int32_t *softmax_largest_out)
{
    int32_t softmax_largest = INT32_MIN;
    const int8_t *w = loops_fc_weights;
    const int32_t *bias = loops_fc_bias;
    for (int32_t group = 0; group < 2; group += 2) {
        int32_t sums[4];
        (void)memcpy(sums, bias, sizeof sums);
        bias += 4;
        w = le_rows_int8_int16(w, lstm_h_next_stored, 3, &sums[0]);
        for (int32_t k = 0; k < 2; k++) {
            const int32_t unit = group + k;
            const int16_t *const multiplier = &loops_fc_multiplier[unit];
            const int32_t y = le_mulw(sums[k], multiplier[0]); /* Q2.16 */
            softmax_largest = le_larger(softmax_largest, y);
            y_out[unit] = y;
        }
    }
    softmax_largest_out[0] = softmax_largest;
}

/* softmax: 2 units, elementwise */
LSTM_EDGE_CODE_SECTION static void loops_softmax_units(
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

/* softmax_2: 1 unit, elementwise */
LSTM_EDGE_CODE_SECTION static void loops_softmax_2_units(
    const int32_t *sum,
    int32_t *softmax_log_sum_2_out)
{
    for (int32_t unit = 0; unit < 1; unit++) {
        const int32_t total = le_larger(sum[0], 536869518); /* the largest unit alone; Q1.29 */
        const int32_t log_counted = le_log(loops_log_table, total); /* Q5.15 */
        const int32_t log_sum = log_counted - 658676; /* Q0.15 */
        const int32_t log_sum_2 = log_sum * 4; /* Q0.17 */
        softmax_log_sum_2_out[unit] = log_sum_2;
    }
}

/* softmax_3: 2 units, elementwise */
LSTM_EDGE_CODE_SECTION static void loops_softmax_3_units(
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

void loops_init(loops_state *state)
{
    (void)memset(state, 0, sizeof *state);
    loops_reset(state);
}

void loops_reset(loops_state *state)
{
    (void)memset(state->lstm_x_h, 0, sizeof state->lstm_x_h);
    (void)memset(state->lstm_c, 0, sizeof state->lstm_c);
    (void)memcpy(state->lstm_c, loops_lstm_c_initial, sizeof loops_lstm_c_initial);
    state->current = 0;
}

void loops_get_lstm_c(const loops_state *state, loops_lstm_c_state_t *values)
{
    (void)memcpy(values, state->lstm_c, 3u * sizeof values[0]);
}

void loops_set_lstm_c(loops_state *state, const loops_lstm_c_state_t *values)
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

void loops_get_lstm_h(const loops_state *state, loops_lstm_h_state_t *values)
{
    (void)memcpy(values, &state->lstm_x_h[state->current][2], 3u * sizeof values[0]);
}

void loops_set_lstm_h(loops_state *state, const loops_lstm_h_state_t *values)
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

LSTM_EDGE_CODE_SECTION void loops_step(
    loops_state *state,
    const loops_x_t *x,
    loops_probability_t *probability,
    loops_hidden_t *hidden)
{
    const int32_t now = state->current;
    const int32_t next = 1 - now;

    loops_lstm_x_h_take_0_units(x, state->lstm_x_h[now]);
    loops_lstm_units(state->lstm_x_h[now], &state->lstm_x_h[now][2], state->lstm_c, &state->lstm_x_h[next][2], hidden);
    if (probability != NULL) {
        loops_fc_units(&state->lstm_x_h[next][2], state->fc_y, state->softmax_largest);
        loops_softmax_units(state->fc_y, state->softmax_largest, state->softmax_distance_in, state->softmax_sum);
        loops_softmax_2_units(state->softmax_sum, state->softmax_log_sum_2);
        loops_softmax_3_units(state->softmax_distance_in, state->softmax_log_sum_2, probability);
    }
    state->current = next;
}

LSTM_EDGE_CODE_SECTION void loops_run(
    loops_state *state,
    const loops_x_t *x,
    int32_t steps,
    loops_probability_t *probability,
    loops_hidden_t *hidden)
{
    for (int32_t t = 0; t < steps; t++) {
        loops_step(state, &x[t * 2], t == steps - 1 ? probability : NULL, &hidden[t * 3]);
    }
}

void loops_quantize_x(const float *real, loops_x_t *stored)
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
        stored[k] = (loops_x_t)rounded;
    }
}

void loops_dequantize_probability(const loops_probability_t *stored, float *real)
{
    for (int32_t k = 0; k < 2; k++) {
        real[k] = (float)stored[k] * 4.65661287e-10f;
    }
}

void loops_dequantize_hidden(const loops_hidden_t *stored, float *real)
{
    for (int32_t k = 0; k < 3; k++) {
        real[k] = (float)stored[k] * 0.00048828125f;
    }
}
