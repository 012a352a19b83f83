/*
 * The intrinsics of Helium that generated code uses, in plain C, so that the very files that go into firmware
 * can be run and checked on a computer. Never used on a target.
 *
 * Lanes are taken one by one; what wraps on a core wraps here.
 */
#ifndef LSTM_EDGE_HOST_ARM_MVE_H
#define LSTM_EDGE_HOST_ARM_MVE_H

#include <stdint.h>
#include <string.h>

typedef int8_t int8x16_t __attribute__((vector_size(16)));
typedef int16_t int16x8_t __attribute__((vector_size(16)));
typedef int32_t int32x4_t __attribute__((vector_size(16)));
typedef uint32_t uint32x4_t __attribute__((vector_size(16)));
typedef uint16_t mve_pred16_t;

#define LE_EACH(lanes) for (int lane = 0; lane < (lanes); lane++)

/* Predicates have a bit for each byte. */
static inline mve_pred16_t vctp32q(uint32_t count)
{
    return (mve_pred16_t)(count >= 4 ? 0xFFFFu : (1u << (4 * count)) - 1u);
}

static inline mve_pred16_t vctp16q(uint32_t count)
{
    return (mve_pred16_t)(count >= 8 ? 0xFFFFu : (1u << (2 * count)) - 1u);
}

static inline int le_lives(mve_pred16_t live, int lane, int bytes)
{
    return (live >> (lane * bytes)) & 1;
}

/* Loads that widen, stores that narrow. */
#define LE_LOADS(name, kind, element, lane_type, vector, lanes, bytes) \
    static inline vector name##_z_##kind(const element *from, mve_pred16_t live) \
    { \
        vector v = {0}; \
        LE_EACH(lanes) { v[lane] = le_lives(live, lane, bytes) ? (lane_type)from[lane] : (lane_type)0; } \
        return v; \
    } \
    static inline vector name##_##kind(const element *from) { return name##_z_##kind(from, 0xFFFFu); }
#define LE_STORES(name, kind, element, vector, lanes, bytes) \
    static inline void name##_p_##kind(element *to, vector v, mve_pred16_t live) \
    { \
        LE_EACH(lanes) \
        { \
            if (le_lives(live, lane, bytes)) { \
                to[lane] = (element)v[lane]; \
            } \
        } \
    } \
    static inline void name##_##kind(element *to, vector v) { name##_p_##kind(to, v, 0xFFFFu); }

LE_LOADS(vldrbq, s32, int8_t, int32_t, int32x4_t, 4, 4)
LE_LOADS(vldrbq, u32, uint8_t, uint32_t, uint32x4_t, 4, 4)
LE_LOADS(vldrhq, s32, int16_t, int32_t, int32x4_t, 4, 4)
LE_LOADS(vldrwq, s32, int32_t, int32_t, int32x4_t, 4, 4)
LE_LOADS(vldrhq, s16, int16_t, int16_t, int16x8_t, 8, 2)
LE_LOADS(vldrbq, s16, int8_t, int16_t, int16x8_t, 8, 2)
LE_STORES(vstrbq, s32, int8_t, int32x4_t, 4, 4)
LE_STORES(vstrhq, s32, int16_t, int32x4_t, 4, 4)
LE_STORES(vstrwq, s32, int32_t, int32x4_t, 4, 4)
LE_STORES(vstrbq, s16, int8_t, int16x8_t, 8, 2)
LE_STORES(vstrhq, s16, int16_t, int16x8_t, 8, 2)
LE_STORES(vstrbq, s8, int8_t, int8x16_t, 16, 1)

static inline int32x4_t vldrbq_gather_offset_s32(const int8_t *from, uint32x4_t offset)
{
    int32x4_t v = {0};
    LE_EACH(4) { v[lane] = from[(int32_t)offset[lane]]; }
    return v;
}

static inline uint32x4_t vldrbq_gather_offset_u32(const uint8_t *from, uint32x4_t offset)
{
    uint32x4_t v = {0};
    LE_EACH(4) { v[lane] = from[(int32_t)offset[lane]]; }
    return v;
}

static inline int32x4_t vldrhq_gather_shifted_offset_s32(const int16_t *from, uint32x4_t offset)
{
    int32x4_t v = {0};
    LE_EACH(4) { v[lane] = from[(int32_t)offset[lane]]; }
    return v;
}

static inline int32x4_t vldrwq_gather_shifted_offset_s32(const int32_t *from, uint32x4_t offset)
{
    int32x4_t v = {0};
    LE_EACH(4) { v[lane] = from[(int32_t)offset[lane]]; }
    return v;
}

static inline int32_t vgetq_lane_s32(int32x4_t v, int lane)
{
    return v[lane];
}

static inline int32x4_t vsetq_lane_s32(int32_t a, int32x4_t v, int lane)
{
    v[lane] = a;
    return v;
}

static inline int32x4_t vdupq_n_s32(int32_t a)
{
    const int32x4_t v = {a, a, a, a};
    return v;
}

static inline int16x8_t vdupq_n_s16(int16_t a)
{
    const int16x8_t v = {a, a, a, a, a, a, a, a};
    return v;
}

static inline int8x16_t vreinterpretq_s8_s16(int16x8_t a) { return (int8x16_t)a; }
static inline uint32x4_t vreinterpretq_u32_s32(int32x4_t a) { return (uint32x4_t)a; }
static inline int32x4_t vreinterpretq_s32_u32(uint32x4_t a) { return (int32x4_t)a; }

/* One number from two, and the same with one number for all lanes. */
#define LE_OF_TWO(name, expression) \
    static inline int32x4_t name##q_s32(int32x4_t v, int32x4_t w) \
    { \
        int32x4_t r = {0}; \
        LE_EACH(4) { const int64_t a = v[lane], b = w[lane]; r[lane] = (int32_t)(expression); } \
        return r; \
    } \
    static inline int32x4_t name##q_n_s32(int32x4_t v, int32_t b) { return name##q_s32(v, vdupq_n_s32(b)); }

static inline int64_t le_saturated(int64_t a)
{
    return a > INT32_MAX ? INT32_MAX : (a < INT32_MIN ? INT32_MIN : a);
}

LE_OF_TWO(vadd, (uint32_t)(a + b))
LE_OF_TWO(vsub, (uint32_t)(a - b))
LE_OF_TWO(vmul, (uint32_t)((uint64_t)a * (uint64_t)b))
LE_OF_TWO(vmulh, (a * b) >> 32)
LE_OF_TWO(vqdmulh, le_saturated((a * b) >> 31))
LE_OF_TWO(vhadd, (a + b) >> 1)
LE_OF_TWO(vmax, a > b ? a : b)
LE_OF_TWO(vmin, a < b ? a : b)

static inline uint32x4_t vmulhq_u32(uint32x4_t v, uint32x4_t w)
{
    uint32x4_t r = {0};
    LE_EACH(4) { r[lane] = (uint32_t)(((uint64_t)v[lane] * w[lane]) >> 32); }
    return r;
}

/* Shifts to the left by what each lane says, to the right where that is negative; only its lower byte counts. */
static inline int64_t le_shifted(int64_t a, int32_t count)
{
    const int n = (int8_t)(count & 0xFF);
    if (n >= 32 || n <= -32) {
        return n > 0 ? 0 : a >> 40;
    }
    return n >= 0 ? (int64_t)((uint64_t)a << n) : a >> -n;
}

static inline int32x4_t vshlq_s32(int32x4_t v, int32x4_t counts)
{
    int32x4_t r = {0};
    LE_EACH(4) { r[lane] = (int32_t)(uint32_t)le_shifted(v[lane], counts[lane]); }
    return r;
}

static inline int32x4_t vqshlq_s32(int32x4_t v, int32x4_t counts)
{
    int32x4_t r = {0};
    LE_EACH(4) { r[lane] = (int32_t)le_saturated(le_shifted(v[lane], counts[lane])); }
    return r;
}

static inline int32x4_t vshlq_n_s32(int32x4_t v, int n) { return vshlq_s32(v, vdupq_n_s32(n)); }
static inline int32x4_t vshrq_n_s32(int32x4_t v, int n) { return vshlq_s32(v, vdupq_n_s32(-n)); }
static inline int32x4_t vqshlq_n_s32(int32x4_t v, int n) { return vqshlq_s32(v, vdupq_n_s32(n)); }

static inline int32x4_t vrshrq_n_s32(int32x4_t v, int n)
{
    int32x4_t r = {0};
    LE_EACH(4) { r[lane] = (int32_t)(((int64_t)v[lane] + ((int64_t)1 << (n - 1))) >> n); }
    return r;
}

static inline int16x8_t vshlq_r_s16(int16x8_t v, int32_t n)
{
    int16x8_t r = {0};
    LE_EACH(8) { r[lane] = (int16_t)le_shifted(v[lane], n); }
    return r;
}

static inline int16x8_t vshrq_n_s16(int16x8_t v, int n) { return vshlq_r_s16(v, -n); }
static inline int16x8_t vshlq_n_s16(int16x8_t v, int n) { return vshlq_r_s16(v, n); }

static inline int16x8_t vqshlq_n_s16(int16x8_t v, int n)
{
    int16x8_t r = {0};
    LE_EACH(8)
    {
        const int32_t a = (int32_t)((uint32_t)v[lane] << n);
        r[lane] = (int16_t)(a > INT16_MAX ? INT16_MAX : (a < INT16_MIN ? INT16_MIN : a));
    }
    return r;
}

static inline int16x8_t vandq_s16(int16x8_t v, int16x8_t w) { return v & w; }
static inline int32x4_t vandq_s32(int32x4_t v, int32x4_t w) { return v & w; }
static inline int32x4_t vbicq_n_s32(int32x4_t v, int32_t bits) { return v & vdupq_n_s32(~bits); }
static inline int32x4_t vnegq_s32(int32x4_t v) { return vsubq_s32(vdupq_n_s32(0), v); }

static inline int32x4_t vclzq_s32(int32x4_t v)
{
    int32x4_t r = {0};
    LE_EACH(4)
    {
        r[lane] = 32;
        for (uint32_t left = (uint32_t)v[lane]; left != 0; left >>= 1) {
            r[lane]--;
        }
    }
    return r;
}

static inline mve_pred16_t vcmpgtq_s32(int32x4_t v, int32x4_t w)
{
    uint32_t found = 0;
    LE_EACH(4) { found |= v[lane] > w[lane] ? 0xFu << (4 * lane) : 0u; }
    return (mve_pred16_t)found;
}

static inline mve_pred16_t vcmpgtq_n_s32(int32x4_t v, int32_t b) { return vcmpgtq_s32(v, vdupq_n_s32(b)); }

static inline mve_pred16_t vcmpeqq_n_s32(int32x4_t v, int32_t b)
{
    uint32_t found = 0;
    LE_EACH(4) { found |= v[lane] == b ? 0xFu << (4 * lane) : 0u; }
    return (mve_pred16_t)found;
}

static inline int32x4_t vpselq_s32(int32x4_t v, int32x4_t w, mve_pred16_t first)
{
    int32x4_t r = {0};
    LE_EACH(4) { r[lane] = le_lives(first, lane, 4) ? v[lane] : w[lane]; }
    return r;
}

static inline int32_t vmaxvq_p_s32(int32_t a, int32x4_t v, mve_pred16_t live)
{
    LE_EACH(4) { a = le_lives(live, lane, 4) && v[lane] > a ? v[lane] : a; }
    return a;
}

static inline int32_t vaddvaq_p_s32(int32_t a, int32x4_t v, mve_pred16_t live)
{
    LE_EACH(4) { a = (int32_t)((uint32_t)a + (le_lives(live, lane, 4) ? (uint32_t)v[lane] : 0u)); }
    return a;
}

static inline int32_t vmaxvq_s32(int32_t a, int32x4_t v) { return vmaxvq_p_s32(a, v, 0xFFFFu); }
static inline int32_t vaddvaq_s32(int32_t a, int32x4_t v) { return vaddvaq_p_s32(a, v, 0xFFFFu); }

#endif
