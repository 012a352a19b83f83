/*
 * generated for a test
 *
 * What cores.c and cores_weights.c share. Include cores.h instead.
 */
#ifndef CORES_PRIVATE_H
#define CORES_PRIVATE_H

#include "cores.h"

/*
 * Where weights and tables go, and the functions that a step calls: nothing, or attributes that a
 * build gives with -D, as __attribute__((section(".extflash"))).
 */
#ifndef LSTM_EDGE_WEIGHTS_SECTION
#define LSTM_EDGE_WEIGHTS_SECTION
#endif
#ifndef LSTM_EDGE_CODE_SECTION
#define LSTM_EDGE_CODE_SECTION
#endif

/* A claim that does not compile where it is wrong. */
#if defined(__cplusplus) && __cplusplus >= 201103L
#define LE_CLAIM(name, claim) static_assert(claim, #name)
#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#define LE_CLAIM(name, claim) _Static_assert(claim, #name)
#else
#define LE_CLAIM(name, claim) typedef char name[(claim) ? 1 : -1]
#endif

/* The code needs a >> that rounds down, as every compiler for these cores has it. */
LE_CLAIM(cores_shift_is_arithmetic, (-1 >> 1) == -1);

/* It computes in int, too: one of 16 bits is not enough. */
LE_CLAIM(cores_int_has_32_bits, sizeof(int) >= 4);

#if CORES_CORE == CORES_MVE

LSTM_EDGE_WEIGHTS_SECTION extern const int16_t cores_sigmoid_starts_table[512];
LSTM_EDGE_WEIGHTS_SECTION extern const int32_t cores_sigmoid_ways_table[512];
LSTM_EDGE_WEIGHTS_SECTION extern const int16_t cores_log_table[513];
LSTM_EDGE_WEIGHTS_SECTION extern const int32_t cores_lstm_weights[48];
LSTM_EDGE_WEIGHTS_SECTION extern const int32_t cores_lstm_constants[1][6][4];
LSTM_EDGE_WEIGHTS_SECTION extern const int32_t cores_fc_weights[11];
LSTM_EDGE_WEIGHTS_SECTION extern const int32_t cores_fc_constants[1][1][4];
LSTM_EDGE_WEIGHTS_SECTION extern const int32_t cores_lstm_c_initial[3];

#elif CORES_CORE == CORES_DSP

LSTM_EDGE_WEIGHTS_SECTION extern const int32_t cores_sigmoid_table[512];
LSTM_EDGE_WEIGHTS_SECTION extern const int16_t cores_log_table[513];
LSTM_EDGE_WEIGHTS_SECTION extern const int32_t cores_lstm_weights[60];
LSTM_EDGE_WEIGHTS_SECTION extern const int32_t cores_fc_weights[10];
LSTM_EDGE_WEIGHTS_SECTION extern const int32_t cores_lstm_c_initial[3];

#elif CORES_CORE == CORES_ARMV7M

LSTM_EDGE_WEIGHTS_SECTION extern const int32_t cores_sigmoid_table[512];
LSTM_EDGE_WEIGHTS_SECTION extern const int16_t cores_log_table[513];
LSTM_EDGE_WEIGHTS_SECTION extern const int32_t cores_lstm_weights[68];
LSTM_EDGE_WEIGHTS_SECTION extern const int32_t cores_fc_weights[11];
LSTM_EDGE_WEIGHTS_SECTION extern const int32_t cores_lstm_c_initial[3];

#elif CORES_CORE == CORES_ARMV6M

LSTM_EDGE_WEIGHTS_SECTION extern const int32_t cores_sigmoid_table[512];
LSTM_EDGE_WEIGHTS_SECTION extern const int16_t cores_log_table[513];
LSTM_EDGE_WEIGHTS_SECTION extern const int32_t cores_lstm_weights[72];
LSTM_EDGE_WEIGHTS_SECTION extern const int32_t cores_fc_weights[12];
LSTM_EDGE_WEIGHTS_SECTION extern const int32_t cores_lstm_c_initial[3];

#else

LSTM_EDGE_WEIGHTS_SECTION extern const int16_t cores_sigmoid_table[513];
LSTM_EDGE_WEIGHTS_SECTION extern const int16_t cores_log_table[513];
LSTM_EDGE_WEIGHTS_SECTION extern const int8_t cores_lstm_weights[80];
LSTM_EDGE_WEIGHTS_SECTION extern const int32_t cores_lstm_bias[24];
LSTM_EDGE_WEIGHTS_SECTION extern const int16_t cores_lstm_multiplier[3][6];
LSTM_EDGE_WEIGHTS_SECTION extern const int8_t cores_fc_weights[12];
LSTM_EDGE_WEIGHTS_SECTION extern const int32_t cores_fc_bias[4];
LSTM_EDGE_WEIGHTS_SECTION extern const int16_t cores_fc_multiplier[2];
LSTM_EDGE_WEIGHTS_SECTION extern const int32_t cores_lstm_c_initial[3];

#endif

#endif
