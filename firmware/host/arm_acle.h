/*
 * The Arm intrinsics that generated code uses, in plain C, so that the very files that go into
 * firmware can be run and checked on a computer. Never used on a target.
 */
#ifndef LSTM_EDGE_HOST_ARM_ACLE_H
#define LSTM_EDGE_HOST_ARM_ACLE_H

#include <stdint.h>

#if defined(__arm__) || defined(__thumb__)
#error "this header stands in for the compiler's own on a computer"
#endif

/* accumulator + a.low * b.low + a.high * b.high, mod 2^32. */
static inline int32_t __smlad(int32_t a, int32_t b, int32_t accumulator)
{
    const int32_t low = (int32_t)(int16_t)a * (int16_t)b;
    const int32_t high = (a >> 16) * (b >> 16);

    return (int32_t)((uint32_t)accumulator + (uint32_t)low + (uint32_t)high);
}

/* accumulator + the upper 32 of the 48 bits of a * b, b the lower or the upper half. */
static inline int32_t __smlawb(int32_t a, int32_t b, int32_t accumulator)
{
    const int32_t product = (int32_t)(((int64_t)a * (int16_t)b) >> 16);

    return (int32_t)((uint32_t)accumulator + (uint32_t)product);
}

static inline int32_t __smlawt(int32_t a, int32_t b, int32_t accumulator)
{
    return __smlawb(a, b >> 16, accumulator);
}

/* Bytes 0 and 2, with their signs, as halves of a word. */
static inline int32_t __sxtb16(int32_t a)
{
    const uint32_t low = (uint32_t)(int8_t)a & 0xFFFFu;
    const uint32_t high = (uint32_t)(int8_t)(a >> 16) << 16;

    return (int32_t)(low | high);
}

/* accumulator + a.low * b.low. */
static inline int32_t __smlabb(int32_t a, int32_t b, int32_t accumulator)
{
    return (int32_t)((uint32_t)accumulator + (uint32_t)((int16_t)a * (int16_t)b));
}

#endif
