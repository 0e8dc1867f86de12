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
LANE_INLINE FLOW(Back) FLOW(back_of)(const Flow *f, uint32_t part, double h) {
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

LANE_INLINE void FLOW(gather)(uint32_t d, uint32_t s, const FLOW(Back) * x) {
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

LANE_INLINE void FLOW(adjoint)(uint32_t n, const FLOW(Back) * x) {
    for (uint32_t j = 0; j < n; j++) x->mu[j * PARTS] = FLOW(column)(x->g, x->inverse, n, n, j);
}

/* alpha and beta from mu. */
LANE_INLINE void FLOW(spread)(uint32_t d, uint32_t s, const FLOW(Back) * x) {
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
LANE_INLINE void FLOW(collect)(uint32_t d, uint32_t s, uint32_t m, const FLOW(Back) * x) {
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

LANE_INLINE void FLOW(back_part)(uint32_t d, uint32_t s, const Flow *f, const FLOW(Back) * x) {
    FLOW(gather)(d, s, x);
    FLOW(adjoint)((s - 1) * d, x);
    FLOW(spread)(d, s, x);
    FLOW(collect)(d, s, f->m, x);
}

FLOW_TARGET static void FLOW(back)(Flow *f, double t, double h, const double *q, const double *z, const double *inverse,
                                   double *by_q, double *by_pi, double *by_c) {
    FLOW(nodes)(f, t, h, q, z);
    for (uint32_t part = 0; part < PARTS; part++) {
        FLOW(Back) x = FLOW(back_of)(f, part, h);
        x.inverse = (const Lane *)inverse + part;
        x.lambda_q = (Lane *)by_q + part;
        x.lambda_pi = (Lane *)by_pi + part;
        x.slope = (Lane *)by_c + part;
        if (f->d == 1 && f->s == 4) /* what is known is unrolled */
            FLOW(back_part)(1, 4, f, &x);
        else if (f->d == 2 && f->s == 4)
            FLOW(back_part)(2, 4, f, &x);
        else
            FLOW(back_part)(f->d, f->s, f, &x);
    }
}
