/*
 * Measures calls of one function in ticks of SysTick, where the emulator gives every instruction
 * the same time (-icount): linked with --wrap=main and --wrap=FUNCTION. First it prints the ticks of
 * two calls with a known number of instructions, then those of each call of FUNCTION.
 *
 * TICKS_REAL and TICKS_WRAP: the names `__real_FUNCTION` and `__wrap_FUNCTION` as strings. A call
 * longer than 2^24 ticks ends in the exception of SysTick.
 */
#include <stdint.h>

#include "edge_io.h"

#define SYST_CSR (*(volatile uint32_t *)0xE000E010u)
#define SYST_RVR (*(volatile uint32_t *)0xE000E014u)
#define SYST_CVR (*(volatile uint32_t *)0xE000E018u)

/* The caller's return address, and the ticks of the last call. */
volatile uint32_t ticks_saved[2];

void ticks_report(void);
void ticks_short(void);
void ticks_long(void);
void ticks_of_short(void);
void ticks_of_long(void);
int __real_main(void);
int __wrap_main(void);

void ticks_report(void)
{
    edge_print_int((int32_t)(0xFFFFFFu - ticks_saved[1]));
    edge_print("\n");
}

/*
 * A function that calls another one between two looks at SysTick. Registers and stack are as its
 * caller left them, so that it stands for a function with any arguments.
 */
#define TIMED(wrapper, function)                                                                  \
    __asm__(".syntax unified\n"                                                                   \
            ".text\n"                                                                             \
            ".balign 4\n"                                                                         \
            ".global " wrapper "\n"                                                               \
            ".type " wrapper ", %function\n"                                                      \
            ".thumb_func\n" wrapper ":\n"                                                         \
            "push {r0-r3}\n"                                                                      \
            "ldr r0, 1f\n"                                                                        \
            "mov r1, lr\n"                                                                        \
            "str r1, [r0]\n"                                                                      \
            "ldr r2, 2f\n"                                                                        \
            "str r2, [r2]\n" /* any number clears the counter */                                  \
            "pop {r0-r3}\n"                                                                       \
            "bl " function "\n"                                                                   \
            "push {r0, r1}\n"                                                                     \
            "ldr r2, 2f\n"                                                                        \
            "ldr r3, [r2]\n"                                                                      \
            "ldr r2, 1f\n"                                                                        \
            "str r3, [r2, #4]\n"                                                                  \
            "bl ticks_report\n"                                                                   \
            "pop {r0, r1}\n"                                                                      \
            "ldr r2, 1f\n"                                                                        \
            "ldr r3, [r2]\n"                                                                      \
            "bx r3\n"                                                                             \
            ".balign 4\n"                                                                         \
            "1: .word ticks_saved\n"                                                              \
            "2: .word 0xE000E018\n"                                                               \
            ".size " wrapper ", . - " wrapper "\n")

TIMED(TICKS_WRAP, TICKS_REAL);
TIMED("ticks_of_short", "ticks_short");
TIMED("ticks_of_long", "ticks_long");

/* 3 + 3 * 1000 instructions. */
__asm__(".syntax unified\n"
        ".text\n"
        ".balign 4\n"
        ".global ticks_short\n"
        ".type ticks_short, %function\n"
        ".thumb_func\n"
        "ticks_short:\n"
        "ldr r2, 2f\n"
        "1: adds r1, r1, #1\n"
        "subs r2, r2, #1\n"
        "bne 1b\n"
        "nop\n"
        "bx lr\n"
        ".balign 4\n"
        "2: .word 1000\n");

/* 3 + 3 * 100000 instructions. */
__asm__(".syntax unified\n"
        ".text\n"
        ".balign 4\n"
        ".global ticks_long\n"
        ".type ticks_long, %function\n"
        ".thumb_func\n"
        "ticks_long:\n"
        "ldr r2, 2f\n"
        "1: adds r1, r1, #1\n"
        "subs r2, r2, #1\n"
        "bne 1b\n"
        "nop\n"
        "bx lr\n"
        ".balign 4\n"
        "2: .word 100000\n");

int __wrap_main(void)
{
    SYST_RVR = 0xFFFFFFu;
    SYST_CVR = 0u;
    SYST_CSR = 7u; /* on, from the core's clock, with its exception */
    ticks_of_short();
    ticks_of_long();
    return __real_main();
}
