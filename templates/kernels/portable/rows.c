/*
 * Four rows in plain C. w: the rows of a column next to each other. x: what the columns are multiplied
 * with. sums: of the rows so far. Result: the weight behind the tile. Column by column, one after the
 * other: float32 counts on that order.
 */
static const LE_WEIGHT *LE_ROWS(const LE_WEIGHT *w, const LE_VALUE *x, int32_t columns, LE_SUM *sums)
{
    const LE_VALUE *const stop = x + columns;
    const LE_VALUE *const whole = x + columns / 16 * 16;
    LE_SUM s0 = sums[0];
    LE_SUM s1 = sums[1];
    LE_SUM s2 = sums[2];
    LE_SUM s3 = sums[3];

    while (x != whole) {
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
        const LE_SUM x4 = x[4];
        s0 += w[16] * x4;
        s1 += w[17] * x4;
        s2 += w[18] * x4;
        s3 += w[19] * x4;
        const LE_SUM x5 = x[5];
        s0 += w[20] * x5;
        s1 += w[21] * x5;
        s2 += w[22] * x5;
        s3 += w[23] * x5;
        const LE_SUM x6 = x[6];
        s0 += w[24] * x6;
        s1 += w[25] * x6;
        s2 += w[26] * x6;
        s3 += w[27] * x6;
        const LE_SUM x7 = x[7];
        s0 += w[28] * x7;
        s1 += w[29] * x7;
        s2 += w[30] * x7;
        s3 += w[31] * x7;
        const LE_SUM x8 = x[8];
        s0 += w[32] * x8;
        s1 += w[33] * x8;
        s2 += w[34] * x8;
        s3 += w[35] * x8;
        const LE_SUM x9 = x[9];
        s0 += w[36] * x9;
        s1 += w[37] * x9;
        s2 += w[38] * x9;
        s3 += w[39] * x9;
        const LE_SUM x10 = x[10];
        s0 += w[40] * x10;
        s1 += w[41] * x10;
        s2 += w[42] * x10;
        s3 += w[43] * x10;
        const LE_SUM x11 = x[11];
        s0 += w[44] * x11;
        s1 += w[45] * x11;
        s2 += w[46] * x11;
        s3 += w[47] * x11;
        const LE_SUM x12 = x[12];
        s0 += w[48] * x12;
        s1 += w[49] * x12;
        s2 += w[50] * x12;
        s3 += w[51] * x12;
        const LE_SUM x13 = x[13];
        s0 += w[52] * x13;
        s1 += w[53] * x13;
        s2 += w[54] * x13;
        s3 += w[55] * x13;
        const LE_SUM x14 = x[14];
        s0 += w[56] * x14;
        s1 += w[57] * x14;
        s2 += w[58] * x14;
        s3 += w[59] * x14;
        const LE_SUM x15 = x[15];
        s0 += w[60] * x15;
        s1 += w[61] * x15;
        s2 += w[62] * x15;
        s3 += w[63] * x15;
        w += 64;
        x += 16;
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
