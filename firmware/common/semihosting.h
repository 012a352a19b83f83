/*
 * Semihosting: a program on a board asks the debugger, or the emulator, to do its input and output.
 * Arm, "Semihosting for AArch32 and AArch64", version 3.0; T32 on M profile: BKPT 0xAB. RISC-V has
 * the same operations behind an EBREAK: "RISC-V Semihosting", version 0.3.
 * Without a debugger attached the first call stops the CPU.
 */
#ifndef EDGE_SEMIHOSTING_H
#define EDGE_SEMIHOSTING_H

#include <stdint.h>

enum semihosting_operation {
    SYS_OPEN = 0x01,
    SYS_CLOSE = 0x02,
    SYS_WRITE0 = 0x04,
    SYS_WRITE = 0x05,
    SYS_READ = 0x06,
    SYS_EXIT = 0x18,
    SYS_EXIT_EXTENDED = 0x20
};

/* `argument`: a string or a block of words, as the operation has it. The result is its result. */
int32_t semihosting_call(enum semihosting_operation operation, const void *argument);

void semihosting_print(const char *text);
void semihosting_print_hex(uint32_t value);
void semihosting_exit(int status) __attribute__((noreturn));

#endif
