/*
 * Four rows in plain C. w: the rows of a column next to each other. x: what the columns are multiplied
 * with. sums: of the rows so far. Result: the weight behind the tile. Column by column, one after the
 * other: float32 counts on that order.
 */
static const LE_WEIGHT *LE_ROWS(const LE_WEIGHT *w, const LE_VALUE *x, int32_t columns, LE_SUM *sums)
{
    const LE_VALUE *const stop = x + columns;
    LE_SUM s0 = sums[0];
    LE_SUM s1 = sums[1];
    LE_SUM s2 = sums[2];
    LE_SUM s3 = sums[3];

    while (stop - x >= 4) {
        const LE_SUM x0 = x[0];
        s0 += w[0] * x0;
        s1 += w[1] * x0;
        s2 += w[2] * x0;
        s3 += w[3] * x0;
        const LE_SUM x1 = x[1];
        s0 += w[4] * x1;
        s1 += w[5] * x1;
        s2 += w[6] * x1;
        s3 += w[7] * x1;
        const LE_SUM x2 = x[2];
        s0 += w[8] * x2;
        s1 += w[9] * x2;
        s2 += w[10] * x2;
        s3 += w[11] * x2;
        const LE_SUM x3 = x[3];
        s0 += w[12] * x3;
        s1 += w[13] * x3;
        s2 += w[14] * x3;
        s3 += w[15] * x3;
        w += 16;
        x += 4;
    }
    while (x != stop) {
        const LE_SUM x0 = *x++;
        s0 += w[0] * x0;
        s1 += w[1] * x0;
        s2 += w[2] * x0;
        s3 += w[3] * x0;
        w += 4;
    }
    sums[0] = s0;
    sums[1] = s1;
    sums[2] = s2;
    sums[3] = s3;
    return w;
}
