/*
 * generated for a test
 */
#ifndef VECTORS_H
#define VECTORS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VECTORS_MODEL_NAME                   "vectors"
#define VECTORS_MODEL_SHA256                 "0000000000000000000000000000000000000000000000000000000000000000"
#define VECTORS_TOOL_VERSION                 "0.0.0"  /* of lstm-edge */
#define VECTORS_TOOL_VERSION_NUMBER          0  /* 1.2.3 is 10203 */
#define VECTORS_SCHEME                       "int8"
#define VECTORS_X_SIZE                       2  /* numbers per step */
#define VECTORS_X_SCALE                      0.00156254764f  /* real value of 1 */
#define VECTORS_PROBABILITY_SIZE             2  /* numbers after the last step */
#define VECTORS_PROBABILITY_SCALE            4.65661287e-10f  /* real value of 1 */
#define VECTORS_HIDDEN_SIZE                  3  /* numbers per step */
#define VECTORS_HIDDEN_SCALE                 0.00048828125f  /* real value of 1 */

/* Numbers of an input, an output or a state: the names stay where options change the types. */
typedef int16_t vectors_x_t;
typedef int32_t vectors_probability_t;
typedef int16_t vectors_hidden_t;
typedef int32_t vectors_lstm_c_state_t;
typedef int16_t vectors_lstm_h_state_t;

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
} vectors_state;

/* Prepare a state for use. */
void vectors_init(vectors_state *state);

/* Forget all steps so far. */
void vectors_reset(vectors_state *state);

/* Read and set a state between two steps: 3 numbers, Q11.19 in int32. */
void vectors_get_lstm_c(const vectors_state *state, vectors_lstm_c_state_t *values);
void vectors_set_lstm_c(vectors_state *state, const vectors_lstm_c_state_t *values);

/* Read and set a state between two steps: 3 numbers, Q1.11 in int16. */
void vectors_get_lstm_h(const vectors_state *state, vectors_lstm_h_state_t *values);
void vectors_set_lstm_h(vectors_state *state, const vectors_lstm_h_state_t *values);

/*
 * One time step.
 * x: 2 numbers, int16, 16 bits, scale 0.00156254769
 * probability: 2 numbers, Q0.31 in int32
 * hidden: 3 numbers, Q1.11 in int16
 * probability: NULL at steps whose result is not wanted, to save its work
 */
void vectors_step(
    vectors_state *state,
    const vectors_x_t *x,
    vectors_probability_t *probability,
    vectors_hidden_t *hidden);

/* Several time steps: the arrays hold one step after the other. The state is not reset. */
void vectors_run(
    vectors_state *state,
    const vectors_x_t *x,
    int32_t steps,
    vectors_probability_t *probability,
    vectors_hidden_t *hidden);

/* Real numbers of one step to stored ones: to nearest, limited to the stored range. */
void vectors_quantize_x(const float *real, vectors_x_t *stored);

/* Stored numbers of one result to real ones. */
void vectors_dequantize_probability(const vectors_probability_t *stored, float *real);

/* Stored numbers of one result to real ones. */
void vectors_dequantize_hidden(const vectors_hidden_t *stored, float *real);

/* Tool, model, its SHA-256 and the options; in an image if something in it refers to this. */
extern const char vectors_identity[];

/* Number of results that differ from the compiler's own; in vectors_selftest.c. */
int vectors_selftest(void);

/* The first of them: the output, NULL where none differs, the step, and the place in its vector. */
typedef struct {
    const char *output;
    int32_t step;
    int32_t index;
} vectors_difference;

/* The same on a state of yours, which is as after vectors_init and the self-test's steps. */
int vectors_selftest_on(vectors_state *state, vectors_difference *first);

#ifdef __cplusplus
}
#endif

#endif
