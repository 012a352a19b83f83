/* Images that the network was not trained on, one of each digit. */
#ifndef SAMPLES_H
#define SAMPLES_H

#include <stdint.h>

enum { SAMPLES = 10, PIXEL_MAX = 16 };

struct sample {
    int32_t label;
    uint8_t pixels[8][8]; /* 0..PIXEL_MAX, row by row */
};

extern const struct sample samples[SAMPLES];

#endif
