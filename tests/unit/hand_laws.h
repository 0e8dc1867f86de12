/* hand_laws.h: Lagrangians written out by hand for hand_kernel.h. Above each, Lambda as it would be typed. */
#ifndef LAG_TESTS_HAND_LAWS_H
#define LAG_TESTS_HAND_LAWS_H

#include "hand_kernel.h"

#include <math.h>

/* m/2*qd^2 - k/2*q^2 - lam*qd_p*q_m */
static void law_oscillator(const HandPoint *p) {
    double m = p->c[0], k = p->c[1], lam = p->c[2], q = p->q[0], v = p->v[0];
    p->A[0] = -k * q - lam * v;
    p->B[0] = m * v;
    if (p->AQ) p->AQ[0] = -k, p->AV[0] = -lam, p->BV[0] = m;
    if (p->energy) *p->energy = m * v * v / 2 + k * q * q / 2;
}

/* c1*qd^2 - c2*q^2 - c3*qd_p*q_m */
static void law_family(const HandPoint *p) {
    double c1 = p->c[0], c2 = p->c[1], c3 = p->c[2], q = p->q[0], v = p->v[0];
    p->A[0] = -2 * c2 * q - c3 * v;
    p->B[0] = 2 * c1 * v;
    if (p->AQ) p->AQ[0] = -2 * c2, p->AV[0] = -c3, p->BV[0] = 2 * c1;
    if (p->energy) *p->energy = c1 * v * v + c2 * q * q;
}

/* Poynting-Robertson drag on an orbit, as in golden/prd_r*.csv; parameters GM, beta, c */
static void law_prd(const HandPoint *p) {
    const double *x = p->q, *v = p->v;
    double mu = (1 - p->c[1]) * p->c[0], drag = p->c[1] * p->c[0] / p->c[2];
    double r2 = x[0] * x[0] + x[1] * x[1], r = sqrt(r2), r3 = r2 * r, r4 = r2 * r2, s = x[0] * v[0] + x[1] * v[1];
    for (int k = 0; k < 2; k++) {
        p->A[k] = -mu * x[k] / r3 - drag * (v[k] / r2 + s * x[k] / r4);
        p->B[k] = v[k];
        for (int l = 0; p->AQ && l < 2; l++) {
            double one = k == l, xx = x[k] * x[l];
            p->AQ[2 * k + l] = -mu * (one / r3 - 3 * xx / (r3 * r2)) -
                               drag * ((v[l] * x[k] + s * one - 2 * v[k] * x[l]) / r4 - 4 * s * xx / (r4 * r2));
            p->AV[2 * k + l] = -drag * (one / r2 + xx / r4);
            p->BV[2 * k + l] = one;
        }
    }
    if (p->energy) *p->energy = (v[0] * v[0] + v[1] * v[1]) / 2 - mu / r;
}

/* The double pendulum of golden/double_pendulum_r2.csv; parameters m, l, g */
static void law_double_pendulum(const HandPoint *p) {
    double m = p->c[0], l = p->c[1], g = p->c[2], K = m * l * l / 2, W = m * g * l / 2;
    double a = p->q[0], b = p->q[1], ad = p->v[0], bd = p->v[1], S = K * sin(a - b), C = K * cos(a - b);
    double Ma = 8 * K / 3, Mb = 2 * K / 3;
    p->A[0] = -S * ad * bd - 3 * W * sin(a) - 2 * p->t * ad;
    p->A[1] = S * ad * bd - W * sin(b);
    p->B[0] = Ma * ad + C * bd;
    p->B[1] = C * ad + Mb * bd;
    if (p->energy) *p->energy = (Ma * ad * ad + Mb * bd * bd) / 2 + C * ad * bd - W * (3 * cos(a) + cos(b));
    if (!p->AQ) return;
    const double w = C * ad * bd, AQ[] = {-w - 3 * W * cos(a), w, w, -w - W * cos(b)};
    const double AV[] = {-S * bd - 2 * p->t, -S * ad, S * bd, S * ad};
    const double BQ[] = {-S * bd, S * bd, -S * ad, S * ad}, BV[] = {Ma, C, C, Mb};
    memcpy(p->AQ, AQ, sizeof AQ);
    memcpy(p->AV, AV, sizeof AV);
    memcpy(p->BQ, BQ, sizeof BQ);
    memcpy(p->BV, BV, sizeof BV);
}

/* The chain of golden/fput_8_r2.csv, ends fixed; parameter alpha */
static void law_chain(const HandPoint *p) {
    enum { N = 8 };
    double alpha = p->c[0], force[N + 1], slope[N + 1];
    for (int i = 0; i <= N; i++) {
        double u = (i < N ? p->q[i] : 0) - (i > 0 ? p->q[i - 1] : 0);
        force[i] = u + alpha * u * u;
        slope[i] = 1 + 2 * alpha * u;
    }
    for (int i = 0; i < N; i++) {
        p->A[i] = force[i + 1] - force[i];
        p->B[i] = p->v[i];
        if (!p->AQ) continue;
        p->AQ[i * N + i] = -slope[i + 1] - slope[i];
        if (i > 0) p->AQ[i * N + i - 1] = slope[i];
        if (i < N - 1) p->AQ[i * N + i + 1] = slope[i + 1];
        p->BV[i * N + i] = 1;
    }
}

/* qd^2/2 + g*q - c*sqrt(qd_p^2)*qd_p*q_m: the derivative of the drag is 0/0 at rest */
static void law_fall(const HandPoint *p) {
    double g = p->c[0], c = p->c[1], v = p->v[0], speed = sqrt(v * v);
    p->A[0] = g - c * speed * v;
    p->B[0] = v;
    if (p->AQ) p->AV[0] = -c * (speed + v * v / speed), p->BV[0] = 1;
    if (p->energy) *p->energy = v * v / 2 - g * p->q[0];
}

/* qd^2/2 + g*q - c*qd_p^3/sqrt(qd_p^2)*q_m: the drag itself is 0/0 at rest */
static void law_fall_worse(const HandPoint *p) {
    double g = p->c[0], c = p->c[1], v = p->v[0], speed = sqrt(v * v);
    p->A[0] = g - c * v * v * v / speed;
    p->B[0] = v;
    if (p->AQ) p->AV[0] = -c * (3 * v * v / speed - v * v * v * v / (speed * speed * speed)), p->BV[0] = 1;
}

/* (xd^2 + yd^2)/2 - x^2/2 - c*sqrt(xd_p^2 + yd_p^2)*(xd_p*x_m + yd_p*y_m): nothing moves y */
static void law_drag_plane(const HandPoint *p) {
    const double *v = p->v;
    double c = p->c[0], speed = sqrt(v[0] * v[0] + v[1] * v[1]);
    for (int k = 0; k < 2; k++) {
        p->A[k] = (k ? 0 : -p->q[0]) - c * speed * v[k];
        p->B[k] = v[k];
        for (int l = 0; p->AQ && l < 2; l++) {
            p->AV[2 * k + l] = -c * ((k == l) * speed + v[k] * v[l] / speed);
            p->BV[2 * k + l] = k == l;
        }
    }
    if (p->AQ) p->AQ[0] = -1;
    if (p->energy) *p->energy = (v[0] * v[0] + v[1] * v[1] + p->q[0] * p->q[0]) / 2;
}

/* -sqrt(1 - qd^2) - k/2*q^2: no velocity beyond 1 */
static void law_relativistic(const HandPoint *p) {
    double k = p->c[0], v = p->v[0], w = sqrt(1 - v * v);
    p->A[0] = -k * p->q[0];
    p->B[0] = v / w;
    if (p->AQ) p->AQ[0] = -k, p->BV[0] = 1 / (w * w * w);
    if (p->energy) *p->energy = 1 / w + k * p->q[0] * p->q[0] / 2;
}

/* sqrt(1 + qd^2): no momentum beyond 1 */
static void law_bounded(const HandPoint *p) {
    double v = p->v[0], w = sqrt(1 + v * v);
    p->A[0] = 0;
    p->B[0] = v / w;
    if (p->AQ) p->BV[0] = 1 / (w * w * w);
}

/* qd^2/2 + c*(q + q^3/3) */
static void law_runaway(const HandPoint *p) {
    double c = p->c[0], q = p->q[0];
    p->A[0] = c * (1 + q * q);
    p->B[0] = p->v[0];
    if (p->AQ) p->AQ[0] = 2 * c * q, p->BV[0] = 1;
}

/* (xd + yd)^2/2 - x^2/2: a mass matrix of rank 1 */
static void law_singular(const HandPoint *p) {
    double v = p->v[0] + p->v[1];
    p->A[0] = -p->q[0];
    p->A[1] = 0;
    p->B[0] = p->B[1] = v;
    if (!p->AQ) return;
    p->AQ[0] = -1;
    for (int e = 0; e < 4; e++) p->BV[e] = 1;
}

/* qd^4/4: the mass matrix is singular at rest */
static void law_quartic(const HandPoint *p) {
    double v = p->v[0];
    p->A[0] = 0;
    p->B[0] = v * v * v;
    if (p->AQ) p->BV[0] = 3 * v * v;
    if (p->energy) *p->energy = 3 * v * v * v * v / 4;
}

/* qd^2/2 + (1 - q)^(3/2): there is nothing beyond q = 1 */
static void law_cliff(const HandPoint *p) {
    double w = sqrt(1 - p->q[0]);
    p->A[0] = -1.5 * w;
    p->B[0] = p->v[0];
    if (p->AQ) p->AQ[0] = 0.75 / w, p->BV[0] = 1;
}

#endif
