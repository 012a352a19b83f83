/* Written by examples/samples.py from examples/characters; do not edit. */
#ifndef SAMPLES_H
#define SAMPLES_H

#include <stdint.h>

static const char characters[] = "\n abcdefghijklmnopqrstuvwxyz.,;:'\"()-_=0";

#endif
