/* test_discrete.c: what the programs write and what they leave alone, and how their length grows. */
#include "compile.h"
#include "mech/discrete.h"
#include "solve/step.h"
#include "suite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A text whose last statement is the Lagrangian. */
typedef struct Reading {
    LagSession *session;
    LagProgram *program;
    const LagModel *model;
} Reading;

static Reading read_text(const char *text) {
    Reading reading = {0};
    CU_ASSERT_FATAL(lag_session_new(LAG_ABI, &reading.session) == LAG_OK);
    LagStatus status = lag_read(reading.session, "test", text, strlen(text), &reading.program);
    if (status != LAG_OK) printf("\n    %.60s", text);
    CU_ASSERT_FATAL(status == LAG_OK);
    reading.model = lag_program_model(reading.program);
    return reading;
}

static void reading_free(Reading *reading) {
    lag_program_free(reading->program);
    lag_session_free(reading->session);
}

/* ---- Growth ---- */

/* A chain of n masses and springs that harden; `rods` has each mass carried by the one before, so that B_v and B_q vary. */
static void write_chain(Buffer *out, int n, bool rods) {
    for (int i = 1; i <= n; i++) buffer_print(out, "%sx%dd^2/2", i > 1 ? " + " : "", i);
    for (int i = 1; i < n; i++) {
        buffer_print(out, " - (x%d - x%d)^2/2 - (x%d - x%d)^3/12", i + 1, i, i + 1, i);
        if (rods) buffer_print(out, " + cos(x%d - x%d)*x%dd*x%dd/4", i + 1, i, i + 1, i);
    }
}

typedef struct Length {
    uint32_t operations, work;
} Length;

static Length length_of(int n, bool rods, LagRoutine routine) {
    Buffer text = {0};
    Tape tape = {0};
    write_chain(&text, n, rods);
    Reading reading = read_text(text.bytes);
    size_t size[LAG_ARRAY_COUNT];
    Mechanics *m = &model_changeable(reading.model)->mech;
    discrete_sizes(m, 4, size);
    discrete_tape(m, routine, 4, &tape);
    CU_ASSERT_PTR_NULL(tape_check(&tape, size));
    Length length = {tape.count, tape.work};
    tape_free(&tape);
    reading_free(&reading);
    buffer_free(&text);
    return length;
}

/* Twice the chain, at most 2.1 times the operations and the memory. */
static void test_growth(void) {
    for (int rods = 0; rods < 2; rods++)
        for (int routine = 0; routine < LAG_ROUTINE_COUNT; routine++) {
            Length before = {0};
            for (int n = 25; n <= 200; n *= 2) {
                Length length = length_of(n, rods, (LagRoutine)routine);
                if (before.operations && length.operations > 2.1 * before.operations)
                    printf("\n    %s, %d masses: %u operations after %u", compile_routine_name[routine], n,
                           (unsigned)length.operations, (unsigned)before.operations);
                CU_ASSERT(!before.operations || length.operations <= 2.1 * before.operations);
                CU_ASSERT(!before.operations || length.work <= 2.1 * before.work);
                before = length;
            }
        }
}

/* ---- What is written ---- */

static const double untouched = 0x1.23456789abcdep-300; /* no result is this */

static void fill(double *x, size_t count, double value) {
    for (size_t i = 0; i < count; i++) x[i] = value;
}

/* A state somewhere, parameters and a step. */
static void draw(const Frame *f, SuiteRandom *random) {
    const LagArray input[] = {LAG_PARAMETER, LAG_Q, LAG_V, LAG_PI, LAG_Z};
    for (size_t i = 0; i < sizeof input / sizeof *input; i++)
        for (size_t j = 0; j < f->kernel->size[input[i]]; j++) {
            bool small = input[i] == LAG_Z;
            f->array[input[i]][j] = suite_uniform(random, small ? -0.05 : 0.3, small ? 0.05 : 1.1);
        }
    f->array[LAG_TIME][0] = 0.7, f->array[LAG_TIME][1] = 0.3;
}

/* A matrix that a program writes beside the function that it is the derivative of. */
typedef struct Derivative {
    LagRoutine routine, of; /* of: the program that writes the function alone */
    LagArray matrix, function, by;
} Derivative;

static const Derivative derivative[] = {
    {LAG_STEP_JACOBIAN, LAG_STEP_RESIDUAL, LAG_JACOBIAN, LAG_RESIDUAL, LAG_Z},
    {LAG_POINT_JACOBIAN, LAG_POINT, LAG_AQ, LAG_A, LAG_Q},
    {LAG_POINT_JACOBIAN, LAG_POINT, LAG_AV, LAG_A, LAG_V},
    {LAG_POINT_JACOBIAN, LAG_POINT, LAG_BQ, LAG_B, LAG_Q},
    {LAG_POINT_JACOBIAN, LAG_POINT, LAG_BV, LAG_B, LAG_V},
    {LAG_POINT_JACOBIAN, LAG_POINT, LAG_BT, LAG_B, LAG_TIME},
};

/* Central differences of the function by variable j, into `column`. */
static void differences(const Frame *f, const Derivative *d, size_t j, size_t rows, double *column) {
    double *x = &f->array[d->by][j], kept = *x, step = 1e-6;
    const double *y = f->array[d->function];
    *x = kept + step;
    frame_run(f, d->of);
    memcpy(column, y, rows * sizeof *y);
    *x = kept - step;
    frame_run(f, d->of);
    for (size_t i = 0; i < rows; i++) column[i] = (column[i] - y[i]) / (2 * step);
    *x = kept;
}

/* Where a number was written it is the derivative; where none was, the derivative is 0. `written` [rows, columns] is what
 * was the last time, or all of it is 2. */
static unsigned check_matrix(const Frame *f, const Derivative *d, const double *matrix, unsigned char *written) {
    size_t rows = f->kernel->size[d->function], columns = f->kernel->size[d->matrix] / rows;
    double *column = calloc(rows, sizeof *column);
    unsigned wrong = 0;
    for (size_t j = 0; j < columns; j++) {
        differences(f, d, j, rows, column);
        for (size_t i = 0; i < rows; i++) {
            double entry = matrix[i * columns + j];
            unsigned char *mark = &written[i * columns + j], here = entry != untouched;
            wrong += !suite_near(here ? entry : 0, column[i], 1e-6) || (*mark < 2 && *mark != here);
            *mark = here;
        }
    }
    free(column);
    return wrong;
}

static void check_written(const char *text, uint32_t r, LagBackend backend) {
    Reading reading = read_text(text);
    const LagKernel *kernel;
    SuiteRandom random = {r};
    Frame f;
    CU_ASSERT_FATAL(lag_model_kernel(reading.model, r, backend, &kernel) == LAG_OK);
    CU_ASSERT_FATAL(frame_init(&f, kernel, true) == LAG_OK);
    for (size_t i = 0; i < sizeof derivative / sizeof *derivative; i++) {
        const Derivative *d = &derivative[i];
        size_t size = kernel->size[d->matrix];
        double *matrix = calloc(size, sizeof *matrix);
        unsigned char *written = malloc(size);
        memset(written, 2, size);
        for (int point = 0; point < 3; point++) {
            draw(&f, &random);
            fill(f.array[d->matrix], size, untouched);
            fill(f.array[d->function], kernel->size[d->function], untouched);
            frame_run(&f, d->routine);
            memcpy(matrix, f.array[d->matrix], size * sizeof *matrix);
            for (size_t j = 0; j < kernel->size[d->function]; j++) CU_ASSERT(f.array[d->function][j] != untouched);
            unsigned wrong = check_matrix(&f, d, matrix, written);
            if (wrong) printf("\n    %.60s, r = %u, matrix %d: %u wrong", text, (unsigned)r, (int)d->matrix, wrong);
            CU_ASSERT_EQUAL(wrong, 0);
        }
        free(matrix);
        free(written);
    }
    frame_free(&f);
    reading_free(&reading);
}

/* Couplings of every kind: blocks that are full, that are empty, that vary or do not; by the point and by time. */
static void test_written(void) {
    Buffer chain = {0}, rods = {0};
    write_chain(&chain, 17, false);
    write_chain(&rods, 16, true);
    const char *const text[] = {
        "m*qd^2/2 - k*q^2/2 - c*qd_p*q_m",
        "xd^2/2 + yd^2/2 + zd^2 - x*y - c*xd_p*x_m - xd_p*z_m",
        "(rd^2 + r^2*ad^2)/2 + mu/r + bd^2/2",
        "(1 + t)*xd^2/2 + t*yd*x + yd^2 - exp(-t)*x*y^2",
        "ud^2 + vd^2*cosh(u) + u*vd - w^2*ud + wd^2 + wd^4*v - sin(u*v)",
        "xd^2 + ((y + 1)^2 - y^2 - 2*y)*yd^2 + zd*y - zd_p*(z_m + y_m)*x_p^2 + zd^2 + zd^4",
        chain.bytes,
        rods.bytes,
    };
    for (size_t i = 0; i < sizeof text / sizeof *text; i++)
        for (uint32_t r = 0; r < 6; r = 2 * r + 1) {
            check_written(text[i], r, LAG_BACKEND_INTERPRETER);
            if (r == 1) check_written(text[i], r, LAG_BACKEND_LLVM);
        }
    buffer_free(&chain);
    buffer_free(&rods);
}

/* ---- What is brought ---- */

/* Whatever stands in the matrices before a step, as factors do, no bit of the step shows it. */
static void test_brought(void) {
    Buffer text = {0};
    write_chain(&text, 6, true);
    buffer_text(&text, " - x1d_p*x1_m/10 + t*x2");
    Reading reading = read_text(text.bytes);
    const LagKernel *kernel;
    Frame frame[2];
    Stepper stepper[2];
    SuiteRandom random = {1};
    CU_ASSERT_FATAL(lag_model_kernel(reading.model, 3, LAG_BACKEND_INTERPRETER, &kernel) == LAG_OK);
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_FATAL(frame_init(&frame[i], kernel, true) == LAG_OK);
        CU_ASSERT_FATAL(stepper_init(&stepper[i], &frame[i]) == LAG_OK);
    }
    for (uint32_t k = 0; k < kernel->dof; k++)
        for (int i = 0; i < 2; i++) {
            SuiteRandom same = random;
            frame[i].array[LAG_Q][k] = suite_uniform(&same, -1, 1);
            frame[i].array[LAG_PI][k] = suite_uniform(&same, -1, 1);
            if (i) random = same;
        }
    for (int step = 0; step < 20; step++) {
        fill(frame[1].array[LAG_JACOBIAN], kernel->size[LAG_JACOBIAN], 3);
        fill(frame[1].array[LAG_BV], kernel->size[LAG_BV], 3);
        for (int i = 0; i < 2; i++) {
            CU_ASSERT_EQUAL(stepper_step(&stepper[i], step * 0.1, 0.1), LAG_OK);
            CU_ASSERT_EQUAL(point_velocity(&frame[i]), LAG_OK);
        }
        const LagArray state[] = {LAG_Q, LAG_PI, LAG_V};
        for (int a = 0; a < 3; a++)
            CU_ASSERT_EQUAL(memcmp(frame[0].array[state[a]], frame[1].array[state[a]], kernel->dof * sizeof(double)), 0);
    }
    for (int i = 0; i < 2; i++) {
        stepper_free(&stepper[i]);
        frame_free(&frame[i]);
    }
    reading_free(&reading);
    buffer_free(&text);
}

void suite_discrete(void) {
    suite_add("discrete", (SuiteTest[]){{"length grows with the number of masses", test_growth},
                                        {"what is not written is zero", test_written},
                                        {"what stood there before", test_brought},
                                        {0}});
}
