/*
 * Tells what somebody does with the code that lstm-edge generated from examples/activity.
 *
 * An accelerometer and a barometer send their counts as interrupts would: the accelerometer at each
 * step, the barometer at every fourth. A step of the network is one of the accelerometer; of the
 * barometer it gets what was read last. Returns 0 if the self-test passes and all windows are told
 * rightly.
 */
#include <stddef.h>

#include "activity.h"
#include "edge_io.h"
#include "samples.h"

enum { ACTIVITIES = 6, EVERY = 4 };

static const char *const names[ACTIVITIES] = {
    "rest", "walk", "run", "upstairs", "downstairs", "lift",
};

static activity_state state;
static activity_baro_t pressure[ACTIVITY_BARO_SIZE];

static int32_t largest(const activity_logits_t logits[ACTIVITY_LOGITS_SIZE])
{
    int32_t best = 0;

    for (int32_t k = 1; k < ACTIVITY_LOGITS_SIZE; k++) {
        best = logits[k] > logits[best] ? k : best;
    }
    return best;
}

/* One window: the activity that is told at its end. */
static int32_t told(int32_t window)
{
    activity_logits_t logits[ACTIVITY_LOGITS_SIZE];

    for (int32_t t = 0; t < ACTIVITY_STEPS; t++) {
        if (t % EVERY == 0) {
            pressure[0] = baro[window][t / EVERY];
        }
        activity_step(&state, accel[window][t], pressure, t == ACTIVITY_STEPS - 1 ? logits : NULL);
    }
    return largest(logits);
}

int main(void)
{
    int32_t right = 0;

    if (activity_selftest() != 0) {
        edge_print("self-test failed\n");
        return 1;
    }
    for (int32_t k = 0; k < SAMPLES; k++) {
        activity_init(&state);
        const int32_t found = told(k);
        edge_print(names[found]);
        edge_print(found == label[k] ? "\n" : "  wrong\n");
        right += found == label[k];
    }
    edge_print_int(right);
    edge_print(" of ");
    edge_print_int(SAMPLES);
    edge_print(" windows right, self-test passed\n");
    return right == SAMPLES ? 0 : 1;
}
