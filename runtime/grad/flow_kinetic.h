/* flow_kinetic.h: the part of flow_width.h for motions whose momenta are M v with a constant mass matrix M. Included there.
 *
 * Of R_z, (1/h) S (x) M is all but what the forces add, which is h^2 as large: with K its inverse, S being the rows and
 * columns of LAG_STIFFNESS that R has, R_z z = g is solved by iteration, as steps are by sweeps, and no matrix of R's size
 * is made. */

/* x = -K F of a part. */
FLOW_INLINE void FLOW(kinetic)(uint32_t d, uint32_t n, const Flow *f, uint32_t part, const Lane *F, Lane *x) {
    const uint32_t rows = n / d;
    const double h = f->array[LAG_TIME][FLOW_SYSTEMS];
    const Lane *M = (const Lane *)f->inverse_mass + part;
    Lane *scratch = (Lane *)f->spare;
    for (uint32_t row = 0; row < rows; row++)
        for (uint32_t k = 0; k < d; k++) {
            Lane sum = M[k * d * PARTS] * F[row * d * PARTS];
            for (uint32_t l = 1; l < d; l++) sum += M[(k * d + l) * PARTS] * F[(row * d + l) * PARTS];
            scratch[row * d + k] = -h * sum;
        }
    for (uint32_t m = 0; m < rows; m++)
        for (uint32_t k = 0; k < d; k++) {
            Lane sum = f->inverse_stiffness[m * rows] * scratch[k];
            for (uint32_t row = 1; row < rows; row++) sum += f->inverse_stiffness[m * rows + row] * scratch[row * d + k];
            x[(m * d + k) * PARTS] = sum;
        }
}

/* mu = K' y of a part, for the step that is gone back through. */
FLOW_INLINE void FLOW(kinetic_back)(uint32_t d, uint32_t n, const Flow *f, uint32_t part, const Lane *y, Lane *mu) {
    const uint32_t rows = n / d;
    const Lane *M = (const Lane *)f->inverse_mass + part;
    Lane *scratch = (Lane *)f->spare;
    for (uint32_t m = 0; m < rows; m++)
        for (uint32_t k = 0; k < d; k++) {
            Lane sum = M[k * PARTS] * y[m * d * PARTS];
            for (uint32_t l = 1; l < d; l++) sum += M[(l * d + k) * PARTS] * y[(m * d + l) * PARTS];
            scratch[m * d + k] = f->back_h * sum;
        }
    for (uint32_t row = 0; row < rows; row++)
        for (uint32_t k = 0; k < d; k++) {
            Lane sum = f->inverse_stiffness[row] * scratch[k];
            for (uint32_t m = 1; m < rows; m++) sum += f->inverse_stiffness[m * rows + row] * scratch[m * d + k];
            mu[(row * d + k) * PARTS] = sum;
        }
}
