/* int16 weights times halfwords: 8 columns in 16 bytes of a row. */
#define LE_INT16_HALVES_FIRST(columns) "vldrh.16 q6, [r0], #2 * " #columns "\n\t"
#define LE_INT16_HALVES_SECOND(columns) "vldrh.16 q7, [r0], #2 * " #columns "\n\t"
