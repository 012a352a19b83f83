/*
 * A plugin for QEMU that counts what one function of a program on a single Cortex-M executes: each
 * block of instructions and how it was left, and the lowest stack address that was written.
 *
 * A call of the function counts from its first instruction until the one behind the call is
 * reached. Its first instruction is a block of its own, and so is the return address, because the
 * call before it ends a block.
 *
 * Arguments: out=FILE entry=ADDRESS, and, all optional: stack_low, stack_high (the stack's range),
 * owners=FILE (lines "first last owner", addresses in hexadecimal, sorted; a block outside of all
 * ranges counts for the owner that ran last: a helper for its caller), only=N (blocks of call N,
 * from 0, count; the others only add to their own totals).
 *
 * Output, addresses in hexadecimal:
 *   C n                              instructions of a call, one line for each
 *   U                                the last call did not return
 *   S pc delta                       the first store of a call to the stack, and by how many bytes
 *                                    the lowest one of that call lies below it; of all calls the
 *                                    one in which that is most
 *   B start insns bytes owner n taken missed
 *                                    a block: how often it ran for an owner, how often it was left
 *                                    by a jump, how often a two-bit predictor would miss that
 */
#include "qemu_plugin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef PLUGIN_VERSION
#define PLUGIN_VERSION 1
#endif

EXPORTED int qemu_plugin_version = PLUGIN_VERSION;

enum { BUCKETS = 65536, NOBODY = -1 };

struct tally {
    uint64_t runs, taken, missed;
};

struct block {
    uint32_t start, insns, bytes; /* bytes: as QEMU says */
    uint32_t size;                /* as it is: see leave() */
    int owner;
    int predictor; /* 0, 1: not taken; 2, 3: taken */
    struct tally *tallies; /* by owner */
    struct block *next;
};

struct range {
    uint32_t first, last;
    int owner;
};

static struct block *blocks[BUCKETS];
static struct range *ranges;
static size_t range_count;
static int owner_count = 1;

static const char *out_name;
static uint32_t entry, stack_low, stack_high;
static long only = -1;

static int counting;
static int running_owner;
static uint32_t return_address;
static struct block *before;
static int before_owner;

static uint64_t *calls;
static size_t call_count, call_room;

static uint32_t first_pc, first_address, lowest;
static uint32_t deepest_pc, deepest_delta;

static void *checked(void *memory)
{
    if (memory == NULL) {
        fprintf(stderr, "the counting plugin is out of memory\n");
        exit(1);
    }
    return memory;
}

static const char *copy_of(const char *text)
{
    char *const copy = checked(malloc(strlen(text) + 1));
    return strcpy(copy, text);
}

static int owner_of(uint32_t address)
{
    size_t low = 0, high = range_count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (address > ranges[middle].last) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < range_count && address >= ranges[low].first ? ranges[low].owner : NOBODY;
}

static struct block *find_block(uint32_t start, uint32_t insns, uint32_t bytes)
{
    struct block **const bucket = &blocks[((start >> 1) ^ (insns * 7919u)) % BUCKETS];
    for (struct block *b = *bucket; b != NULL; b = b->next) {
        if (b->start == start && b->insns == insns && b->bytes == bytes) {
            return b;
        }
    }
    struct block *const b = checked(calloc(1, sizeof *b));
    b->start = start;
    b->insns = insns;
    b->bytes = bytes;
    b->size = bytes;
    b->predictor = 1;
    b->tallies = checked(calloc((size_t)owner_count, sizeof *b->tallies));
    b->next = *bucket;
    *bucket = b;
    return b;
}

static void begin_call(uint32_t behind)
{
    counting = 1;
    return_address = behind;
    running_owner = 0;
    first_pc = 0;
    before = NULL;
    if (call_count == call_room) {
        call_room = 2 * call_room + 16;
        calls = checked(realloc(calls, call_room * sizeof *calls));
    }
    calls[call_count++] = 0;
}

static void end_call(void)
{
    counting = 0;
    if (first_pc != 0 && first_address - lowest >= deepest_delta) {
        deepest_delta = first_address - lowest;
        deepest_pc = first_pc;
    }
}

/*
 * How the block that ran before was left. In front of the end of a page QEMU peeks at the halfword
 * behind the block, and counts it in: where the next block starts there, the block is two shorter.
 */
static void leave(struct block *b, int owner, uint32_t next)
{
    if (b->start + b->bytes - 2 == next) {
        b->size = b->bytes - 2;
    }
    const int taken = b->start + b->size != next;
    b->tallies[owner].taken += (uint64_t)taken;
    b->tallies[owner].missed += (b->predictor >= 2) != taken;
    if (taken) {
        b->predictor += b->predictor < 3;
    } else {
        b->predictor -= b->predictor > 0;
    }
}

static void on_block(unsigned cpu, void *data)
{
    static uint32_t behind; /* the block that ran before, counted or not */
    struct block *const b = data;
    (void)cpu;
    if (counting && b->start == return_address) {
        if (before != NULL) {
            leave(before, before_owner, b->start);
        }
        end_call();
    } else if (!counting && b->start == entry) {
        begin_call(behind);
    }
    behind = b->start + b->bytes;
    if (!counting) {
        return;
    }
    calls[call_count - 1] += b->insns;
    if (b->owner != NOBODY) {
        running_owner = b->owner;
    }
    if (only >= 0 && (size_t)only != call_count - 1) {
        return;
    }
    if (before != NULL) {
        leave(before, before_owner, b->start);
    }
    b->tallies[running_owner].runs++;
    before = b;
    before_owner = running_owner;
}

static void on_store(unsigned cpu, uint32_t info, uint64_t address, void *data)
{
    const uint32_t pc = (uint32_t)(uintptr_t)data;
    const uint32_t at = (uint32_t)address;
    (void)cpu;
    (void)info;
    if (!counting || at < stack_low || at >= stack_high) {
        return;
    }
    if (first_pc == 0) {
        first_pc = pc;
        first_address = at;
        lowest = at;
    }
    /* The words of one push: the lowest counts. */
    if (pc == first_pc && at < first_address && lowest == first_address) {
        first_address = at;
    }
    if (at < lowest) {
        lowest = at;
    }
}

static void on_translation(plugin_id id, struct qemu_plugin_tb *tb)
{
    const size_t insns = qemu_plugin_tb_n_insns(tb);
    const struct qemu_plugin_insn *const last = qemu_plugin_tb_get_insn(tb, insns - 1);
    const uint32_t start = (uint32_t)qemu_plugin_tb_vaddr(tb);
    const uint32_t last_pc = (uint32_t)qemu_plugin_insn_vaddr(last);
    const uint32_t end = last_pc + (uint32_t)qemu_plugin_insn_size(last);
    struct block *const b = find_block(start, (uint32_t)insns, end - start);
    (void)id;
    b->owner = owner_of(last_pc);
    qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, PLUGIN_NO_REGISTERS, b);
    if (stack_high == 0) {
        return;
    }
    for (size_t k = 0; k < insns; k++) {
        struct qemu_plugin_insn *const insn = qemu_plugin_tb_get_insn(tb, k);
        void *const pc = (void *)(uintptr_t)qemu_plugin_insn_vaddr(insn);
        qemu_plugin_register_vcpu_mem_cb(insn, on_store, PLUGIN_NO_REGISTERS, PLUGIN_STORES, pc);
    }
}

static void on_end(plugin_id id, void *data)
{
    FILE *const out = fopen(out_name, "w");
    (void)id;
    (void)data;
    if (out == NULL) {
        fprintf(stderr, "the counting plugin cannot write %s\n", out_name);
        return;
    }
    for (size_t k = 0; k < call_count; k++) {
        fprintf(out, "C %llu\n", (unsigned long long)calls[k]);
    }
    if (counting) {
        fprintf(out, "U\n");
    }
    if (deepest_pc != 0) {
        fprintf(out, "S %x %u\n", deepest_pc, deepest_delta);
    }
    for (int k = 0; k < BUCKETS; k++) {
        for (const struct block *b = blocks[k]; b != NULL; b = b->next) {
            for (int owner = 0; owner < owner_count; owner++) {
                const struct tally *const t = &b->tallies[owner];
                if (t->runs != 0) {
                    fprintf(out, "B %x %u %u %d %llu %llu %llu\n", b->start, b->insns, b->size,
                            owner, (unsigned long long)t->runs, (unsigned long long)t->taken,
                            (unsigned long long)t->missed);
                }
            }
        }
    }
    fclose(out);
}

static int read_owners(const char *name)
{
    FILE *const in = fopen(name, "r");
    struct range r;
    if (in == NULL) {
        return -1;
    }
    while (fscanf(in, "%x %x %d", &r.first, &r.last, &r.owner) == 3) {
        ranges = checked(realloc(ranges, (range_count + 1) * sizeof *ranges));
        ranges[range_count++] = r;
        if (r.owner >= owner_count) {
            owner_count = r.owner + 1;
        }
    }
    fclose(in);
    return 0;
}

EXPORTED int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
    (void)info;
    for (int k = 0; k < argc; k++) {
        const char *const equals = strchr(argv[k], '=');
        const char *const value = equals == NULL ? "" : equals + 1;
        if (strncmp(argv[k], "out=", 4) == 0) {
            out_name = copy_of(value);
        } else if (strncmp(argv[k], "entry=", 6) == 0) {
            entry = (uint32_t)strtoul(value, NULL, 0);
        } else if (strncmp(argv[k], "stack_low=", 10) == 0) {
            stack_low = (uint32_t)strtoul(value, NULL, 0);
        } else if (strncmp(argv[k], "stack_high=", 11) == 0) {
            stack_high = (uint32_t)strtoul(value, NULL, 0);
        } else if (strncmp(argv[k], "only=", 5) == 0) {
            only = strtol(value, NULL, 0);
        } else if (strncmp(argv[k], "owners=", 7) != 0 || read_owners(value) != 0) {
            return -1;
        }
    }
    if (out_name == NULL || entry == 0) {
        return -1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    qemu_plugin_register_atexit_cb(id, on_end, NULL);
    return 0;
}
