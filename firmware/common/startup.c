/*
 * Start-up of a Cortex-M under an emulator: vectors, memory, FPU, then main. The build defines
 * EDGE_CPUID and EDGE_CPUID_MASK, because some emulated boards ignore the CPU that one asks for.
 */
#include <stdint.h>

#include "semihosting.h"

/* From the linker script. */
extern uint32_t __stack_top[];
extern const uint32_t __data_load[];
extern uint32_t __data_start[];
extern uint32_t __data_end[];
extern uint32_t __bss_start[];
extern uint32_t __bss_end[];

int main(void);
void Reset_Handler(void) __attribute__((noreturn));
void report_exception(const uint32_t *frame) __attribute__((noreturn, used));

enum { STATUS_WRONG_CPU = 99, STATUS_EXCEPTION = 100 };

/* System control space, the same on all M profile cores (Armv7-M ARM, B3.2). */
#define SCB_CPUID (*(const volatile uint32_t *)0xE000ED00u)
#define SCB_VTOR (*(volatile uint32_t *)0xE000ED08u)
#define SCB_SHCSR (*(volatile uint32_t *)0xE000ED24u)
#define SCB_CFSR (*(const volatile uint32_t *)0xE000ED28u)
#define SCB_CPACR (*(volatile uint32_t *)0xE000ED88u)

static const char *exception_name(uint32_t number)
{
    static const char *const names[8] = {
        "", "", "NMI", "HardFault", "MemManage", "BusFault", "UsageFault", "SecureFault",
    };
    return (number < 8) ? names[number] : "unexpected exception";
}

/* frame: what the CPU pushed: r0 to r3, r12, lr, pc, xpsr. */
void report_exception(const uint32_t *frame)
{
    uint32_t ipsr;
    __asm__ volatile("mrs %0, ipsr" : "=r"(ipsr));
    const uint32_t number = ipsr & 0x1ffu;
    semihosting_print("exception: ");
    semihosting_print(exception_name(number));
    semihosting_print(", number ");
    semihosting_print_hex(number);
#if __ARM_ARCH >= 7
    semihosting_print(", cfsr ");
    semihosting_print_hex(SCB_CFSR);
#endif
    semihosting_print(", pc ");
    semihosting_print_hex(frame[6]);
    semihosting_print("\n");
    semihosting_exit(STATUS_EXCEPTION + (int)(number & 15u));
}

/* Only the main stack is ever used. */
__attribute__((naked)) static void exception_handler(void)
{
    __asm__ volatile("mrs r0, msp\n"
                     "bl report_exception\n");
}

typedef void (*handler)(void);

struct vector_table {
    uint32_t *stack;
    handler handlers[63];
};

__attribute__((section(".vectors"), used)) static const struct vector_table vectors = {
    __stack_top,
    {
        Reset_Handler,     exception_handler, exception_handler, exception_handler,
        exception_handler, exception_handler, exception_handler, 0,
        0,                 0,                 exception_handler, exception_handler,
        0,                 exception_handler, exception_handler,
    },
};

static void check_cpu(void)
{
    const uint32_t cpuid = SCB_CPUID;
    if ((cpuid & EDGE_CPUID_MASK) == (EDGE_CPUID & EDGE_CPUID_MASK)) {
        return;
    }
    semihosting_print("wrong CPU: CPUID is ");
    semihosting_print_hex(cpuid);
    semihosting_print(", this program was built for ");
    semihosting_print_hex(EDGE_CPUID);
    semihosting_print("\n");
    semihosting_exit(STATUS_WRONG_CPU);
}

static void enable_core_features(void)
{
#if __ARM_ARCH >= 7
    SCB_VTOR = (uint32_t)(uintptr_t)&vectors;
    SCB_SHCSR |= 7u << 16; /* MemManage, BusFault and UsageFault under their own names */
#endif
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
    SCB_CPACR |= 0xFu << 20; /* coprocessors 10 and 11: FPU and MVE */
#endif
    __asm__ volatile("dsb\n"
                     "isb\n" ::
                         : "memory");
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

void Reset_Handler(void)
{
    check_cpu();
    enable_core_features();
    set_up_memory();
    semihosting_exit(main());
}
