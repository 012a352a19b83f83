/*
 * generated for a test
 *
 * Self-test: 4 steps with the results that the compiler computed. Build it with the
 * other files and call vectors_selftest(); it returns the number of results that differ.
 */
#include "vectors.h"

static const vectors_x_t given_x[4][2] = {
    {40, 0},
    {520, -40},
    {-40, 520},
    {0, 40},
};
static const vectors_probability_t expected_probability[1][2] = {
    {874778845, 1272696888},
};
static const vectors_hidden_t expected_hidden[4][3] = {
    {-167, 552, 442},
    {101, 300, 306},
    {338, 312, 386},
    {200, 413, 364},
};

int vectors_selftest(void)
{
    static vectors_state state;
    int wrong = 0;

    vectors_init(&state);
    for (int32_t t = 0; t < 4; t++) {
        vectors_probability_t got_probability[2];
        vectors_hidden_t got_hidden[3];
        vectors_step(&state, given_x[t], t == 3 ? got_probability : NULL, got_hidden);
        for (int32_t k = 0; t == 3 && k < 2; k++) {
            wrong += (got_probability[k] != expected_probability[0][k]) ? 1 : 0;
        }
        for (int32_t k = 0; k < 3; k++) {
            wrong += (got_hidden[k] != expected_hidden[t][k]) ? 1 : 0;
        }
    }
    return wrong;
}
