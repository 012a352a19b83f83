/*
 * Tells good reviews from bad ones with the code that lstm-edge generated from examples/sentiment.
 *
 * A review comes as text. Each word is looked up in the network's list, its number goes through one
 * step, and after the last word the network says whether the review is good. Returns 0 if the
 * self-test passes and at most one answer is wrong.
 */
#include <string.h>

#include "edge_io.h"
#include "samples.h"
#include "sentiment.h"

enum { PADDING = 0, BAD = 0, GOOD = 1 };

static sentiment_state state;

/* The number of the word at the start of a text, PADDING where it is not in the list. */
static int32_t look_up(const char *text, size_t length)
{
    for (int32_t k = 0; k < WORDS; k++) {
        if (strlen(words[k]) == length && memcmp(words[k], text, length) == 0) {
            return k;
        }
    }
    return PADDING;
}

/* The numbers of the first words of a text, at most SENTIMENT_STEPS of them; how many. */
static int32_t tokenize(const char *text, int32_t ids[SENTIMENT_STEPS])
{
    int32_t count = 0;
    while (*text != '\0' && count < SENTIMENT_STEPS) {
        const size_t length = strcspn(text, " ");
        ids[count] = look_up(text, length);
        count++;
        text += length;
        text += strspn(text, " ");
    }
    return count;
}

/* GOOD or BAD. The review is padded in front, as in training. */
static int32_t judge(const char *text)
{
    int32_t ids[SENTIMENT_STEPS];
    sentiment_logits_t logits[SENTIMENT_LOGITS_SIZE] = {0};
    const int32_t count = tokenize(text, ids);
    const int32_t padding = SENTIMENT_STEPS - count;

    sentiment_reset(&state);
    for (int32_t t = 0; t < SENTIMENT_STEPS; t++) {
        const int32_t id = t < padding ? PADDING : ids[t - padding];
        sentiment_step(&state, &id, t == SENTIMENT_STEPS - 1 ? logits : NULL);
    }
    return logits[GOOD] > logits[BAD] ? GOOD : BAD;
}

int main(void)
{
    int32_t right = 0;

    if (sentiment_selftest() != 0) {
        edge_print("self-test failed\n");
        return 1;
    }
    sentiment_init(&state);
    for (int32_t k = 0; k < SAMPLES; k++) {
        const int32_t answer = judge(texts[k]);
        edge_print(answer == GOOD ? "good" : "bad ");
        edge_print(answer == label[k] ? "   " : " ? ");
        edge_print(texts[k]);
        edge_print("\n");
        right += answer == label[k];
    }
    edge_print_int(right);
    edge_print(" of ");
    edge_print_int(SAMPLES);
    edge_print(" right, self-test passed\n");
    return right >= SAMPLES - 1 ? 0 : 1;
}
