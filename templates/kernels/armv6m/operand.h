/* What Armv6-M multiplies: words. */
typedef int32_t le_value;

/* Sum of `count` values. */
static inline int32_t le_sum(const int32_t *values, int32_t count)
{
    const int32_t *const stop = values + count;
    const int32_t *const last = values + (count & ~7);
    int32_t sum = 0;

    while (values != last) {
        sum += values[0];
        sum += values[1];
        sum += values[2];
        sum += values[3];
        sum += values[4];
        sum += values[5];
        sum += values[6];
        sum += values[7];
        values += 8;
    }
    while (values != stop) {
        sum += *values++;
    }
    return sum;
}
