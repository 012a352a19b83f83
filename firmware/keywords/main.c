/*
 * Spots words in a stream of audio features with the code that lstm-edge generated from
 * examples/keywords.
 *
 * Every 20 ms a frame of 16 features arrives and goes through one step of the network, which keeps
 * its state for as long as the stream lasts. A word counts once its logit has been the largest in
 * four frames in a row. Returns 0 if the self-test passes and the words are those that were said.
 */
#include "edge_io.h"
#include "keywords.h"
#include "samples.h"

enum { FRAMES = sizeof frames[0] / sizeof frames[0][0], MOST_WORDS = sizeof label[0] };
enum { SILENCE = 0, UNKNOWN = KEYWORDS_LOGITS_SIZE - 1 };
enum { HOLD = 4, MILLISECONDS = 20 };

static const char *const names[KEYWORDS_LOGITS_SIZE] = {
    "silence", "left", "right", "up", "down", "stop", "unknown",
};

static keywords_state state;

/* The class of one frame. All logits have one scale: the stored integers can be compared. */
static int32_t classify(const int8_t frame[KEYWORDS_FRAMES_SIZE])
{
    float real[KEYWORDS_FRAMES_SIZE];
    keywords_frames_t stored[KEYWORDS_FRAMES_SIZE];
    keywords_logits_t logits[KEYWORDS_LOGITS_SIZE];
    int32_t best = 0;

    for (int32_t k = 0; k < KEYWORDS_FRAMES_SIZE; k++) {
        real[k] = frame[k];
    }
    keywords_quantize_frames(real, stored);
    keywords_step(&state, stored, logits);
    for (int32_t k = 1; k < KEYWORDS_LOGITS_SIZE; k++) {
        if (logits[k] > logits[best]) {
            best = k;
        }
    }
    return best;
}

/* A new word that has just been heard for long enough, or SILENCE. */
static int32_t debounce(int32_t class)
{
    static int32_t candidate = SILENCE;
    static int32_t count = 0;
    static int32_t reported = SILENCE;

    count = class == candidate ? count + 1 : 1;
    candidate = class;
    if (count != HOLD || candidate == reported) {
        return SILENCE;
    }
    reported = candidate;
    return candidate == UNKNOWN ? SILENCE : candidate;
}

int main(void)
{
    int32_t found = 0;
    int wrong = 0;

    if (keywords_selftest() != 0) {
        edge_print("self-test failed\n");
        return 1;
    }
    keywords_init(&state);
    for (int32_t t = 0; t < FRAMES; t++) {
        const int32_t word = debounce(classify(frames[0][t]));
        if (word != SILENCE) {
            edge_print_int(t * MILLISECONDS);
            edge_print(" ms  ");
            edge_print(names[word]);
            edge_print("\n");
            wrong |= found >= MOST_WORDS || label[0][found] != word;
            found++;
        }
    }
    wrong |= found < MOST_WORDS && label[0][found] != 0;
    edge_print(wrong ? "wrong words" : "all words right");
    edge_print(", self-test passed\n");
    return wrong;
}
