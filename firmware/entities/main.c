/*
 * Finds names in sentences with the code that lstm-edge generated from examples/entities.
 *
 * The network reads a sentence in both directions, so it gets all words at once: there is no step
 * function. Names are printed in brackets with their kind. Returns 0 if the self-test passes and at
 * most one sentence has a wrong tag.
 */
#include <string.h>

#include "edge_io.h"
#include "entities.h"
#include "samples.h"

enum { PADDING = 0, TAGS = ENTITIES_LOGITS_SIZE };

/* Tag 0 is no name; 2k + 1 begins a name of kind k, 2k + 2 goes on with it. */
static const char *const kinds[TAGS / 2] = {"PER", "LOC", "ORG"};

static entities_state state;

static int32_t look_up(const char *text, size_t length)
{
    for (int32_t k = 0; k < WORDS; k++) {
        if (strlen(words[k]) == length && memcmp(words[k], text, length) == 0) {
            return k;
        }
    }
    return PADDING;
}

/* The numbers of the words of a text, padded behind; how many words. */
static int32_t tokenize(const char *text, int32_t ids[ENTITIES_STEPS])
{
    int32_t count = 0;
    memset(ids, 0, ENTITIES_STEPS * sizeof ids[0]);
    while (*text != '\0' && count < ENTITIES_STEPS) {
        const size_t length = strcspn(text, " ");
        ids[count] = look_up(text, length);
        count++;
        text += length;
        text += strspn(text, " ");
    }
    return count;
}

/* The tag of each word. */
static void tag(const int32_t ids[ENTITIES_STEPS], int32_t tags[ENTITIES_STEPS])
{
    static entities_logits_t logits[ENTITIES_STEPS][TAGS];
    (void)entities_run(&state, ids, ENTITIES_STEPS, logits[0]);
    for (int32_t t = 0; t < ENTITIES_STEPS; t++) {
        tags[t] = 0;
        for (int32_t k = 1; k < TAGS; k++) {
            if (logits[t][k] > logits[t][tags[t]]) {
                tags[t] = k;
            }
        }
    }
}

static void print_sentence(const int32_t ids[], const int32_t tags[], int32_t count)
{
    for (int32_t t = 0; t < count; t++) {
        const int begins = tags[t] % 2 == 1;
        const int32_t next = t + 1 < count ? tags[t + 1] : 0;
        const int ends = tags[t] > 0 && (next == 0 || next % 2 == 1);
        edge_print(begins ? "[" : "");
        edge_print(begins ? kinds[tags[t] / 2] : "");
        edge_print(begins ? " " : "");
        edge_print(words[ids[t]]);
        edge_print(ends ? "] " : " ");
    }
    edge_print("\n");
}

int main(void)
{
    int32_t right = 0;

    if (entities_selftest() != 0) {
        edge_print("self-test failed\n");
        return 1;
    }
    entities_init(&state);
    for (int32_t k = 0; k < SAMPLES; k++) {
        int32_t ids[ENTITIES_STEPS];
        int32_t tags[ENTITIES_STEPS];
        const int32_t count = tokenize(texts[k], ids);
        int wrong = 0;

        tag(ids, tags);
        print_sentence(ids, tags, count);
        for (int32_t t = 0; t < count; t++) {
            wrong |= tags[t] != label[k][t];
        }
        right += !wrong;
    }
    edge_print_int(right);
    edge_print(" of ");
    edge_print_int(SAMPLES);
    edge_print(" sentences right, self-test passed\n");
    return right >= SAMPLES - 1 ? 0 : 1;
}
