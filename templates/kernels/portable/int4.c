/*
 * Four rows of int4 weights in plain C. w: the rows of two columns next to each other, a byte for each
 * row, the first column in its lower half, both plus 8. x: what the columns are multiplied with.
 * sums: of the rows so far. Result: the weight behind the tile.
 */
static const LE_WEIGHT *LE_ROWS(const LE_WEIGHT *w, const LE_VALUE *x, int32_t columns, LE_SUM *sums)
{
    const LE_VALUE *const stop = x + columns;
    LE_SUM s0 = sums[0];
    LE_SUM s1 = sums[1];
    LE_SUM s2 = sums[2];
    LE_SUM s3 = sums[3];

    while (stop - x >= 2) {
        const LE_SUM x0 = x[0];
        const LE_SUM x1 = x[1];
        s0 += ((w[0] & 15) - 8) * x0 + ((w[0] >> 4) - 8) * x1;
        s1 += ((w[1] & 15) - 8) * x0 + ((w[1] >> 4) - 8) * x1;
        s2 += ((w[2] & 15) - 8) * x0 + ((w[2] >> 4) - 8) * x1;
        s3 += ((w[3] & 15) - 8) * x0 + ((w[3] >> 4) - 8) * x1;
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
