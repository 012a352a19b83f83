/*
 * The kernels whose words hold digits of several rows in plain C, so that the very files that go into firmware can be run
 * and checked on a computer. Never used on a target.
 */
#ifndef LSTM_EDGE_HOST_LE_DIGITS_H
#define LSTM_EDGE_HOST_LE_DIGITS_H

/* Starts of sums of digits: bias k = Pk - base * P(k + 1). */
static inline int32_t le_start(const int32_t *p, int32_t k, uint32_t base)
{
    return (int32_t)((uint32_t)p[k] - base * (uint32_t)p[k + 1]);
}

/* Digit `index` of `bits` bits of a word that holds digits plus half their base. */
static inline int32_t le_digit(int32_t word, int32_t index, int32_t bits)
{
    const uint32_t digit = ((uint32_t)word >> (index * bits)) & ((1u << bits) - 1u);
    return (int32_t)digit - (1 << (bits - 1));
}

static inline le_sums le_ordered(le_sums s)
{
    const le_sums ordered = LE_ORDERED(s);
    return ordered;
}

static inline le_sums le_int8(const int32_t **w, const le_operand *x)
{
    const int32_t *p = *w;
    le_sums s = {le_start(p, 0, 256), le_start(p, 1, 256), le_start(p, 2, 256), p[3]};
    p += 4;
    for (int32_t k = 0; k < x->count; k++, p++) {
        s.s0 += le_digit(*p, 0, 8) * x->values[k];
        s.s1 += le_digit(*p, 1, 8) * x->values[k];
        s.s2 += le_digit(*p, 2, 8) * x->values[k];
        s.s3 += (*p >> 24) * x->values[k];
    }
    *w = p;
    return le_finished(w, le_ordered(s), LE_INT8_SCALED);
}

static inline le_sums le_int16(const int32_t **w, const le_operand *x)
{
    const int32_t *p = *w;
    le_sums s = {le_start(p, 0, 65536), p[1], le_start(p, 2, 65536), p[3]};
    p += 4;
    for (int32_t k = 0; k < x->count; k++, p += 2) {
        s.s0 += le_digit(p[0], 0, 16) * x->values[k];
        s.s1 += (p[0] >> 16) * x->values[k];
        s.s2 += le_digit(p[1], 0, 16) * x->values[k];
        s.s3 += (p[1] >> 16) * x->values[k];
    }
    *w = p;
    return le_finished(w, le_ordered(s), LE_INT16_SCALED);
}

static inline le_sums le_int4(const int32_t **w, const le_operand *x)
{
    const int32_t *p = *w;
    le_sums s = {le_start(p, 0, 16), le_start(p, 1, 16), le_start(p, 2, 16), p[3]};
    p += 4;
    for (int32_t k = 0; k < x->count; k++) {
        const int32_t half = *p >> (k % 2 ? 16 : 0);
        s.s0 += le_digit(half, 0, 4) * x->values[k];
        s.s1 += le_digit(half, 1, 4) * x->values[k];
        s.s2 += le_digit(half, 2, 4) * x->values[k];
        s.s3 += ((int16_t)half >> 12) * x->values[k];
        p += k % 2;
    }
    *w = p;
    return le_finished(w, le_ordered(s), LE_INT4_SCALED);
}

#endif
