/* A vector that rows are multiplied with, made once a step. Kernels load it whole: order counts. */
#if LE_LONG
#define LE_STOP(stop) , (stop)
#else
#define LE_STOP(stop)
#endif
typedef struct {
    const float *values;
    int32_t skip_ones;   /* bytes of code to jump over: of the single columns, */
    int32_t skip_blocks; /* and of the blocks */
#if LE_LONG
    const float *stop;   /* behind the last value */
#endif
} le_operand;

typedef struct {
    float s0, s1, s2, s3;
} le_sums;
