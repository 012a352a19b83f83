/*
 * The adding problem with the code that lstm-edge generated from examples/adding.
 *
 * Draws sequences of 100 values, two of them marked, feeds them step by step and compares what the
 * network says after the last step with the sum of the two marked values. Returns 0 if the
 * self-test passes and all but one of the sums are found.
 */
#include "adding.h"
#include "edge_io.h"

enum { SEQUENCES = 20, LEVELS = 256 };

/* A sum counts as found where its error is smaller than this. */
static const float found_within = 0.04f;

static adding_state state;

/* Marsaglia's xorshift with 32 bits: the same numbers in every run. */
static uint32_t draw(uint32_t below)
{
    static uint32_t bits = 2463534242u;
    bits ^= bits << 13;
    bits ^= bits >> 17;
    bits ^= bits << 5;
    return (bits >> 8) % below;
}

/* A number from 0 on with two digits after the point. */
static void print_hundredths(float number)
{
    const int32_t hundredths = (int32_t)(number * 100.0f + 0.5f);
    edge_print_int(hundredths / 100);
    edge_print(hundredths % 100 < 10 ? ".0" : ".");
    edge_print_int(hundredths % 100);
}

/* One sequence; its sum, and what the network says. */
static void run_sequence(float *sum, float *answer)
{
    const int32_t half = ADDING_STEPS / 2;
    const int32_t first = (int32_t)draw((uint32_t)half);
    const int32_t second = half + (int32_t)draw((uint32_t)half);
    adding_sum_t stored_sum[ADDING_SUM_SIZE];

    *sum = 0.0f;
    adding_reset(&state);
    for (int32_t t = 0; t < ADDING_STEPS; t++) {
        const int marked = t == first || t == second;
        const float value = (float)draw(LEVELS + 1) / (float)LEVELS;
        const float real[ADDING_NUMBERS_SIZE] = {value, marked ? 1.0f : 0.0f};
        adding_numbers_t stored[ADDING_NUMBERS_SIZE];

        *sum += marked ? value : 0.0f;
        adding_quantize_numbers(real, stored);
        adding_step(&state, stored, t == ADDING_STEPS - 1 ? stored_sum : NULL);
    }
    adding_dequantize_sum(stored_sum, answer);
}

int main(void)
{
    int32_t right = 0;

    if (adding_selftest() != 0) {
        edge_print("self-test failed\n");
        return 1;
    }
    adding_init(&state);
    for (int32_t k = 0; k < SEQUENCES; k++) {
        float sum = 0.0f;
        float answer[ADDING_SUM_SIZE];

        run_sequence(&sum, answer);
        const float error = answer[0] - sum;
        const int found = -found_within < error && error < found_within;
        edge_print("sum ");
        print_hundredths(sum);
        edge_print(", network ");
        print_hundredths(answer[0]);
        edge_print(found ? "\n" : "  wrong\n");
        right += found;
    }
    edge_print_int(right);
    edge_print(" of ");
    edge_print_int(SEQUENCES);
    edge_print(" sums found, self-test passed\n");
    return right >= SEQUENCES - 1 ? 0 : 1;
}
