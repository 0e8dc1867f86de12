/* replay.c: gives each file of the folders named to a fuzz target once, where there is no libFuzzer to do it: what it ever
 * found stays a test. */
#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int visible(const struct dirent *entry) { return entry->d_name[0] != '.'; }

/* In memory of just its size, so that a sanitizer sees a byte read past it. */
static bool replay(const char *path) {
    FILE *in = fopen(path, "rb");
    if (!in || fseek(in, 0, SEEK_END) != 0) return false;
    size_t size = (size_t)ftell(in);
    uint8_t *data = malloc(size ? size : 1);
    rewind(in);
    bool good = data && fread(data, 1, size, in) == size;
    fclose(in);
    if (good) LLVMFuzzerTestOneInput(data, size);
    free(data);
    return good;
}

int main(int argc, char **argv) {
    int count = 0;
    for (int i = 1; i < argc; i++) {
        struct dirent **entry;
        int entries = scandir(argv[i], &entry, visible, alphasort);
        if (entries < 0) perror(argv[i]);
        for (int k = 0; k < entries; k++) {
            char path[PATH_MAX];
            snprintf(path, sizeof path, "%s/%s", argv[i], entry[k]->d_name);
            printf("%s\n", path);
            fflush(stdout); /* so that it is known which one ended the program */
            if (!replay(path)) return fprintf(stderr, "cannot read %s\n", path), 1;
            count++;
            free(entry[k]);
        }
        if (entries >= 0) free(entry);
    }
    printf("%d files\n", count);
    return count ? 0 : 1;
}
