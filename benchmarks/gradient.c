/* gradient.c: what a loss and its exact gradient cost, and the loss about a minimum (figure 8 of Roberts, "A Lagrangian
 * mechanics oriented approach to neural networks").
 *
 * Compares values, then prints microseconds a sample, and how many times its forward run a gradient takes. With the argument
 * 8 it prints the landscape as CSV: of the paper's family, and of those of its eqs. 30a and 30b.
 *
 * The loss is that of tests/golden/gradient.csv: 41 points, r = 2, dt = 0.1, three coefficients. Exit status 1 where a value
 * is not what it should be. */
#include "measure.h"

#include <lag.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ROWS = 41, TIMES = 9, ROUNDS = 7, MOST = 8 };

static const char damped[] = "c1*qd^2 - c2*q^2 - c3*qd_p*q_m";
static const char hardening[] = "c1*qd^2 - c2*q^2 - c3*qd_p*q_m - q^4/10";
static const char drag[] = "param beta, GM, c; (xd^2 + yd^2)/2 + (1 - beta)*GM/sqrt(x^2 + y^2)"
                           " - beta*GM/c/(x_p^2 + y_p^2)*(xd_p*x_m + yd_p*y_m"
                           " + (xd_p*x_p + yd_p*y_p)*(x_p*x_m + y_p*y_m)/(x_p^2 + y_p^2))";

static void need(LagStatus status, const char *what) {
    if (status == LAG_OK) return;
    fprintf(stderr, "%s: %s\n", what, lag_status_text(status));
    exit(1);
}

/* A Lagrangian of one coordinate or two, and a motion of it. */
typedef struct Motion {
    LagSession *session;
    LagProgram *program;
    const LagKernel *kernel;
    uint32_t d, m;
    double h;
    size_t rows, every;
    double *t, *q, *pi; /* [rows], [rows, d] */
} Motion;

static Motion motion_of(const char *text, uint32_t r, double h, size_t rows, size_t every, const double *c, const double *q,
                        const double *pi) {
    Motion m = {.h = h, .rows = rows, .every = every};
    LagIntegrator *it;
    need(lag_session_new(LAG_ABI, &m.session), "session");
    need(lag_read(m.session, "family", text, strlen(text), &m.program), "text");
    need(lag_model_kernel(lag_program_model(m.program), r, LAG_BACKEND_LLVM, &m.kernel), "kernel");
    m.d = m.kernel->dof, m.m = m.kernel->parameter_count;
    m.t = calloc(rows * (1 + 2 * m.d), sizeof *m.t);
    if (!m.t) exit(1);
    m.q = m.t + rows, m.pi = m.q + rows * m.d;
    need(lag_integrator_new(m.kernel, LAG_METHOD_GGL, &it), "integrator");
    lag_integrator_parameters(it, c);
    need(lag_integrator_start(it, 0, q, pi), "start");
    LagRows kept = {.capacity = rows, .t = m.t, .q = m.q, .pi = m.pi};
    lag_integrator_state(it, &kept);
    need(lag_integrator_advance(it, h, (rows - 1) * every, every, &kept), "motion");
    lag_integrator_free(it);
    return m;
}

static void motion_free(Motion *m) {
    free(m->t);
    lag_program_free(m->program);
    lag_session_free(m->session);
}

/* ---- Time ---- */

/* So many systems near each other, all compared with the motion. */
typedef struct Samples {
    size_t count;
    double *c, *q, *pi, *seen_q, *seen_pi, *loss, *slope;
    double *block;
} Samples;

static Samples samples_of(const Motion *m, size_t count, const double *c, const double *q, const double *pi) {
    size_t seen = m->rows * m->d;
    Samples s = {.count = count, .block = calloc(count * (2 * m->m + 2 * m->d + 2 * seen + 1), sizeof *s.block)};
    if (!s.block) exit(1);
    s.c = s.block, s.q = s.c + count * m->m, s.pi = s.q + count * m->d, s.seen_q = s.pi + count * m->d;
    s.seen_pi = s.seen_q + count * seen, s.loss = s.seen_pi + count * seen, s.slope = s.loss + count;
    for (size_t i = 0; i < count; i++) {
        for (uint32_t j = 0; j < m->m; j++) s.c[i * m->m + j] = c[j] * (1 + 0.001 * (double)(i % 16));
        memcpy(s.q + i * m->d, q, m->d * sizeof *q);
        memcpy(s.pi + i * m->d, pi, m->d * sizeof *pi);
        memcpy(s.seen_q + i * seen, m->q, seen * sizeof *q);
        memcpy(s.seen_pi + i * seen, m->pi, seen * sizeof *q);
    }
    return s;
}

static double gradient_seconds(const Motion *m, const Samples *s) {
    const LagLoss loss = {.kind = LAG_LOSS_L2, .alpha = 1, .beta = 1};
    LagGradient *gradient;
    double seconds[TIMES];
    need(lag_gradient_new(m->kernel, s->count, 1, &gradient), "gradient");
    LagGradientAsk ask = {.h = m->h,
                          .steps = (m->rows - 1) * m->every,
                          .c = s->c,
                          .q = s->q,
                          .pi = s->pi,
                          .seen = {m->rows, m->t, s->seen_q, s->seen_pi},
                          .loss = &loss};
    int runs = s->count * m->rows * m->every > 10000 ? 1 : (int)(10000 / (s->count * m->rows * m->every)) + 1;
    need(lag_gradient_run(gradient, &ask, &(LagGradientOut){.loss = s->loss, .c = s->slope}), "run"); /* makes code */
    for (int i = 0; i < TIMES; i++) {
        double start = seconds_of_cpu();
        for (int j = 0; j < runs; j++)
            need(lag_gradient_run(gradient, &ask, &(LagGradientOut){.loss = s->loss, .c = s->slope}), "run");
        seconds[i] = (seconds_of_cpu() - start) / runs;
    }
    lag_gradient_free(gradient);
    return median(seconds, TIMES) / (double)s->count;
}

/* One system is taken forth by an integrator: a batch of one would do the work of eight. */
static double alone_seconds(const Motion *m, const Samples *s) {
    LagIntegrator *it;
    double seconds[TIMES];
    int runs = m->rows * m->every > 10000 ? 1 : (int)(10000 / (m->rows * m->every)) + 1;
    need(lag_integrator_new(m->kernel, LAG_METHOD_GGL, &it), "integrator");
    lag_integrator_parameters(it, s->c);
    for (int i = -1; i < TIMES; i++) {
        double start = seconds_of_cpu();
        for (int j = 0; j < runs; j++) {
            need(lag_integrator_start(it, 0, s->q, s->pi), "start");
            LagRows rows = {.capacity = m->rows - 1, .q = s->seen_q, .pi = s->seen_pi};
            need(lag_integrator_advance(it, m->h, (m->rows - 1) * m->every, m->every, &rows), "steps");
        }
        if (i >= 0) seconds[i] = (seconds_of_cpu() - start) / runs;
    }
    lag_integrator_free(it);
    return median(seconds, TIMES);
}

static double forward_seconds(const Motion *m, const Samples *s) {
    LagBatch *batch;
    double seconds[TIMES];
    if (s->count == 1) return alone_seconds(m, s);
    need(lag_batch_new(m->kernel, LAG_METHOD_GGL, s->count, 1, &batch), "batch");
    lag_batch_parameters(batch, s->c);
    for (int i = -1; i < TIMES; i++) {
        double start = seconds_of_cpu();
        need(lag_batch_start(batch, 0, s->q, s->pi), "start");
        LagBatchRows rows = {.capacity = m->rows - 1, .q = s->seen_q, .pi = s->seen_pi};
        need(lag_batch_advance(batch, m->h, (m->rows - 1) * m->every, m->every, &rows), "steps");
        if (i >= 0) seconds[i] = seconds_of_cpu() - start;
    }
    lag_batch_free(batch);
    return median(seconds, TIMES) / (double)s->count;
}

static void time_family(const char *name, const char *text) {
    const double truth[] = {2, 4, 1}, c[] = {2.2, 3.7, 1.3}, q = 0, pi = 1;
    Motion m = motion_of(text, 2, 0.1, ROWS, 1, truth, &q, &pi);
    for (size_t count = 1; count <= 1024; count *= count == 1 ? 64 : 16) {
        Samples s = samples_of(&m, count, c, &q, &pi);
        double gradient = gradient_seconds(&m, &s), forward = forward_seconds(&m, &s);
        printf("%-22s %5zu  %8.3f us  %8.3f us\n", name, count, 1e6 * gradient, 1e6 * forward);
        free(s.block);
    }
    motion_free(&m);
}

/* Drag at 0.8 of the Earth's distance, for so many years in 20 rows. */
static void time_drag(uint32_t r, double h, double years, size_t count) {
    const double truth[] = {0.05, 39.478758435, 63241.3}, c[] = {0.051, 39.478758435, 63241.3};
    const double q[] = {0.8, 0}, pi[] = {0, 7.65};
    Motion m = motion_of(drag, r, h, 21, (size_t)round(years / h / 20), truth, q, pi);
    Samples s = samples_of(&m, count, c, q, pi);
    double steps = (double)((m.rows - 1) * m.every), gradient[ROUNDS], forward[ROUNDS], times[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) { /* by turns: the machine's pace changes */
        gradient[i] = gradient_seconds(&m, &s);
        forward[i] = forward_seconds(&m, &s);
        times[i] = gradient[i] / forward[i];
    }
    double back = median(gradient, ROUNDS), forth = median(forward, ROUNDS);
    printf("drag, r = %u, %3.0f years %5zu  %8.3f us  %8.3f us  a step: %.0f ns, forward %.0f ns: %.2f times\n", r, years,
           count, 1e6 * back, 1e6 * forth, 1e9 * back / steps, 1e9 * forth / steps, median(times, ROUNDS));
    free(s.block);
    motion_free(&m);
}

/* ---- Values ---- */

static int check(void) {
    static const double reference[] = {1.0070483448963456924, 2.5626408218428207284, -1.4584868430753604944,
                                       -0.12414232273070492091};
    const double truth[] = {2, 4, 1}, c[] = {2.2, 3.7, 1.3}, q = 0, pi = 1;
    Motion m = motion_of(damped, 2, 0.1, ROWS, 1, truth, &q, &pi);
    Samples s = samples_of(&m, 1, c, &q, &pi);
    gradient_seconds(&m, &s);
    double worst = fabs(s.loss[0] / reference[0] - 1);
    for (int i = 0; i < 3; i++) worst = fmax(worst, fabs(s.slope[i] / reference[i + 1] - 1));
    printf("against the reference: %.1e\n", worst);
    free(s.block);
    motion_free(&m);
    return worst < 1e-11;
}

/* ---- Figure 8 ---- */

static void landscape(const char *name, const char *text, const double *truth) {
    const double q = 0, pi = 1;
    const LagLoss loss = {.kind = LAG_LOSS_L2, .alpha = 1, .beta = 1};
    Motion m = motion_of(text, 2, 0.1, ROWS, 1, truth, &q, &pi);
    LagGradient *gradient;
    need(lag_gradient_new(m.kernel, 1, 1, &gradient), "gradient");
    for (uint32_t j = 0; j < m.m; j++)
        for (int i = -40; i <= 200; i++) {
            double c[MOST], value, slope[MOST];
            memcpy(c, truth, m.m * sizeof *c);
            c[j] += i * 0.05;
            LagGradientAsk ask = {
                .h = 0.1, .steps = ROWS - 1, .c = c, .q = &q, .pi = &pi, .seen = {ROWS, m.t, m.q, m.pi}, .loss = &loss};
            lag_gradient_run(gradient, &ask, &(LagGradientOut){.loss = &value, .c = slope});
            printf("%s,%s,%.2f,%.17g,%.17g\n", name, lag_model_parameter(lag_program_model(m.program), j), i * 0.05, value,
                   slope[j]);
        }
    lag_gradient_free(gradient);
    motion_free(&m);
}

static int figure8(void) {
    printf(
        "# loss (eq. 28) about its minimum, one coefficient moved at a time; r = 2, dt = 0.1, 41 points, q = 0, pi_q = 1\n"
        "family,moved,by,loss,slope\n");
    landscape("27", damped, (double[]){2, 3, 1});
    landscape("30a", "c1*qd^2 - c2*(c3*q^2 + c4*qd_p*q_m)", (double[]){2, 1, 3, 1});
    landscape("30b", "c1*(c2*qd^2 - c3*(c4*q^2 + c5*qd_p*q_m))", (double[]){1, 2, 1, 3, 1});
    return 1;
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "8") == 0) return !figure8();
    if (!check()) return 1;
    printf("%-22s %5s  %11s  %11s\n", "a sample of", "batch", "gradient", "forward");
    time_family("damped oscillator", damped);
    time_family("hardening oscillator", hardening);
    for (size_t count = 1; count <= 1024; count *= count == 1 ? 64 : 16) {
        time_drag(2, 0.01, 2, count);
        time_drag(4, 0.02, 2, count);
        time_drag(8, 0.05, 2, count);
    }
    time_drag(2, 0.01, 200, 1);
    time_drag(4, 0.02, 200, 1);
    time_drag(8, 0.05, 200, 1);
    return 0;
}
