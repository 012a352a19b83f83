/*
 * generated for a test
 */
#ifndef STRAIGHT_H
#define STRAIGHT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define STRAIGHT_X_SIZE                      2  /* numbers per step */
#define STRAIGHT_PROBABILITY_SIZE            2  /* numbers after the last step */
#define STRAIGHT_HIDDEN_SIZE                 3  /* numbers per step */

/*
 * What the network remembers from step to step; the caller owns it, and may own several. It is
 * aligned to 4 bytes, and so are the arrays in it.
 * Members below "scratch" are used within a step only.
 */
typedef struct {
    float lstm_x_h[2][5]; /* x [2], lstm_h [3] */
    float lstm_c[3]; /* float32 */
    /* scratch */
    float fc_y[2]; /* float32 */
    float softmax_largest[1]; /* float32 */
    float softmax_exponential[2]; /* float32 */
    float softmax_total[1]; /* float32 */
    int32_t current; /* which half of a two-part member is read next */
} straight_state;

/* Prepare a state for use. */
void straight_init(straight_state *state);

/* Forget all steps so far. */
void straight_reset(straight_state *state);

/* Read and set a state between two steps: 3 numbers, float32. */
void straight_get_lstm_c(const straight_state *state, float *values);
void straight_set_lstm_c(straight_state *state, const float *values);

/* Read and set a state between two steps: 3 numbers, float32. */
void straight_get_lstm_h(const straight_state *state, float *values);
void straight_set_lstm_h(straight_state *state, const float *values);

/*
 * One time step.
 * x: 2 numbers, float32
 * probability: 2 numbers, float32
 * hidden: 3 numbers, float32
 * probability: NULL at steps whose result is not wanted, to save its work
 */
void straight_step(straight_state *state, const float *x, float *probability, float *hidden);

/* Several time steps: the arrays hold one step after the other. The state is not reset. */
void straight_run(straight_state *state, const float *x, int32_t steps, float *probability, float *hidden);

/* Number of results that differ from the compiler's own; in straight_selftest.c. */
int straight_selftest(void);

#ifdef __cplusplus
}
#endif

#endif
