/* test_laws.c: what must hold whatever the implementation: order, reversibility, symplecticity, conservation, equivalence.
 */
#include "harness.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Damped oscillator m q'' = -k q - c q', underdamped, from q = 1, q' = 0: q and m q'. */
static void damped(double m, double k, double c, double t, double *q, double *pi) {
    double g = c / (2 * m), w = sqrt(k / m - g * g), e = exp(-g * t);
    *q = e * (cos(w * t) + g / w * sin(w * t));
    *pi = -m * e * (w + g * g / w) * sin(w * t);
}

static double error_at(const Harness *h, uint32_t r, double dt, double T) {
    const double q0 = 1, pi0 = 0;
    uint64_t steps = (uint64_t)(T / dt + 0.5);
    double *row = harness_integrate(
        h, (HarnessRun){.r = r, .backend = LAG_BACKEND_LLVM, .h = dt, .steps = steps, .q = &q0, .pi = &pi0});
    double q, pi, error = NAN;
    damped(1, 1, 0.2, T, &q, &pi);
    if (row) error = hypot(row[3 * steps + 1] - q, row[3 * steps + 2] - pi);
    free(row);
    return error;
}

/* The order is 2r + 2 (method.md). */
static void test_order(void) {
    static const double dt[] = {0.05, 0.25, 0.5, 1, 1.5, 2.4}; /* large enough that truncation stands above round-off */
    Harness h = harness_read("m = 1; k = 1; c = 0.2; m*qd^2/2 - k*q^2/2 - c*qd_p*q_m");
    for (uint32_t r = 0; r <= 5; r++) {
        double order = log2(error_at(&h, r, dt[r], 12) / error_at(&h, r, dt[r] / 2, 12));
        printf("\n    r = %u: order %.2f", r, order);
        CU_ASSERT(fabs(order - (2 * r + 2)) < 0.4);
    }
    harness_free(&h);
}

/* Forward and back with h and -h: the map of a conservative Lagrangian is symmetric. */
static void test_reversible(void) {
    static const char *const text[] = {
        "xd^2/2 + yd^2/2 + 1/sqrt(x^2 + y^2)",
        "(1 + x^2)*xd^2/2 + yd^2/2 + xd*yd*cos(y)/3 - x^2/2 - y^4/4",
        "xd^2/2 + yd^2/2 + (x*yd - y*xd)/2 - x^2 - y^2/3",
    };
    const double q[] = {0.9, 0.1}, pi[] = {0.2, 0.8};
    for (size_t i = 0; i < 3; i++)
        for (uint32_t r = 0; r <= 8; r += 2) {
            Harness h = harness_read(text[i]);
            double *there = harness_integrate(&h, (HarnessRun){.r = r, .h = 0.05, .steps = 100, .q = q, .pi = pi});
            double *back =
                there ? harness_integrate(
                            &h, (HarnessRun){.r = r, .h = -0.05, .steps = 100, .t = 5, .q = there + 501, .pi = there + 503})
                      : NULL;
            for (int j = 0; back && j < 2; j++) {
                CU_ASSERT(fabs(back[501 + j] - q[j]) < 1e-12);
                CU_ASSERT(fabs(back[503 + j] - pi[j]) < 1e-12);
            }
            free(there);
            free(back);
            harness_free(&h);
        }
}

/* The step's derivative M by differences of 6th order, for M^T W M = W with the symplectic form W. */
static void test_symplectic(void) {
    static const char text[] = "(1 + x^2)*xd^2/2 + yd^2/2 + xd*yd*cos(y)/3 - x^2/2 - y^4/4";
    static const double weight[] = {45. / 60, -9. / 60, 1. / 60};
    const double start[4] = {0.9, 0.1, 0.2, 0.8}, delta = 0.01;
    for (uint32_t r = 0; r <= 4; r++) {
        Harness h = harness_read(text);
        double M[4][4] = {{0}};
        for (int j = 0; j < 4; j++)
            for (int i = -3; i <= 3; i++) {
                double s[4];
                memcpy(s, start, sizeof s);
                s[j] += i * delta;
                if (!i) continue;
                double *row = harness_integrate(&h, (HarnessRun){.r = r, .h = 0.3, .steps = 1, .q = s, .pi = s + 2});
                for (int k = 0; row && k < 4; k++) M[k][j] += (i > 0 ? 1 : -1) * weight[abs(i) - 1] / delta * row[5 + 1 + k];
                free(row);
            }
        for (int a = 0; a < 4; a++)
            for (int b = 0; b < 4; b++) {
                double form = 0, want = b == a + 2 ? 1 : a == b + 2 ? -1 : 0;
                for (int k = 0; k < 2; k++) form += M[k][a] * M[k + 2][b] - M[k + 2][a] * M[k][b];
                CU_ASSERT(fabs(form - want) < 1e-8);
            }
        harness_free(&h);
    }
}

/* A cyclic coordinate's momentum is conserved, whatever the other coordinates lose. */
static void test_cyclic(void) {
    Harness h = harness_read("c = 0.3; coord rho, phi; (rhod^2 + rho^2*phid^2)/2 + 1/rho - c*rhod_p*rho_m");
    const double q[] = {1, 0}, pi[] = {0.3, 0.9};
    CU_ASSERT(lag_model_facts(h.model)->cyclic[1]);
    CU_ASSERT(!lag_model_facts(h.model)->cyclic[0]);
    for (uint32_t r = 0; r <= 8; r += 2) {
        double *row = harness_integrate(&h, (HarnessRun){.r = r, .h = 0.05, .steps = 1000, .q = q, .pi = pi});
        double worst = 0;
        for (int n = 0; row && n <= 1000; n++) worst = fmax(worst, fabs(row[5 * n + 4] - 0.9));
        CU_ASSERT(row && worst < 1e-13);
        free(row);
    }
    harness_free(&h);
}

/* exp(g t / m) (T - V) moves like T - V with linear drag g (Caldirola and Kanai). */
static void test_caldirola_kanai(void) {
    Harness kanai = harness_read("m = 1; k = 1; g = 0.2; exp(g*t/m)*(m*qd^2/2 - k*q^2/2)");
    Harness drag = harness_read("m = 1; k = 1; g = 0.2; m*qd^2/2 - k*q^2/2 - g*qd_p*q_m");
    const double q = 1, v = 0.3;
    HarnessRun run = {.r = 8, .h = 0.1, .steps = 200, .q = &q, .v = &v};
    double *a = harness_integrate(&kanai, run), *b = harness_integrate(&drag, run);
    for (int n = 0; a && b && n <= 200; n++) {
        CU_ASSERT(suite_near(a[3 * n + 1], b[3 * n + 1], 1e-12));
        CU_ASSERT(suite_near(a[3 * n + 2] * exp(-0.2 * a[3 * n]), b[3 * n + 2], 1e-12));
    }
    free(a);
    free(b);
    harness_free(&kanai);
    harness_free(&drag);
}

/* A chain at rest but for its first mass: what the motion has hardly reached is made of round-off, and holds nothing up. */
static void test_chain(void) {
    enum { MASSES = 60 };
    static char text[MASSES * 64];
    size_t used = 0;
    for (int i = 1; i <= MASSES; i++) used += (size_t)snprintf(text + used, sizeof text - used, "x%dd^2/2 + ", i);
    for (int i = 1; i < MASSES; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s(x%d - x%d)^2/2 - (x%d - x%d)^3/12",
                                 i > 1 ? " - " : "0 - ", i + 1, i, i + 1, i);
    Harness h = harness_read(text);
    double q[MASSES] = {1}, pi[MASSES] = {0};
    double *row = harness_integrate(&h, (HarnessRun){.r = 2, .h = 0.1, .steps = 20, .q = q, .pi = pi});
    const size_t width = 1 + 2 * MASSES;
    for (int n = 0; row && n <= 20; n++) { /* nothing holds the chain: its momentum stays 0 and its middle where it was */
        double momentum = 0, middle = 0;
        for (int i = 0; i < MASSES; i++) middle += row[n * width + 1 + i], momentum += row[n * width + 1 + MASSES + i];
        CU_ASSERT(fabs(momentum) < 1e-14 && fabs(middle - 1) < 1e-14);
    }
    free(row);
    harness_free(&h);
}

/* RK4 and RK2 integrate the same equations, with their own orders. */
static void test_runge_kutta(void) {
    Harness h = harness_read("m = 1; k = 1; c = 0.2; m*qd^2/2 - k*q^2/2 - c*qd_p*q_m");
    const double q0 = 1, pi0 = 0;
    for (int method = LAG_METHOD_RK2; method <= LAG_METHOD_RK4; method++) {
        double error[2];
        for (int half = 0; half < 2; half++) {
            uint64_t steps = 100u << half;
            HarnessRun run = {
                .r = 0, .method = (LagMethod)method, .h = 10.0 / (double)steps, .steps = steps, .q = &q0, .pi = &pi0};
            double *row = harness_integrate(&h, run), q, pi;
            damped(1, 1, 0.2, 10, &q, &pi);
            error[half] = row ? hypot(row[3 * steps + 1] - q, row[3 * steps + 2] - pi) : NAN;
            free(row);
        }
        CU_ASSERT(fabs(log2(error[0] / error[1]) - (method == LAG_METHOD_RK2 ? 2 : 4)) < 0.2);
    }
    harness_free(&h);
}

/* Both engines walk through the same bits, on systems of every kind. */
static void test_same_bits(void) {
    static const struct {
        const char *text;
        double q[2], v[2];
    } system[] = {
        {"(xd^2 + yd^2)/2 + 4/sqrt(x^2 + y^2) - 0.1*(xd_p*x_m + yd_p*y_m)", {1, 0}, {0, 2}},
        {"-sqrt(1 - (xd^2 + yd^2)/9) - x^2/2 - y^4/4 - 0.01*sin(3*t)*x", {0.5, 0.2}, {0.1, 0.4}},
        {"(1 + x^2)*xd^2/2 + yd^2/2 + xd*yd*cos(y)/3 - cosh(x)/2 - exp(y)/4 - 0.1*sqrt(xd_p^2 + yd_p^2)*(xd_p*x_m + "
         "yd_p*y_m)",
         {0.3, -0.4},
         {0.5, 0.2}},
        {"xd^2/2 + yd^2/2 + t*(x*yd - y*xd)/5 - atan(x)*tanh(y) - erf(x*y) - log(2 + x^2) - hypot(x, y + 3) - x^4",
         {0.3, -0.4},
         {0.5, 0.2}},
    };
    for (size_t i = 0; i < sizeof system / sizeof *system; i++)
        for (uint32_t r = 0; r <= 12; r += r < 4 ? 1 : 8) {
            Harness h = harness_read(system[i].text);
            HarnessRun run = {
                .r = r, .backend = LAG_BACKEND_INTERPRETER, .h = 0.05, .steps = 50, .q = system[i].q, .v = system[i].v};
            double *a = harness_integrate(&h, run);
            run.backend = LAG_BACKEND_LLVM;
            double *b = harness_integrate(&h, run);
            CU_ASSERT(a && b && memcmp(a, b, 51 * 5 * sizeof *a) == 0);
            free(a);
            free(b);
            harness_free(&h);
        }
}

/* Round-off of an orbit's energy is a random walk, of ROUNDED starts each its own: its mean is 0 but for chance. */
static void test_round_off(void) {
    enum { ROUNDED = 32, STEPS = 20000 };
    const double mu = 39.478758435, near = 0.8, fast = sqrt(mu * 1.2 / near), h = 0.05;
    double q[2 * ROUNDED], pi[2 * ROUNDED];
    Harness text = harness_read("(xd^2 + yd^2)/2 + 39.478758435/sqrt(x^2 + y^2)");
    const LagKernel *kernel;
    CU_ASSERT_EQUAL_FATAL(lag_model_kernel(text.model, 8, LAG_BACKEND_LLVM, &kernel), LAG_OK);
    for (int compensated = 0; compensated < 2; compensated++) {
        LagBatch *batch;
        double mean = 0, square = 0;
        long double energy[2][ROUNDED];
        for (int i = 0; i < ROUNDED; i++) {
            double turn = 0.37 * i;
            q[2 * i] = near * cos(turn), q[2 * i + 1] = near * sin(turn);
            pi[2 * i] = -fast * sin(turn), pi[2 * i + 1] = fast * cos(turn);
        }
        CU_ASSERT_EQUAL_FATAL(
            lag_batch_new(kernel, compensated ? LAG_METHOD_COMPENSATED : LAG_METHOD_GGL, ROUNDED, 0, &batch), LAG_OK);
        CU_ASSERT_EQUAL(lag_batch_start(batch, 0, q, pi), LAG_OK);
        for (int end = 0; end < 2; end++) {
            for (int i = 0; i < ROUNDED; i++) {
                long double x = q[2 * i], y = q[2 * i + 1], u = pi[2 * i], v = pi[2 * i + 1];
                energy[end][i] = (u * u + v * v) / 2 - (long double)mu / sqrtl(x * x + y * y);
            }
            if (end == 0) CU_ASSERT_EQUAL(lag_batch_advance(batch, h, STEPS, 1, NULL), LAG_OK);
            lag_batch_state(batch, q, pi, NULL);
        }
        for (int i = 0; i < ROUNDED; i++) {
            double change = (double)(energy[1][i] / energy[0][i] - 1);
            mean += change / ROUNDED, square += change * change / ROUNDED;
        }
        double spread = sqrt(square - mean * mean);
        printf("\n    in %d doubles: %.1e, of a spread of %.1e", compensated + 1, mean, spread);
        CU_ASSERT(fabs(mean) < 4 * spread / sqrt(ROUNDED));
        CU_ASSERT(spread < (compensated ? 4e-15 : 4e-14)); /* twice what is usual */
        lag_batch_free(batch);
    }
    harness_free(&text);
}

void suite_laws(void) {
    suite_add("laws", (SuiteTest[]){{"order 2r + 2", test_order},
                                    {"reversible", test_reversible},
                                    {"symplectic", test_symplectic},
                                    {"cyclic momentum", test_cyclic},
                                    {"Caldirola-Kanai", test_caldirola_kanai},
                                    {"a chain hardly reached", test_chain},
                                    {"Runge-Kutta orders", test_runge_kutta},
                                    {"same bits in both engines", test_same_bits},
                                    {"round-off is a random walk", test_round_off},
                                    {0}});
}
