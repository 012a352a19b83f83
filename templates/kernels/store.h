/* The sums of a tile, in the order of the kernel, among those that a group keeps. */
static inline void le_store(LE_SUM *sums, le_sums tile)
{
    sums[0] = tile.s0;
    sums[1] = tile.s1;
    sums[2] = tile.s2;
    sums[3] = tile.s3;
}
