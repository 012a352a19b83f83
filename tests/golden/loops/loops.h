/*
 * generated for a test
 */
#ifndef LOOPS_H
#define LOOPS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LOOPS_MODEL_NAME                     "loops"
#define LOOPS_MODEL_SHA256                   "0000000000000000000000000000000000000000000000000000000000000000"
#define LOOPS_TOOL_VERSION                   "0.0.0"  /* of lstm-edge */
#define LOOPS_TOOL_VERSION_NUMBER            0  /* 1.2.3 is 10203 */
#define LOOPS_SCHEME                         "int8"
#define LOOPS_X_SIZE                         2  /* numbers per step */
#define LOOPS_X_SCALE                        0.00156254764f  /* real value of 1 */
#define LOOPS_PROBABILITY_SIZE               2  /* numbers after the last step */
#define LOOPS_PROBABILITY_SCALE              4.65661287e-10f  /* real value of 1 */
#define LOOPS_HIDDEN_SIZE                    3  /* numbers per step */
#define LOOPS_HIDDEN_SCALE                   0.00048828125f  /* real value of 1 */

/* Numbers of an input, an output or a state: the names stay where options change the types. */
typedef int16_t loops_x_t;
typedef int32_t loops_probability_t;
typedef int16_t loops_hidden_t;
typedef int32_t loops_lstm_c_state_t;
typedef int16_t loops_lstm_h_state_t;

/*
 * What the network remembers from step to step; the caller owns it, and may own several. It is
 * aligned to 4 bytes, and so are the arrays in it.
 * Members below "scratch" are used within a step only.
 */
typedef struct {
    int16_t lstm_x_h[2][6]; /* x [2], lstm_h [3] */
    int32_t lstm_c[3]; /* Q11.19 in int32 */
    /* scratch */
    int32_t fc_y[2]; /* Q2.16 in int32 */
    int32_t softmax_largest[1]; /* Q2.16 in int32 */
    int32_t softmax_distance_in[2]; /* Q3.17 in int32 */
    int32_t softmax_sum[1]; /* Q1.29 in int32 */
    int32_t softmax_log_sum_2[1]; /* Q0.17 in int32 */
    int32_t current; /* which half of a two-part member is read next */
} loops_state;

/* Prepare a state for use. */
void loops_init(loops_state *state);

/* Forget all steps so far. */
void loops_reset(loops_state *state);

/* Read and set a state between two steps: 3 numbers, Q11.19 in int32. */
void loops_get_lstm_c(const loops_state *state, loops_lstm_c_state_t *values);
void loops_set_lstm_c(loops_state *state, const loops_lstm_c_state_t *values);

/* Read and set a state between two steps: 3 numbers, Q1.11 in int16. */
void loops_get_lstm_h(const loops_state *state, loops_lstm_h_state_t *values);
void loops_set_lstm_h(loops_state *state, const loops_lstm_h_state_t *values);

/*
 * One time step.
 * x: 2 numbers, int16, 16 bits, scale 0.00156254769
 * probability: 2 numbers, Q0.31 in int32
 * hidden: 3 numbers, Q1.11 in int16
 * probability: NULL at steps whose result is not wanted, to save its work
 */
void loops_step(
    loops_state *state,
    const loops_x_t *x,
    loops_probability_t *probability,
    loops_hidden_t *hidden);

/* Several time steps: the arrays hold one step after the other. The state is not reset. */
void loops_run(
    loops_state *state,
    const loops_x_t *x,
    int32_t steps,
    loops_probability_t *probability,
    loops_hidden_t *hidden);

/* Real numbers of one step to stored ones: to nearest, limited to the stored range. */
void loops_quantize_x(const float *real, loops_x_t *stored);

/* Stored numbers of one result to real ones. */
void loops_dequantize_probability(const loops_probability_t *stored, float *real);

/* Stored numbers of one result to real ones. */
void loops_dequantize_hidden(const loops_hidden_t *stored, float *real);

/* Tool, model, its SHA-256 and the options; in an image if something in it refers to this. */
extern const char loops_identity[];

/* Number of results that differ from the compiler's own; in loops_selftest.c. */
int loops_selftest(void);

/* The first of them: the output, NULL where none differs, the step, and the place in its vector. */
typedef struct {
    const char *output;
    int32_t step;
    int32_t index;
} loops_difference;

/* The same on a state of yours, which is as after loops_init and the self-test's steps. */
int loops_selftest_on(loops_state *state, loops_difference *first);

#ifdef __cplusplus
}
#endif

#endif
