/* lower.c: see lower.h. Needs a tree and definitions; leaves nodes, the free names in the order met, and diagnostics.
 *
 * A machine with an explicit stack: a frame is one expression being gone through, tree node by tree node, operands before
 * users; a name or a call that must be expanded first pushes another frame and waits for its value. What was expanded once
 * with the same arguments is not expanded again, so that shared definitions cost nothing. */
#include "graph/lower.h"

#include <float.h>
#include <stdio.h>
#include <string.h>

enum { LOWER_EXPONENT = 5000 }; /* largest decimal exponent of a literal */

/* ---- Definitions ---- */

Definition definition_of(const Definitions *definitions, NameId name) {
    return name < definitions->count ? definitions->of[name] : (Definition){0};
}

bool definition_set(Definitions *definitions, NameId name, Definition definition) {
    void *data = definitions->of;
    if (!memory_grow(&data, &definitions->capacity, (size_t)name + 1, sizeof *definitions->of)) return false;
    definitions->of = data;
    while (definitions->count <= name) definitions->of[definitions->count++] = (Definition){0};
    definitions->of[name] = definition;
    return true;
}

bool definitions_copy(Definitions *to, const Definitions *from) {
    void *data = to->of;
    if (!memory_grow(&data, &to->capacity, from->count, sizeof *to->of)) return false;
    to->of = data;
    if (from->count) memcpy(to->of, from->of, from->count * sizeof *to->of);
    to->count = from->count;
    return true;
}

void definitions_free(Definitions *definitions) {
    memory_free(definitions->of);
    *definitions = (Definitions){0};
}

/* ---- The machine's memory ---- */

/* A named expression (no arguments) or a call, and its node: NODE_NONE while it is being expanded. */
typedef struct MemoEntry {
    NameId name;
    uint32_t argument, count; /* in LowerMemo.argument */
    NodeId node;
} MemoEntry;

struct LowerMemo {
    MemoEntry *entry;
    NodeId *argument;
    uint32_t *slot; /* open addressing: entry + 1, or 0 */
    uint32_t entries, entry_capacity, arguments, argument_capacity, slots;
    bool *open; /* by name: a call of that function is being expanded */
    uint32_t open_count, open_capacity;
};

typedef struct Frame {
    const Tree *tree;
    TreeId root, at;      /* the expression, and the tree node to do next */
    uint32_t base;        /* its first tree node's place in the stack of values */
    uint32_t memo;        /* the entry it fills; UINT32_MAX for the expression asked for */
    uint32_t item, items; /* names of its arguments, in tree->item */
    uint32_t argument;    /* their values, in memo->argument */
} Frame;

typedef struct Machine {
    Lowering *lowering;
    Frame *frame;
    uint32_t frames, frame_capacity;
    NodeId *value; /* the stack of values, one a tree node of each frame */
    uint32_t values, value_capacity;
    bool stop; /* an error that leaves nothing to go on with */
} Machine;

static void out_of_memory(Machine *m) { m->lowering->failed = m->stop = true; }

static uint64_t memo_hash(NameId name, const NodeId *argument, uint32_t count) {
    uint64_t hash = memory_hash(3, name);
    for (uint32_t i = 0; i < count; i++) hash = memory_hash(hash, argument[i]);
    return hash;
}

static bool memo_rehash(LowerMemo *memo) {
    uint32_t slots = memo->slots ? 2 * memo->slots : 64;
    uint32_t *slot = memory_new(slots * sizeof *slot);
    if (!slot) return false;
    for (uint32_t e = 0; e < memo->entries; e++) {
        const MemoEntry *entry = &memo->entry[e];
        uint32_t i = (uint32_t)memo_hash(entry->name, memo->argument + entry->argument, entry->count) & (slots - 1);
        while (slot[i]) i = (i + 1) & (slots - 1);
        slot[i] = e + 1;
    }
    memory_free(memo->slot);
    memo->slot = slot;
    memo->slots = slots;
    return true;
}

/* The entry of a call, made if it is new; UINT32_MAX when out of memory. */
static uint32_t memo_entry(LowerMemo *memo, NameId name, const NodeId *argument, uint32_t count, bool *new) {
    if (2 * (memo->entries + 1) > memo->slots && !memo_rehash(memo)) return UINT32_MAX;
    uint32_t i = (uint32_t)memo_hash(name, argument, count) & (memo->slots - 1);
    *new = false;
    for (; memo->slot[i]; i = (i + 1) & (memo->slots - 1)) {
        const MemoEntry *entry = &memo->entry[memo->slot[i] - 1];
        if (entry->name == name && entry->count == count &&
            (count == 0 || memcmp(memo->argument + entry->argument, argument, count * sizeof *argument) == 0))
            return memo->slot[i] - 1;
    }
    void *entries = memo->entry, *arguments = memo->argument;
    if (!memory_grow(&entries, &memo->entry_capacity, memo->entries + 1, sizeof *memo->entry)) return UINT32_MAX;
    memo->entry = entries;
    if (!memory_grow(&arguments, &memo->argument_capacity, memo->arguments + count + 1, sizeof *memo->argument))
        return UINT32_MAX;
    memo->argument = arguments;
    if (count) memcpy(memo->argument + memo->arguments, argument, count * sizeof *argument);
    memo->entry[memo->entries] = (MemoEntry){name, memo->arguments, count, NODE_NONE};
    memo->arguments += count;
    memo->slot[i] = memo->entries + 1;
    *new = true;
    return memo->entries++;
}

/* Notes that a call of a function is being expanded, or is no more; false when out of memory. */
static bool memo_open(LowerMemo *memo, NameId name, bool open) {
    void *data = memo->open;
    if (!memory_grow(&data, &memo->open_capacity, (size_t)name + 1, sizeof *memo->open)) return false;
    memo->open = data;
    while (memo->open_count <= name) memo->open[memo->open_count++] = false;
    memo->open[name] = open;
    return true;
}

static void push_frame(Machine *m, const Tree *tree, TreeId root, uint32_t memo, const Definition *function,
                       uint32_t argument) {
    TreeId first = tree->node[root].first;
    void *frames = m->frame, *values = m->value;
    if (!memory_grow(&frames, &m->frame_capacity, m->frames + 1, sizeof *m->frame)) return out_of_memory(m);
    m->frame = frames;
    if (!memory_grow(&values, &m->value_capacity, (size_t)m->values + (root - first) + 1, sizeof *m->value))
        return out_of_memory(m);
    m->value = values;
    m->frame[m->frames++] = (Frame){.tree = tree,
                                    .root = root,
                                    .at = first,
                                    .base = m->values,
                                    .memo = memo,
                                    .item = function ? function->item : 0,
                                    .items = function ? function->item_count : 0,
                                    .argument = argument};
    m->values += root - first + 1;
}

bool lower_is_function(const char *name) {
    uint32_t operands;
    return strcmp(name, "sqrt") == 0 || graph_function(name, strlen(name), &operands) != GRAPH_CODE_COUNT;
}

/* ---- Errors ---- */

/* What stands for a value after an error: a name that no text can spell, so that no rule meets it again. */
static NodeId poison(Machine *m) { return graph_name(m->lowering->graph, NAME_NONE); }

static Span head_span(const Tree *tree, const TreeNode *node, size_t size) {
    return (Span){tree->source, node->head, node->head + (uint32_t)size};
}

/* Says which functions an unknown one may have been meant to be. */
static void unknown_function(Machine *m, Span span, const char *name) {
    const Lowering *l = m->lowering;
    uint32_t best = names_tolerance(name) + 1, operands;
    const char *nearest = NULL;
    bool look = l->diag->count < DIAG_SUGGEST;
    for (int code = 0; look && code < GRAPH_CODE_COUNT; code++) {
        const char *text = graph_code_text((GraphCode)code);
        uint32_t distance = names_distance(name, text, best);
        if (distance < best && graph_function(text, strlen(text), &operands) != GRAPH_CODE_COUNT)
            best = distance, nearest = text;
    }
    for (NameId id = 0; look && id < l->definitions->count; id++) {
        if (l->definitions->of[id].kind != DEFINITION_FUNCTION) continue;
        uint32_t distance = names_distance(name, names_text(l->names, id), best);
        if (distance < best) best = distance, nearest = names_text(l->names, id);
    }
    if (strcmp(name, "sqrt") != 0 && names_distance(name, "sqrt", best) < best) nearest = "sqrt";
    char hint[160];
    snprintf(hint, sizeof hint, "did you mean '%.64s'?", nearest ? nearest : "");
    diag_error(l->diag, span,
               nearest ? hint : "write NAME(x) = ... to define it; nothing is multiplied by being side by side",
               "unknown function '%s'", name);
}

static bool argument_count(Machine *m, Span span, const char *name, uint32_t want, uint32_t have) {
    if (want == have) return true;
    diag_error(m->lowering->diag, span, NULL, "'%s' takes %u argument%s, not %u", name, want, want == 1 ? "" : "s", have);
    return false;
}

/* ---- Leaves ---- */

/* A decimal literal as an exact rational. */
static NodeId number(Machine *m, const Tree *tree, TreeId at) {
    Lowering *l = m->lowering;
    Span span = tree_span(tree, at);
    const char *c = tree->source->bytes + span.begin, *end = tree->source->bytes + span.end;
    char *digits = memory_new((size_t)(end - c) + 1);
    if (!digits) return out_of_memory(m), 0;
    size_t count = 0;
    long scale = 0, exponent = 0;
    for (bool point = false; c < end && *c != 'e' && *c != 'E'; c++) {
        if (*c == '.')
            point = true;
        else
            digits[count++] = *c, scale -= point;
    }
    if (c < end) {
        bool negative = *++c == '-';
        if (*c == '-' || *c == '+') c++;
        for (; c < end; c++)
            if (exponent <= 10 * LOWER_EXPONENT) exponent = 10 * exponent + (*c - '0');
        if (negative) exponent = -exponent;
    }
    mpq_t value, largest, power;
    mpq_inits(value, largest, power, NULL);
    mpz_set_str(mpq_numref(value), digits, 10);
    memory_free(digits);
    bool zero = mpq_sgn(value) == 0;
    bool fits = zero || (exponent <= LOWER_EXPONENT && exponent >= -LOWER_EXPONENT);
    if (fits && !zero) {
        long shift = scale + exponent;
        mpz_ui_pow_ui(mpq_numref(power), 10, (unsigned long)(shift < 0 ? -shift : shift));
        if (shift < 0)
            mpq_div(value, value, power);
        else
            mpq_mul(value, value, power);
        mpq_set_d(largest, DBL_MAX);
        fits = mpq_cmp(value, largest) <= 0;
        mpq_inv(largest, largest);
        mpq_div_2exp(largest, largest, 60);
        fits = fits && mpq_cmp(value, largest) >= 0;
    }
    NodeId node = fits ? graph_rational(l->graph, value) : poison(m);
    if (!fits)
        diag_error(l->diag, span, "a number lies between 4.9e-324 and 1.8e308 in size, or is 0",
                   "this number does not fit a double");
    mpq_clears(value, largest, power, NULL);
    return node;
}

static void record_use(Machine *m, NameId name, Span span) {
    Lowering *l = m->lowering;
    bool new;
    /* a name's entry with one impossible argument says that it has been met */
    uint32_t entry = memo_entry(l->memo, name, &(NodeId){NODE_NONE}, 1, &new);
    void *data = l->use;
    if (entry == UINT32_MAX || !memory_grow(&data, &l->use_capacity, l->use_count + 1, sizeof *l->use))
        return out_of_memory(m);
    l->use = data;
    if (new) l->use[l->use_count++] = (LowerUse){name, span};
}

/* A name: the value if it is known, or NODE_NONE after pushing the frame that will find it. */
static NodeId name_value(Machine *m, Frame *frame, TreeId at) {
    Lowering *l = m->lowering;
    NameId name = frame->tree->node[at].a;
    for (uint32_t i = 0; i < frame->items; i++)
        if (frame->tree->item[frame->item + i].name == name) return l->memo->argument[frame->argument + i];
    const char *text = names_text(l->names, name);
    Span span = tree_span(frame->tree, at);
    if (strcmp(text, "pi") == 0) return graph_pi(l->graph);
    Definition d = definition_of(l->definitions, name);
    if (d.kind == DEFINITION_FUNCTION || (d.kind == DEFINITION_NONE && lower_is_function(text))) {
        diag_error(l->diag, span, "write its arguments in brackets", "'%s' is a function", text);
        return poison(m);
    }
    if (d.kind == DEFINITION_EXPRESSION) {
        bool new;
        uint32_t entry = memo_entry(l->memo, name, NULL, 0, &new);
        if (entry == UINT32_MAX) return out_of_memory(m), 0;
        if (!new && l->memo->entry[entry].node != NODE_NONE) return l->memo->entry[entry].node;
        if (!new) {
            diag_error(l->diag, d.span, "a name can't be defined through itself", "'%s' depends on itself", text);
            return poison(m);
        }
        push_frame(m, d.tree, d.value, entry, NULL, 0);
        return NODE_NONE;
    }
    record_use(m, name, span);
    return graph_name(l->graph, name);
}

/* ---- Users ---- */

static NodeId operand(const Machine *m, const Frame *frame, TreeId id) {
    return m->value[frame->base + (id - frame->tree->node[frame->root].first)];
}

/* The values of a call's arguments, in order; how many there are, of which only TREE_ARGUMENTS_MOST are kept. They are
 * linked from the last to the first. */
static uint32_t arguments(const Machine *m, const Frame *frame, TreeId last, NodeId out[TREE_ARGUMENTS_MOST]) {
    uint32_t count = 0, i;
    for (TreeId at = last; at != TREE_NONE; at = frame->tree->node[at].b) count++;
    i = count;
    for (TreeId at = last; at != TREE_NONE; at = frame->tree->node[at].b)
        if (--i < TREE_ARGUMENTS_MOST) out[i] = operand(m, frame, frame->tree->node[at].a);
    return count;
}

static NodeId builtin_call(Machine *m, Span span, const char *name, const NodeId *argument, uint32_t count) {
    Graph *g = m->lowering->graph;
    uint32_t want = 1;
    bool root = strcmp(name, "sqrt") == 0;
    GraphCode code = root ? GRAPH_POW : graph_function(name, strlen(name), &want);
    if (code == GRAPH_CODE_COUNT) return unknown_function(m, span, name), poison(m);
    if (!argument_count(m, span, name, want, count)) return poison(m);
    return root ? graph_sqrt(g, argument[0]) : graph_call(g, code, argument[0], want > 1 ? argument[1] : 0);
}

/* A call: the value if it is known, or NODE_NONE after pushing the frame that will find it. */
static NodeId call_value(Machine *m, Frame *frame, TreeId at) {
    Lowering *l = m->lowering;
    const TreeNode *node = &frame->tree->node[at];
    NodeId argument[TREE_ARGUMENTS_MOST];
    uint32_t count = arguments(m, frame, node->b, argument);
    const char *text = names_text(l->names, node->a);
    Span span = head_span(frame->tree, node, strlen(text));
    if (count > TREE_ARGUMENTS_MOST) {
        diag_error(l->diag, span, NULL, "a function takes at most %d arguments", TREE_ARGUMENTS_MOST);
        return poison(m);
    }
    Definition d = definition_of(l->definitions, node->a);
    if (d.kind == DEFINITION_PARAMETER || d.kind == DEFINITION_EXPRESSION) {
        diag_error(l->diag, span, "nothing is multiplied by being side by side: write '*'", "'%s' is no function", text);
        return poison(m);
    }
    if (d.kind == DEFINITION_NONE) return builtin_call(m, span, text, argument, count);
    if (!argument_count(m, span, text, d.item_count, count)) return poison(m);
    bool new;
    uint32_t entry = memo_entry(l->memo, node->a, argument, count, &new);
    if (entry == UINT32_MAX) return out_of_memory(m), 0;
    if (!new && l->memo->entry[entry].node != NODE_NONE) return l->memo->entry[entry].node;
    bool within = node->a < l->memo->open_count && l->memo->open[node->a]; /* itself: nothing would end it */
    if (!new || within) {
        diag_error(l->diag, d.span, "a function can't be defined through itself", "'%s' depends on itself", text);
        return poison(m);
    }
    if (!memo_open(l->memo, node->a, true)) return out_of_memory(m), 0;
    push_frame(m, d.tree, d.value, entry, &d, l->memo->entry[entry].argument);
    return NODE_NONE;
}

static NodeId quotient(Machine *m, const Frame *frame, const TreeNode *node, NodeId a, NodeId b) {
    Graph *g = m->lowering->graph;
    if (!graph_equals(g, b, 0)) return graph_divide(g, a, b);
    diag_error(m->lowering->diag, head_span(frame->tree, node, 1), NULL, "division by zero");
    return poison(m);
}

static NodeId raised(Machine *m, const Frame *frame, const TreeNode *node, NodeId a, NodeId b) {
    Graph *g = m->lowering->graph;
    Span span = head_span(frame->tree, node, 1);
    bool constants = graph_is_const(g, a) && graph_is_const(g, b);
    if (constants && graph_equals(g, a, 0) && mpq_sgn(graph_value(g, b)) < 0) {
        diag_error(m->lowering->diag, span, NULL, "division by zero: 0 to a negative power");
        return poison(m);
    }
    NodeId power = graph_power(g, a, b);
    if (constants && mpz_cmp_ui(mpq_denref(graph_value(g, b)), 1) == 0 && !graph_is_const(g, power)) {
        diag_error(m->lowering->diag, span, NULL, "this power has more than %d bits", GRAPH_BITS);
        return poison(m);
    }
    return power;
}

/* The value of tree node `at`, or NODE_NONE if a frame was pushed that must be done first. */
static NodeId step(Machine *m, Frame *frame, TreeId at) {
    Graph *g = m->lowering->graph;
    const TreeNode *node = &frame->tree->node[at];
    switch (node->kind) {
    case TREE_NUMBER: return number(m, frame->tree, at);
    case TREE_NAME: return name_value(m, frame, at);
    case TREE_CALL: return call_value(m, frame, at);
    case TREE_ARGUMENT:
    case TREE_GROUP: return operand(m, frame, node->a);
    case TREE_NEGATE: return graph_negate(g, operand(m, frame, node->a));
    default: break;
    }
    NodeId a = operand(m, frame, node->a), b = operand(m, frame, node->b);
    switch (node->kind) {
    case TREE_ADD: return graph_add(g, a, b);
    case TREE_SUBTRACT: return graph_subtract(g, a, b);
    case TREE_MULTIPLY: return graph_multiply(g, a, b);
    case TREE_DIVIDE: return quotient(m, frame, node, a, b);
    default: return raised(m, frame, node, a, b);
    }
}

static void run(Machine *m) {
    Lowering *l = m->lowering;
    while (m->frames > 0) {
        Frame *frame = &m->frame[m->frames - 1];
        if (++l->work > LOWER_WORK || l->graph->failed) return out_of_memory(m);
        NodeId value = step(m, frame, frame->at);
        if (l->diag->full) m->stop = true;
        if (m->stop) return;
        if (value == NODE_NONE) continue; /* the same tree node again, once the new frame is done */
        m->value[frame->base + (frame->at - frame->tree->node[frame->root].first)] = value;
        if (frame->at++ != frame->root) continue;
        if (frame->memo != UINT32_MAX) {
            MemoEntry *entry = &l->memo->entry[frame->memo];
            entry->node = value;
            if (entry->name < l->memo->open_count) l->memo->open[entry->name] = false;
        }
        if (m->frames == 1) return; /* the values of the expression asked for stay */
        m->values = frame->base;
        m->frames--;
    }
}

/* A function's arguments as names of their own, for a look at its body: their place in memo->argument. */
static uint32_t bind_to_themselves(Machine *m, const Definition *function) {
    Lowering *l = m->lowering;
    LowerMemo *memo = l->memo;
    void *data = memo->argument;
    uint32_t first = memo->arguments;
    if (!memory_grow(&data, &memo->argument_capacity, (size_t)first + function->item_count + 1, sizeof *memo->argument))
        return out_of_memory(m), 0;
    memo->argument = data;
    for (uint32_t i = 0; i < function->item_count; i++)
        memo->argument[memo->arguments++] = graph_name(l->graph, function->tree->item[function->item + i].name);
    return first;
}

void lower_report_work(Span span, Diagnostics *diag) {
    diag_error(diag, span, NULL, "this text takes more than %d steps to expand and differentiate", LOWER_WORK);
}

void lower_report_failure(const Graph *graph, Span span, Diagnostics *diag) {
    if (graph->too_long)
        lower_report_work(span, diag);
    else if (graph->too_wide)
        diag_error(diag, span, "smaller powers, or fewer digits",
                   "a constant has more than %d bits here, or all together more than %d", GRAPH_BITS, GRAPH_BITS_ALL);
    else if (graph->too_large)
        diag_error(diag, span, "fewer terms, or smaller powers",
                   "this is too large: more than %d operations, derivatives included", GRAPH_MOST);
    else
        diag->failed = true;
}

static void report_failure(Lowering *l, Span span) {
    l->failed = true;
    if (l->work > LOWER_WORK)
        lower_report_work(span, l->diag);
    else
        lower_report_failure(l->graph, span, l->diag);
}

static NodeId lower(Lowering *lowering, const Tree *tree, TreeId root, const Definition *function) {
    Machine m = {.lowering = lowering};
    uint32_t errors = lowering->diag->errors, argument = 0;
    NodeId node = 0;
    if (!lowering->memo) lowering->memo = memory_new(sizeof *lowering->memo);
    if (!lowering->memo)
        out_of_memory(&m);
    else if (function)
        argument = bind_to_themselves(&m, function);
    if (!m.stop) push_frame(&m, tree, root, UINT32_MAX, function, argument);
    if (!m.stop) run(&m);
    if (lowering->graph->failed) out_of_memory(&m); /* the last node of all may be what was too much */
    if (lowering->failed) report_failure(lowering, tree_span(tree, root));
    if (!m.stop && lowering->diag->errors == errors) {
        node = m.value[m.values - 1];
        memory_free(lowering->node);
        lowering->node = m.value;
        lowering->node_count = root - tree->node[root].first + 1;
        m.value = NULL;
    }
    memory_free(m.frame);
    memory_free(m.value);
    return node;
}

NodeId lower_expression(Lowering *lowering, const Tree *tree, TreeId root) { return lower(lowering, tree, root, NULL); }

void lower_function_body(Lowering *lowering, const Definition *function) {
    lower(lowering, function->tree, function->value, function);
}

void lowering_free(Lowering *lowering) {
    if (lowering->memo) {
        memory_free(lowering->memo->entry);
        memory_free(lowering->memo->argument);
        memory_free(lowering->memo->slot);
        memory_free(lowering->memo->open);
        memory_free(lowering->memo);
    }
    memory_free(lowering->use);
    memory_free(lowering->node);
    lowering->memo = NULL;
    lowering->use = NULL;
    lowering->node = NULL;
}

bool lower_is_constant(const Tree *tree, const Names *names, TreeId root) {
    for (TreeId at = tree->node[root].first; at <= root; at++) {
        const char *text = names_text(names, tree->node[at].a);
        if (tree->node[at].kind == TREE_NAME && strcmp(text, "pi") != 0) return false;
        if (tree->node[at].kind == TREE_CALL && !lower_is_function(text)) return false;
    }
    return true;
}
