/* session.c: the public face of sessions, programs and diagnostics. */
#include "session.h"

#include "base/clock.h"
#include "compile.h"
#include "front/table.h"

#include <mpfr.h>
#include <string.h>

/* ---- Diagnostics ---- */

size_t lag_diagnostic_count(const LagSession *session) { return session->diag.count; }

const LagDiagnostic *lag_diagnostic(const LagSession *session, size_t index) {
    return index < session->diag.count ? &session->diag.item[index] : NULL;
}

/* ---- Sessions ---- */

const char *lag_version(void) { return LAG_VERSION; }

LagStatus lag_session_new(uint32_t abi, LagSession **session) {
    if (abi != LAG_ABI) return LAG_ERROR_ABI;
    LagSession *s = memory_new(sizeof *s);
    if (!s) return LAG_ERROR_MEMORY;
    s->state.r = LAG_R_DEFAULT;
    *session = s;
    return LAG_OK;
}

static void text_free(SessionText *text) {
    if (!text) return;
    tree_free(&text->tree);
    arena_free(&text->arena);
    memory_free(text);
}

void lag_session_free(LagSession *session) {
    if (!session) return;
    session_state_free(&session->state);
    while (session->texts) {
        SessionText *next = session->texts->next;
        text_free(session->texts);
        session->texts = next;
    }
    names_free(&session->names);
    diag_free(&session->diag);
    memory_free(session);
    mpfr_free_cache(); /* this thread's constants */
}

/* ---- Reading ---- */

static LagProgram *program_new(LagSession *session, const Tree *tree) {
    LagProgram *program = memory_new(sizeof *program);
    if (!program) return NULL;
    *program = (LagProgram){.session = session, .tree = tree};
    if (graph_init(&program->values)) return program;
    memory_free(program);
    return NULL;
}

void lag_program_free(LagProgram *program) {
    if (!program) return;
    for (uint32_t i = 0; i < program->count; i++) lag_model_release(program->statement[i].model);
    lag_model_release(program->model);
    graph_free(&program->values);
    arena_free(&program->arena);
    memory_free(program);
}

LagStatus lag_read(LagSession *session, const char *file, const char *text, size_t size, LagProgram **program) {
    Diagnostics *diag = &session->diag;
    SessionState state = {0};
    LagProgram *p = NULL;
    SessionText *kept = memory_new(sizeof *kept);
    diag_clear(diag);
    session->names.failed = false;
    const Source *source = kept ? source_new(&kept->arena, file, text, size) : NULL;
    bool memory = source && session_state_copy(&state, &session->state);
    double start = clock_seconds();
    if (memory) parse_text(&kept->tree, source, &session->names, diag);
    double parsed = clock_seconds() - start;
    memory = memory && !kept->tree.failed && (p = program_new(session, &kept->tree)) && session_check(p, &state, diag);
    diag_finish(diag);
    memory = memory && !diag->failed;
    if (!memory) diag_clear(diag);

    if (memory && diag->errors == 0) {
        if (state.model != session->state.model)
            model_changeable(state.model)->timings.parse += parsed; /* nobody else has it yet */
        p->model = lag_model_hold(state.model);
        session_state_free(&session->state);
        session->state = state;
        kept->next = session->texts;
        session->texts = kept;
        *program = p;
        return LAG_OK;
    }
    LagStatus status = memory ? LAG_ERROR_TEXT : LAG_ERROR_MEMORY;
    lag_program_free(p);
    session_state_free(&state);
    text_free(kept);
    return status;
}

LagStatus lag_table_read(LagSession *session, const char *file, const char *text, size_t size, LagTable **table) {
    Source source = table_source(file, text, size);
    Diagnostics *diag = &session->diag;
    diag_clear(diag);
    LagTable *read = table_read(&source, diag);
    diag_finish(diag);
    if (read && !diag->failed) {
        *table = read;
        return LAG_OK;
    }
    lag_table_free(read);
    return diag->errors ? LAG_ERROR_TEXT : LAG_ERROR_MEMORY;
}

bool lag_text_continues(const char *text, size_t size) { return parse_continues(text, size); }
size_t lag_program_count(const LagProgram *program) { return program->count; }

const LagStatement *lag_program_statement(const LagProgram *program, size_t index) {
    return index < program->count ? &program->statement[index] : NULL;
}

const LagModel *lag_program_model(const LagProgram *program) { return program->model; }
