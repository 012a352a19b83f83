/* int8 weights times bytes: 16 columns in 16 bytes of a row. */
#define LE_INT8_FIRST(columns) "vldrb.8 q6, [r0], #" #columns "\n\t"
#define LE_INT8_SECOND(columns) "vldrb.8 q7, [r0], #" #columns "\n\t"

/* int8 weights times halfwords: 8 columns in 8 bytes of a row. */
#define LE_INT8_HALVES_FIRST(columns) "vldrb.s16 q6, [r0], #" #columns "\n\t"
#define LE_INT8_HALVES_SECOND(columns) "vldrb.s16 q7, [r0], #" #columns "\n\t"
