/* pages.h: memory that machine code is put into, and then runs in: code first, constants after it. It is never writable and
 * executable at one address. Used by object.c alone. */
#ifndef LAG_NATIVE_PAGES_H
#define LAG_NATIVE_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Pages {
    uint8_t *write; /* where it is filled; NULL once it is sealed */
    uint8_t *run;   /* where it stands: `write` itself, or a second view of the same memory */
    size_t code;    /* bytes from run that become executable: whole pages */
    size_t size;    /* all bytes: whole pages; those past `code` become read-only */
} Pages;

/* Fresh zeroed memory of at least so many bytes of code and of constants. With `twice` it is seen at two addresses, which
 * systems allow that let no page become executable once it was writable. False, with errno, if it can't be had. */
bool pages_new(size_t code, size_t constants, bool twice, Pages *pages);

/* Ends the filling: code can be run, nothing can be written. False, with errno, where the system forbids it: free it then.
 */
bool pages_seal(Pages *pages);

void pages_free(const Pages *pages);

#endif
