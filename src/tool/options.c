/* options.c: the command line. */
#include "tool.h"

#include <stdlib.h>
#include <string.h>

static const char help[] = "lag: compiles Lagrangians and integrates them\n"
                           "\n"
                           "    lag                       the prompt, on a terminal; else a text on standard input\n"
                           "    lag FILE.lag ...          run files\n"
                           "    lag -e 'STATEMENTS'       run text\n"
                           "\n"
                           "    -o FILE                   write the last trajectory as CSV; '-' for standard output\n"
                           "    --set NAME=VALUE          a parameter's value; wins over the file\n"
                           "    --check                   read, differentiate, check; run nothing\n"
                           "    --dump=PHASE,...          tokens tree graph lagrange discrete tape c llvm asm\n"
                           "    --backend=NAME            auto, llvm, llvm-quick, tcc, interp\n"
                           "    --timings                 seconds by phase\n"
                           "    --json                    one object a line for every statement with a result\n"
                           "    --quiet                   no summaries, notes or warnings\n"
                           "    --version  --help\n"
                           "\n"
                           "Exit status: 0; 1 the text has errors; 2 wrong usage; 3 a step failed; 130 interrupted.\n"
                           "\n"
                           "    lag -e 'k = 1; qd^2/2 - k*q^2/2; start q = 1; integrate dt = 0.1, steps = 100'\n";

static bool wrong(const char *what, const char *value) {
    complain("%s '%s' (lag --help shows the options)", what, value);
    return false;
}

static bool read_dumps(Options *o, const char *list) {
    char name[32];
    while (*list) {
        size_t size = strcspn(list, ",");
        if (size >= sizeof name) return wrong("unknown dump", list);
        memcpy(name, list, size);
        name[size] = 0;
        list += size + (list[size] == ',');
        LagView view = lag_view_named(name);
        if (view < LAG_VIEW_TOKENS || view == LAG_VIEW_COUNT) return wrong("unknown dump", name);
        if (o->dumps < LAG_VIEW_COUNT) o->dump[o->dumps++] = view;
    }
    return true;
}

static bool read_backend(Options *o, const char *name) {
    o->backend = lag_backend_named(name);
    return o->backend < LAG_BACKENDS || wrong("unknown backend", name);
}

/* Whether the argument is `option`; its value, behind '=' or in the next argument, or NULL after saying that it lacks one.
 */
static bool takes_value(const char *option, int argc, char **argv, int *i, const char **value) {
    const char *argument = argv[*i];
    size_t size = strlen(option);
    if (strncmp(argument, option, size) != 0 || (argument[size] && argument[size] != '=')) return false;
    *value = argument[size] ? argument + size + 1 : *i + 1 < argc ? argv[++*i] : "";
    if (!**value) {
        complain("%s needs a value (lag --help shows the options)", option);
        *value = NULL;
    }
    return true;
}

static bool read_flag(Options *o, const char *argument) {
    if (strcmp(argument, "--check") == 0)
        o->check = true;
    else if (strcmp(argument, "--json") == 0)
        o->json = true;
    else if (strcmp(argument, "--timings") == 0)
        o->timings = true;
    else if (strcmp(argument, "--quiet") == 0)
        o->quiet = true;
    else
        return wrong("unknown option", argument);
    return true;
}

static bool read_option(Options *o, int argc, char **argv, int *i, bool *leave) {
    const char *argument = argv[*i], *value = NULL;
    if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0) {
        fputs(help, stdout);
        return *leave = true;
    }
    if (strcmp(argument, "--version") == 0) {
        printf("lag %s\n", lag_version());
        return *leave = true;
    }
    if (takes_value("-e", argc, argv, i, &value)) return value && (o->text[o->texts++] = value);
    if (takes_value("-o", argc, argv, i, &value)) return value && (o->output = value);
    if (takes_value("--set", argc, argv, i, &value)) return value && (o->set[o->sets++] = value);
    if (takes_value("--dump", argc, argv, i, &value)) return value && read_dumps(o, value);
    if (takes_value("--backend", argc, argv, i, &value)) return value && read_backend(o, value);
    return read_flag(o, argument);
}

/* What no option says alone. */
static bool agree(const Options *o) {
    if (!o->json || !o->output || strcmp(o->output, "-") != 0) return true;
    complain("--json and -o - both want standard output (lag --help shows the options)");
    return false;
}

bool options_read(Options *o, int argc, char **argv, bool *leave) {
    *o = (Options){.file = calloc((size_t)argc, sizeof *o->file),
                   .text = calloc((size_t)argc, sizeof *o->text),
                   .set = calloc((size_t)argc, sizeof *o->set)};
    bool good = o->file && o->text && o->set, only_files = false;
    if (!good) complain("out of memory");
    for (int i = 1; i < argc && good && !*leave; i++) {
        if (strcmp(argv[i], "--") == 0 && !only_files)
            only_files = true;
        else if (only_files || argv[i][0] != '-' || !argv[i][1])
            o->file[o->files++] = argv[i];
        else
            good = read_option(o, argc, argv, &i, leave);
    }
    return good && (*leave || agree(o));
}

void options_free(Options *o) {
    free(o->file);
    free(o->text);
    free(o->set);
}
