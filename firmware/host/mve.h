/*
 * The kernels for Helium in plain C, so that the very files that go into firmware can be run and checked on a
 * computer. Never used on a target.
 *
 * The functions of rows are written with the same macros as there; here each of them is a statement.
 */
#ifndef LSTM_EDGE_HOST_MVE_H
#define LSTM_EDGE_HOST_MVE_H

#include <stdint.h>
#include <string.h>

/* 16 bytes or 8 halfwords. */
typedef struct {
    int16_t halves[8];
    int8_t bytes[16];
} le_register;

static inline int32_t le_sum_s8(int32_t sum, const le_register *w, const le_register *x)
{
    for (int32_t k = 0; k < 16; k++) {
        sum = (int32_t)((uint32_t)sum + (uint32_t)(w->bytes[k] * x->bytes[k]));
    }
    return sum;
}

static inline int32_t le_sum_s16(int32_t sum, const le_register *w, const le_register *x)
{
    for (int32_t k = 0; k < 8; k++) {
        sum = (int32_t)((uint32_t)sum + (uint32_t)(w->halves[k] * x->halves[k]));
    }
    return sum;
}

static inline const int8_t *le_take(const int8_t *from, int32_t step, le_register *to)
{
    memcpy(to->bytes, from, 16);
    memcpy(to->halves, from, 16);
    return from + step;
}

static inline const int8_t *le_widened(const int8_t *from, int32_t step, le_register *to)
{
    for (int32_t k = 0; k < 8; k++) {
        to->halves[k] = from[k];
    }
    return from + step;
}

/* The nearest to a sixteenth of each lane. */
static inline void le_sixteenth_s8(const le_register *from, le_register *to)
{
    for (int32_t k = 0; k < 16; k++) {
        to->bytes[k] = (int8_t)((from->bytes[k] + 8) >> 4);
    }
}

static inline void le_sixteenth_s16(const le_register *from, le_register *to)
{
    for (int32_t k = 0; k < 8; k++) {
        to->halves[k] = (int16_t)((from->halves[k] + 8) >> 4);
    }
}

static inline int32_t le_and_shifted(int32_t a, int32_t b, int32_t factor)
{
    return (int32_t)((uint32_t)a + (uint32_t)b * (uint32_t)factor);
}

#define LE_NEW(lanes, sum, w, x) sum = le_sum_##lanes(0, &w, &x);
#define LE_ADD(lanes, sum, w, x) sum = le_sum_##lanes(sum, &w, &x);
#define LE_PIECE(kernel, columns, before, now) kernel##_FIRST(columns) before kernel##_SECOND(columns) now
#define LE_SHIFTED(a, b, places) \
    a = le_and_shifted(a, r2, 1 << places); \
    b = le_and_shifted(b, r12, 1 << places);

#define LE_INT8_FIRST(columns) r0 = le_take(r0, columns, &q6);
#define LE_INT8_SECOND(columns) r0 = le_take(r0, columns, &q7);
#define LE_INT8_HALVES_FIRST(columns) r0 = le_widened(r0, columns, &q6);
#define LE_INT8_HALVES_SECOND(columns) r0 = le_widened(r0, columns, &q7);
#define LE_INT16_HALVES_FIRST(columns) r0 = le_take(r0, 2 * columns, &q6);
#define LE_INT16_HALVES_SECOND(columns) r0 = le_take(r0, 2 * columns, &q7);
#define LE_INT4_FIRST(columns) r0 = le_take(r0, columns, &q6);
#define LE_INT4_SECOND(columns) le_sixteenth_s8(&q6, &q7);
#define LE_INT4_HALVES_FIRST(columns) r0 = le_widened(r0, columns, &q6);
#define LE_INT4_HALVES_SECOND(columns) le_sixteenth_s16(&q6, &q7);
#define LE_INT4_APART(a, b) a = le_and_shifted(a, b, -16);

#define LE_BIASES \
    memcpy(sum, r0, sizeof sum); \
    r0 += sizeof sum;
#define LE_GO_ON memcpy(sum, r1, sizeof sum);
#define LE_SKIP r0 += 2;
#define LE_NO_MORE

#define LE_TAKE_1 r3 = le_take(r3, 16, &q0);
#define LE_TAKE_2 LE_TAKE_1 r3 = le_take(r3, 16, &q1);
#define LE_TAKE_3 LE_TAKE_2 r3 = le_take(r3, 16, &q2);
#define LE_TAKE_4 LE_TAKE_3 r3 = le_take(r3, 16, &q3);
#define LE_TAKE_5 LE_TAKE_4 r3 = le_take(r3, 16, &q4);
#define LE_TAKE_6 LE_TAKE_5 r3 = le_take(r3, 16, &q5);

#define LE_ROWS(name, take, start, pair, end) \
    static inline const int32_t *name(const int32_t *w, const int8_t *r3, int32_t *r1, int32_t blocks) \
    { \
        const int8_t *r0 = (const int8_t *)w; \
        le_register q0, q1, q2, q3, q4, q5, q6, q7; \
        int32_t sum[4], r2 = 0, r12 = 0; \
        (void)r2, (void)r12, (void)q0, (void)q1, (void)q2, (void)q3, (void)q4, (void)q5; \
        take \
        for (int32_t block = 0; block < blocks; block++) { \
            start \
            pair(sum[0], sum[1]) \
            pair(sum[2], sum[3]) \
            memcpy(r1, sum, sizeof sum); \
            r1 += 4; \
            end \
        } \
        return (const int32_t *)(const void *)r0; \
    }

#endif
