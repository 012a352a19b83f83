/* edge_io.h on a board, through semihosting. */
#include "edge_io.h"

#include "semihosting.h"

enum open_mode { MODE_READ_BINARY = 1, MODE_WRITE_BINARY = 5 };

static uint32_t address(const void *data)
{
    return (uint32_t)(uintptr_t)data;
}

static edge_file open_file(const char *path, enum open_mode mode)
{
    uint32_t length = 0;
    while (path[length] != '\0') {
        length++;
    }
    const uint32_t block[3] = {address(path), (uint32_t)mode, length};
    return semihosting_call(SYS_OPEN, block);
}

edge_file edge_open_read(const char *path)
{
    return open_file(path, MODE_READ_BINARY);
}

edge_file edge_open_write(const char *path)
{
    return open_file(path, MODE_WRITE_BINARY);
}

size_t edge_read(edge_file file, void *data, size_t size)
{
    uint8_t *const bytes = data;
    size_t done = 0;
    while (done < size) {
        const uint32_t wanted = (uint32_t)(size - done);
        const uint32_t block[3] = {(uint32_t)file, address(&bytes[done]), wanted};
        /* The result counts the bytes that were not read. */
        const uint32_t missing = (uint32_t)semihosting_call(SYS_READ, block);
        if (missing >= wanted) {
            break;
        }
        done += wanted - missing;
    }
    return done;
}

bool edge_write(edge_file file, const void *data, size_t size)
{
    const uint32_t block[3] = {(uint32_t)file, address(data), (uint32_t)size};
    /* The result counts the bytes that were not written. */
    return semihosting_call(SYS_WRITE, block) == 0;
}

bool edge_close(edge_file file)
{
    const uint32_t block[1] = {(uint32_t)file};
    return semihosting_call(SYS_CLOSE, block) == 0;
}

void edge_print(const char *text)
{
    semihosting_print(text);
}

void edge_print_int(int32_t value)
{
    char text[12]; /* sign, ten digits, end */
    char *first = &text[sizeof text - 1];
    uint32_t rest = (value < 0) ? 0u - (uint32_t)value : (uint32_t)value;
    *first = '\0';
    do {
        *--first = "0123456789"[rest % 10];
        rest /= 10;
    } while (rest != 0);
    if (value < 0) {
        *--first = '-';
    }
    semihosting_print(first);
}

void edge_exit(int status)
{
    semihosting_exit(status);
}
