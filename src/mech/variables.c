/* variables.c: which names of a Lagrangian are coordinates, which parameters.
 *
 * Needs the free names in the order met. A name x is a coordinate when a companion of it is there: its velocity xd or a
 * doubled variable x_p, x_m, xd_p, xd_m. A name that has a value, or was declared, is what it was said to be. */
#include "mech/mechanics.h"

#include <stdio.h>
#include <string.h>

typedef enum Role { ROLE_PLAIN, ROLE_VELOCITY, ROLE_DOUBLED, ROLE_DOUBLED_VELOCITY } Role;

typedef struct Reader {
    Mechanics *m;
    const Lowering *lowering;
    Declared declared;
    Diagnostics *diag;
    bool full;     /* there were more than MECHANICS_COORDINATES_MOST coordinates, which has been said */
    uint8_t *mark; /* by name, a sum of Mark */
    uint32_t mark_capacity;
} Reader;

typedef enum Mark { MARK_USED = 1, MARK_COORDINATE = 2, MARK_VARIABLE = 4 } Mark;

static bool set_mark(Reader *r, NameId name, Mark mark) {
    uint32_t before = r->mark_capacity;
    void *data = r->mark;
    if (!memory_grow(&data, &r->mark_capacity, (size_t)name + 1, 1)) return false;
    r->mark = data;
    memset(r->mark + before, 0, r->mark_capacity - before);
    r->mark[name] |= (uint8_t)mark;
    return true;
}

static bool has_mark(const Reader *r, NameId name, Mark mark) {
    return name != NAME_NONE && name < r->mark_capacity && r->mark[name] & mark;
}

/* Said or given a value: never a coordinate's name. */
static bool is_given(const Reader *r, NameId name) {
    return definition_of(r->lowering->definitions, name).kind != DEFINITION_NONE || name_set_has(r->declared.param, name);
}

static bool is_declared_coordinate(const Reader *r, NameId name) { return name_set_has(r->declared.coord, name); }

/* The name without its last `cut` bytes. */
static NameId stem(const Reader *r, const char *text, size_t cut) {
    return names_intern(r->m->names, text, strlen(text) - cut);
}

static bool ends_in_d(const char *text, size_t size) { return size > 1 && text[size - 1] == 'd'; }

/* What a name is, and of which coordinate. */
static Role role_of(const Reader *r, NameId name, NameId *coordinate) {
    const char *text = names_text(r->m->names, name);
    size_t size = strlen(text);
    *coordinate = name;
    if (is_given(r, name) || is_declared_coordinate(r, name)) return ROLE_PLAIN;
    bool doubled = size > 2 && text[size - 2] == '_' && (text[size - 1] == 'p' || text[size - 1] == 'm');
    size_t cut = doubled ? 2 : 0;
    NameId body = stem(r, text, cut);
    if (ends_in_d(text, size - cut) && !is_declared_coordinate(r, body)) {
        NameId position = stem(r, text, cut + 1);
        if (!is_given(r, position)) {
            *coordinate = position;
            return doubled ? ROLE_DOUBLED_VELOCITY : ROLE_VELOCITY;
        }
    }
    if (!doubled) return ROLE_PLAIN;
    *coordinate = body;
    return ROLE_DOUBLED;
}

static NodeId variable(Reader *r, NameId name, const char *suffix) {
    char text[160];
    int size = snprintf(text, sizeof text, "%.128s%s", names_text(r->m->names, name), suffix);
    return graph_name(r->m->graph, names_intern(r->m->names, text, (size_t)size));
}

static bool add_coordinate(Reader *r, NameId name, Span span) {
    Mechanics *m = r->m;
    if (has_mark(r, name, MARK_COORDINATE)) return true;
    if (m->dof == MECHANICS_COORDINATES_MOST) {
        if (!r->full) diag_error(r->diag, span, NULL, "more than %d coordinates", MECHANICS_COORDINATES_MOST);
        r->full = true;
        return true;
    }
    void *data = m->coordinate;
    if (!memory_grow(&data, &m->coordinate_capacity, m->dof + 1, sizeof *m->coordinate)) return false;
    m->coordinate = data;
    m->coordinate[m->dof++] = (Coordinate){
        .name = name,
        .q = graph_name(m->graph, name),
        .v = variable(r, name, "d"),
        .q_plus = variable(r, name, "_p"),
        .v_plus = variable(r, name, "d_p"),
        .q_minus = variable(r, name, "_m"),
        .v_minus = variable(r, name, "d_m"),
        .span = span,
    };
    const Coordinate *c = &m->coordinate[m->dof - 1];
    const NodeId variables[] = {c->q, c->v, c->q_plus, c->v_plus, c->q_minus, c->v_minus};
    bool room = set_mark(r, name, MARK_COORDINATE);
    for (size_t i = 0; i < sizeof variables / sizeof *variables && !m->graph->failed; i++)
        room = room && set_mark(r, m->graph->node[variables[i]].a, MARK_VARIABLE);
    return room;
}

/* xdd beside xd: an acceleration, or a coordinate whose name ends in d. */
static void refuse_acceleration(Reader *r, LowerUse use, NameId coordinate) {
    const char *text = names_text(r->m->names, coordinate);
    char hint[240];
    snprintf(hint, sizeof hint, "a Lagrangian holds velocities at most; if '%.64s' is a coordinate, say: coord %.64s", text,
             text);
    diag_error(r->diag, use.span, hint, "'%s' would be an acceleration", names_text(r->m->names, use.name));
}

static void classify(Reader *r, LowerUse use) {
    NameId coordinate;
    Role role = role_of(r, use.name, &coordinate);
    const char *text = names_text(r->m->names, use.name), *of = names_text(r->m->names, coordinate);
    if (role == ROLE_PLAIN) return;
    if (strcmp(of, "t") == 0 || strcmp(of, "pi") == 0) {
        diag_error(r->diag, use.span, NULL, "'%s' is no variable: '%s' is not a coordinate", text, of);
        return;
    }
    if (is_given(r, coordinate)) {
        diag_error(r->diag, use.span, "a doubled variable belongs to a coordinate",
                   "'%s' doubles '%s', which is a parameter", text, of);
        return;
    }
    NameId below;
    bool velocity = role == ROLE_VELOCITY || role == ROLE_DOUBLED_VELOCITY;
    if (velocity && has_mark(r, coordinate, MARK_USED) && !is_declared_coordinate(r, coordinate) &&
        role_of(r, coordinate, &below) == ROLE_VELOCITY) {
        refuse_acceleration(r, use, coordinate);
        return;
    }
    if (!add_coordinate(r, coordinate, use.span)) r->m->graph->failed = true;
}

/* A coordinate that its velocity alone has made: said, since it may be a parameter that merely ends in d. */
static void note_lonely(Reader *r, const Coordinate *c) {
    const Graph *g = r->m->graph;
    NameId velocity = g->node[c->v].a;
    if (is_declared_coordinate(r, c->name) || !has_mark(r, velocity, MARK_USED)) return;
    const NodeId others[] = {c->q, c->q_plus, c->q_minus, c->v_plus, c->v_minus};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (has_mark(r, g->node[others[i]].a, MARK_USED)) return;
    const char *x = names_text(r->m->names, c->name), *xd = names_text(r->m->names, velocity);
    char hint[240];
    snprintf(hint, sizeof hint, "if it is a parameter, say: param %.64s; to say that it is meant: coord %.64s", xd, x);
    diag_note(r->diag, c->span, hint, "'%s' is taken as the velocity of a coordinate '%s' that stands nowhere else", xd, x);
}

static bool collect_parameters(Reader *r) {
    Mechanics *m = r->m;
    m->parameter = memory_new((r->lowering->use_count + 1) * sizeof *m->parameter);
    if (!m->parameter) return false;
    for (uint32_t i = 0; i < r->lowering->use_count; i++) {
        LowerUse use = r->lowering->use[i];
        NodeId node = graph_name(m->graph, use.name);
        if (node != m->time && !has_mark(r, use.name, MARK_VARIABLE))
            m->parameter[m->parameter_count++] = (Parameter){use.name, node, use.span};
    }
    return true;
}

static bool list_state(Reader *r) {
    Mechanics *m = r->m;
    uint32_t d = m->dof;
    m->state = memory_new((3 * (size_t)d + 1) * sizeof *m->state);
    if (!m->state) return false;
    for (uint32_t k = 0; k < d; k++) {
        m->state[2 * k] = m->coordinate[k].q, m->state[2 * k + 1] = m->coordinate[k].v;
        m->state[2 * d + 1 + k] = variable(r, m->coordinate[k].name, "dd");
    }
    m->state[2 * d] = m->time;
    m->variables = (GraphVariables){m->state, 2 * d + 1, memory_new(m->graph->count * sizeof(uint32_t)), m->graph->count};
    if (!m->variables.number) return false;
    for (uint32_t i = 0; i <= 2 * d; i++) m->variables.number[m->state[i]] = i + 1;
    return true;
}

/* Coordinates that were declared and are there, in the order declared. */
static bool add_declared(Reader *r) {
    const NameSet *coord = r->declared.coord;
    const Lowering *l = r->lowering;
    uint32_t *first = memory_new((coord->has_count + 1) * sizeof *first); /* by name: the first use that tells, + 1 */
    bool room = first;
    for (uint32_t i = 0; room && i < l->use_count; i++) {
        NameId coordinate;
        role_of(r, l->use[i].name, &coordinate);
        if (name_set_has(coord, coordinate) && !first[coordinate]) first[coordinate] = i + 1;
    }
    for (uint32_t i = 0; room && i < coord->count; i++)
        if (first[coord->name[i]]) room = add_coordinate(r, coord->name[i], l->use[first[coord->name[i]] - 1].span);
    memory_free(first);
    return room;
}

bool mechanics_variables(Mechanics *m, const Lowering *lowering, Declared declared, Diagnostics *diag) {
    Reader r = {.m = m, .lowering = lowering, .declared = declared, .diag = diag};
    uint32_t errors = diag->errors;
    m->time = graph_name(m->graph, names_intern(m->names, "t", 1));
    bool room = true;
    for (uint32_t i = 0; i < lowering->use_count; i++) room = room && set_mark(&r, lowering->use[i].name, MARK_USED);
    if (!room || !add_declared(&r)) m->graph->failed = true;
    for (uint32_t i = 0; i < lowering->use_count && !r.full && !diag->full; i++) classify(&r, lowering->use[i]);
    bool good = diag->errors == errors && collect_parameters(&r) && list_state(&r);
    for (uint32_t i = 0; i < m->dof && good; i++) note_lonely(&r, &m->coordinate[i]);
    memory_free(r.mark);
    return good && !m->graph->failed;
}

void mechanics_free(Mechanics *m) {
    memory_free(m->coordinate);
    memory_free(m->parameter);
    memory_free(m->state);
    memory_free(m->variables.number);
    memory_free(m->filled);
    memory_free(m->slope);
    memory_free(m->A); /* one block, see lagrange.c */
    memory_free(m->cyclic);
}
