/*
 * int4 weights: a byte holds two rows, 16 * b + a, both within -7 .. 7. Rounded, a sixteenth of it is b; what is
 * summed for a is A + 16 * B, from a start of a + 16 * b; LE_INT4_APART takes B out again, behind the last
 * columns of a row.
 */
#define LE_INT4_FIRST(columns) "vldrb.8 q6, [r0], #" #columns "\n\t"
#define LE_INT4_SECOND(columns) "vrshr.s8 q7, q6, #4\n\t"

/* The same times halfwords: 8 columns in 8 bytes of two rows. */
#define LE_INT4_HALVES_FIRST(columns) "vldrb.s16 q6, [r0], #" #columns "\n\t"
#define LE_INT4_HALVES_SECOND(columns) "vrshr.s16 q7, q6, #4\n\t"

#define LE_INT4_APART(a, b) "sub.w " #a ", " #a ", " #b ", lsl #4\n\t"
