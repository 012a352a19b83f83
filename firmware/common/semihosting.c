#include "semihosting.h"

#if defined(__riscv)
/*
 * Two shifts that do nothing say that the EBREAK between them is a call. The three are four bytes
 * each, and in one page of memory.
 */
int32_t semihosting_call(enum semihosting_operation operation, const void *argument)
{
    register uint32_t a0 __asm__("a0") = (uint32_t)operation;
    register const void *a1 __asm__("a1") = argument;
    __asm__ volatile(".option push\n"
                     ".option norvc\n"
                     ".balign 16\n"
                     "slli zero, zero, 0x1f\n"
                     "ebreak\n"
                     "srai zero, zero, 7\n"
                     ".option pop\n"
                     : "+r"(a0)
                     : "r"(a1)
                     : "memory");
    return (int32_t)a0;
}
#else
int32_t semihosting_call(enum semihosting_operation operation, const void *argument)
{
    register uint32_t r0 __asm__("r0") = (uint32_t)operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return (int32_t)r0;
}
#endif

void semihosting_print(const char *text)
{
    (void)semihosting_call(SYS_WRITE0, text);
}

void semihosting_print_hex(uint32_t value)
{
    char text[9];
    for (uint32_t i = 0; i < 8; i++) {
        text[i] = "0123456789abcdef"[(value >> (28 - 4 * i)) & 15];
    }
    text[8] = '\0';
    semihosting_print(text);
}

void semihosting_exit(int status)
{
    const uint32_t application_exit = 0x20026; /* ADP_Stopped_ApplicationExit */
    const uint32_t block[2] = {application_exit, (uint32_t)status};
    (void)semihosting_call(SYS_EXIT_EXTENDED, block);
    for (;;) {
    }
}
