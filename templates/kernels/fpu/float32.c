/*
 * Four rows of float32 weights on the FPU of Armv7E-M and Armv8-M.
 *
 * A tile of the stream: the biases of rows 0, 1, 2, 3, then their weights of each column. A row has
 * one sum, from its bias on, column after column, which is what its bits mean. VMLA.F32 is not fused:
 * it rounds the product, and then the sum. 35 instructions for 32 products; 5 for the tile, and what
 * LE_ENTER and LE_AGAIN take.
 */
#define LE_FLOAT32_FOUR(w0, w1, w2, w3, x) \
    "vmla.f32 s0, " w0 ", " x "\n\t" \
    "vmla.f32 s1, " w1 ", " x "\n\t" \
    "vmla.f32 s2, " w2 ", " x "\n\t" \
    "vmla.f32 s3, " w3 ", " x "\n\t"

/* A column: 6 instructions. */
#define LE_FLOAT32_ONE \
    "vldmia r0!, {s4-s7}\n\t" \
    "vldmia r1!, {s20}\n\t" \
    LE_FLOAT32_FOUR("s4", "s5", "s6", "s7", "s20")
#define LE_FLOAT32_ONE_BYTES 24
#define LE_FLOAT32_COLUMNS 1
#define LE_FLOAT32_PER_BLOCK 8

/* Eight columns: 35 instructions. */
#define LE_FLOAT32_BLOCK \
    "vldmia r1!, {s20-s27}\n\t" \
    "vldmia r0!, {s4-s19}\n\t" \
    LE_FLOAT32_FOUR("s4", "s5", "s6", "s7", "s20") \
    LE_FLOAT32_FOUR("s8", "s9", "s10", "s11", "s21") \
    LE_FLOAT32_FOUR("s12", "s13", "s14", "s15", "s22") \
    LE_FLOAT32_FOUR("s16", "s17", "s18", "s19", "s23") \
    "vldmia r0!, {s4-s19}\n\t" \
    LE_FLOAT32_FOUR("s4", "s5", "s6", "s7", "s24") \
    LE_FLOAT32_FOUR("s8", "s9", "s10", "s11", "s25") \
    LE_FLOAT32_FOUR("s12", "s13", "s14", "s15", "s26") \
    LE_FLOAT32_FOUR("s16", "s17", "s18", "s19", "s27")
#define LE_FLOAT32_BLOCK_BYTES 140

__attribute__((naked, noinline)) static void le_float32_rows(void)
{
    __asm__ volatile(
        LE_LOAD_OPERAND(LE_FLOAT32)
        "vpush {s16-s27}\n\t"
        "vldmia r0!, {s0-s3}\n\t"
        LE_ENTER(LE_FLOAT32)
        LE_AGAIN(LE_FLOAT32)
        "vpop {s16-s27}\n\t"
        "bx lr");
}

static inline le_sums le_float32(const float **w, const le_operand *operand) LE_CALLS(le_float32_rows)
