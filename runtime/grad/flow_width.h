/* flow_width.h: the functions of flow.c for FLOW_SYSTEMS systems side by side, in vectors of FLOW_LANES, compiled for
 * FLOW_TARGET, their names made by FLOW(name). Included once for each. Each number comes of the same operations in the same
 * order in all of them, and of numbers of its own system alone.
 *
 * A vector holds one number of FLOW_LANES systems: a part of all. What is done for a part is given arrays that begin at it,
 * where number e stands at e * PARTS. The programs run all systems at once, and so between the parts. */

#define LANE(name) FLOW(name)
#define LANE_COUNT FLOW_LANES
#define LANE_TARGET FLOW_TARGET
#include "../solve/lane_width.h"
#define PARTS (FLOW_SYSTEMS / FLOW_LANES)

#if FLOW_LANES == 1
LANE_INLINE bool FLOW(has)(const Mask *mask, uint32_t lane) { return (void)lane, *mask; }
LANE_INLINE void FLOW(mark)(Mask *mask, uint32_t lane) { *mask = -1 + 0 * (Mask)lane; }
#else
LANE_INLINE bool FLOW(has)(const Mask *mask, uint32_t lane) { return mask[lane / FLOW_LANES][lane % FLOW_LANES]; }
LANE_INLINE void FLOW(mark)(Mask *mask, uint32_t lane) { mask[lane / FLOW_LANES][lane % FLOW_LANES] = -1; }
#endif

static void FLOW(run)(LagProcedure procedure, double *const *array) { procedure.run(procedure.code, array); }

/* A mask of all systems. */
typedef struct FLOW(Set) {
    Mask part[PARTS];
} FLOW(Set);
#define Set FLOW(Set)

LANE_INLINE bool FLOW(some)(const Set *set) {
    Mask all = set->part[0];
    for (uint32_t part = 1; part < PARTS; part++) all |= set->part[part];
    return FLOW(any)(all);
}

FLOW_TARGET static Set FLOW(none)(void) {
    Set set;
    memset(&set, 0, sizeof set);
    return set;
}

/* Those whose motion goes on. */
FLOW_TARGET static Set FLOW(alive)(const Flow *f) {
    int64_t live[FLOW_SYSTEMS];
    Set set;
    for (uint32_t lane = 0; lane < FLOW_SYSTEMS; lane++) live[lane] = -(int64_t)(f->status[lane] == LAG_OK);
    memcpy(&set, live, sizeof set);
    return set;
}

/* ---- Linear equations ---- */

/* The inverse of a part of R_z in `jacobian` into `a`, for the systems of `wanted`: by Gauss and Jordan, in the order that
 * the rows come in. Gives back those of which a pivot is small for its row: they have none yet. */
LANE_INLINE Mask FLOW(invert_part)(uint32_t n, const Lane *jacobian, Lane *x, Lane *scale, Lane *a, Mask wanted) {
    Mask good = wanted;
    for (uint32_t i = 0; i < n; i++) {
        Lane most = FLOW(all)(0);
        for (uint32_t j = 0; j < n; j++) {
            Lane entry = x[i * n + j] = jacobian[(i * n + j) * PARTS];
            most = FLOW(most)(most, FLOW(size)(entry));
        }
        scale[i] = most * 1e-3;
    }
    for (uint32_t k = 0; k < n; k++) {
        Lane *top = x + k * n, pivot = top[k], inverse = 1 / pivot;
        good &= FLOW(less)(scale[k], FLOW(size)(pivot)) & FLOW(less)(FLOW(size)(inverse), FLOW(all)(DBL_MAX));
        top[k] = FLOW(all)(1);
        for (uint32_t j = 0; j < n; j++) top[j] *= inverse;
        for (uint32_t i = 0; i < n; i++) {
            Lane *row = x + i * n, factor = row[k];
            if (i == k) continue;
            row[k] = FLOW(all)(0);
            for (uint32_t j = 0; j < n; j++) row[j] -= factor * top[j];
        }
    }
    for (uint32_t i = 0; i < n * n; i++) a[i * PARTS] = FLOW(pick)(good, x[i], a[i * PARTS]);
    return wanted & ~good;
}

/* The inverse of R_z in LAG_JACOBIAN for the systems of `wanted`. Where a pivot is small for its row, the system is done
 * alone, with the pivots that suit it. */
FLOW_TARGET static void FLOW(invert)(Flow *f, const Set *wanted) {
    const Lane *jacobian = (const Lane *)f->array[LAG_JACOBIAN];
    Lane *a = (Lane *)f->inverse, *x = (Lane *)f->spare, *scale = (Lane *)f->row;
    Set bad;
    for (uint32_t part = 0; part < PARTS; part++) {
        if (f->n == 3) /* what is known is unrolled */
            bad.part[part] = FLOW(invert_part)(3, jacobian + part, x, scale, a + part, wanted->part[part]);
        else
            bad.part[part] = FLOW(invert_part)(f->n, jacobian + part, x, scale, a + part, wanted->part[part]);
    }
    if (!FLOW(some)(&bad)) return;
    for (uint32_t lane = 0; lane < FLOW_SYSTEMS; lane++)
        if (FLOW(has)(bad.part, lane) && f->status[lane] == LAG_OK) f->status[lane] = flow_invert_alone(f, lane, f->inverse);
}

/* x = -R_z^-1 F, a part. */
LANE_INLINE void FLOW(correct)(uint32_t n, const Lane *inverse, const Lane *F, Lane *x) {
    for (uint32_t i = 0; i < n; i++) {
        Lane sum = inverse[i * n * PARTS] * F[0];
        for (uint32_t j = 1; j < n; j++) sum += inverse[(i * n + j) * PARTS] * F[j * PARTS];
        x[i * PARTS] = -sum;
    }
}

/* ---- The step ---- */

/* z from the last step's, carried on (guess.c); else 0. */
FLOW_TARGET static void FLOW(guess)(Flow *f) {
    const uint32_t d = f->d * PARTS;
    const Stepper *s = &f->stepper;
    Lane *z = (Lane *)f->array[LAG_Z], *path = (Lane *)f->z;
    for (uint32_t i = 0; i < f->s - 1; i++)
        for (uint32_t k = 0; k < d; k++) {
            Lane sum = FLOW(all)(0);
            const double *row = s->extrapolate + (size_t)i * s->knots;
            for (uint32_t m = 1; m < s->knots && f->followed; m++) sum += row[m] * path[(s->knot[m] - 1) * d + k];
            z[i * d + k] = sum;
        }
}

typedef struct FLOW(Sizes) {
    Lane strict, loose; /* of a correction, relative to z and to the state, coordinate by coordinate */
} FLOW(Sizes);

LANE_INLINE FLOW(Sizes) FLOW(sizes)(uint32_t d, uint32_t n, const Lane *q, const Lane *z, const Lane *change) {
    FLOW(Sizes) size = {FLOW(all)(0), FLOW(all)(0)};
    Lane floor = FLOW(all)(0);
    for (uint32_t k = 0; k < d; k++) floor = FLOW(most)(floor, FLOW(size)(q[k * PARTS]));
    for (uint32_t i = 0; i < n; i++) floor = FLOW(most)(floor, FLOW(size)(z[i * PARTS] + change[i * PARTS]));
    floor = FLOW(most)(floor * 1e-10, FLOW(all)(DBL_MIN));
    for (uint32_t k = 0; k < d; k++) {
        Lane top = floor, most = FLOW(all)(0);
        for (uint32_t i = k; i < n; i += d) {
            top = FLOW(most)(top, FLOW(size)(z[i * PARTS] + change[i * PARTS]));
            Lane c = FLOW(size)(change[i * PARTS]);
            most = FLOW(pick)(FLOW(less)(c, FLOW(all)(INFINITY)), FLOW(most)(most, c), FLOW(all)(INFINITY)); /* or NaN */
        }
        size.strict = FLOW(most)(size.strict, most / top);
        size.loose = FLOW(most)(size.loose, most / FLOW(most)(top, FLOW(size)(q[k * PARTS])));
    }
    return size;
}

/* The systems that have no inverse here, to which that is no harm yet. */
FLOW_TARGET static void FLOW(forgive)(Flow *f, Set *active, Set *lost) {
    for (uint32_t lane = 0; lane < FLOW_SYSTEMS; lane++) {
        if (!FLOW(has)(active->part, lane) || f->status[lane] == LAG_OK) continue;
        f->status[lane] = LAG_OK;
        FLOW(mark)(lost->part, lane);
    }
    for (uint32_t part = 0; part < PARTS; part++) active->part[part] &= ~lost->part[part];
}

/* How the iteration stands. */
typedef struct FLOW(Iteration) {
    Set active, lost, stale; /* still at it; given up; in want of another inverse */
    Lane before[PARTS];      /* the last correction's size */
} FLOW(Iteration);

/* One correction of a part, and what it tells. */
LANE_INLINE void FLOW(advance)(uint32_t d, uint32_t n, Flow *f, FLOW(Iteration) * it, uint32_t part, int count) {
    const double tolerance = 4 * DBL_EPSILON, rough = DBL_EPSILON * (64 + (double)f->s * f->s);
    Lane *z = (Lane *)f->array[LAG_Z] + part, *change = (Lane *)f->change + part, before = it->before[part];
    Mask active = it->active.part[part];
    FLOW(correct)(n, (const Lane *)f->inverse + part, (const Lane *)f->array[LAG_RESIDUAL] + part, change);
    FLOW(Sizes) size = FLOW(sizes)(d, n, (const Lane *)f->array[LAG_Q] + part, z, change);
    Mask finite = FLOW(less)(size.strict, FLOW(all)(INFINITY));
    for (uint32_t i = 0; i < n; i++)
        z[i * PARTS] = FLOW(pick)(active & finite, z[i * PARTS] + change[i * PARTS], z[i * PARTS]);
    it->lost.part[part] |= active & ~finite;
    Mask low = FLOW(less)(size.loose, FLOW(all)(rough)), ground = FLOW(less)(before, size.strict * 2) & low;
    Mask slow = FLOW(less)(before * 0.1, size.strict);
    Mask last = ~slow & FLOW(less)(size.strict * size.strict, before * tolerance);
    if (count == 0) last &= ~last;
    it->active.part[part] = active & finite & ~(FLOW(less)(size.strict, FLOW(all)(tolerance)) | ground | last);
    it->stale.part[part] = slow;
    it->before[part] = size.strict;
}

/* Corrects z until that is round-off, by the inverse at hand while corrections shrink well. Gives back the systems for which
 * this did not do. */
FLOW_TARGET static Set FLOW(iterate)(Flow *f) {
    enum { MOST = 30 };
    FLOW(Iteration) it = {.active = FLOW(alive)(f), .lost = FLOW(none)()};
    FLOW(guess)(f);
    it.stale = f->followed ? FLOW(none)() : it.active;
    for (uint32_t part = 0; part < PARTS; part++) it.before[part] = FLOW(all)(INFINITY);
    for (int count = 0; count < MOST && FLOW(some)(&it.active); count++) {
        for (uint32_t part = 0; part < PARTS; part++) it.stale.part[part] &= it.active.part[part];
        if (FLOW(some)(&it.stale)) {
            FLOW(run)(f->slopes.jacobian, f->array);
            FLOW(invert)(f, &it.stale);
            FLOW(forgive)(f, &it.active, &it.lost);
        } else {
            FLOW(run)(f->slopes.residual, f->array);
        }
        for (uint32_t part = 0; part < PARTS; part++) {
            if (f->d == 1 && f->n == 3)
                FLOW(advance)(1, 3, f, &it, part, count);
            else if (f->d == 2 && f->n == 6)
                FLOW(advance)(2, 6, f, &it, part, count);
            else
                FLOW(advance)(f->d, f->n, f, &it, part, count);
        }
    }
    for (uint32_t part = 0; part < PARTS; part++) it.lost.part[part] |= it.active.part[part];
    return it.lost;
}

/* Where R_z is the same everywhere, its inverse is made once; from 0, one correction is the solution and another takes its
 * round-off. */
LANE_INLINE Mask FLOW(solve_part)(uint32_t d, uint32_t n, const Flow *f, uint32_t part, bool polish) {
    const double rough = DBL_EPSILON * (64 + (double)f->s * f->s);
    Lane *z = (Lane *)f->array[LAG_Z] + part, *change = (Lane *)f->change + part;
    FLOW(correct)(n, (const Lane *)f->inverse + part, (const Lane *)f->array[LAG_RESIDUAL] + part, change);
    Mask good = FLOW(less)(FLOW(all)(0), FLOW(all)(1));
    if (polish)
        good = FLOW(less)(FLOW(sizes)(d, n, (const Lane *)f->array[LAG_Q] + part, z, change).loose, FLOW(all)(rough));
    for (uint32_t i = 0; i < n * PARTS; i += PARTS) z[i] = polish ? z[i] + change[i] : change[i];
    return good;
}

FLOW_TARGET static Set FLOW(solve)(Flow *f) {
    Set lost = FLOW(alive)(f), good = lost;
    memset(f->array[LAG_Z], 0, (size_t)f->n * FLOW_SYSTEMS * sizeof(double));
    for (int round = 0; round < 2; round++) {
        if (round == 0 && !f->followed) {
            FLOW(run)(f->slopes.jacobian, f->array);
            FLOW(invert)(f, &lost);
        } else {
            FLOW(run)(f->slopes.residual, f->array);
        }
        for (uint32_t part = 0; part < PARTS; part++) {
            if (f->d == 1 && f->n == 3)
                good.part[part] = FLOW(solve_part)(1, 3, f, part, round);
            else
                good.part[part] = FLOW(solve_part)(f->d, f->n, f, part, round);
        }
    }
    const Set alive = FLOW(alive)(f);
    for (uint32_t part = 0; part < PARTS; part++) lost.part[part] = alive.part[part] & ~good.part[part];
    return lost;
}

/* The inverse of R_z at the solution, and the impulse there. Where the inverse is the same everywhere, it is there already,
 * but for the systems of `hard`. */
FLOW_TARGET static void FLOW(settle)(Flow *f, bool fixed, const Set *hard) {
    Set wanted = FLOW(alive)(f);
    if (fixed && !FLOW(some)(hard)) return;
    for (uint32_t part = 0; part < PARTS && fixed; part++) wanted.part[part] &= hard->part[part];
    FLOW(run)(f->slopes.jacobian, f->array);
    FLOW(invert)(f, &wanted);
}

/* The next state of a part, for the systems of `alive`; those where it is not finite are left as they are, and given back.
 */
LANE_INLINE Mask FLOW(commit)(const Flow *f, uint32_t part, Mask alive) {
    Lane *z = (Lane *)f->array[LAG_Z] + part, *q = (Lane *)f->array[LAG_Q] + part, *pi = (Lane *)f->array[LAG_PI] + part;
    const Lane *impulse = (const Lane *)f->array[LAG_IMPULSE] + part, *end = z + (f->n - f->d) * PARTS;
    Mask finite = alive;
    for (uint32_t k = 0; k < f->d * PARTS; k += PARTS) {
        finite &= FLOW(less)(FLOW(size)(q[k] + end[k]), FLOW(all)(INFINITY));
        finite &= FLOW(less)(FLOW(size)(pi[k] + impulse[k]), FLOW(all)(INFINITY));
    }
    for (uint32_t k = 0; k < f->d * PARTS; k += PARTS) {
        q[k] = FLOW(pick)(finite, q[k] + end[k], q[k]);
        pi[k] = FLOW(pick)(finite, pi[k] + impulse[k], pi[k]);
    }
    for (uint32_t i = 0; i < f->n * PARTS; i += PARTS)
        ((Lane *)f->z + part)[i] = z[i] = FLOW(pick)(finite, z[i], FLOW(all)(0));
    return alive & ~finite;
}

FLOW_TARGET static void FLOW(step)(Flow *f, double t, double h) {
    const bool fixed = f->kernel->facts.quadratic && f->kernel->facts.autonomous;
    Lane *time = (Lane *)f->array[LAG_TIME];
    for (uint32_t part = 0; part < PARTS; part++) time[part] = FLOW(all)(t), time[PARTS + part] = FLOW(all)(h);
    Set hard = fixed ? FLOW(solve)(f) : FLOW(iterate)(f), fell;
    bool again = FLOW(some)(&hard);
    for (uint32_t lane = 0; lane < FLOW_SYSTEMS && again; lane++)
        if (FLOW(has)(hard.part, lane)) f->status[lane] = flow_step_alone(f, lane, t, h);
    FLOW(settle)(f, fixed, &hard);
    const Set alive = FLOW(alive)(f);
    for (uint32_t part = 0; part < PARTS; part++) fell.part[part] = FLOW(commit)(f, part, alive.part[part]);
    bool lost = FLOW(some)(&fell);
    for (uint32_t lane = 0; lane < FLOW_SYSTEMS && lost; lane++)
        if (FLOW(has)(fell.part, lane)) f->status[lane] = LAG_ERROR_NOT_FINITE;
    f->followed = true;
}

/* ---- At the nodes ---- */

/* Places and velocities of a part. */
LANE_INLINE void FLOW(places)(uint32_t d, uint32_t s, const Flow *f, double inverse_h, const Lane *q, const Lane *z,
                              Lane *at, Lane *v) {
    const double *D = f->array[LAG_DERIVE];
    for (uint32_t i = 0; i < s; i++)
        for (uint32_t k = 0; k < d; k++) {
            Lane sum = D[i * s + 1] * z[k * PARTS];
            for (uint32_t j = 2; j < s; j++) sum += D[i * s + j] * z[((j - 1) * d + k) * PARTS];
            v[(i * d + k) * PARTS] = sum * inverse_h;
            at[(i * d + k) * PARTS] = i ? q[k * PARTS] + z[((i - 1) * d + k) * PARTS] : q[k * PARTS];
        }
}

FLOW_TARGET static void FLOW(nodes)(Flow *f, double t, double h, const double *from, const double *with) {
    const uint32_t d = f->d, s = f->s;
    const Lane *q = (const Lane *)from, *z = (const Lane *)with;
    const double *c = f->array[LAG_NODE], inverse_h = 1 / h;
    for (uint32_t part = 0; part < PARTS; part++) {
        Lane *at = (Lane *)f->node_q + part, *v = (Lane *)f->node_v + part;
        if (d == 1 && s == 4)
            FLOW(places)(1, 4, f, inverse_h, q + part, z + part, at, v);
        else
            FLOW(places)(d, s, f, inverse_h, q + part, z + part, at, v);
    }
    for (uint32_t i = 0; i < s; i++) {
        double **p = f->point;
        const size_t row = (size_t)i * d * FLOW_SYSTEMS, square = row * d, wide = row * f->m;
        for (uint32_t part = 0; part < PARTS; part++) ((Lane *)p[LAG_TIME])[part] = FLOW(all)(t + c[i] * h);
        p[LAG_Q] = f->node_q + row, p[LAG_V] = f->node_v + row;
        p[LAG_A] = f->node_A + row, p[LAG_B] = f->node_B + row;
        p[LAG_AQ] = f->node_AQ + square, p[LAG_AV] = f->node_AV + square;
        p[LAG_BQ] = f->node_BQ + square, p[LAG_BV] = f->node_BV + square;
        p[LAG_AP] = f->node_AP + wide, p[LAG_BP] = f->node_BP + wide;
        FLOW(run)(f->slopes.point, p);
    }
}

/* sum_k x_k M_kl, for a column l. */
LANE_INLINE Lane FLOW(column)(const Lane *x, const Lane *matrix, uint32_t rows, uint32_t columns, uint32_t l) {
    Lane sum = x[0] * matrix[l * PARTS];
    for (uint32_t k = 1; k < rows; k++) sum += x[k * PARTS] * matrix[(k * columns + l) * PARTS];
    return sum;
}

#include "flow_back.h"
#include "flow_map.h"

#undef Lane
#undef Mask
#undef Set
#undef PARTS
#undef LANE_INLINE
#undef LANE
#undef LANE_COUNT
#undef LANE_TARGET
