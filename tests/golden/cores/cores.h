/*
 * generated for a test
 */
#ifndef CORES_H
#define CORES_H

#include <stddef.h>
#include <stdint.h>

/*
 * The core that this is compiled for, as the compiler says: kernels, weights and layout
 * of the state follow it, results do not. All files of a program have to agree.
 */
#define CORES_MVE 4
#define CORES_DSP 3
#define CORES_ARMV7M 2
#define CORES_ARMV6M 1
#define CORES_PORTABLE 0
#if !defined(__GNUC__) || !defined(__ARM_ARCH_PROFILE) || defined(__ARM_BIG_ENDIAN)
#define CORES_CORE CORES_PORTABLE
#elif __ARM_ARCH_PROFILE != 'M'
#define CORES_CORE CORES_PORTABLE
#elif defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 1)
#define CORES_CORE CORES_MVE
#elif defined(__ARM_FEATURE_DSP)
#define CORES_CORE CORES_DSP
#elif __ARM_ARCH_ISA_THUMB == 2
#define CORES_CORE CORES_ARMV7M
#else
#define CORES_CORE CORES_ARMV6M
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define CORES_MODEL_NAME                     "cores"
#define CORES_MODEL_SHA256                   "0000000000000000000000000000000000000000000000000000000000000000"
#define CORES_TOOL_VERSION                   "0.0.0"  /* of lstm-edge */
#define CORES_TOOL_VERSION_NUMBER            0  /* 1.2.3 is 10203 */
#define CORES_SCHEME                         "int8"
#define CORES_X_SIZE                         2  /* numbers per step */
#define CORES_X_SCALE                        0.00156254764f  /* real value of 1 */
#define CORES_PROBABILITY_SIZE               2  /* numbers after the last step */
#define CORES_PROBABILITY_SCALE              4.65661287e-10f  /* real value of 1 */
#define CORES_HIDDEN_SIZE                    3  /* numbers per step */
#define CORES_HIDDEN_SCALE                   0.00048828125f  /* real value of 1 */

/* Numbers of an input, an output or a state: the names stay where options change the types. */
typedef int16_t cores_x_t;
typedef int32_t cores_probability_t;
typedef int16_t cores_hidden_t;
typedef int32_t cores_lstm_c_state_t;
typedef int16_t cores_lstm_h_state_t;

#if CORES_CORE == CORES_MVE || CORES_CORE == CORES_PORTABLE

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
} cores_state;

#elif CORES_CORE == CORES_DSP

/*
 * What the network remembers from step to step; the caller owns it, and may own several. It is
 * aligned to 4 bytes, and so are the arrays in it.
 * Members below "scratch" are used within a step only.
 */
typedef struct {
    int16_t lstm_x_h[2][6]; /* x [2], lstm_h [4] */
    int32_t lstm_c[3]; /* Q11.19 in int32 */
    /* scratch */
    int32_t lstm_sums[12]; /* of a group's rows */
    int32_t fc_sums[4]; /* of a group's rows */
    int32_t fc_y[2]; /* Q2.16 in int32 */
    int32_t softmax_largest[1]; /* Q2.16 in int32 */
    int32_t softmax_distance_in[2]; /* Q3.17 in int32 */
    int32_t softmax_sum[1]; /* Q1.29 in int32 */
    int32_t softmax_log_sum_2[1]; /* Q0.17 in int32 */
    int32_t current; /* which half of a two-part member is read next */
} cores_state;

#elif CORES_CORE == CORES_ARMV7M

/*
 * What the network remembers from step to step; the caller owns it, and may own several. It is
 * aligned to 4 bytes, and so are the arrays in it.
 * Members below "scratch" are used within a step only.
 */
typedef struct {
    int32_t lstm_x_h[2][5]; /* x [2], lstm_h [3] */
    int32_t lstm_c[3]; /* Q11.19 in int32 */
    /* scratch */
    int32_t lstm_sums[12]; /* of a group's rows */
    int32_t fc_sums[4]; /* of a group's rows */
    int32_t fc_y[2]; /* Q2.16 in int32 */
    int32_t softmax_largest[1]; /* Q2.16 in int32 */
    int32_t softmax_distance_in[2]; /* Q3.17 in int32 */
    int32_t softmax_sum[1]; /* Q1.29 in int32 */
    int32_t softmax_log_sum_2[1]; /* Q0.17 in int32 */
    int32_t current; /* which half of a two-part member is read next */
} cores_state;

#else

/*
 * What the network remembers from step to step; the caller owns it, and may own several. It is
 * aligned to 4 bytes, and so are the arrays in it.
 * Members below "scratch" are used within a step only.
 */
typedef struct {
    int32_t lstm_x_h[2][6]; /* x [2], lstm_h [4] */
    int32_t lstm_c[3]; /* Q11.19 in int32 */
    /* scratch */
    int32_t lstm_sums[12]; /* of a group's rows */
    int32_t fc_sums[4]; /* of a group's rows */
    int32_t fc_y[2]; /* Q2.16 in int32 */
    int32_t softmax_largest[1]; /* Q2.16 in int32 */
    int32_t softmax_distance_in[2]; /* Q3.17 in int32 */
    int32_t softmax_sum[1]; /* Q1.29 in int32 */
    int32_t softmax_log_sum_2[1]; /* Q0.17 in int32 */
    int32_t current; /* which half of a two-part member is read next */
} cores_state;

#endif

/* Prepare a state for use. */
void cores_init(cores_state *state);

/* Forget all steps so far. */
void cores_reset(cores_state *state);

/* Read and set a state between two steps: 3 numbers, Q11.19 in int32. */
void cores_get_lstm_c(const cores_state *state, cores_lstm_c_state_t *values);
void cores_set_lstm_c(cores_state *state, const cores_lstm_c_state_t *values);

/* Read and set a state between two steps: 3 numbers, Q1.11 in int16. */
void cores_get_lstm_h(const cores_state *state, cores_lstm_h_state_t *values);
void cores_set_lstm_h(cores_state *state, const cores_lstm_h_state_t *values);

/*
 * One time step.
 * x: 2 numbers, int16, 16 bits, scale 0.00156254769
 * probability: 2 numbers, Q0.31 in int32
 * hidden: 3 numbers, Q1.11 in int16
 * probability: NULL at steps whose result is not wanted, to save its work
 */
void cores_step(
    cores_state *state,
    const cores_x_t *x,
    cores_probability_t *probability,
    cores_hidden_t *hidden);

/* Several time steps: the arrays hold one step after the other. The state is not reset. */
void cores_run(
    cores_state *state,
    const cores_x_t *x,
    int32_t steps,
    cores_probability_t *probability,
    cores_hidden_t *hidden);

/* Real numbers of one step to stored ones: to nearest, limited to the stored range. */
void cores_quantize_x(const float *real, cores_x_t *stored);

/* Stored numbers of one result to real ones. */
void cores_dequantize_probability(const cores_probability_t *stored, float *real);

/* Stored numbers of one result to real ones. */
void cores_dequantize_hidden(const cores_hidden_t *stored, float *real);

/* Tool, model, its SHA-256 and the options; in an image if something in it refers to this. */
extern const char cores_identity[];

/* Number of results that differ from the compiler's own; in cores_selftest.c. */
int cores_selftest(void);

/* The first of them: the output, NULL where none differs, the step, and the place in its vector. */
typedef struct {
    const char *output;
    int32_t step;
    int32_t index;
} cores_difference;

/* The same on a state of yours, which is as after cores_init and the self-test's steps. */
int cores_selftest_on(cores_state *state, cores_difference *first);

#ifdef __cplusplus
}
#endif

#endif
