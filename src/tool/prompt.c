/* prompt.c: a plain prompt. A mistake is said, and everything stays as it was. */
#include "tool.h"

#include <stdlib.h>
#include <string.h>

static const char help[] =
    "Type a Lagrangian, as in\n"
    "    m*qd^2/2 - k*q^2/2 - c*qd_p*q_m      qd is the velocity of q; qd_p*q_m makes drag\n"
    "then give its parameters values, start it and integrate:\n"
    "    m = 1; k = 1; c = 0.05\n"
    "    start q = 1, qd = 0\n"
    "    integrate r = 4, dt = 0.1, steps = 1000\n"
    "    save \"FILE.csv\"\n"
    "show lagrangian, equations, energy, parameters, kernel; or a dump: tree, graph, lagrange, discrete, tape, llvm, asm\n"
    "quit leaves.\n";

/* A statement's lines, from standard input, joined; false at the end of the input. Ctrl-C forgets what was typed of it. */
static bool read_statement(const Tool *tool, char **text, size_t *size) {
    char *line = NULL;
    size_t room = 0;
    *text = NULL;
    *size = 0;
    for (;;) {
        fputs(*size ? "...> " : "lag> ", tool->say);
        fflush(tool->say);
        stop_later();
        stop_wakes(true);
        ssize_t length = getline(&line, &room, stdin);
        stop_wakes(false);
        if (length < 0 && stop_asked()) {
            fputs("\n", tool->say);
            clearerr(stdin);
            *size = 0;
            continue;
        }
        char *grown = length < 0 ? NULL : realloc(*text, *size + (size_t)length + 1);
        if (!grown) break;
        *text = grown;
        memcpy(*text + *size, line, (size_t)length + 1);
        *size += (size_t)length;
        if (!lag_text_continues(*text, *size)) break;
    }
    bool some = *size > 0;
    free(line);
    return some;
}

static bool is_word(const char *text, size_t size, const char *word) {
    while (size && (text[size - 1] == '\n' || text[size - 1] == ' ' || text[size - 1] == '\r')) size--;
    return strlen(word) == size && memcmp(text, word, size) == 0;
}

void prompt_run(Tool *tool) {
    char *text;
    size_t size;
    tool->prompt = true;
    if (!tool->options->quiet) fputs("lag " LAG_VERSION ". Type a Lagrangian, or help.\n", tool->say);
    while (read_statement(tool, &text, &size)) {
        bool leave = is_word(text, size, "quit") || is_word(text, size, "exit");
        tool->stopped = false;
        if (is_word(text, size, "help"))
            fputs(help, tool->say);
        else if (!leave)
            tool_text(tool, "prompt", text, size);
        free(text);
        text = NULL;
        tool->status = EXIT_GOOD;
        if (leave) break;
    }
    free(text);
}
