/*
 * generated for a test
 */
/* Scheduled before registers are given out, the code around the kernels keeps too much on the stack. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-schedule-insns")
#endif

/*
 * gcc 12 takes functions of several stores for such without effect and leaves out their calls; the
 * pass that does so came with gcc 11.
 */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 11
#pragma GCC optimize("no-ipa-modref")
#endif

#include "pairs_private.h"

#include <string.h>

#if defined(__arm__) && !defined(__ARM_FEATURE_DSP)
#error "this file was generated for a core with the DSP extension; compile the model again for yours"
#endif

#if defined(__has_include)
#if !__has_include(<arm_acle.h>)
#error "this file was generated for a Cortex-M with the DSP extension; compile the model again for yours (host and portable give the same bits)"
#endif
#endif
#include <arm_acle.h>

LSTM_EDGE_CODE_SECTION static inline int32_t le_larger(int32_t a, int32_t b)
{
    return a < b ? b : a;
}

/* Natural logarithm of a > 0 with 15 fractional bits: e * log(2) + log(1 + m), a = 2^e (1 + m). */
LSTM_EDGE_CODE_SECTION static inline int32_t le_log(const int16_t *entries, int32_t a)
{
    int32_t exponent = 30;
    uint32_t mantissa = (uint32_t)a;

    /*@ dynamic_split exponent; */
    while (mantissa < ((uint32_t)1 << 30)) {
        mantissa <<= 1;
        exponent--;
    }
    mantissa -= (uint32_t)1 << 30;
    const int16_t *const entry = &entries[mantissa >> 21];
    /*@ split entry - entries; */
    const int32_t fraction = (int32_t)((mantissa >> 6) & 0x7FFFu);

    /* 22713: log(2) in Q0.15 */
    return exponent * 22713 + entry[0] + (((entry[1] - entry[0]) * fraction) >> 15);
}

/* (a * b) >> 16, floor; b: the lower half of a word. */
LSTM_EDGE_CODE_SECTION static inline int32_t le_mulw(int32_t a, int32_t b)
{
#if defined(__arm__)
    int32_t product;
    __asm__("smulwb %0, %1, %2" : "=r"(product) : "r"(a), "r"(b));
    return product;
#else
    return (int32_t)(((int64_t)a * (int16_t)b) >> 16);
#endif
}

/* sum + ((a * b) >> 16); b: the lower half of a word. */
LSTM_EDGE_CODE_SECTION static inline int32_t le_mulw_add(int32_t sum, int32_t a, int32_t b)
{
    return __smlawb(a, b, sum);
}

/* The same on top of a sum. */
LSTM_EDGE_CODE_SECTION static inline int32_t le_mul_add(int32_t sum, int32_t a, int32_t b)
{
    return __smlabb(a, b, sum);
}

/* The nearest number of 31 bits. */
LSTM_EDGE_CODE_SECTION static inline int32_t le_saturate31(int32_t a)
{
#if defined(__arm__)
    int32_t inside;
    __asm__("ssat %0, #31, %1" : "=r"(inside) : "r"(a));
    return inside;
#else
    const int32_t high = INT32_MAX >> 1;
    return a > high ? high : (a < -high - 1 ? -high - 1 : a);
#endif
}

/* `count` numbers from any address, each to the nearest one of 16 bits. */
LSTM_EDGE_CODE_SECTION static void le_take16(const int16_t *from, int16_t *to, int32_t count)
{
    const int16_t *const stop = from + count;
    const int16_t *const last = from + (count & ~3);

    while (from != last) {
        int32_t first;
        int32_t second;
        (void)memcpy(&first, from, sizeof first);
        (void)memcpy(&second, from + 2, sizeof second);
        (void)memcpy(to, &first, sizeof first);
        (void)memcpy(to + 2, &second, sizeof second);
        from += 4;
        to += 4;
    }
    while (from != stop) {
        *to++ = *from++;
    }
}

/*
 * Linear interpolation in 512 segments that are 2^10 wide, the middle one from a = 0; a is clamped.
 * A segment is a word: what its line has at a = 0 in the lower half, 4 times the way to the
 * next entry in the upper one. The result is the lower half of what is returned, the rest is anything.
 */
LSTM_EDGE_CODE_SECTION static inline int32_t le_table10_of_14(const int32_t *middle, int32_t a)
{
    int32_t segment;
#if defined(__arm__)
    __asm__("ssat %0, #9, %1, asr #10" : "=r"(segment) : "r"(a));
#else
    segment = a >> 10;
    segment = segment > 255 ? 255 : (segment < -256 ? -256 : segment);
#endif
    const int32_t word = middle[segment];

    return __smlawt((int32_t)((uint32_t)a << 4), word, word);
}

/*
 * Linear interpolation in 512 segments that are 2^11 wide, the middle one from a = 0; a is clamped.
 * A segment is a word: what its line has at a = 0 in the lower half, 4 times the way to the
 * next entry in the upper one. The result is the lower half of what is returned, the rest is anything.
 */
LSTM_EDGE_CODE_SECTION static inline int32_t le_table11_of_14(const int32_t *middle, int32_t a)
{
    int32_t segment;
#if defined(__arm__)
    __asm__("ssat %0, #9, %1, asr #11" : "=r"(segment) : "r"(a));
#else
    segment = a >> 11;
    segment = segment > 255 ? 255 : (segment < -256 ? -256 : segment);
#endif
    const int32_t word = middle[segment];

    return __smlawt((int32_t)((uint32_t)a << 3), word, word);
}

/*
 * Linear interpolation in 512 segments that are 2^13 wide, the middle one from a = 0; a is clamped.
 * A segment is a word: what its line has at a = 0 in the lower half, 4 times the way to the
 * next entry in the upper one. The result is the lower half of what is returned, the rest is anything.
 * This one takes a >> 1.
 */
LSTM_EDGE_CODE_SECTION static inline int32_t le_table13_of_half(const int32_t *middle, int32_t a)
{
    int32_t segment;
#if defined(__arm__)
    __asm__("ssat %0, #9, %1, asr #14" : "=r"(segment) : "r"(a));
#else
    segment = a >> 14;
    segment = segment > 255 ? 255 : (segment < -256 ? -256 : segment);
#endif
    const int32_t word = middle[segment];

    return __smlawt(a & -2, word, word);
}

/*
 * Linear interpolation in 512 segments that are 2^9 wide, the middle one from a = 0; a is clamped.
 * A segment is a word: what its line has at a = 0 in the lower half, 4 times the way to the
 * next entry in the upper one. The result is the lower half of what is returned, the rest is anything.
 */
LSTM_EDGE_CODE_SECTION static inline int32_t le_table9_of_14(const int32_t *middle, int32_t a)
{
    int32_t segment;
#if defined(__arm__)
    __asm__("ssat %0, #9, %1, asr #9" : "=r"(segment) : "r"(a));
#else
    segment = a >> 9;
    segment = segment > 255 ? 255 : (segment < -256 ? -256 : segment);
#endif
    const int32_t word = middle[segment];

    return __smlawt((int32_t)((uint32_t)a << 5), word, word);
}

#define LE_LONG 0
#define LE_INT8_FORM 1
#define LE_INT8_ONES 3
#define LE_INT8_BLOCKS 0
#define LE_INT8_SCALED 1
#if defined(__arm__)

/* Each sum times its multiplier, (sum * multiplier) >> 16; two multipliers to a word. */
#define LE_SCALE_0
#define LE_SCALE_1 \
    "ldm.w r0!, {r5, r6}\n\t" \
    "smulwb r2, r2, r5\n\t" \
    "smulwt r3, r3, r5\n\t" \
    "smulwb r12, r12, r6\n\t" \
    "smulwt r1, r1, r6\n\t"

/* What the DSP extension multiplies: halfwords, two in a word. */
typedef int16_t le_value;

/* Two values, which are 4-byte aligned, as a word. */
LSTM_EDGE_CODE_SECTION static inline int32_t le_pair(const int16_t *values)
{
    int32_t pair;
    (void)memcpy(&pair, values, sizeof pair);
    return pair;
}

/* Sum of `count` values, an even number, 4-byte aligned; 16 of them at a time. */
LSTM_EDGE_CODE_SECTION static inline int32_t le_sum(const int16_t *values, int32_t count)
{
    const int16_t *const stop = values + count;
    const int16_t *const last = values + (count & ~15);
    int32_t sum = 0;

    while (values != last) {
        __asm__ volatile(
            "ldmia.w %[values]!, {r4, r5, r6, r8}\n\t"
            "smlad %[sum], r4, %[ones], %[sum]\n\t"
            "smlad %[sum], r5, %[ones], %[sum]\n\t"
            "smlad %[sum], r6, %[ones], %[sum]\n\t"
            "smlad %[sum], r8, %[ones], %[sum]\n\t"
            "ldmia.w %[values]!, {r4, r5, r6, r8}\n\t"
            "smlad %[sum], r4, %[ones], %[sum]\n\t"
            "smlad %[sum], r5, %[ones], %[sum]\n\t"
            "smlad %[sum], r6, %[ones], %[sum]\n\t"
            "smlad %[sum], r8, %[ones], %[sum]"
            : [values] "+r"(values), [sum] "+r"(sum)
            : [ones] "r"(0x00010001)
            : "r4", "r5", "r6", "r8", "memory");
    }
    while (values != stop) {
        sum = __smlad(le_pair(values), 0x00010001, sum);
        values += 2;
    }
    return sum;
}

/*
 * What the kernels of four rows share on Armv7-M and Armv8-M Mainline. A kernel K has two pieces of
 * code, K_ONE for K_COLUMNS columns (one or two) and K_BLOCK for K_PER_BLOCK times as many, and is
 * one of four forms, K_FORM:
 *
 *     0   K_ONES times the first and K_BLOCKS times the second, for one count of columns
 *     1   the same, entered where the operand says: for any count up to that
 *     2   the same again and again until the operand ends: for any count
 *     3   K_ONES times the first, then passes of K_BLOCKS times the second: for one long count
 *
 * A kernel is called by LE_CALLS, with the stream in r0 and the operand in r1. It returns the word
 * behind the tile in r0, the sums in r2, r3, r12, r1, and keeps r4 to r11. It is naked: it needs all
 * registers, and is the same code at any optimization level.
 */
#define LE_JOIN(a, b) LE_JOINED(a, b)
#define LE_JOINED(a, b) a##b
#define LE_TEXT(a) LE_TEXT_OF(a)
#define LE_TEXT_OF(a) #a

/*
 * A vector that rows are multiplied with, made once a step. Kernels load it whole: order counts.
 * LE_LONG: whether some kernel has form 2 or 3 and asks where the values stop.
 */
#if LE_LONG
#define LE_STOP(stop) , (stop)
#else
#define LE_STOP(stop)
#endif
typedef struct {
    const le_value *values; /* 4-byte aligned, a multiple of K_COLUMNS */
    int32_t sum;            /* of the values */
    int32_t skip_ones;      /* bytes of code to jump over: of the single columns, */
    int32_t skip_blocks;    /* and of the blocks */
#if LE_LONG
    const le_value *stop;   /* behind the last value */
#endif
} le_operand;

typedef struct {
    int32_t s0, s1, s2, s3;
} le_sums;

/* r1: values, r6: sum, r8 and r11: skips; the stop goes to the stack. */
#define LE_LOAD_OPERAND(k) LE_JOIN(LE_LOAD_OPERAND_, k##_FORM)
#define LE_LOAD_OPERAND_0 "ldm.w r1, {r1, r6}\n\t"
#define LE_LOAD_OPERAND_1 "ldm.w r1, {r1, r6, r8, r11}\n\t"
#define LE_LOAD_OPERAND_3 LE_LOAD_OPERAND_2
#define LE_LOAD_OPERAND_2 "ldm.w r1, {r1, r6, r8, r11, lr}\n\tpush {lr}\n\t"

#define LE_ENTER(k) LE_JOIN(LE_ENTER_, k##_FORM)(k)
#define LE_ENTER_0(k) LE_REPEAT(k##_ONES, k##_ONE) LE_REPEAT(k##_BLOCKS, k##_BLOCK)
#define LE_ENTER_1(k) \
    "add pc, r8\n\tnop\n\t" LE_REPEAT(k##_ONES, k##_ONE) \
    "add pc, r11\n\tnop\n" \
    "1:\n\t" LE_REPEAT(k##_BLOCKS, k##_BLOCK) \
    LE_CHECK_SIZE(k##_BLOCKS, k##_BLOCK_BYTES)
#define LE_ENTER_2(k) LE_ENTER_1(k)
#define LE_ENTER_3(k) LE_REPEAT(k##_ONES, k##_ONE) "1:\n\t" LE_REPEAT(k##_BLOCKS, k##_BLOCK)
#define LE_REPEAT(count, code) ".rept " LE_TEXT(count) "\n\t" code ".endr\n\t"

/* LE_OPERAND counts on these sizes. clang's assembler cannot compare them. */
#if defined(__clang__)
#define LE_CHECK_SIZE(count, bytes)
#else
#define LE_CHECK_SIZE(count, bytes) \
    ".if (. - 1b) != " LE_TEXT(count) " * " LE_TEXT(bytes) "\n\t.error \"size of a block\"\n\t.endif\n\t"
#endif

/* K_KEPT: bytes that the kernel itself has pushed. */
#define LE_AGAIN(k) LE_JOIN(LE_AGAIN_, k##_FORM)(k)
#define LE_AGAIN_0(k)
#define LE_AGAIN_1(k)
#define LE_AGAIN_2(k) "ldr r6, [sp, #" LE_TEXT(k##_KEPT) "]\n\tcmp r1, r6\n\tbne.w 1b\n\t"
#define LE_AGAIN_3(k) LE_AGAIN_2(k)

/* K_SCALED: whether multipliers follow the tile. */
#define LE_SCALE(k) LE_JOIN(LE_SCALE_, k##_SCALED)

#define LE_LEAVE(k) LE_JOIN(LE_LEAVE_, k##_FORM)
#define LE_LEAVE_0 "pop {r4-r11, pc}\n\t"
#define LE_LEAVE_1 LE_LEAVE_0
#define LE_LEAVE_3 LE_LEAVE_2
#define LE_LEAVE_2 "add sp, #4\n\t" LE_LEAVE_0

/* The operand of kernel k with `ones` times K_COLUMNS columns, and the sum of its values. */
#define LE_OPERAND(k, values, ones, sum) \
    { \
        (values), (sum), \
        (k##_ONES - (ones) % k##_PER_BLOCK) * k##_ONE_BYTES, \
        LE_SKIPPED(k##_BLOCKS, (ones) / k##_PER_BLOCK) * k##_BLOCK_BYTES \
        LE_STOP((values) + (ones) * k##_COLUMNS) \
    }
/* Blocks to skip, so that whole passes of `all` blocks follow the first one; all where none is left. */
#define LE_SKIPPED(all, blocks) ((blocks) == 0 ? (all) : ((all) - (blocks) % LE_SOME(all)) % LE_SOME(all))
#define LE_SOME(all) ((all) == 0 ? 1 : (all))

/*
 * The body of a function that calls a kernel: the sums of a tile's four rows, in the order of the
 * kernel; *w goes behind the tile. Position-independent code has no constant address to call. The
 * empty statement hides that *w is what r0 was: gcc would leave out the next call's move to r0, though
 * calls in between have changed it.
 */
#if defined(__PIC__)
#define LE_CALL "blx %[kernel]"
#define LE_ADDRESS "r"
#else
#define LE_CALL "bl %c[kernel]"
#define LE_ADDRESS "i"
#endif
#define LE_CALLS(rows) \
    { \
        register const int32_t *r0 __asm__("r0") = *w; \
        register int32_t r1 __asm__("r1") = (int32_t)operand; \
        register int32_t r2 __asm__("r2"); \
        register int32_t r3 __asm__("r3"); \
        register int32_t r12 __asm__("r12"); \
        __asm__ volatile( \
            LE_CALL \
            : "+r"(r0), "+r"(r1), "=&r"(r2), "=&r"(r3), "=&r"(r12) \
            : [kernel] LE_ADDRESS(rows) \
            : "lr", "cc", "memory"); \
        const le_sums sums = {r2, r3, r12, r1}; \
        const int32_t *next = r0; \
        __asm__("" : "+r"(next)); \
        *w = next; \
        return sums; \
    }

/*
 * Four rows of int8 weights with the DSP extension (Cortex-M4, M7, M33).
 *
 * A tile of the stream: the words B0 P0 P1 B1, then for each pair of columns two words, of the rows
 * (b0, a0) and (b1, a1). A word holds both columns, a halfword each: 256 * b + (a + 128), b signed in
 * the upper byte, a + 128 unsigned in the lower one. B: the bias of b. P: that of a, plus 256 * B.
 *
 *     B += SMLAD(SXTB16(word ROR 8), x)    = sum of b * x
 *     P += SMLAD(word, x)                  = 256 * B + A + 128 * sum of x, mod 2^32
 *
 * so A = P - 256 * B - 128 * sum of x is exact for every A of 32 bits. Sums: b0, a0, b1, a1.
 * 27 instructions for 32 products; 8 for the tile, and what LE_ENTER and LE_AGAIN take.
 */
#define LE_INT8_TWO(w0, w1, x) \
    "smlad r3, " w0 ", " x ", r3\n\t" \
    "sxtb16 " w0 ", " w0 ", ror #8\n\t" \
    "smlad r4, " w1 ", " x ", r4\n\t" \
    "sxtb16 " w1 ", " w1 ", ror #8\n\t" \
    "smlad r2, " w0 ", " x ", r2\n\t" \
    "smlad r12, " w1 ", " x ", r12\n\t"

/* A pair of columns: 8 instructions. */
#define LE_INT8_ONE \
    "ldm.w r0!, {r5, r6}\n\t" \
    "ldr.w r9, [r1], #4\n\t" \
    LE_INT8_TWO("r5", "r6", "r9")
#define LE_INT8_ONE_BYTES 32
#define LE_INT8_COLUMNS 2
#define LE_INT8_PER_BLOCK 4
#define LE_INT8_KEPT 0

/* Four pairs of columns: 27 instructions. */
#define LE_INT8_BLOCK \
    "ldm.w r1!, {r9, r10, r11, lr}\n\t" \
    "ldm.w r0!, {r5, r6, r7, r8}\n\t" \
    LE_INT8_TWO("r5", "r6", "r9") \
    LE_INT8_TWO("r7", "r8", "r10") \
    "ldm.w r0!, {r5, r6, r7, r8}\n\t" \
    LE_INT8_TWO("r5", "r6", "r11") \
    LE_INT8_TWO("r7", "r8", "lr")
#define LE_INT8_BLOCK_BYTES 108

LSTM_EDGE_CODE_SECTION __attribute__((naked, noinline)) static void le_int8_rows(void)
{
    __asm__ volatile(
        "push {r4-r11, lr}\n\t"
        LE_LOAD_OPERAND(LE_INT8)
        "ldm.w r0!, {r2, r3, r4, r12}\n\t"
        "sub.w r3, r3, r6, lsl #7\n\t"
        "sub.w r4, r4, r6, lsl #7\n\t"
        LE_ENTER(LE_INT8)
        LE_AGAIN(LE_INT8)
        "sub.w r3, r3, r2, lsl #8\n\t"
        "sub.w r1, r4, r12, lsl #8\n\t"
        LE_SCALE(LE_INT8)
        LE_LEAVE(LE_INT8));
}

LSTM_EDGE_CODE_SECTION static inline le_sums le_int8(const int32_t **w, const le_operand *operand) LE_CALLS(le_int8_rows)

#else
#include "dsp.h"
#endif

/* The sums of a tile, in the order of the kernel, among those that a group keeps. */
LSTM_EDGE_CODE_SECTION static inline void le_store(int32_t *sums, le_sums tile)
{
    sums[0] = tile.s0;
    sums[1] = tile.s1;
    sums[2] = tile.s2;
    sums[3] = tile.s3;
}

/* lstm_x_h_take_0: x as kernels read it */
LSTM_EDGE_CODE_SECTION static void pairs_lstm_x_h_take_0_units(
    const int16_t *x,
    int16_t *lstm_x_h_out)
{
    le_take16(x, lstm_x_h_out, 2);
}

/* lstm: 3 units, 2 rows each over x [2], lstm_h [3]; 2 rows each over x [2]; 2 rows each over lstm_h [3] */
LSTM_EDGE_CODE_SECTION static void pairs_lstm_units(
    const int16_t *x_h,
    const int16_t *h,
    int32_t *c,
    int16_t *x_h_out,
    int16_t *hidden_out,
    int32_t *sums)
{
    const int32_t x_h_sum = le_sum(x_h, 2);
    const le_operand x_h_operand = LE_OPERAND(LE_INT8, x_h, 1, x_h_sum);
    const int32_t h_sum = le_sum(h, 4);
    const le_operand h_operand = LE_OPERAND(LE_INT8, h, 2, h_sum);
    const int32_t x_h_sum_2 = x_h_sum + h_sum;
    const le_operand x_h_operand_2 = LE_OPERAND(LE_INT8, x_h, 3, x_h_sum_2);
    const int32_t *w = pairs_lstm_weights;
    for (int32_t group = 0; group < 3; group += 2) {
        le_store(&sums[0], le_int8(&w, &x_h_operand_2));
        le_store(&sums[4], le_int8(&w, &x_h_operand));
        le_store(&sums[8], le_int8(&w, &h_operand));
        for (int32_t k = 0; k < 2 && group + k < 3; k++) {
            const int32_t unit = group + k;
            const int32_t gate_f_centred = le_table11_of_14(&pairs_sigmoid_table[256], sums[2 * k]); /* Q0.16 */
            const int32_t product_half = c[unit] >> 1; /* Q10.19 */
            const int32_t product = le_mulw_add(product_half, c[unit], gate_f_centred); /* Q11.19 */
            const int32_t pre_i_b = (sums[2 * k + 8] + 2) >> 2; /* Q2.14 */
            const int32_t pre_i = sums[2 * k + 4] + pre_i_b; /* W_i x + R_i h + b_i; Q7.14 */
            const int32_t gate_i_centred = le_table10_of_14(&pairs_sigmoid_table[256], pre_i); /* Q0.16 */
            const int32_t gate_i_cut = (int16_t)gate_i_centred >> 1; /* Q0.15 */
            const int32_t gate_i = gate_i_cut + 16384; /* sigmoid(pre_i); Q0.15 */
            const int32_t gate_g = le_table9_of_14(&pairs_sigmoid_table[256], sums[2 * k + 1]); /* Q0.15 */
            const int32_t c_next_b_raised = le_mul_add(2560, gate_i, gate_g); /* Q0.30 */
            const int32_t c_next_b = c_next_b_raised >> 11; /* Q0.19 */
            const int32_t c_next = product + c_next_b; /* product + product2; Q12.19 */
            const int32_t c_next_stored_sat = le_saturate31(c_next); /* Q11.19 */
            const int32_t pre_o_b = (sums[2 * k + 9] + 1) >> 1; /* Q1.15 */
            const int32_t pre_o = sums[2 * k + 5] + pre_o_b; /* W_o x + R_o h + b_o; Q7.15 */
            const int32_t gate_o_centred = le_table11_of_14(&pairs_sigmoid_table[256], pre_o); /* Q0.16 */
            const int32_t gate_o_cut = (int16_t)gate_o_centred >> 1; /* Q0.15 */
            const int32_t gate_o = gate_o_cut + 16384; /* sigmoid(pre_o); Q0.15 */
            const int32_t tanh_c_next = le_table13_of_half(&pairs_sigmoid_table[256], c_next_stored_sat); /* Q0.15 */
            const int32_t h_next = le_mul_add(262144, gate_o, tanh_c_next); /* Q0.30 */
            const int32_t h_next_stored = h_next >> 19; /* Q1.11 */
            c[unit] = c_next_stored_sat;
            x_h_out[unit] = (int16_t)h_next_stored;
            hidden_out[unit] = (int16_t)h_next_stored;
        }
    }
}

/* fc: 2 units, 1 row each over lstm_h_next_stored [3] */
LSTM_EDGE_CODE_SECTION static void pairs_fc_units(
    const int16_t *lstm_h_next_stored,
    int32_t *y_out,
    int32_t *softmax_largest_out,
    int32_t *sums)
{
    int32_t softmax_largest = INT32_MIN;
    const int32_t lstm_h_next_stored_sum = le_sum(lstm_h_next_stored, 4);
    const le_operand lstm_h_next_stored_operand = LE_OPERAND(LE_INT8, lstm_h_next_stored, 2, lstm_h_next_stored_sum);
    const int32_t *w = pairs_fc_weights;
    for (int32_t group = 0; group < 2; group += 2) {
        le_store(&sums[0], le_int8(&w, &lstm_h_next_stored_operand));
        for (int32_t k = 0; k < 2; k++) {
            const int32_t unit = group + k;
            softmax_largest = le_larger(softmax_largest, sums[k]);
            y_out[unit] = sums[k];
        }
    }
    softmax_largest_out[0] = softmax_largest;
}

/* softmax: 2 units, elementwise */
LSTM_EDGE_CODE_SECTION static void pairs_softmax_units(
    const int32_t *fc_y,
    const int32_t *largest,
    int32_t *distance_in_out,
    int32_t *sum_out)
{
    int32_t sum = 0;
    for (int32_t unit = 0; unit < 2; unit++) {
        const int32_t distance = largest[0] - fc_y[unit]; /* Q3.16 */
        const int32_t from_largest = le_larger(distance, 0); /* Q3.16 */
        const int32_t distance_in = from_largest * 2; /* Q3.17 */
        const int32_t exp_halvings = le_mulw(distance_in, 23637); /* Q3.15 */
        const int32_t exp_places = exp_halvings >> 15;
        const int32_t exp_fraction = exp_halvings & 32767; /* Q0.15 */
        const int32_t exp_sum1 = le_mulw_add(-455902040, 116257215, exp_fraction); /* Q0.33 */
        const int32_t exp_sum2 = le_mulw_add(1027961701, exp_sum1, exp_fraction); /* Q0.32 */
        const int32_t exp_sum3 = le_mulw_add(-1488270953, exp_sum2, exp_fraction); /* Q0.31 */
        const int32_t exp_sum4 = le_mulw_add(1073739036, exp_sum3, exp_fraction); /* Q0.30 */
        const int32_t exponential = exp_sum4 >> exp_places; /* Q0.30 */
        const int32_t part = (exponential + 1) >> 1; /* Q0.29 */
        sum = sum + part;
        distance_in_out[unit] = distance_in;
    }
    sum_out[0] = sum;
}

/* softmax_2: 1 unit, elementwise */
LSTM_EDGE_CODE_SECTION static void pairs_softmax_2_units(
    const int32_t *sum,
    int32_t *softmax_log_sum_2_out)
{
    for (int32_t unit = 0; unit < 1; unit++) {
        const int32_t total = le_larger(sum[0], 536869518); /* the largest unit alone; Q1.29 */
        const int32_t log_counted = le_log(pairs_log_table, total); /* Q5.15 */
        const int32_t log_sum = log_counted - 658676; /* Q0.15 */
        const int32_t log_sum_2 = log_sum * 4; /* Q0.17 */
        softmax_log_sum_2_out[unit] = log_sum_2;
    }
}

/* softmax_3: 2 units, elementwise */
LSTM_EDGE_CODE_SECTION static void pairs_softmax_3_units(
    const int32_t *distance_in,
    const int32_t *log_sum_2,
    int32_t *probability_out)
{
    for (int32_t unit = 0; unit < 2; unit++) {
        const int32_t minus_log = distance_in[unit] + log_sum_2[0]; /* Q3.17 */
        const int32_t share_halvings = le_mulw(minus_log, 23637); /* Q4.15 */
        const int32_t share_places = share_halvings >> 15;
        const int32_t share_fraction = share_halvings & 32767; /* Q0.15 */
        const int32_t share_sum1 = le_mulw_add(-455902040, 116257215, share_fraction); /* Q0.33 */
        const int32_t share_sum2 = le_mulw_add(1027961701, share_sum1, share_fraction); /* Q0.32 */
        const int32_t share_sum3 = le_mulw_add(-1488270953, share_sum2, share_fraction); /* Q0.31 */
        const int32_t share_sum4 = le_mulw_add(1073739036, share_sum3, share_fraction); /* Q0.30 */
        const int32_t share_mantissa = share_sum4 * 2; /* Q0.31 */
        const int32_t y = share_mantissa >> share_places; /* Q0.31 */
        probability_out[unit] = y;
    }
}

void pairs_init(pairs_state *state)
{
    (void)memset(state, 0, sizeof *state);
    pairs_reset(state);
}

void pairs_reset(pairs_state *state)
{
    (void)memset(state->lstm_x_h, 0, sizeof state->lstm_x_h);
    (void)memset(state->lstm_c, 0, sizeof state->lstm_c);
    (void)memcpy(state->lstm_c, pairs_lstm_c_initial, sizeof pairs_lstm_c_initial);
    state->current = 0;
}

void pairs_get_lstm_c(const pairs_state *state, pairs_lstm_c_state_t *values)
{
    (void)memcpy(values, state->lstm_c, 3u * sizeof values[0]);
}

void pairs_set_lstm_c(pairs_state *state, const pairs_lstm_c_state_t *values)
{
    int32_t *const current = state->lstm_c;

    for (int32_t k = 0; k < 3; k++) {
        const int32_t low = -1073741824; /* Q11.19 */
        const int32_t high = 1073741823; /* Q11.19 */
        const int32_t raised = (values[k] < low ? low : values[k]);
        const int32_t inside = (raised > high ? high : raised);
        current[k] = inside;
    }
}

void pairs_get_lstm_h(const pairs_state *state, pairs_lstm_h_state_t *values)
{
    (void)memcpy(values, &state->lstm_x_h[state->current][2], 3u * sizeof values[0]);
}

void pairs_set_lstm_h(pairs_state *state, const pairs_lstm_h_state_t *values)
{
    int16_t *const current = &state->lstm_x_h[state->current][2];

    for (int32_t k = 0; k < 3; k++) {
        const int16_t low = -2048; /* Q1.11 */
        const int16_t high = 2048; /* Q1.11 */
        const int16_t raised = (int16_t)(values[k] < low ? low : values[k]);
        const int16_t inside = (int16_t)(raised > high ? high : raised);
        current[k] = inside;
    }
}

LSTM_EDGE_CODE_SECTION void pairs_step(
    pairs_state *state,
    const pairs_x_t *x,
    pairs_probability_t *probability,
    pairs_hidden_t *hidden)
{
    const int32_t now = state->current;
    const int32_t next = 1 - now;

    pairs_lstm_x_h_take_0_units(x, state->lstm_x_h[now]);
    pairs_lstm_units(state->lstm_x_h[now], &state->lstm_x_h[now][2], state->lstm_c, &state->lstm_x_h[next][2], hidden, state->lstm_sums);
    if (probability != NULL) {
        pairs_fc_units(&state->lstm_x_h[next][2], state->fc_y, state->softmax_largest, state->fc_sums);
        pairs_softmax_units(state->fc_y, state->softmax_largest, state->softmax_distance_in, state->softmax_sum);
        pairs_softmax_2_units(state->softmax_sum, state->softmax_log_sum_2);
        pairs_softmax_3_units(state->softmax_distance_in, state->softmax_log_sum_2, probability);
    }
    state->current = next;
}

LSTM_EDGE_CODE_SECTION void pairs_run(
    pairs_state *state,
    const pairs_x_t *x,
    int32_t steps,
    pairs_probability_t *probability,
    pairs_hidden_t *hidden)
{
    for (int32_t t = 0; t < steps; t++) {
        pairs_step(state, &x[t * 2], t == steps - 1 ? probability : NULL, &hidden[t * 3]);
    }
}

void pairs_quantize_x(const float *real, pairs_x_t *stored)
{
    for (int32_t k = 0; k < 2; k++) {
        const float centred = real[k] - 0.0f;
        float scaled = centred * 163835.0f; /* 1/256 of a stored unit */

        if (!(scaled > -1.07374182e+09f)) { /* NaN, too */
            scaled = -1.07374182e+09f;
        }
        if (scaled > 1.07374182e+09f) {
            scaled = 1.07374182e+09f;
        }
        int32_t rounded = ((int32_t)scaled + 128) >> 8; /* stored units, to nearest */

        if (rounded < -32768) {
            rounded = -32768;
        }
        if (rounded > 32767) {
            rounded = 32767;
        }
        stored[k] = (pairs_x_t)rounded;
    }
}

void pairs_dequantize_probability(const pairs_probability_t *stored, float *real)
{
    for (int32_t k = 0; k < 2; k++) {
        real[k] = (float)stored[k] * 4.65661287e-10f;
    }
}

void pairs_dequantize_hidden(const pairs_hidden_t *stored, float *real)
{
    for (int32_t k = 0; k < 3; k++) {
        real[k] = (float)stored[k] * 0.00048828125f;
    }
}
