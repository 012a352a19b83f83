/*
 * Four rows of float32 weights with Helium (Cortex-M55, M85): a register has a column of all four.
 *
 * A tile of the stream: the biases of rows 0, 1, 2, 3, then their weights of each column. A row has
 * one sum, from its bias on, column after column; VMUL rounds the product and VADD the sum, as the
 * bits of a sum mean. (VFMA would round once.)
 *
 * Helium takes denormal numbers for 0, and makes none. It says so in FPSCR: IDC, a denormal was read,
 * or UFC, one would have been made. Where neither is set behind a tile, none was near, and the sums are
 * exact; else the tile is summed again by VMLA, which knows them. So the two flags are cleared before.
 * 25 instructions for 32 products; 11 for the tile, and what LE_ENTER and LE_AGAIN take.
 */
#define LE_FLOAT32X4_TWO(x0, x1) \
    "vldrw.u32 q1, [r0], #16\n\t" \
    "vldrw.u32 q2, [r0], #16\n\t" \
    "vmul.f32 q1, q1, " x0 "\n\t" \
    "vmul.f32 q2, q2, " x1 "\n\t" \
    "vadd.f32 q0, q0, q1\n\t" \
    "vadd.f32 q0, q0, q2\n\t"

/* A column: 4 instructions. */
#define LE_FLOAT32X4_ONE \
    "ldr r4, [r1], #4\n\t" \
    "vldrw.u32 q1, [r0], #16\n\t" \
    "vmul.f32 q1, q1, r4\n\t" \
    "vadd.f32 q0, q0, q1\n\t"
#define LE_FLOAT32X4_ONE_BYTES 16
#define LE_FLOAT32X4_COLUMNS 1
#define LE_FLOAT32X4_PER_BLOCK 8

/* Eight columns: 25 instructions. */
#define LE_FLOAT32X4_BLOCK \
    "ldm.w r1!, {r4-r11}\n\t" \
    LE_FLOAT32X4_TWO("r4", "r5") \
    LE_FLOAT32X4_TWO("r6", "r7") \
    LE_FLOAT32X4_TWO("r8", "r9") \
    LE_FLOAT32X4_TWO("r10", "r11")
#define LE_FLOAT32X4_BLOCK_BYTES 100

__attribute__((naked, noinline)) static void le_float32x4_rows(void)
{
    __asm__ volatile(
        "push {r0, r1, r4-r11, lr}\n\t"
        LE_LOAD_OPERAND(LE_FLOAT32X4)
        "vmrs lr, fpscr\n\t"
        "bic lr, lr, #0x88\n\t"
        "vmsr fpscr, lr\n\t"
        "vldrw.u32 q0, [r0], #16\n\t"
        LE_ENTER(LE_FLOAT32X4)
        LE_AGAIN(LE_FLOAT32X4)
        "vmrs lr, fpscr\n\t"
        "tst lr, #0x88\n\t"
        "bne.n 8f\n"
        "7:\n\t"
        "add sp, #8\n\t"
        "pop {r4-r11, pc}\n"
        "8:\n\t" /* r1: behind the values */
        "ldrd r0, r2, [sp]\n\t"
        "ldr r2, [r2]\n\t"
        "vldmia r0!, {s0-s3}\n"
        "9:\n\t"
        "cmp r2, r1\n\t"
        "beq.n 7b\n\t"
        "vldmia r2!, {s8}\n\t"
        "vldmia r0!, {s4-s7}\n\t"
        "vmla.f32 s0, s4, s8\n\t"
        "vmla.f32 s1, s5, s8\n\t"
        "vmla.f32 s2, s6, s8\n\t"
        "vmla.f32 s3, s7, s8\n\t"
        "b.n 9b");
}

static inline le_sums le_float32x4(const float **w, const le_operand *operand)
    LE_CALLS(le_float32x4_rows)
