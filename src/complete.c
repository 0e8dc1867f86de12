/* complete.c: what could stand where a text ends, for prompts and editors. */
#include "front/lex.h"
#include "lag.tab.h"
#include "model.h"
#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Words that begin as the text ends, in the arena or static. */
typedef struct Words {
    Arena arena;
    const char *prefix;
    size_t prefix_size;
    const char **word;
    uint32_t count, capacity;
    bool failed;
} Words;

static void offer(Words *w, const char *word) {
    if (strncmp(word, w->prefix, w->prefix_size) != 0) return;
    void *data = w->word;
    if (memory_grow(&data, &w->capacity, w->count + 1, sizeof *w->word)) {
        w->word = data;
        w->word[w->count++] = word;
    } else {
        w->failed = true;
    }
}

static void offer_spelt(Words *w, const char *before, const char *name, const char *after) {
    char spelt[LEX_NAME_MOST + 8];
    snprintf(spelt, sizeof spelt, "%s%s%s", before, name, after);
    const char *kept = arena_text(&w->arena, spelt, strlen(spelt));
    if (kept) offer(w, kept);
}

/* ---- Kinds of words ---- */

static void offer_functions(Words *w) {
    static const char *const function[] = {
#define SELECTION(OP, text, operands, PARITY) text,
#define ELEMENTARY(OP, text, operands, PARITY, sleef, ulp) text,
#include "../grammar/ops.def"
        "sqrt"};
    for (size_t i = 0; i < sizeof function / sizeof *function; i++) offer(w, function[i]);
}

static void offer_names(Words *w, const LagSession *session) {
    const SessionState *state = &session->state;
    for (NameId name = 0; name < state->definitions.count; name++)
        if (definition_of(&state->definitions, name).kind != DEFINITION_NONE) offer(w, names_text(&session->names, name));
    for (uint32_t i = 0; state->model && i < lag_model_parameter_count(state->model); i++)
        offer(w, lag_model_parameter(state->model, i));
}

static void offer_motion(Words *w, const LagModel *model, bool velocities) {
    for (uint32_t k = 0; model && k < lag_model_dof(model); k++) {
        const char *name = lag_model_coordinate(model, k);
        offer(w, name);
        offer_spelt(w, "pi_", name, "");
        if (velocities) offer_spelt(w, "", name, "d");
    }
    offer(w, "t");
}

static void offer_views(Words *w) {
    for (int view = 0; view < LAG_VIEW_COUNT; view++) offer(w, lag_view_name((LagView)view));
    offer(w, "parameters");
}

/* ---- Where the text ends ---- */

/* The statement that a text ends in: its first token and the last two, not counting the word that is being typed. */
typedef struct Place {
    int first, before, last;
    uint32_t depth; /* open brackets */
    bool quoted;    /* inside a file's name or a comment: there nothing is completed */
    bool by;        /* the last token is this word, behind a name */
} Place;

static Place place_of(const Source *source, size_t prefix_size) {
    Lexer lexer = {.source = source};
    Place place = {0};
    LexValue value;
    uint32_t size = source->size - (uint32_t)prefix_size, end = 0;
    int token;
    while ((token = lex_token(&lexer, &value)) != 0 && value.begin < size) {
        end = value.end;
        place.quoted = token == BAD && source->bytes[value.begin] == '"';
        if (lex_is_newline(&lexer, token, value) && (place.depth || lex_goes_on(place.last))) continue;
        if (token == END) {
            place = (Place){0};
            continue;
        }
        if (token == '(') place.depth++;
        if (token == ')' && place.depth) place.depth--;
        if (!place.first) place.first = token;
        place.before = place.last;
        place.last = token;
        place.by = place.before == NAME && value.end - value.begin == 2 && !memcmp(source->bytes + value.begin, "by", 2);
    }
    place.quoted |= end < size && memchr(source->bytes + end, '#', size - end);
    return place;
}

static void offer_all(Words *w, const LagSession *session, Place p) {
    bool item = p.last == p.first || p.last == ',';
    if (p.quoted) return;
    if (p.first == SHOW) {
        if (p.last == SHOW) offer_views(w);
    } else if ((p.first == INTEGRATE || p.first == METHOD) && item) {
        for (uint32_t i = 0; i < SESSION_SETTINGS; i++) offer(w, session_setting_name[i]);
    } else if (p.last == '=' && p.before == METHOD) {
        for (uint32_t i = 0; i < SESSION_METHODS; i++) offer(w, session_method_name[i]);
    } else if (p.first == LOSS && p.last == LOSS) {
        for (const char *const *word = (const char *const[]){"huber", "l2", "lp", "mae", "mse", NULL}; *word; word++)
            offer(w, *word);
    } else if (p.first == LOSS && (item || p.before == LOSS)) {
        for (const char *const *word = (const char *const[]){"alpha", "beta", "cap", "delta", "p", NULL}; *word; word++)
            offer(w, *word);
        offer_motion(w, session->state.model, false);
    } else if (p.first == FIT && p.by) {
        for (int i = 0; i < LAG_CRITERIA; i++) offer(w, lag_criterion_name((LagCriterion)i));
    } else if (p.first == FIT && !item) {
        offer(w, "by");
    } else if (p.first == TRAIN && item) {
        for (uint32_t i = 0; i < SESSION_TRAINING; i++) offer(w, session_training_name[i]);
        for (const char *const *word = (const char *const[]){"from", "to", NULL}; *word; word++) offer(w, *word);
    } else if ((p.first == GRADIENT || p.first == FIT || p.first == PRIOR) && item) {
        offer_motion(w, session->state.model, true);
        offer_names(w, session);
    } else if (p.first == START && item) {
        offer_motion(w, session->state.model, true);
    } else if (p.first == PLOT && (item || p.before == NAME)) {
        offer_motion(w, session->state.model, false);
        offer(w, "energy");
    } else if (p.first == PLOT) {
        for (const char *const *word = (const char *const[]){"against", "to", "with", NULL}; *word; word++) offer(w, *word);
    } else if (p.first != SAVE && p.first != DATA) {
        for (size_t i = 0; !p.first && lex_word(i); i++) offer(w, lex_word(i));
        offer_functions(w);
        offer_names(w, session);
        for (uint32_t k = 0; session->state.model && k < lag_model_dof(session->state.model); k++)
            offer(w, lag_model_coordinate(session->state.model, k));
    }
}

static int compare_words(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

static bool in_word(char c) {
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (unsigned char)c >= 0x80;
}

LagStatus lag_session_complete(const LagSession *session, const char *text, size_t size, char **words) {
    if (size > LEX_TEXT_MOST) return LAG_ERROR_ARGUMENT;
    Words w = {0};
    Buffer out = {0};
    while (w.prefix_size < size && in_word(text[size - w.prefix_size - 1])) w.prefix_size++;
    const Source *source = source_new(&w.arena, "", text, size);
    if (source) {
        w.prefix = source->bytes + size - w.prefix_size;
        offer_all(&w, session, place_of(source, w.prefix_size));
    }
    if (w.count) qsort(w.word, w.count, sizeof *w.word, compare_words);
    buffer_text(&out, "");
    for (uint32_t i = 0; i < w.count; i++)
        if (i == 0 || strcmp(w.word[i], w.word[i - 1]) != 0) buffer_print(&out, "%s\n", w.word[i]);
    bool good = source && !w.failed && !w.arena.failed && !out.failed;
    memory_free(w.word);
    arena_free(&w.arena);
    if (good)
        *words = out.bytes;
    else
        buffer_free(&out);
    return good ? LAG_OK : LAG_ERROR_MEMORY;
}
