/*
 * The kernels of Armv7-M without the DSP extension in plain C, so that the very files that go into firmware can be run
 * and checked on a computer. Never used on a target.
 */
#ifndef LSTM_EDGE_HOST_ARMV7M_H
#define LSTM_EDGE_HOST_ARMV7M_H

#include <stdint.h>
#include <string.h>

typedef int32_t le_value;

/* Multiplier k of a tile, and the words that hold all four. */
#define LE_MULTIPLIER(p, k) ((p)[k] >> 16)
#define LE_MULTIPLIER_WORDS 4
#define LE_ORDERED(s) {(s).s0, (s).s1, (s).s3, (s).s2}

#define LE_INT8_COLUMNS 1
#define LE_INT16_COLUMNS 1
#define LE_INT4_COLUMNS 2

#include "le_rows.h"
#include "le_digits.h"

#endif
