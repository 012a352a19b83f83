/* edge_io.h on a computer with an operating system. */
#include "edge_io.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_FILES = 8 };

static FILE *files[MAX_FILES];

static edge_file open_file(const char *path, const char *mode)
{
    for (edge_file file = 0; file < MAX_FILES; file++) {
        if (files[file] == NULL) {
            files[file] = fopen(path, mode);
            return (files[file] != NULL) ? file : -1;
        }
    }
    return -1;
}

edge_file edge_open_read(const char *path)
{
    return open_file(path, "rb");
}

edge_file edge_open_write(const char *path)
{
    return open_file(path, "wb");
}

size_t edge_read(edge_file file, void *data, size_t size)
{
    return fread(data, 1, size, files[file]);
}

bool edge_write(edge_file file, const void *data, size_t size)
{
    return fwrite(data, 1, size, files[file]) == size;
}

bool edge_close(edge_file file)
{
    const bool closed = (fclose(files[file]) == 0);
    files[file] = NULL;
    return closed;
}

void edge_print(const char *text)
{
    (void)fputs(text, stdout);
}

void edge_print_int(int32_t value)
{
    (void)printf("%" PRId32, value);
}

void edge_exit(int status)
{
    exit(status);
}
