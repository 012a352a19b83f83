/*
 * Writes text with the code that lstm-edge generated from examples/characters.
 *
 * Each step of the network reads the last character and gives the logits of the next one, which is
 * then drawn at random, with probabilities exp(logit / temperature) / sum. The drawing is done in
 * integers, so that the text is the same on every computer. Returns 0 if the self-test passes.
 */
#include "characters.h"
#include "edge_io.h"
#include "samples.h"

enum { LENGTH = 600, COLUMNS = 72, CLASSES = CHARACTERS_LOGITS_SIZE };
enum { UNIT_BITS = 24 }; /* weight 1 is 2**24: those of all characters fit into 32 bits */

/* Below 1 likely characters become more likely. */
static const float temperature = 0.6f;

/* 2**(24 - k / 16), rounded. */
static const uint32_t powers[17] = {
    16777216, 16065917, 15384775, 14732511, 14107901, 13509772, 12937002, 12388516, 11863283,
    11360319, 10878679, 10417458, 9975792, 9552851, 9147842, 8760003, 8388608,
};

static characters_state state;

/* Marsaglia's xorshift with 32 bits: the same numbers in every run. */
static uint32_t draw(uint32_t below)
{
    static uint32_t bits = 2463534242u;
    bits ^= bits << 13;
    bits ^= bits >> 17;
    bits ^= bits << 5;
    return bits % below;
}

/* 2**(24 - exponent / 65536), by linear interpolation between powers. */
static uint32_t power(uint64_t exponent)
{
    const uint32_t whole = (uint32_t)(exponent >> 16);
    const uint32_t k = (uint32_t)(exponent >> 12) & 15;
    const uint32_t fraction = (uint32_t)exponent & 4095;
    if ((exponent >> 16) > UNIT_BITS) {
        return 0;
    }
    return (powers[k] - ((powers[k] - powers[k + 1]) * fraction >> 12)) >> whole;
}

/* A character drawn by its logits. */
static int32_t sample(const int32_t logits[CLASSES])
{
    /* Units of 2**-32 that one unit of a logit lowers the exponent by; 1.4427 is 1 / ln 2. */
    const uint32_t units =
        (uint32_t)(CHARACTERS_LOGITS_SCALE / temperature * 1.44269504f * 4294967296.0f);
    uint32_t weights[CLASSES];
    uint32_t total = 0;
    int32_t largest = logits[0];
    int32_t chosen = 0;

    for (int32_t k = 1; k < CLASSES; k++) {
        largest = logits[k] > largest ? logits[k] : largest;
    }
    for (int32_t k = 0; k < CLASSES; k++) {
        const uint32_t gap = (uint32_t)largest - (uint32_t)logits[k];
        weights[k] = power((uint64_t)gap * units >> 16);
        total += weights[k];
    }
    uint32_t left = draw(total);
    while (left >= weights[chosen]) {
        left -= weights[chosen];
        chosen++;
    }
    return chosen;
}

/* Print a character; a space ends a line that is long enough. */
static void print(char character)
{
    static int32_t column = 0;
    char text[2] = {character, '\0'};

    if (character == ' ' && column >= COLUMNS) {
        text[0] = '\n';
    }
    column = text[0] == '\n' ? 0 : column + 1;
    edge_print(text);
}

int main(void)
{
    int32_t last = 0; /* the end of a paragraph */

    if (characters_selftest() != 0) {
        edge_print("self-test failed\n");
        return 1;
    }
    characters_init(&state);
    for (int32_t k = 0; k < LENGTH; k++) {
        int32_t logits[CLASSES];
        characters_step(&state, &last, logits);
        last = sample(logits);
        print(characters[last]);
    }
    edge_print("\n\n");
    edge_print_int(LENGTH);
    edge_print(" characters, self-test passed\n");
    return 0;
}
