/*
 * What the kernels for Helium multiply. A register holds a piece of a vector: 16 columns of bytes or 8 of
 * halfwords. Once a step int16 numbers are copied into such pieces, with zeros behind the last column:
 *
 *     le_bytes    what is left of a number behind `places` bits, which are 0: 8 bits
 *     le_planes   numbers of 15 bits as 128 * high + low: 16 bytes of high, 16 of low, and so on
 *     le_halves   numbers of 16 bits
 *
 * They are written as bytes, whose address may be any: QEMU does not see a misaligned halfword.
 */

/* Eight numbers, of which `left` are there; the others are 0. Its callers know `left` as a constant. */
static inline int16x8_t le_eight(const int16_t *x, int32_t left)
{
    if (left <= 0) {
        return vdupq_n_s16(0);
    }
    return left >= 8 ? vldrhq_s16(x) : vldrhq_z_s16(x, vctp16q((uint32_t)left));
}
