/* flow_back.h: the adjoint of a step, a part of flow_width.h. Included there.
 *
 * Of q' = q + z_{r+1} and pi' = pi + h sum_i b_i A_i, with omega_i = h b_i lambda_pi + seed_A what the forces count for:
 *
 *     g_m = d_{m,r+1} lambda_q + seed_z + A_q(m)' omega_m + (1/h) sum_i D_im A_v(i)' omega_i      R_z' mu = g
 *     alpha_i = omega_i - h b_i mu_i      beta_j = -sum_i G_ij mu_i      (mu of node r + 1 is 0)
 *     lambda_q += sum_i A_q(i)' alpha_i + B_q(i)' beta_i      lambda_pi -= mu_0      and the same sum with A_c, B_c for c */

/* A part of all that is gone through: pointers to it. */
typedef struct FLOW(Back) {
    Lane *omega, *beta, *seed_z, *seed_A, *mu, *g; /* alpha takes omega's place */
    const Lane *AQ, *AV, *BQ, *BV, *AP, *BP, *inverse;
    Lane *lambda_q, *lambda_pi, *slope;
    const double *b, *D, *G;
    double h;
} FLOW(Back);

/* The pointers to a part of the flow's own arrays. */
FLOW_INLINE FLOW(Back) FLOW(back_of)(const Flow *f, uint32_t part, double h) {
    return (FLOW(Back)){.omega = (Lane *)f->weight_A + part,
                        .beta = (Lane *)f->weight_B + part,
                        .seed_z = (Lane *)f->seed_z + part,
                        .seed_A = (Lane *)f->seed_A + part,
                        .mu = (Lane *)f->row + part,
                        .g = (Lane *)f->change + part,
                        .AQ = (const Lane *)f->node_AQ + part,
                        .AV = (const Lane *)f->node_AV + part,
                        .BQ = (const Lane *)f->node_BQ + part,
                        .AP = (const Lane *)f->node_AP + part,
                        .BP = (const Lane *)f->node_BP + part,
                        .inverse = (const Lane *)f->inverse + part,
                        .b = f->array[LAG_WEIGHT],
                        .D = f->array[LAG_DERIVE],
                        .G = f->array[LAG_GATHER],
                        .h = h};
}

FLOW_INLINE void FLOW(gather)(uint32_t d, uint32_t s, const FLOW(Back) * x) {
    const double inverse_h = 1 / x->h;
    for (uint32_t i = 0; i < s; i++)
        for (uint32_t k = 0; k < d; k++) {
            const uint32_t at = (i * d + k) * PARTS;
            x->omega[at] = x->h * x->b[i] * x->lambda_pi[k * PARTS] + x->seed_A[at];
            x->seed_A[at] = FLOW(all)(0);
        }
    for (uint32_t i = 0; i < s; i++)
        for (uint32_t l = 0; l < d; l++)
            x->beta[(i * d + l) * PARTS] =
                FLOW(column)(x->omega + i * d * PARTS, x->AV + i * d * d * PARTS, d, d, l) * inverse_h;
    for (uint32_t node = 1; node < s; node++)
        for (uint32_t l = 0; l < d; l++) {
            const uint32_t at = ((node - 1) * d + l) * PARTS;
            Lane sum = FLOW(column)(x->omega + node * d * PARTS, x->AQ + node * d * d * PARTS, d, d, l);
            for (uint32_t i = 0; i < s; i++) sum += x->D[i * s + node] * x->beta[(i * d + l) * PARTS];
            sum += x->seed_z[at];
            x->seed_z[at] = FLOW(all)(0);
            x->g[at] = node == s - 1 ? sum + x->lambda_q[l * PARTS] : sum;
        }
}

FLOW_INLINE void FLOW(adjoint)(uint32_t n, const FLOW(Back) * x) {
    for (uint32_t j = 0; j < n; j++) x->mu[j * PARTS] = FLOW(column)(x->g, x->inverse, n, n, j);
}

/* alpha and beta from mu. */
FLOW_INLINE void FLOW(spread)(uint32_t d, uint32_t s, const FLOW(Back) * x) {
    const uint32_t n = (s - 1) * d;
    const Lane *mu = x->mu, *first = mu + (n - d) * PARTS; /* of node 0: its rows are the last */
    for (uint32_t i = 0; i < s - 1; i++)
        for (uint32_t k = 0; k < d; k++)
            x->omega[(i * d + k) * PARTS] -= x->h * x->b[i] * (i ? mu[((i - 1) * d + k) * PARTS] : first[k * PARTS]);
    for (uint32_t j = 0; j < s; j++)
        for (uint32_t k = 0; k < d; k++) {
            Lane sum = x->G[j] * first[k * PARTS];
            for (uint32_t i = 1; i < s - 1; i++) sum += x->G[i * s + j] * mu[((i - 1) * d + k) * PARTS];
            x->beta[(j * d + k) * PARTS] = -sum;
        }
}

/* What alpha and beta make of the state and the parameters. */
FLOW_INLINE void FLOW(collect)(uint32_t d, uint32_t s, uint32_t m, const FLOW(Back) * x) {
    for (uint32_t i = 0; i < s; i++) {
        const Lane *alpha = x->omega + i * d * PARTS, *beta = x->beta + i * d * PARTS;
        const uint32_t square = i * d * d * PARTS, wide = i * d * m * PARTS;
        for (uint32_t l = 0; l < d; l++)
            x->lambda_q[l * PARTS] +=
                FLOW(column)(alpha, x->AQ + square, d, d, l) + FLOW(column)(beta, x->BQ + square, d, d, l);
        for (uint32_t j = 0; j < m; j++)
            x->slope[j * PARTS] += FLOW(column)(alpha, x->AP + wide, d, m, j) + FLOW(column)(beta, x->BP + wide, d, m, j);
    }
    for (uint32_t k = 0; k < d * PARTS; k += PARTS) x->lambda_pi[k] -= x->mu[(s - 2) * d * PARTS + k];
}

/* mu of a part by iteration on R_z' mu = g, by K' as in flow_kinetic.h. Gives back the systems for which it does not end. */
FLOW_INLINE Mask FLOW(iterate_back)(uint32_t d, uint32_t s, Flow *f, uint32_t part, const FLOW(Back) * x) {
    enum { MOST = 40 };
    const uint32_t n = (s - 1) * d;
    const double inverse_h = 1 / x->h;
    Lane *y = (Lane *)f->kept + part, *next = y + n * PARTS, *by_v = x->beta, before = FLOW(all)(INFINITY);
    const Set alive = FLOW(alive)(f);
    Mask active = alive.part[part];
    FLOW(kinetic_back)(d, n, f, part, x->g, x->mu);
    for (int count = 0; count < MOST && FLOW(any)(active); count++) {
        for (uint32_t i = 0; i < s - 1; i++) /* the rows of node i: h b_i mu_i */
            for (uint32_t k = 0; k < d; k++)
                next[(i * d + k) * PARTS] = x->h * x->b[i] * x->mu[((i ? i - 1 : s - 2) * d + k) * PARTS];
        for (uint32_t i = 0; i < s - 1; i++)
            for (uint32_t l = 0; l < d; l++)
                by_v[(i * d + l) * PARTS] =
                    FLOW(column)(next + i * d * PARTS, x->AV + i * d * d * PARTS, d, d, l) * inverse_h;
        for (uint32_t node = 1; node < s; node++)
            for (uint32_t l = 0; l < d; l++) {
                const uint32_t at = ((node - 1) * d + l) * PARTS;
                Lane sum = x->g[at];
                if (node < s - 1) sum -= FLOW(column)(next + node * d * PARTS, x->AQ + node * d * d * PARTS, d, d, l);
                for (uint32_t i = 0; i < s - 1; i++) sum -= x->D[i * s + node] * by_v[(i * d + l) * PARTS];
                y[at] = sum;
            }
        FLOW(kinetic_back)(d, n, f, part, y, next);
        Lane change = FLOW(all)(0), most = FLOW(all)(DBL_MIN);
        for (uint32_t i = 0; i < n * PARTS; i += PARTS) {
            change = FLOW(most)(change, FLOW(size)(next[i] - x->mu[i]));
            most = FLOW(most)(most, FLOW(size)(next[i]));
            x->mu[i] = FLOW(pick)(active, next[i], x->mu[i]);
        }
        Lane size = change / most;
        Mask ground = FLOW(less)(before, size * 2) & FLOW(less)(size, FLOW(all)(64 * DBL_EPSILON));
        Mask last = FLOW(less)(size * size, before * (DBL_EPSILON / 2)) & FLOW(less)(size, before * 0.1);
        if (count == 0) last &= ~last;
        active &= ~(FLOW(less)(size, FLOW(all)(DBL_EPSILON)) | ground | last);
        before = size;
    }
    return active;
}

/* What has no mu by iteration: by the inverse of R_z, which is made for it. */
FLOW_TARGET static void FLOW(solve_hard)(Flow *f, uint32_t part, Mask lost, const FLOW(Back) * x) {
    const uint32_t n = f->n;
    Set wanted = FLOW(none)();
    wanted.part[part] = lost;
    memcpy(f->array[LAG_Q], f->back_q, (size_t)f->d * FLOW_SYSTEMS * sizeof(double));
    memcpy(f->array[LAG_Z], f->back_z, (size_t)n * FLOW_SYSTEMS * sizeof(double));
    for (uint32_t i = 0; i < FLOW_SYSTEMS; i++)
        f->array[LAG_TIME][i] = f->back_t, f->array[LAG_TIME][FLOW_SYSTEMS + i] = f->back_h;
    FLOW(run)(f->slopes.jacobian, f->array);
    Lane *kept = (Lane *)f->spare; /* g: the inversion wants the room of mu */
    memcpy(f->kept, f->change, (size_t)n * FLOW_SYSTEMS * sizeof(double));
    memcpy(f->kept + (size_t)n * FLOW_SYSTEMS, f->row, (size_t)n * FLOW_SYSTEMS * sizeof(double));
    FLOW(invert)(f, &wanted);
    memcpy(f->row, f->kept + (size_t)n * FLOW_SYSTEMS, (size_t)n * FLOW_SYSTEMS * sizeof(double));
    for (uint32_t j = 0; j < n; j++) kept[j] = FLOW(column)(x->g, (const Lane *)f->inverse + part, n, n, j);
    for (uint32_t j = 0; j < n; j++) x->mu[j * PARTS] = FLOW(pick)(lost, kept[j], x->mu[j * PARTS]);
}

/* mu of a part. */
FLOW_INLINE void FLOW(solve_back)(uint32_t d, uint32_t s, Flow *f, uint32_t part, const FLOW(Back) * x) {
    if (!f->kinetic) {
        FLOW(adjoint)((s - 1) * d, x);
        return;
    }
    Mask lost = FLOW(iterate_back)(d, s, f, part, x);
    if (FLOW(any)(lost)) FLOW(solve_hard)(f, part, lost, x);
}

FLOW_INLINE void FLOW(back_part)(uint32_t d, uint32_t s, Flow *f, uint32_t part, const FLOW(Back) * x) {
    FLOW(gather)(d, s, x);
    FLOW(solve_back)(d, s, f, part, x);
    FLOW(spread)(d, s, x);
    FLOW(collect)(d, s, f->m, x);
}

FLOW_TARGET static void FLOW(back)(Flow *f, double t, double h, const double *q, const double *z, const double *inverse,
                                   double *by_q, double *by_pi, double *by_c) {
    FLOW(nodes)(f, t, h, q, z);
    f->back_t = t, f->back_h = h, f->back_q = q, f->back_z = z;
    for (uint32_t part = 0; part < PARTS; part++) {
        FLOW(Back) x = FLOW(back_of)(f, part, h);
        x.inverse = (const Lane *)inverse + part;
        x.lambda_q = (Lane *)by_q + part;
        x.lambda_pi = (Lane *)by_pi + part;
        x.slope = (Lane *)by_c + part;
        if (f->d == 1 && f->s == 4) /* what is known is unrolled */
            FLOW(back_part)(1, 4, f, part, &x);
        else if (f->d == 2 && f->s == 4)
            FLOW(back_part)(2, 4, f, part, &x);
        else
            FLOW(back_part)(f->d, f->s, f, part, &x);
    }
}
