/*
 * generated for a test
 *
 * Self-test: 4 steps with the results that the compiler computed. Build it with the
 * other files and call straight_selftest(); it returns the number of results that differ.
 */
#include "straight.h"

static const straight_x_t given_x[4][2] = {
    {0.0625f, 0.0f},
    {0.8125f, -0.0625f},
    {-0.0625f, 0.8125f},
    {0.0f, 0.0625f},
};
static const straight_probability_t expected_probability[1][2] = {
    {0.407604724f, 0.592395306f},
};
static const straight_hidden_t expected_hidden[4][3] = {
    {-0.0814327821f, 0.269675374f, 0.215979993f},
    {0.0478742979f, 0.146138817f, 0.149327084f},
    {0.164067298f, 0.152718768f, 0.188269436f},
    {0.0959456488f, 0.201678678f, 0.177493572f},
};

int straight_selftest(void)
{
    static straight_state state;
    int wrong = 0;

    straight_init(&state);
    for (int32_t t = 0; t < 4; t++) {
        straight_probability_t got_probability[2];
        straight_hidden_t got_hidden[3];
        straight_step(&state, given_x[t], t == 3 ? got_probability : NULL, got_hidden);
        for (int32_t k = 0; t == 3 && k < 2; k++) {
            wrong += (got_probability[k] != expected_probability[0][k]) ? 1 : 0;
        }
        for (int32_t k = 0; k < 3; k++) {
            wrong += (got_hidden[k] != expected_hidden[t][k]) ? 1 : 0;
        }
    }
    return wrong;
}
