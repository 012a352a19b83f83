/* gcc 12 takes a narrowing store for one of a single element: a fence stands behind such stores. */
#define LE_FENCE() __asm__ volatile("" : : : "memory")

/* Keeps gcc from making a pointer anew for each use. */
#define LE_KEEP(pointer) __asm__("" : "+r"(pointer))
