/* c_emit.c: see c_emit.h. One operation is one statement: libtcc nests its parser as deeply as an expression, and keeps
 * what C says about doubles, each operation rounded once. Loops stay loops: it compiles as fast as it reads. */
#include "native/c_emit.h"

#include "native/native.h"

#include <math.h>
#include <string.h>

enum { VALUES_MOST = 100000 }; /* values of a tape that become variables of their own; more stand in one array */

typedef struct Emitting {
    const NativeJob *job;
    const Tape *tape;
    Buffer *out;
    uint32_t depth;
    bool many; /* values stand in LAG_WORK, behind the tape's own part */
} Emitting;

/* ---- Words ---- */

static void whole(Buffer *out, uint64_t number) {
    char digit[20];
    int at = sizeof digit;
    do digit[--at] = (char)('0' + number % 10);
    while (number /= 10);
    buffer_add(out, digit + at, sizeof digit - (size_t)at);
}

static void letter(Buffer *out, char c) { buffer_add(out, &c, 1); }

/* A constant with all its bits, whatever the locale: whole numbers as such, others by a whole significand. */
static void constant(Buffer *out, double value) {
    int exponent;
    double significand = frexp(value, &exponent);
    if (isnan(value)) {
        buffer_text(out, "(1e308*10 - 1e308*10)");
    } else if (isinf(value)) {
        buffer_text(out, value < 0 ? "(-1e308*10)" : "(1e308*10)");
    } else if (signbit(value)) {
        buffer_text(out, "(-");
        constant(out, -value);
        letter(out, ')');
    } else if (value == floor(value) && value < 1e15) {
        whole(out, (uint64_t)value);
        buffer_text(out, ".0");
    } else {
        buffer_print(out, "0x%llxp%d", (unsigned long long)ldexp(significand, 53), exponent - 53);
    }
}

static void value(Emitting *e, uint32_t i) {
    buffer_text(e->out, e->many ? "w[" : "t");
    whole(e->out, i);
    if (e->many) letter(e->out, ']');
}

/* The address of a reference's element, or of the first term of a dot product's. */
static void address(Emitting *e, uint32_t index) {
    const TapeRef *ref = &e->tape->ref[index];
    letter(e->out, 'x');
    whole(e->out, ref->array);
    buffer_text(e->out, " + ");
    whole(e->out, ref->base);
    for (uint32_t l = 0; l < e->depth; l++) {
        if (!ref->stride[l]) continue;
        buffer_text(e->out, " + ");
        letter(e->out, "ijkl"[l]);
        if (ref->stride[l] == 1) continue;
        letter(e->out, '*');
        whole(e->out, ref->stride[l]);
    }
}

static void element(Emitting *e, uint32_t index) {
    buffer_text(e->out, "*(");
    address(e, index);
    letter(e->out, ')');
}

/* ---- Statements ---- */

static void indent(Emitting *e) {
    for (uint32_t l = 0; l <= e->depth; l++) buffer_text(e->out, "    ");
}

static void infix(Emitting *e, const char *operator, TapeOp op) {
    value(e, op.a);
    buffer_text(e->out, operator);
    value(e, op.b);
}

static void call(Emitting *e, TapeOp op) {
    const uint32_t operand[] = {op.a, op.b, op.c};
    buffer_text(e->out, native_symbol((TapeCode)op.code));
    for (uint32_t o = 0; o < tape_operands((TapeCode)op.code); o++) {
        buffer_text(e->out, o ? ", " : "(");
        value(e, operand[o]);
    }
    letter(e->out, ')');
}

/* sum = x_0 y_0; then the rest, from the left. */
static void dot(Emitting *e, uint32_t i) {
    TapeOp op = e->tape->op[i];
    element(e, op.a);
    buffer_text(e->out, " * ");
    element(e, op.b);
    if (op.c == 1) return;
    buffer_text(e->out, ";\n");
    indent(e);
    buffer_text(e->out, "for (n = 1, x = ");
    address(e, op.a);
    buffer_text(e->out, ", y = ");
    address(e, op.b);
    buffer_text(e->out, "; n < ");
    whole(e->out, op.c);
    buffer_text(e->out, "; n++) x += ");
    whole(e->out, e->tape->ref[op.a].stride[e->depth]);
    buffer_text(e->out, ", y += ");
    whole(e->out, e->tape->ref[op.b].stride[e->depth]);
    buffer_text(e->out, ", ");
    value(e, i);
    buffer_text(e->out, " += *x * *y");
}

static void fused_dot(Emitting *e, TapeOp op) {
    const uint32_t ref[] = {op.a, op.b};
    buffer_text(e->out, native_symbol(TAPE_FUSED_DOT));
    for (int i = 0; i < 2; i++) {
        buffer_text(e->out, i ? ", " : "(");
        address(e, ref[i]);
        buffer_text(e->out, ", ");
        whole(e->out, e->tape->ref[ref[i]].stride[e->depth]);
    }
    buffer_text(e->out, ", ");
    whole(e->out, op.c);
    letter(e->out, ')');
}

static void most(Emitting *e, uint32_t i) {
    TapeOp op = e->tape->op[i];
    buffer_text(e->out, "0;\n");
    indent(e);
    buffer_text(e->out, "for (n = 0, x = ");
    address(e, op.a);
    buffer_text(e->out, "; n < ");
    whole(e->out, op.c);
    buffer_text(e->out, "; n++, x += ");
    whole(e->out, e->tape->ref[op.a].stride[e->depth]);
    buffer_text(e->out, ") if (*x > ");
    value(e, i);
    buffer_text(e->out, ") ");
    value(e, i);
    buffer_text(e->out, " = *x");
}

static void larger(Emitting *e, TapeOp op) {
    infix(e, " > ", op);
    buffer_text(e->out, " ? ");
    infix(e, " : ", op);
}

static void pick(Emitting *e, TapeOp op) {
    value(e, op.a);
    buffer_text(e->out, " != 0 ? ");
    value(e, op.b);
    buffer_text(e->out, " : ");
    value(e, op.c);
}

static void assign(Emitting *e, uint32_t i) {
    TapeOp op = e->tape->op[i];
    if (!e->many) buffer_text(e->out, "double ");
    value(e, i);
    buffer_text(e->out, " = ");
    switch (op.code) {
    case TAPE_CONST: constant(e->out, e->tape->constant[op.a]); break;
    case TAPE_LOAD: element(e, op.a); break;
    case TAPE_DOT: dot(e, i); break;
    case TAPE_FUSED_DOT: fused_dot(e, op); break;
    case TAPE_MOST: most(e, i); break;
    case TAPE_LE: infix(e, " <= ", op); break;
    case TAPE_LARGER: larger(e, op); break;
    case TAPE_PICK: pick(e, op); break;
    case TAPE_ADD: infix(e, " + ", op); break;
    case TAPE_SUB: infix(e, " - ", op); break;
    case TAPE_MUL: infix(e, " * ", op); break;
    case TAPE_DIV: infix(e, " / ", op); break;
    case TAPE_NEG:
        letter(e->out, '-');
        value(e, op.a);
        break;
    default: call(e, op);
    }
    buffer_text(e->out, ";\n");
}

static void statement(Emitting *e, uint32_t i) {
    TapeOp op = e->tape->op[i];
    e->depth -= op.code == TAPE_END;
    indent(e);
    switch (op.code) {
    case TAPE_STORE:
        element(e, op.a);
        buffer_text(e->out, " = ");
        value(e, op.b);
        buffer_text(e->out, ";\n");
        break;
    case TAPE_LOOP:
    case TAPE_LANES: buffer_print(e->out, "for (%1$c = 0; %1$c < %2$u; %1$c++) {\n", "ijkl"[e->depth++], op.a); break;
    case TAPE_REPEAT: buffer_text(e->out, "for (;;) {\n"); break;
    case TAPE_UNTIL:
        buffer_text(e->out, "if (");
        value(e, op.a);
        buffer_text(e->out, " != 0) break; }\n");
        break;
    case TAPE_END: buffer_text(e->out, "}\n"); break;
    default: assign(e, i);
    }
}

/* ---- Functions ---- */

static void function(Emitting *e, const char *name) {
    bool used[LAG_ARRAY_COUNT] = {false};
    e->many = e->tape->count > VALUES_MOST;
    buffer_print(e->out, "\nvoid %s(const void *code, double *const *array) {\n    int i, j, k, l, n;\n    double *x, *y;\n",
                 name);
    for (uint32_t i = 0; i < e->tape->ref_count; i++) used[e->tape->ref[i].array] = true;
    for (int a = 0; a < LAG_ARRAY_COUNT; a++)
        if (used[a]) buffer_print(e->out, "    double *x%d = array[%d];\n", a, a);
    if (e->many) buffer_print(e->out, "    double *w = array[%d] + %u;\n", LAG_WORK, e->tape->work);
    for (uint32_t i = 0; i < e->tape->count; i++) statement(e, i);
    buffer_text(e->out, "}\n");
}

static const char *parameters(TapeCode code) {
    static const char *const list[] = {"", "double", "double, double", "double, double, double"};
    return code == TAPE_FUSED_DOT ? "const double *, unsigned long, const double *, unsigned long, unsigned long"
                                  : list[tape_operands(code)];
}

void c_emit(const NativeJob *job, Buffer *out) {
    bool used[TAPE_CODE_COUNT] = {false};
    for (uint32_t t = 0; t < job->count; t++)
        for (uint32_t i = 0; job->tape[t] && i < job->tape[t]->count; i++) used[job->tape[t]->op[i].code] = true;
    for (int code = 0; code < TAPE_CODE_COUNT; code++)
        if (used[code] && native_symbol((TapeCode)code))
            buffer_print(out, "double %s(%s);\n", native_symbol((TapeCode)code), parameters((TapeCode)code));
    for (uint32_t t = 0; t < job->count; t++)
        if (job->tape[t]) function(&(Emitting){.job = job, .tape = job->tape[t], .out = out}, job->name[t]);
}
