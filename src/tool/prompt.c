/* prompt.c: the prompt, on libedit: history, completion, lines that go on. A mistake is said, and everything stays as it
 * was.
 */
#include "tool.h"

#include <histedit.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

enum { HISTORY_MOST = 1000 };

typedef struct Prompt {
    Tool *tool;
    EditLine *line;
    History *history;
    char *text; /* the statement so far */
    size_t size;
} Prompt;

/* ---- Words at hand ---- */

/* Whether the text is `word` and then only a word more, or nothing: *rest, which the text is cut off behind. */
static bool begins_with(char *text, const char *word, char **rest) {
    size_t size = strlen(word);
    if (strncmp(text, word, size) != 0 || (text[size] && !strchr(" \t\r\n", text[size]))) return false;
    *rest = text + size + strspn(text + size, " \t");
    size_t end = strcspn(*rest, " \t\r\n");
    if ((*rest)[end + strspn(*rest + end, " \t\r\n")]) return false;
    (*rest)[end] = 0;
    return true;
}

/* ---- Completion ---- */

/* What all lines of a text have in common at their beginnings; *lines: how many there are. */
static size_t common(const char *words, size_t *lines) {
    size_t same = strcspn(words, "\n");
    *lines = 0;
    for (const char *at = words; *at; at += strcspn(at, "\n") + 1, ++*lines)
        for (size_t i = 0; i < same; i++)
            if (at[i] != words[i]) same = i;
    return same;
}

static void list_words(FILE *out, const char *words) {
    size_t width = 0;
    fputs("\n", out);
    for (const char *at = words; *at;) {
        size_t size = strcspn(at, "\n");
        if (width && width + size > 76) fputs("\n", out), width = 0;
        fprintf(out, "%.*s  ", (int)size, at);
        width += size + 2;
        at += size + 1;
    }
    fputs("\n", out);
}

/* The statements that help knows, for a line that begins with `help`. */
static char *help_words(const char *prefix) {
    char *words = NULL;
    size_t size;
    FILE *out = open_memstream(&words, &size);
    for (size_t i = 0; out && help_topic(i); i++)
        if (strncmp(help_topic(i), prefix, strlen(prefix)) == 0) fprintf(out, "%s\n", help_topic(i));
    if (out) fclose(out);
    return words;
}

static unsigned char insert_words(EditLine *line, const Prompt *p, const char *words, size_t typed) {
    size_t lines, same = common(words, &lines);
    if (!lines) return CC_REFRESH_BEEP;
    if (same > typed) {
        char more[256];
        snprintf(more, sizeof more, "%.*s%s", (int)(same - typed), words + typed, lines == 1 ? " " : "");
        return el_insertstr(line, more) == 0 ? CC_REFRESH : CC_REFRESH_BEEP;
    }
    if (lines > 1) list_words(p->tool->say, words);
    return CC_REDISPLAY;
}

/* What the tab key does. */
static unsigned char complete(EditLine *line, int key) {
    (void)key;
    Prompt *p;
    const LineInfo *info = el_line(line);
    size_t here = (size_t)(info->cursor - info->buffer), typed = 0;
    if (el_get(line, EL_CLIENTDATA, &p) != 0) return CC_ERROR;
    char *text = malloc(p->size + here + 1), *words = NULL, *rest;
    if (!text) return CC_ERROR;
    if (p->size) memcpy(text, p->text, p->size);
    memcpy(text + p->size, info->buffer, here);
    text[p->size + here] = 0;
    bool help = begins_with(text, "help", &rest) && rest > text + 4;
    unsigned char result = CC_ERROR;
    if (help && (words = help_words(rest))) {
        result = insert_words(line, p, words, strlen(rest));
        free(words);
    } else if (!help && lag_session_complete(p->tool->session, text, p->size + here, &words) == LAG_OK) {
        size_t end = p->size + here;
        while (typed < end && *words && !strchr(" \t\n;,=+-*/^()", text[end - typed - 1])) typed++;
        result = insert_words(line, p, words, typed);
        lag_text_free(words);
    }
    free(text);
    return result;
}

/* ---- History ---- */

/* Where it is kept: $XDG_STATE_HOME/lag/history, or ~/.local/state/lag/history. Allocated; NULL if there is no home, or its
 * folders can't be made. */
static char *history_path(void) {
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    bool xdg = state && *state == '/';
    const char *root = xdg ? state : home;
    if (!root || *root != '/') return NULL;
    size_t size = strlen(root) + 40;
    char *path = malloc(size);
    if (!path) return NULL;
    int length = snprintf(path, size, "%s%s/lag/history", root, xdg ? "" : "/.local/state");
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mkdir(path, 0700); /* it may be there */
        *slash = '/';
    }
    path[length - (int)strlen("/history")] = 0;
    bool usable = access(path, W_OK | X_OK) == 0;
    path[length - (int)strlen("/history")] = '/';
    if (usable) return path;
    free(path);
    return NULL;
}

static void history_load(History *past, const char *path) {
    HistEvent event;
    if (!past) return;
    history(past, &event, H_SETSIZE, HISTORY_MOST);
    history(past, &event, H_SETUNIQUE, 1);
    if (path) history(past, &event, H_LOAD, path);
}

static void history_store(History *past, const char *path) {
    HistEvent event;
    FileOut file;
    if (!past || !path || !file_begin(&file, path)) return;
    if (history(past, &event, H_SAVE_FP, file.stream) < 0)
        file_drop(&file);
    else
        file_finish(&file);
}

/* ---- Reading ---- */

static char *prompt_text(EditLine *line) {
    static char first[] = "lag> ", more[] = "...> ";
    Prompt *p;
    return el_get(line, EL_CLIENTDATA, &p) == 0 && p->size ? more : first;
}

/* The next character from the terminal, for libedit: its own read would sleep through a Ctrl-C that comes before it. */
static int read_key(EditLine *line, wchar_t *key) {
    (void)line;
    mbstate_t state = {0};
    for (;;) {
        char byte;
        if (!stop_wait(STDIN_FILENO)) return -1;
        ssize_t got = read(STDIN_FILENO, &byte, 1);
        if (got <= 0) return (int)got;
        size_t size = mbrtowc(key, &byte, 1, &state);
        if (size == (size_t)-2) continue; /* the character has more bytes */
        if (size != (size_t)-1) return 1;
        state = (mbstate_t){0}; /* not a character: passed over */
    }
}

/* A statement's lines, joined, in p->text; false at the end of the input, or, after saying so, where memory ran out. Ctrl-C
 * forgets what was typed of it. */
static bool read_statement(Prompt *p) {
    HistEvent event;
    p->size = 0;
    for (;;) {
        int length;
        stop_later();
        const char *line = el_gets(p->line, &length);
        if (stop_for_good()) return false;
        if (stop_asked()) {
            fputs("\n", p->tool->say);
            el_reset(p->line);
            p->size = 0;
            continue;
        }
        char *grown = line ? realloc(p->text, p->size + (size_t)length + 1) : NULL;
        if (line && !grown) tool_lacks_memory(p->tool, "what was typed");
        if (!grown) return !line && p->size > 0;
        p->text = grown;
        memcpy(p->text + p->size, line, (size_t)length);
        p->size += (size_t)length;
        p->text[p->size] = 0;
        if (line[strspn(line, " \t\r\n")] && p->history) history(p->history, &event, H_ENTER, line);
        if (!lag_text_continues(p->text, p->size)) return true;
    }
}

static bool prompt_open(Prompt *p) {
    const char *coding;
    setlocale(LC_CTYPE, ""); /* letters of any script; numbers keep their point */
    coding = nl_langinfo(CODESET);
    if (strcmp(coding, "UTF-8") != 0) setlocale(LC_CTYPE, "C.UTF-8");
    p->line = el_init("lag", stdin, p->tool->say, stderr);
    p->history = history_init();
    if (!p->line) return false;
    el_set(p->line, EL_CLIENTDATA, p);
    el_set(p->line, EL_PROMPT, prompt_text);
    el_set(p->line, EL_GETCFN, read_key);
    el_set(p->line, EL_EDITOR, "emacs");
    if (p->history) el_set(p->line, EL_HIST, history, p->history);
    el_set(p->line, EL_ADDFN, "complete", "completes the word", complete);
    el_set(p->line, EL_BIND, "^I", "complete", NULL);
    el_set(p->line, EL_BIND, "^R", "em-inc-search-prev", NULL);
    el_source(p->line, NULL); /* the user's own keys, of ~/.editrc */
    return true;
}

/* Carries out what was typed; false to leave. */
static bool answer(Prompt *p) {
    char *word, *text = p->text + strspn(p->text, " \t");
    if (begins_with(text, "quit", &word) || begins_with(text, "exit", &word)) return false;
    p->tool->stopped = false;
    if (!begins_with(text, "help", &word))
        tool_text(p->tool, "prompt", p->text, p->size);
    else if (!help_say(word, p->tool->say))
        complain("no help on '%s': help alone says on what", word);
    fflush(p->tool->say);
    p->tool->status = EXIT_GOOD;
    return true;
}

void prompt_run(Tool *tool) {
    Prompt p = {.tool = tool};
    tool->prompt = true;
    if (!prompt_open(&p)) {
        complain("the terminal can't be read");
        tool_fails(tool, EXIT_USAGE);
    } else {
        char *path = history_path();
        history_load(p.history, path);
        if (!tool->options->quiet) fputs("lag " LAG_VERSION ". Type a Lagrangian, or help.\n", tool->say);
        while (read_statement(&p) && answer(&p)) history_store(p.history, path);
        free(path);
    }
    free(p.text);
    if (p.history) history_end(p.history);
    if (p.line) el_end(p.line);
}
