/* flow_map.h: the part of flow_width.h for steps that are affine maps. Included there.
 *
 * y = (q, pi), and y' = y + M y + b for all steps of a motion: what has been found for one serves all. */

/* M [2 d, 2 d] of a part, by unit changes of the state (tangent.c has the formulas). */
LANE_INLINE void FLOW(map_part)(uint32_t d, uint32_t s, double h, const FLOW(Back) * x, Lane *M) {
    const uint32_t n = (s - 1) * d, wide = 2 * d;
    Lane *r = x->mu, *z = x->g;
    for (uint32_t column = 0; column < wide; column++) {
        const bool momentum = column >= d;
        const uint32_t l = momentum ? column - d : column;
        for (uint32_t row = 0; row < s - 1; row++)
            for (uint32_t k = 0; k < d; k++) {
                const uint32_t i = row + 1 < s - 1 ? row + 1 : 0, at = k * d + l;
                Lane sum = FLOW(all)(momentum && i == 0 && k == l);
                if (!momentum) sum = h * x->b[i] * x->AQ[(i * d * d + at) * PARTS];
                for (uint32_t j = 0; !momentum && j < s; j++) sum += x->G[i * s + j] * x->BQ[(j * d * d + at) * PARTS];
                r[(row * d + k) * PARTS] = sum;
            }
        FLOW(correct)(n, x->inverse, r, z);
        for (uint32_t k = 0; k < d; k++) M[(k * wide + column) * PARTS] = z[(n - d + k) * PARTS];
        for (uint32_t k = 0; k < d; k++) {
            Lane sum = FLOW(all)(0);
            for (uint32_t i = 0; i < s; i++) {
                const Lane *AQ = x->AQ + (i * d + k) * d * PARTS, *AV = x->AV + (i * d + k) * d * PARTS;
                Lane force = momentum ? FLOW(all)(0) : AQ[l * PARTS];
                for (uint32_t c = 0; c < d; c++) {
                    Lane v = x->D[i * s + 1] * z[c * PARTS];
                    for (uint32_t j = 2; j < s; j++) v += x->D[i * s + j] * z[((j - 1) * d + c) * PARTS];
                    if (i) force += AQ[c * PARTS] * z[((i - 1) * d + c) * PARTS];
                    force += AV[c * PARTS] * (v / h);
                }
                sum += h * x->b[i] * force;
            }
            M[((d + k) * wide + column) * PARTS] = sum;
        }
    }
}

FLOW_TARGET static void FLOW(map)(Flow *f, double h, double *to) {
    for (uint32_t part = 0; part < PARTS; part++) {
        const FLOW(Back) x = FLOW(back_of)(f, part, h);
        if (f->d == 1 && f->s == 4)
            FLOW(map_part)(1, 4, h, &x, (Lane *)to + part);
        else
            FLOW(map_part)(f->d, f->s, h, &x, (Lane *)to + part);
    }
}

/* Of a part: y before each step into `path` [steps, 2 d], y behind them all, and the largest of each number of y. */
LANE_INLINE void FLOW(forth_part)(uint32_t wide, const Lane *M, const Lane *b, uint64_t steps, Lane *y, Lane *path,
                                  Lane *most) {
    for (uint64_t n = 0; n < steps; n++, path += wide * PARTS) {
        for (uint32_t c = 0; c < wide; c++) {
            path[c * PARTS] = y[c * PARTS];
            most[c * PARTS] = FLOW(most)(most[c * PARTS], FLOW(size)(y[c * PARTS]));
        }
        for (uint32_t row = 0; row < wide; row++) {
            Lane sum = b[row * PARTS];
            for (uint32_t c = 0; c < wide; c++) sum += M[(row * wide + c) * PARTS] * path[c * PARTS];
            y[row * PARTS] += sum;
        }
    }
}

FLOW_TARGET static void FLOW(forth)(const Flow *f, const double *M, const double *b, uint64_t steps, double *y, double *path,
                                    double *most) {
    for (uint32_t part = 0; part < PARTS; part++) {
        const Lane *map = (const Lane *)M + part, *shift = (const Lane *)b + part;
        Lane *at = (Lane *)y + part, *to = (Lane *)path + part, *size = (Lane *)most + part;
        if (f->d == 1)
            FLOW(forth_part)(2, map, shift, steps, at, to, size);
        else
            FLOW(forth_part)(2 * f->d, map, shift, steps, at, to, size);
    }
}

/* Back through one step of a part: lambda (1 + M), having added lambda y' to S [2 d, 2 d] and lambda to `sum`. */
LANE_INLINE void FLOW(map_back_part)(uint32_t wide, const Lane *M, const Lane *y, Lane *lambda, Lane *S, Lane *sum,
                                     Lane *scratch) {
    for (uint32_t row = 0; row < wide; row++) {
        Lane l = scratch[row] = lambda[row * PARTS];
        sum[row * PARTS] += l;
        for (uint32_t c = 0; c < wide; c++) S[(row * wide + c) * PARTS] += l * y[c * PARTS];
    }
    for (uint32_t c = 0; c < wide; c++) {
        Lane back = scratch[0] * M[c * PARTS];
        for (uint32_t row = 1; row < wide; row++) back += scratch[row] * M[(row * wide + c) * PARTS];
        lambda[c * PARTS] += back;
    }
}

FLOW_TARGET static void FLOW(map_back)(Flow *f, const double *M, const double *y, double *lambda, double *S, double *sum) {
    Lane *scratch = (Lane *)f->map_scratch;
    for (uint32_t part = 0; part < PARTS; part++) {
        const Lane *map = (const Lane *)M + part, *at = (const Lane *)y + part;
        Lane *l = (Lane *)lambda + part, *outer = (Lane *)S + part, *total = (Lane *)sum + part;
        if (f->d == 1)
            FLOW(map_back_part)(2, map, at, l, outer, total, scratch);
        else
            FLOW(map_back_part)(2 * f->d, map, at, l, outer, total, scratch);
    }
}
