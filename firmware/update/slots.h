/*
 * Two slots for weights in a NOR flash, which here is an array: erased bytes are 0xFF, writing
 * clears bits, and power may go at any byte.
 */
#ifndef SLOTS_H
#define SLOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "digits.h"

#define SLOTS 2
#define SECTOR_SIZE 4096u
#define SLOT_SIZE ((DIGITS_WEIGHTS_SIZE + SECTOR_SIZE - 1u) / SECTOR_SIZE * SECTOR_SIZE)

/* The flash, as it is mapped into memory: aligned to 8 bytes. */
const uint8_t *slot(int32_t number);

/* So many bytes of erasing and writing until power goes; a negative number is never. */
void power_lasts(int32_t bytes);

/*
 * Read the newest weights that are whole, those of the firmware where there are none. Returns the
 * slot, or -1.
 */
int32_t boot(void);

/* Write weights of DIGITS_WEIGHTS_SIZE bytes into a slot that is not read. False where power went. */
bool write_update(const uint8_t *weights);

#endif
