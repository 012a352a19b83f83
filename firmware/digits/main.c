/*
 * Reads handwritten digits with the code that lstm-edge generated from examples/digits.
 *
 * Ten images lie side by side, as under a line scanner: their rows arrive from top to bottom, and
 * each image has a network state of its own. After the last row each network says what it saw.
 * Returns 0 if the self-test passes and all ten are right.
 */
#include "digits.h"
#include "edge_io.h"
#include "samples.h"

static digits_state states[SAMPLES];

/* A row of pixels 0..16 as the network was trained on them: 0..1. */
static void read_row(const uint8_t pixels[DIGITS_ROWS_SIZE], float real[DIGITS_ROWS_SIZE])
{
    for (int32_t k = 0; k < DIGITS_ROWS_SIZE; k++) {
        real[k] = (float)pixels[k] / (float)PIXEL_MAX;
    }
}

static void print_row(const uint8_t pixels[DIGITS_ROWS_SIZE])
{
    static const char shades[] = " .:+*#@";
    char text[DIGITS_ROWS_SIZE + 1];
    for (int32_t k = 0; k < DIGITS_ROWS_SIZE; k++) {
        text[k] = shades[pixels[k] * (sizeof shades - 2) / PIXEL_MAX];
    }
    text[DIGITS_ROWS_SIZE] = '\0';
    edge_print(text);
}

/* Scale and zero point are the same for all logits, so the stored integers can be compared. */
static int32_t largest(const digits_logits_t logits[DIGITS_LOGITS_SIZE])
{
    int32_t best = 0;
    for (int32_t k = 1; k < DIGITS_LOGITS_SIZE; k++) {
        if (logits[k] > logits[best]) {
            best = k;
        }
    }
    return best;
}

int main(void)
{
    int32_t answer[SAMPLES] = {0};
    int32_t right = 0;

    if (digits_selftest() != 0) {
        edge_print("self-test failed\n");
        return 1;
    }
    for (int32_t s = 0; s < SAMPLES; s++) {
        digits_init(&states[s]);
    }
    for (int32_t row = 0; row < DIGITS_STEPS; row++) {
        for (int32_t s = 0; s < SAMPLES; s++) {
            float real[DIGITS_ROWS_SIZE];
            digits_rows_t stored[DIGITS_ROWS_SIZE];
            digits_logits_t logits[DIGITS_LOGITS_SIZE];
            const int last = row == DIGITS_STEPS - 1;

            read_row(samples[s].pixels[row], real);
            digits_quantize_rows(real, stored);
            digits_step(&states[s], stored, last ? logits : NULL);
            if (last) {
                answer[s] = largest(logits);
                right += answer[s] == samples[s].label;
            }
            print_row(samples[s].pixels[row]);
        }
        edge_print("\n");
    }
    for (int32_t s = 0; s < SAMPLES; s++) {
        edge_print("   ");
        edge_print_int(answer[s]);
        edge_print(answer[s] == samples[s].label ? "    " : "?   ");
    }
    edge_print("\n");
    edge_print_int(right);
    edge_print(" of ");
    edge_print_int(SAMPLES);
    edge_print(" right, self-test passed\n");
    return right == SAMPLES ? 0 : 1;
}
