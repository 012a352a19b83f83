/*
 * generated for a test
 *
 * What pairs.c and pairs_weights.c share. Include pairs.h instead.
 */
#ifndef PAIRS_PRIVATE_H
#define PAIRS_PRIVATE_H

#include "pairs.h"

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
LE_CLAIM(pairs_shift_is_arithmetic, (-1 >> 1) == -1);

/* It computes in int, too: one of 16 bits is not enough. */
LE_CLAIM(pairs_int_has_32_bits, sizeof(int) >= 4);

LSTM_EDGE_WEIGHTS_SECTION extern const int32_t pairs_sigmoid_table[512];
LSTM_EDGE_WEIGHTS_SECTION extern const int16_t pairs_log_table[513];
LSTM_EDGE_WEIGHTS_SECTION extern const int32_t pairs_lstm_weights[60];
LSTM_EDGE_WEIGHTS_SECTION extern const int32_t pairs_fc_weights[10];
LSTM_EDGE_WEIGHTS_SECTION extern const int32_t pairs_lstm_c_initial[3];

#endif
