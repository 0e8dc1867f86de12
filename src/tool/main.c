/* main.c: the command. */
#include "tool.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Texts ---- */

/* Joins the texts of -e by line ends. */
static char *join(const Options *o, size_t *size) {
    char *text = NULL;
    FILE *out = open_memstream(&text, size);
    if (!out) return NULL;
    for (int i = 0; i < o->texts; i++) fprintf(out, "%s\n", o->text[i]);
    bool good = !ferror(out);
    if (fclose(out) == 0 && good) return text;
    free(text);
    return NULL;
}

/* A session of its own for each text; the exit status. */
static int run_text(const Options *o, const char *name, const char *text, size_t size) {
    Tool tool;
    if (tool_init(&tool, o)) {
        tool_text(&tool, name, text, size);
        tool_finish(&tool);
    }
    int status = tool.status;
    tool_free(&tool);
    return status;
}

enum { TEXT_MOST = 16 * 1024 * 1024 }; /* bytes that lag_read takes: of more it says that they are too many */

static int run_stream(const Options *o, const char *name, FILE *in) {
    size_t size;
    char *text = in ? file_read(in, TEXT_MOST, &size) : NULL;
    if (!text) {
        complain("%s: %s", name, strerror(errno));
        return EXIT_USAGE;
    }
    int status = run_text(o, name, text, size);
    free(text);
    return status;
}

static int run_file(const Options *o, const char *path) {
    if (strcmp(path, "-") == 0) return run_stream(o, "standard input", stdin);
    FILE *in = fopen(path, "rb");
    int status = run_stream(o, path, in);
    if (in) fclose(in);
    return status;
}

static int run_prompt(const Options *o) {
    Tool tool;
    if (tool_init(&tool, o)) {
        prompt_run(&tool);
        tool_finish(&tool);
    }
    int status = tool.status;
    tool_free(&tool);
    return status;
}

static int run_all(const Options *o) {
    int status = EXIT_GOOD;
    if (o->backend == LAG_BACKEND_TCC && !o->check) lag_backends_start(o->backend); /* LLVM's code may be in the cache */
    if (o->texts) {
        size_t size;
        char *text = join(o, &size);
        if (!text) complain("-e: %s", lag_status_text(LAG_ERROR_MEMORY));
        status = text ? run_text(o, "-e", text, size) : EXIT_TEXT;
        free(text);
    }
    for (int i = 0; i < o->files && status != EXIT_INTERRUPTED; i++) {
        int one = run_file(o, o->file[i]);
        if (one > status) status = one;
    }
    if (o->texts || o->files) return status;
    return isatty(STDIN_FILENO) ? run_prompt(o) : run_stream(o, "standard input", stdin);
}

int main(int argc, char **argv) {
    Options options;
    bool leave = false;
    stop_listen();
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of the write, */
    signal(SIGXFSZ, SIG_IGN); /* and so is a limit of file sizes */
    int status = options_read(&options, argc, argv, &leave) ? EXIT_GOOD : EXIT_USAGE;
    if (status == EXIT_GOOD && !leave) status = run_all(&options);
    options_free(&options);
    errno = 0;
    if (fflush(stdout) != 0 || ferror(stdout)) {
        complain("cannot write standard output%s%s", errno ? ": " : "", errno ? strerror(errno) : "");
        if (status == EXIT_GOOD) status = EXIT_TEXT;
    }
    return status;
}
