/*
 * The kernels of the DSP extension in plain C, so that the very files that go into firmware can be run
 * and checked on a computer. Never used on a target.
 */
#ifndef LSTM_EDGE_HOST_DSP_H
#define LSTM_EDGE_HOST_DSP_H

#include <stdint.h>
#include <string.h>

typedef int16_t le_value;

/* Multiplier k of a tile, and the words that hold all four. */
#define LE_MULTIPLIER(p, k) ((k) % 2 ? (p)[(k) / 2] >> 16 : (int16_t)(p)[(k) / 2])
#define LE_MULTIPLIER_WORDS 2

#define LE_INT8_COLUMNS 2
#define LE_INT16_COLUMNS 2
#define LE_INT4_COLUMNS 2

#include "le_rows.h"

/* Digit `index` of `bits` bits of a halfword that holds digits plus half their base. */
static inline int32_t le_digit(int32_t half, int32_t index, int32_t bits)
{
    const uint32_t digit = ((uint32_t)half >> (index * bits)) & ((1u << bits) - 1u);
    return (int32_t)digit - (1 << (bits - 1));
}

/* The signed top of a halfword. */
static inline int32_t le_top(int32_t half, int32_t shift)
{
    return (int32_t)(int16_t)(half & 0xFFFF) >> shift;
}

static inline le_sums le_int8(const int32_t **w, const le_operand *x)
{
    const int32_t *p = *w;
    le_sums s = {p[0], (int32_t)((uint32_t)p[1] - 256u * (uint32_t)p[0]), p[3],
                 (int32_t)((uint32_t)p[2] - 256u * (uint32_t)p[3])};
    p += 4;
    for (int32_t k = 0; k < x->count; k++) {
        const int32_t shift = k % 2 ? 16 : 0;
        s.s0 += le_top(p[0] >> shift, 8) * x->values[k];
        s.s1 += le_digit((p[0] >> shift) & 0xFFFF, 0, 8) * x->values[k];
        s.s2 += le_top(p[1] >> shift, 8) * x->values[k];
        s.s3 += le_digit((p[1] >> shift) & 0xFFFF, 0, 8) * x->values[k];
        p += k % 2 ? 2 : 0;
    }
    *w = p;
    return le_finished(w, s, LE_INT8_SCALED);
}

static inline le_sums le_int16(const int32_t **w, const le_operand *x)
{
    const int32_t *p = *w;
    le_sums s = {p[0], p[1], p[3], p[2]};
    p += 4;
    for (int32_t k = 0; k < x->count; k++) {
        const int32_t shift = k % 2 ? 16 : 0;
        s.s0 += le_top(p[0] >> shift, 0) * x->values[k];
        s.s1 += le_top(p[1] >> shift, 0) * x->values[k];
        s.s2 += le_top(p[3] >> shift, 0) * x->values[k];
        s.s3 += le_top(p[2] >> shift, 0) * x->values[k];
        p += k % 2 ? 4 : 0;
    }
    *w = p;
    return le_finished(w, s, LE_INT16_SCALED);
}

static inline le_sums le_int4(const int32_t **w, const le_operand *x)
{
    const int32_t *p = *w;
    const uint32_t lower = (uint32_t)p[0] - 256u * (uint32_t)p[3];
    le_sums s = {(int32_t)(lower - (uint32_t)p[1]) >> 4, p[1], p[2],
                 (int32_t)((uint32_t)p[3] - (uint32_t)p[2]) >> 4};
    p += 4;
    for (int32_t k = 0; k < x->count; k++) {
        const int32_t half = (*p >> (k % 2 ? 16 : 0)) & 0xFFFF;
        s.s0 += le_digit(half, 1, 4) * x->values[k];
        s.s1 += le_digit(half, 0, 4) * x->values[k];
        s.s2 += le_digit(half, 2, 4) * x->values[k];
        s.s3 += le_top(half, 12) * x->values[k];
        p += k % 2;
    }
    *w = p;
    return le_finished(w, s, LE_INT4_SCALED);
}

#endif
