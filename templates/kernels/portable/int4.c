/*
 * Four rows of int4 weights in plain C. w: the rows of two columns next to each other, a byte for each
 * row, the first column in its lower half, both plus 8. x: what the columns are multiplied with.
 * sums: of the rows so far. Result: the weight behind the tile.
 */
static const LE_WEIGHT *LE_ROWS(const LE_WEIGHT *w, const LE_VALUE *x, int32_t columns, LE_SUM *sums)
{
    const LE_VALUE *const stop = x + columns;
    const LE_VALUE *const whole = x + columns / 8 * 8;
    LE_SUM s0 = sums[0];
    LE_SUM s1 = sums[1];
    LE_SUM s2 = sums[2];
    LE_SUM s3 = sums[3];

    while (x != whole) {
        s0 += ((w[0] & 15) - 8) * x[0] + ((w[0] >> 4) - 8) * x[1];
        s1 += ((w[1] & 15) - 8) * x[0] + ((w[1] >> 4) - 8) * x[1];
        s2 += ((w[2] & 15) - 8) * x[0] + ((w[2] >> 4) - 8) * x[1];
        s3 += ((w[3] & 15) - 8) * x[0] + ((w[3] >> 4) - 8) * x[1];
        s0 += ((w[4] & 15) - 8) * x[2] + ((w[4] >> 4) - 8) * x[3];
        s1 += ((w[5] & 15) - 8) * x[2] + ((w[5] >> 4) - 8) * x[3];
        s2 += ((w[6] & 15) - 8) * x[2] + ((w[6] >> 4) - 8) * x[3];
        s3 += ((w[7] & 15) - 8) * x[2] + ((w[7] >> 4) - 8) * x[3];
        s0 += ((w[8] & 15) - 8) * x[4] + ((w[8] >> 4) - 8) * x[5];
        s1 += ((w[9] & 15) - 8) * x[4] + ((w[9] >> 4) - 8) * x[5];
        s2 += ((w[10] & 15) - 8) * x[4] + ((w[10] >> 4) - 8) * x[5];
        s3 += ((w[11] & 15) - 8) * x[4] + ((w[11] >> 4) - 8) * x[5];
        s0 += ((w[12] & 15) - 8) * x[6] + ((w[12] >> 4) - 8) * x[7];
        s1 += ((w[13] & 15) - 8) * x[6] + ((w[13] >> 4) - 8) * x[7];
        s2 += ((w[14] & 15) - 8) * x[6] + ((w[14] >> 4) - 8) * x[7];
        s3 += ((w[15] & 15) - 8) * x[6] + ((w[15] >> 4) - 8) * x[7];
        w += 16;
        x += 8;
    }
    while (stop - x >= 2) {
        s0 += ((w[0] & 15) - 8) * x[0] + ((w[0] >> 4) - 8) * x[1];
        s1 += ((w[1] & 15) - 8) * x[0] + ((w[1] >> 4) - 8) * x[1];
        s2 += ((w[2] & 15) - 8) * x[0] + ((w[2] >> 4) - 8) * x[1];
        s3 += ((w[3] & 15) - 8) * x[0] + ((w[3] >> 4) - 8) * x[1];
        w += 4;
        x += 2;
    }
    if (x != stop) {
        s0 += ((w[0] & 15) - 8) * x[0];
        s1 += ((w[1] & 15) - 8) * x[0];
        s2 += ((w[2] & 15) - 8) * x[0];
        s3 += ((w[3] & 15) - 8) * x[0];
        w += 4;
    }
    sums[0] = s0;
    sums[1] = s1;
    sums[2] = s2;
    sums[3] = s3;
    return w;
}
