/* own_loss.c: a program that minimises a loss of its own over motions.
 *
 *     cc own_loss.c $(pkg-config --cflags --libs lag) -lm -o own_loss && ./own_loss
 *
 * The loss is Cauchy's, sum log(1 + (e/s)^2), which hardly minds wild points; lag has none such. lag_tangents gives the
 * motion at the observations and its derivatives in what is looked for; the rest of the chain rule is this program's, and so
 * is the way down: Gauss and Newton's, each observation weighed by how far off it is. Beside it stands what lag_fit makes of
 * the same data. */
#include <lag.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ROWS = 41, UNKNOWNS = 3, ROUNDS = 60 };

static const double truth[UNKNOWNS] = {2, 4, 1}, size = 0.003;

/* Positions of a damped oscillator, with errors of 0.003, and one in five far off. The numbers are the same every day. */
static double noise(unsigned *state) {
    double sum = 0;
    for (int i = 0; i < 12; i++) {
        *state = *state * 1664525u + 1013904223u;
        sum += *state / 4294967296.0;
    }
    return sum - 6;
}

static LagStatus observe(LagGradient *gradient, LagGradientAsk *ask, const LagUnknown *unknown, double *seen) {
    unsigned state = 2;
    ask->c = truth;
    LagStatus status = lag_tangents(gradient, ask, UNKNOWNS, unknown, &(LagTangents){.q = seen});
    for (int i = 0; i < ROWS; i++) seen[i] += (i % 5 == 3 ? 30 : 1) * size * noise(&state);
    return status;
}

/* Solves H x = g, of three equations, by Cramer's rule. */
static void solve(const double H[9], const double g[3], double x[3]) {
    double whole = 0, part;
    for (int column = -1; column < 3; column++) {
        double a[9];
        memcpy(a, H, sizeof a);
        for (int row = 0; row < 3 && column >= 0; row++) a[3 * row + column] = g[row];
        part = a[0] * (a[4] * a[8] - a[5] * a[7]) - a[1] * (a[3] * a[8] - a[5] * a[6]) + a[2] * (a[3] * a[7] - a[4] * a[6]);
        if (column < 0)
            whole = part;
        else
            x[column] = part / whole;
    }
}

/* The loss at c, its gradient g and a matrix H that is near its second derivative. */
static double cauchy(LagGradient *gradient, LagGradientAsk *ask, const LagUnknown *unknown, const double *seen,
                     const double *c, double *g, double *H) {
    double q[ROWS], slope[ROWS * UNKNOWNS], loss = 0;
    ask->c = c;
    if (lag_tangents(gradient, ask, UNKNOWNS, unknown, &(LagTangents){.q = q, .dq = slope}) != LAG_OK) return INFINITY;
    memset(g, 0, UNKNOWNS * sizeof *g);
    memset(H, 0, UNKNOWNS * UNKNOWNS * sizeof *H);
    for (int i = 0; i < ROWS; i++) {
        double e = (q[i] - seen[i]) / size, weight = 2 / (1 + e * e);
        loss += log1p(e * e);
        for (int a = 0; a < UNKNOWNS; a++) {
            g[a] += weight * e / size * slope[i * UNKNOWNS + a];
            for (int b = 0; b < UNKNOWNS; b++)
                H[a * UNKNOWNS + b] += weight / (size * size) * slope[i * UNKNOWNS + a] * slope[i * UNKNOWNS + b];
        }
    }
    return loss;
}

static void descend(LagGradient *gradient, LagGradientAsk *ask, const LagUnknown *unknown, const double *seen, double *c) {
    double g[UNKNOWNS], H[UNKNOWNS * UNKNOWNS], damping = 1e-2;
    double loss = cauchy(gradient, ask, unknown, seen, c, g, H);
    for (int round = 0; round < ROUNDS; round++) {
        double step[UNKNOWNS], next[UNKNOWNS], next_g[UNKNOWNS], next_H[UNKNOWNS * UNKNOWNS], damped[UNKNOWNS * UNKNOWNS];
        memcpy(damped, H, sizeof H);
        for (int a = 0; a < UNKNOWNS; a++) damped[a * UNKNOWNS + a] *= 1 + damping;
        solve(damped, g, step);
        for (int a = 0; a < UNKNOWNS; a++) next[a] = c[a] - step[a];
        double there = cauchy(gradient, ask, unknown, seen, next, next_g, next_H);
        damping *= there < loss ? 0.2 : 10;
        if (!(there < loss)) continue;
        loss = there;
        memcpy(c, next, sizeof next);
        memcpy(g, next_g, sizeof g);
        memcpy(H, next_H, sizeof H);
    }
    printf("Cauchy's loss      c1 = %.3f  c2 = %.3f  c3 = %.3f\n", c[0], c[1], c[2]);
}

int main(void) {
    static const char text[] = "c1*qd^2 - c2*q^2 - c3*qd_p*q_m";
    LagSession *session;
    LagProgram *program;
    const LagKernel *kernel;
    LagGradient *gradient;
    double q = 0, pi = 1, t[ROWS], seen[ROWS], guess[UNKNOWNS] = {1.5, 5, 1.5}, fitted[UNKNOWNS];
    if (lag_session_new(LAG_ABI, &session) != LAG_OK || lag_read(session, "family", text, strlen(text), &program) != LAG_OK)
        return 1;
    if (lag_model_kernel(lag_program_model(program), 2, LAG_BACKEND_AUTO, &kernel) != LAG_OK) return 1;
    if (lag_gradient_new(kernel, 1, 1, &gradient) != LAG_OK) return 1;
    const LagUnknown unknown[UNKNOWNS] = {
        {LAG_UNKNOWN_PARAMETER, 0}, {LAG_UNKNOWN_PARAMETER, 1}, {LAG_UNKNOWN_PARAMETER, 2}};
    const LagLoss squares = {.kind = LAG_LOSS_MSE, .alpha = 1, .beta = 1};
    for (int i = 0; i < ROWS; i++) t[i] = 0.1 * i;
    LagGradientAsk ask = {.h = 0.1, .steps = ROWS - 1, .q = &q, .pi = &pi, .seen = {ROWS, t, seen, NULL}, .loss = &squares};
    if (observe(gradient, &ask, unknown, seen) != LAG_OK) return 1;
    printf("the truth          c1 = %.3f  c2 = %.3f  c3 = %.3f\n", truth[0], truth[1], truth[2]);
    ask.c = guess;
    LagFitAsk fit = {.motion = ask, .unknowns = UNKNOWNS, .unknown = unknown};
    if (lag_fit(kernel, &fit, &(LagFitOut){.value = fitted}) != LAG_OK) return 1;
    printf("least squares      c1 = %.3f  c2 = %.3f  c3 = %.3f\n", fitted[0], fitted[1], fitted[2]);
    descend(gradient, &ask, unknown, seen, guess);
    lag_gradient_free(gradient);
    lag_program_free(program);
    lag_session_free(session);
    return 0;
}
