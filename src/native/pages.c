/* pages.c: see pages.h. */
#include "native/pages.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U /* Linux 6.3: says that it is meant, where memory files are not executable otherwise */
#endif

static size_t whole_pages(size_t size, size_t page) { return (size + page - 1) / page * page; }

static bool map_once(Pages *pages) {
    void *at = mmap(NULL, pages->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return false;
    pages->write = pages->run = at;
    return true;
}

/* A file in memory, of no name and closed again, seen writable at one address and executable at another. */
static bool map_twice(Pages *pages) {
    int file = memfd_create("lag", MFD_CLOEXEC | MFD_EXEC);
    if (file < 0 && errno == EINVAL) file = memfd_create("lag", MFD_CLOEXEC);
    if (file < 0) return false;
    void *write = MAP_FAILED, *run = MAP_FAILED;
    if (ftruncate(file, (off_t)pages->size) == 0) {
        write = mmap(NULL, pages->size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        run = mmap(NULL, pages->size, PROT_READ | PROT_EXEC, MAP_SHARED, file, 0);
    }
    int error = errno;
    close(file);
    if (write != MAP_FAILED && run != MAP_FAILED) {
        pages->write = write;
        pages->run = run;
        return true;
    }
    if (write != MAP_FAILED) munmap(write, pages->size);
    if (run != MAP_FAILED) munmap(run, pages->size);
    errno = error;
    return false;
}

bool pages_new(size_t code, size_t constants, bool twice, Pages *pages) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    *pages = (Pages){.code = whole_pages(code ? code : 1, page)};
    pages->size = pages->code + whole_pages(constants, page);
    return twice ? map_twice(pages) : map_once(pages);
}

bool pages_seal(Pages *pages) {
    if (pages->write == pages->run) {
        if (mprotect(pages->run, pages->code, PROT_READ | PROT_EXEC) != 0) return false;
    } else if (munmap(pages->write, pages->size) != 0) {
        return false;
    }
    pages->write = NULL;
    return pages->size == pages->code || mprotect(pages->run + pages->code, pages->size - pages->code, PROT_READ) == 0;
}

void pages_free(const Pages *pages) {
    if (pages->write && pages->write != pages->run) munmap(pages->write, pages->size);
    munmap(pages->run, pages->size);
}
