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

#define STRAIGHT_MODEL_NAME                  "straight"
#define STRAIGHT_MODEL_SHA256                "0000000000000000000000000000000000000000000000000000000000000000"
#define STRAIGHT_TOOL_VERSION                "0.0.0"  /* of lstm-edge */
#define STRAIGHT_TOOL_VERSION_NUMBER         0  /* 1.2.3 is 10203 */
#define STRAIGHT_SCHEME                      "float32"
#define STRAIGHT_X_SIZE                      2  /* numbers per step */
#define STRAIGHT_X_SCALE                     1.0f  /* real value of 1 */
#define STRAIGHT_PROBABILITY_SIZE            2  /* numbers after the last step */
#define STRAIGHT_PROBABILITY_SCALE           1.0f  /* real value of 1 */
#define STRAIGHT_HIDDEN_SIZE                 3  /* numbers per step */
#define STRAIGHT_HIDDEN_SCALE                1.0f  /* real value of 1 */

/* Numbers of an input, an output or a state: the names stay where options change the types. */
typedef float straight_x_t;
typedef float straight_probability_t;
typedef float straight_hidden_t;
typedef float straight_lstm_c_state_t;
typedef float straight_lstm_h_state_t;

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
void straight_get_lstm_c(const straight_state *state, straight_lstm_c_state_t *values);
void straight_set_lstm_c(straight_state *state, const straight_lstm_c_state_t *values);

/* Read and set a state between two steps: 3 numbers, float32. */
void straight_get_lstm_h(const straight_state *state, straight_lstm_h_state_t *values);
void straight_set_lstm_h(straight_state *state, const straight_lstm_h_state_t *values);

/*
 * One time step.
 * x: 2 numbers, float32
 * probability: 2 numbers, float32
 * hidden: 3 numbers, float32
 * probability: NULL at steps whose result is not wanted, to save its work
 */
void straight_step(
    straight_state *state,
    const straight_x_t *x,
    straight_probability_t *probability,
    straight_hidden_t *hidden);

/* Several time steps: the arrays hold one step after the other. The state is not reset. */
void straight_run(
    straight_state *state,
    const straight_x_t *x,
    int32_t steps,
    straight_probability_t *probability,
    straight_hidden_t *hidden);

/* Real numbers of one step to stored ones: as they are. */
void straight_quantize_x(const float *real, straight_x_t *stored);

/* Stored numbers of one result to real ones. */
void straight_dequantize_probability(const straight_probability_t *stored, float *real);

/* Stored numbers of one result to real ones. */
void straight_dequantize_hidden(const straight_hidden_t *stored, float *real);

/* Tool, model, its SHA-256 and the options; in an image if something in it refers to this. */
extern const char straight_identity[];

/* Number of results that differ from the compiler's own; in straight_selftest.c. */
int straight_selftest(void);

/* The first of them: the output, NULL where none differs, the step, and the place in its vector. */
typedef struct {
    const char *output;
    int32_t step;
    int32_t index;
} straight_difference;

/* The same on a state of yours, which is as after straight_init and the self-test's steps. */
int straight_selftest_on(straight_state *state, straight_difference *first);

#ifdef __cplusplus
}
#endif

#endif
