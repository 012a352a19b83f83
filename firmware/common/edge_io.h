/*
 * Files, text and an exit status for programs that test generated code: the same calls on a
 * computer (edge_io_stdio.c) and on an emulated board (edge_io_semihosting.c, where a file is one
 * in the working directory of the emulator).
 */
#ifndef EDGE_IO_H
#define EDGE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An open file. Negative: it could not be opened. */
typedef int32_t edge_file;

edge_file edge_open_read(const char *path);

/* Creates the file, or empties it. */
edge_file edge_open_write(const char *path);

/* Number of bytes read: fewer than `size` at the end of the file only. */
size_t edge_read(edge_file file, void *data, size_t size);

/* False if not all bytes were written. */
bool edge_write(edge_file file, const void *data, size_t size);

/* False if the file could not be written to its end. */
bool edge_close(edge_file file);

/* Text to standard output, as it is: no end of line is added. */
void edge_print(const char *text);
void edge_print_int(int32_t value);

/* Ends the program; returning `status` from main does the same. */
void edge_exit(int status);

#endif
