/*
 * The kernels of float32 rows in plain C, so that the very files that go into firmware can be run and
 * checked on a computer. Never used on a target.
 */
#ifndef LSTM_EDGE_HOST_FPU_H
#define LSTM_EDGE_HOST_FPU_H

#include <stdint.h>

#if defined(__arm__) || defined(__thumb__)
#error "this header stands in for the kernels of a core on a computer"
#endif

#define LE_FLOAT32_COLUMNS 1
#define LE_FLOAT32X4_COLUMNS 1

typedef struct {
    const float *values;
    int32_t count;
} le_operand;

typedef struct {
    float s0, s1, s2, s3;
} le_sums;

#define LE_OPERAND(k, values, ones) {(values), (ones) * k##_COLUMNS}

/* Column after column: the order is what the bits of a sum mean. */
static inline le_sums le_float32(const float **w, const le_operand *operand)
{
    const float *p = *w;
    le_sums s = {p[0], p[1], p[2], p[3]};

    for (int32_t k = 0; k < operand->count; k++) {
        const float x = operand->values[k];
        p += 4;
        s.s0 += p[0] * x;
        s.s1 += p[1] * x;
        s.s2 += p[2] * x;
        s.s3 += p[3] * x;
    }
    *w = p + 4;
    return s;
}

static inline le_sums le_float32x4(const float **w, const le_operand *operand)
{
    return le_float32(w, operand);
}

#endif
