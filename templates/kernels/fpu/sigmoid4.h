/*
 * The sigmoid of all sums of a tile. With Helium, bit for bit that of a number, though denormal numbers
 * are 0 there: they only occur where r, what is left of the argument without k * log(2), is so small
 * that exp(r) is 1 with or without them. Sums are no signalling NaN.
 */
#if defined(__arm__)
__attribute__((naked, noinline)) static void le_sigmoid4_curve(void)
{
    __asm__ volatile(
        "push {r4-r11, lr}\n\t"
        "adr.w r1, 6f\n\t"
        "ldm.w r1, {r2-r12}\n\t"
        "vdup.32 q1, r2\n\t" /* between +-87, NaN is 87 */
        "vminnm.f32 q0, q0, q1\n\t"
        "vneg.f32 q1, q1\n\t"
        "vmaxnm.f32 q0, q0, q1\n\t"
        "vmov.i32 q3, #0x80000000\n\t"
        "vmul.f32 q1, q0, r3\n\t"
        "vand q2, q1, q3\n\t"
        "vorr.i32 q2, #0x3f000000\n\t"
        "vadd.f32 q1, q1, q2\n\t"
        "vcvt.s32.f32 q1, q1\n\t"
        "vcvt.f32.s32 q2, q1\n\t"
        "vneg.f32 q0, q0\n\t"
        "vmul.f32 q3, q2, r4\n\t"
        "vmul.f32 q2, q2, r5\n\t"
        "vsub.f32 q0, q0, q3\n\t"
        "vsub.f32 q0, q0, q2\n\t"
        "vmul.f32 q3, q0, r6\n\t"
        "vshl.i32 q1, q1, #23\n\t"
        "vadd.f32 q3, q3, r7\n\t"
        "vmul.f32 q3, q3, q0\n\t"
        "vadd.f32 q3, q3, r8\n\t"
        "vmul.f32 q3, q3, q0\n\t"
        "vadd.f32 q3, q3, r9\n\t"
        "vmul.f32 q3, q3, q0\n\t"
        "vadd.f32 q3, q3, r10\n\t"
        "vmul.f32 q3, q3, q0\n\t"
        "vadd.f32 q3, q3, r11\n\t"
        "vmul.f32 q3, q3, q0\n\t"
        "vmul.f32 q3, q3, q0\n\t"
        "vadd.f32 q3, q3, q0\n\t"
        "vadd.f32 q3, q3, r12\n\t"
        "vadd.i32 q3, q3, q1\n\t"
        "vadd.f32 q3, q3, r12\n\t"
        "vmov s4, r12\n\t"
        "vdiv.f32 s0, s4, s12\n\t"
        "vdiv.f32 s1, s4, s13\n\t"
        "vdiv.f32 s2, s4, s14\n\t"
        "vdiv.f32 s3, s4, s15\n\t"
        "pop {r4-r11, pc}\n\t"
        ".balign 4\n"
        "6:\n\t" /* 87, -log2(e), log(2) in two parts, the series of exp, 1 */
        ".word 0x42ae0000, 0xbfb8aa3b, 0x3f318000, 0xb95e8083, 0x39500d01, 0x3ab60b61\n\t"
        ".word 0x3c088889, 0x3d2aaaab, 0x3e2aaaab, 0x3f000000, 0x3f800000");
}

static inline le_sums le_sigmoid4(le_sums x)
{
    register float s0 __asm__("s0") = x.s0;
    register float s1 __asm__("s1") = x.s1;
    register float s2 __asm__("s2") = x.s2;
    register float s3 __asm__("s3") = x.s3;
    __asm__(LE_CALL
            : "+t"(s0), "+t"(s1), "+t"(s2), "+t"(s3)
            : [kernel] LE_ADDRESS(le_sigmoid4_curve)
            : "r1", "r2", "r3", "r12", "lr", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "s12",
              "s13", "s14", "s15");
    const le_sums values = {s0, s1, s2, s3};
    return values;
}
#else
static inline le_sums le_sigmoid4(le_sums x)
{
    const le_sums values = {le_sigmoid(x.s0), le_sigmoid(x.s1), le_sigmoid(x.s2), le_sigmoid(x.s3)};
    return values;
}
#endif
