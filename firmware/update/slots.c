#include "slots.h"

#include <string.h>

static union {
    uint64_t aligned;
    uint8_t bytes[SLOT_SIZE];
} flash[SLOTS];

static int32_t power_left = -1;
static int32_t used = -1;

const uint8_t *slot(int32_t number)
{
    return flash[number].bytes;
}

void power_lasts(int32_t bytes)
{
    power_left = bytes;
}

static bool has_power(void)
{
    if (power_left > 0) {
        power_left--;
    }
    return power_left != 0;
}

/* Sector by sector; one whose erasing is cut short has some of its bytes erased. */
static bool erase(uint8_t *to)
{
    for (uint32_t k = 0; k < SLOT_SIZE; k++) {
        if (!has_power()) {
            return false;
        }
        to[k] = 0xFF;
    }
    return true;
}

static bool write(uint8_t *to, const uint8_t *from, uint32_t count)
{
    for (uint32_t k = 0; k < count; k++) {
        if (!has_power()) {
            return false;
        }
        to[k] &= from[k];
    }
    return true;
}

int32_t boot(void)
{
    uint32_t newest = 0;

    used = -1;
    digits_factory_weights();
    for (int32_t k = 0; k < SLOTS; k++) {
        if (digits_check_weights(flash[k].bytes, SLOT_SIZE) == DIGITS_WEIGHTS_OK) {
            digits_weights_header header;

            (void)memcpy(&header, flash[k].bytes, sizeof header);
            if (used < 0 || header.revision > newest) {
                newest = header.revision;
                used = k;
            }
        }
    }
    if (used >= 0) {
        (void)digits_load_weights(flash[used].bytes, SLOT_SIZE);
    }
    return used;
}

bool write_update(const uint8_t *weights)
{
    uint8_t *const to = flash[used == 0 ? 1 : 0].bytes;

    return erase(to) && write(to, weights, DIGITS_WEIGHTS_SIZE);
}
