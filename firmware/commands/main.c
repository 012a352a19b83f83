/*
 * Hears words in samples of a microphone with the code that lstm-edge generated from
 * examples/commands.
 *
 * A converter delivers 160 samples of 16 bits every 20 ms; they go as they are into one step of the
 * network, which makes its features itself. After the last step of a recording it says which word
 * that was. Returns 0 if the self-test passes and all words are right.
 */
#include "commands.h"
#include "edge_io.h"
#include "samples.h"

static const char *const names[COMMANDS_LOGITS_SIZE] = {
    "noise", "left", "right", "up", "down", "stop", "another word",
};

static commands_state state;

/* All logits have one scale: the stored integers can be compared. */
static int32_t largest(const commands_logits_t logits[COMMANDS_LOGITS_SIZE])
{
    int32_t best = 0;

    for (int32_t k = 1; k < COMMANDS_LOGITS_SIZE; k++) {
        if (logits[k] > logits[best]) {
            best = k;
        }
    }
    return best;
}

int main(void)
{
    int32_t right = 0;

    if (commands_selftest() != 0) {
        edge_print("self-test failed\n");
        return 1;
    }
    for (int32_t s = 0; s < SAMPLES; s++) {
        commands_logits_t logits[COMMANDS_LOGITS_SIZE];

        commands_init(&state);
        for (int32_t t = 0; t < COMMANDS_STEPS; t++) {
            const int16_t *const hop = &samples[s][COMMANDS_SAMPLES_SIZE * t];
            commands_step(&state, hop, t == COMMANDS_STEPS - 1 ? logits : NULL);
        }
        edge_print(names[largest(logits)]);
        edge_print("\n");
        right += largest(logits) == label[s];
    }
    edge_print(right == SAMPLES ? "all words right" : "wrong words");
    edge_print(", self-test passed\n");
    return right != SAMPLES;
}
