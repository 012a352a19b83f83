/* What Armv6-M multiplies: words. */
typedef int32_t le_value;

/* Sum of `count` values. */
static inline int32_t le_sum(const int32_t *values, int32_t count)
{
    const int32_t *const stop = values + count;
    int32_t sum = 0;

    while (stop - values >= 4) {
        sum += values[0];
        sum += values[1];
        sum += values[2];
        sum += values[3];
        values += 4;
    }
    while (values != stop) {
        sum += *values++;
    }
    return sum;
}
