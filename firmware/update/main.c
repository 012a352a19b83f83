/*
 * Gives firmware new weights again and again, and takes its power away at each byte of the update.
 *
 * Revision 1 is in the field when revision 2 comes over the air. Whatever byte is the last one that
 * is erased or written: after a reset one of the two is in use, whole, and passes the self-test that
 * comes with it. Returns 0 if that holds everywhere.
 */
#include "digits.h"
#include "edge_io.h"
#include "slots.h"

static uint8_t updates[3][DIGITS_WEIGHTS_SIZE];

static bool read_update(const char *path, uint8_t *to)
{
    const edge_file file = edge_open_read(path);

    return file >= 0 && edge_read(file, to, DIGITS_WEIGHTS_SIZE) == DIGITS_WEIGHTS_SIZE;
}

/* The revision in use after a reset, or -1 where the network does not compute what it should. */
static int32_t after_reset(void)
{
    (void)boot();
    return digits_selftest() == 0 ? (int32_t)digits_weights()->revision : -1;
}

static void say(const char *text, int32_t number)
{
    edge_print(text);
    edge_print_int(number);
    edge_print("\n");
}

int main(void)
{
    const int32_t all = (int32_t)(SLOT_SIZE + DIGITS_WEIGHTS_SIZE);
    int32_t found[3] = {0};

    if (!read_update("1.bin", updates[1]) || !read_update("2.bin", updates[2])) {
        edge_print("1.bin or 2.bin cannot be read\n");
        return 2;
    }
    if (after_reset() != 0 || !write_update(updates[1]) || after_reset() != 1) {
        edge_print("the first update is not in use\n");
        return 1;
    }
    for (int32_t cut = 1; cut <= all + 1; cut++) {
        power_lasts(cut);
        const bool whole = write_update(updates[2]);
        power_lasts(-1);
        const int32_t revision = after_reset();

        if (revision != (whole ? 2 : 1)) {
            say("power cut at byte ", cut);
            say("revision in use: ", revision);
            return 1;
        }
        found[revision]++;
    }
    say("power cuts that left revision 1: ", found[1]);
    say("updates that brought revision 2: ", found[2]);
    edge_print("whole after each, self-test passed\n");
    return 0;
}
