/*
 * What the stand-ins for all kernels share: operands, sums and their scaling, in plain C, so that the very files that go into firmware can be run
 * and checked on a computer. Never used on a target.
 */
#ifndef LSTM_EDGE_HOST_LE_ROWS_H
#define LSTM_EDGE_HOST_LE_ROWS_H

#include <stdint.h>

#if defined(__arm__) || defined(__thumb__)
#error "this header stands in for the kernels of a core on a computer"
#endif

typedef struct {
    const le_value *values;
    int32_t count;
    int32_t sum;
} le_operand;

/* Sum of `count` values. */
static inline int32_t le_sum(const le_value *values, int32_t count)
{
    int32_t sum = 0;

    for (int32_t k = 0; k < count; k++) {
        sum += values[k];
    }
    return sum;
}

typedef struct {
    int32_t s0, s1, s2, s3;
} le_sums;

#define LE_OPERAND(k, values, ones, sum) {(values), (ones) * k##_COLUMNS, (sum)}

/* Kernels that a model has no use for. */
#if !defined(LE_INT8_SCALED)
#define LE_INT8_SCALED 0
#endif
#if !defined(LE_INT16_SCALED)
#define LE_INT16_SCALED 0
#endif
#if !defined(LE_INT4_SCALED)
#define LE_INT4_SCALED 0
#endif

/* (sum * multiplier) >> 16, floor. */
static inline int32_t le_scaled(int32_t sum, int32_t multiplier)
{
    return (int32_t)(((int64_t)sum * multiplier) >> 16);
}

/* Each sum times its multiplier, where these follow the tile. */
static inline le_sums le_finished(const int32_t **w, le_sums s, int32_t scaled)
{
    const int32_t *const p = *w;

    if (scaled) {
        s.s0 = le_scaled(s.s0, LE_MULTIPLIER(p, 0));
        s.s1 = le_scaled(s.s1, LE_MULTIPLIER(p, 1));
        s.s2 = le_scaled(s.s2, LE_MULTIPLIER(p, 2));
        s.s3 = le_scaled(s.s3, LE_MULTIPLIER(p, 3));
        *w = p + LE_MULTIPLIER_WORDS;
    }
    return s;
}

#endif
