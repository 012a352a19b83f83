/*
 * Start-up of a 32-bit RISC-V under an emulator: stack, traps, memory, then main. The CPU starts at
 * the first address of its program, which the linker script gives to .vectors.
 */
#include <stdint.h>

#include "semihosting.h"

/* From the linker script. */
extern const uint32_t __data_load[];
extern uint32_t __data_start[];
extern uint32_t __data_end[];
extern uint32_t __bss_start[];
extern uint32_t __bss_end[];

int main(void);
void Reset_Handler(void) __attribute__((noreturn));
void trap_handler(void) __attribute__((noreturn));
void start_program(void) __attribute__((noreturn, used));
void report_trap(uint32_t cause, uint32_t pc, uint32_t value) __attribute__((noreturn, used));

enum { STATUS_EXCEPTION = 100 };

/* Exceptions of mcause (RISC-V Privileged Architectures 1.12, table 3.6). */
static const char *cause_name(uint32_t cause)
{
    static const char *const names[8] = {
        "instruction address misaligned",
        "instruction access fault",
        "illegal instruction",
        "breakpoint",
        "load address misaligned",
        "load access fault",
        "store address misaligned",
        "store access fault",
    };
    return (cause < 8) ? names[cause] : "unexpected trap";
}

void report_trap(uint32_t cause, uint32_t pc, uint32_t value)
{
    semihosting_print("exception: ");
    semihosting_print(cause_name(cause));
    semihosting_print(", number ");
    semihosting_print_hex(cause);
    semihosting_print(", value ");
    semihosting_print_hex(value);
    semihosting_print(", pc ");
    semihosting_print_hex(pc);
    semihosting_print("\n");
    semihosting_exit(STATUS_EXCEPTION + (int)(cause & 15u));
}

static void set_up_memory(void)
{
    const uint32_t *source = __data_load;
    for (uint32_t *word = __data_start; word < __data_end; word++) {
        *word = *source++;
    }
    for (uint32_t *word = __bss_start; word < __bss_end; word++) {
        *word = 0;
    }
}

void start_program(void)
{
    set_up_memory();
    semihosting_exit(main());
}

/*
 * The first instructions. Registers of traps are an extension, which every core has that traps, and
 * programs are not compiled for. gp is set without relaxation, which would make of it a use of gp.
 */
__attribute__((naked, section(".vectors"))) void Reset_Handler(void)
{
    __asm__ volatile(".option push\n"
                     ".option norelax\n"
                     "la gp, __global_pointer$\n"
                     ".option pop\n"
                     "la sp, __stack_top\n"
                     "la t0, trap_handler\n"
                     ".option push\n"
                     ".option arch, +zicsr\n"
                     "csrw mtvec, t0\n"
                     ".option pop\n"
                     "tail start_program\n");
}

/* A stack anew, because the program's may be what is wrong; mtvec wants a multiple of four. */
__attribute__((naked, aligned(4))) void trap_handler(void)
{
    __asm__ volatile("la sp, __stack_top\n"
                     ".option push\n"
                     ".option arch, +zicsr\n"
                     "csrr a0, mcause\n"
                     "csrr a1, mepc\n"
                     "csrr a2, mtval\n"
                     ".option pop\n"
                     "tail report_trap\n");
}
