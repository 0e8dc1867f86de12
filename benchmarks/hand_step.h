/* hand_step.h: the step as one would write it by hand for one system and one r: everything of fixed size, the pointwise
 * functions inlined, constant blocks known to be constant. Included once for each; before it are defined
 *
 *     HAND(name)  the names' suffix       HAND_D  degrees of freedom       HAND_R  interior nodes
 *     HAND_FORCE(q, v, t, A, B)           A and B at a node
 *     HAND_BLOCKS(q, v, t, AQ, AV, BQ, BV)   their derivatives, [D][D]
 *
 * The same Newton iteration as lag's: z extrapolated from the step before, one Jacobian and LU a step, then corrections with
 * the LU kept until they are at round-off. Tables as in lag_kernel.h. */

enum { HAND(D) = HAND_D, HAND(R) = HAND_R, HAND(S) = HAND_R + 2, HAND(N) = (HAND_R + 1) * HAND_D };

typedef struct HAND(Tables) {
    double c[HAND(S)], b[HAND(S)], D[HAND(S)][HAND(S)], G[HAND(S)][HAND(S)], E[HAND(S)][HAND(S)];
} HAND(Tables);

/* E_ij: the polynomial through the nodes of one step, minus its last value, at the nodes of the next. */
static void HAND(tables)(HAND(Tables) * T, const LagKernel *kernel) {
    enum { S = HAND(S) };
    for (int i = 0; i < S; i++) {
        T->c[i] = kernel->table[LAG_NODE][i];
        T->b[i] = kernel->table[LAG_WEIGHT][i];
        for (int j = 0; j < S; j++) {
            T->D[i][j] = kernel->table[LAG_DERIVE][i * S + j];
            T->G[i][j] = kernel->table[LAG_GATHER][i * S + j];
        }
    }
    for (int i = 0; i < S; i++)
        for (int j = 0; j < S; j++) {
            T->E[i][j] = 1;
            for (int k = 0; k < S; k++)
                if (k != j) T->E[i][j] *= (1 + T->c[i] - T->c[k]) / (T->c[j] - T->c[k]);
        }
}

static void HAND(residual)(const HAND(Tables) * T, double z[HAND(S)][HAND(D)], const double *q, const double *pi, double t,
                           double h, double v[HAND(S)][HAND(D)], double x[HAND(S)][HAND(D)], double *F, double *impulse) {
    enum { S = HAND(S), D = HAND(D), R = HAND(R) };
    double A[S][D], B[S][D];
    for (int i = 0; i < S; i++) {
        for (int k = 0; k < D; k++) {
            double sum = 0;
            for (int j = 1; j < S; j++) sum += T->D[i][j] * z[j][k];
            v[i][k] = sum / h;
            x[i][k] = q[k] + z[i][k];
        }
        HAND_FORCE(x[i], v[i], t + T->c[i] * h, A[i], B[i]);
    }
    for (int a = 0; a <= R; a++) {
        int i = a < R ? a + 1 : 0;
        for (int k = 0; k < D; k++) {
            double sum = 0;
            for (int j = 0; j < S; j++) sum += T->G[i][j] * B[j][k];
            F[a * D + k] = sum + h * T->b[i] * A[i][k] + (i ? 0 : pi[k]);
        }
    }
    for (int k = 0; k < D; k++) {
        impulse[k] = 0;
        for (int i = 0; i < S; i++) impulse[k] += h * T->b[i] * A[i][k];
    }
}

static void HAND(jacobian)(const HAND(Tables) * T, double v[HAND(S)][HAND(D)], double x[HAND(S)][HAND(D)], double t,
                           double h, double J[HAND(N)][HAND(N)]) {
    enum { S = HAND(S), D = HAND(D), R = HAND(R) };
    double AQ[S][D][D], AV[S][D][D], BQ[S][D][D], BV[S][D][D];
    for (int i = 0; i < S; i++) HAND_BLOCKS(x[i], v[i], t + T->c[i] * h, AQ[i], AV[i], BQ[i], BV[i]);
    for (int a = 0; a <= R; a++) {
        int i = a < R ? a + 1 : 0;
        for (int m = 1; m < S; m++)
            for (int k = 0; k < D; k++)
                for (int l = 0; l < D; l++) {
                    double sum = 0;
                    for (int j = 0; j < S; j++) sum += T->G[i][j] * T->D[j][m] * BV[j][k][l];
                    sum = sum / h + T->G[m][i] * AV[i][k][l] + T->G[i][m] * BQ[m][k][l];
                    J[a * D + k][(m - 1) * D + l] = sum + (i == m ? h * T->b[i] * AQ[i][k][l] : 0);
                }
    }
}

static void HAND(factor)(double J[HAND(N)][HAND(N)], int *pivot) {
    enum { N = HAND(N) };
    for (int k = 0; k < N; k++) {
        int p = k;
        for (int i = k + 1; i < N; i++)
            if (fabs(J[i][k]) > fabs(J[p][k])) p = i;
        pivot[k] = p;
        for (int j = 0; j < N && p != k; j++) {
            double swap = J[k][j];
            J[k][j] = J[p][j];
            J[p][j] = swap;
        }
        for (int i = k + 1; i < N; i++) {
            double f = J[i][k] /= J[k][k];
            for (int j = k + 1; j < N; j++) J[i][j] -= f * J[k][j];
        }
    }
}

static void HAND(solve)(double J[HAND(N)][HAND(N)], const int *pivot, double *F) {
    enum { N = HAND(N) };
    for (int k = 0; k < N; k++) {
        double swap = F[k];
        F[k] = F[pivot[k]];
        F[pivot[k]] = swap;
    }
    for (int i = 1; i < N; i++)
        for (int j = 0; j < i; j++) F[i] -= J[i][j] * F[j];
    for (int i = N - 1; i >= 0; i--) {
        for (int j = i + 1; j < N; j++) F[i] -= J[i][j] * F[j];
        F[i] /= J[i][i];
    }
}

static void HAND(run)(const LagKernel *kernel, double *q, double *pi, double h, long steps) {
    enum { S = HAND(S), D = HAND(D), N = HAND(N) };
    HAND(Tables) T;
    HAND(tables)(&T, kernel);
    double z[S][D] = {{0}}, guess[S][D], v[S][D], x[S][D], F[N], impulse[D], J[N][N];
    int pivot[N];
    for (int k = 0; k < D; k++) /* a straight line with the start's momentum, unit mass: only the first step sees it */
        for (int i = 0; i < S; i++) z[i][k] = T.c[i] * h * pi[k];
    for (long n = 0; n < steps; n++) {
        double t = (double)n * h, before = INFINITY;
        for (int iteration = 0; iteration < 30; iteration++) {
            HAND(residual)(&T, z, q, pi, t, h, v, x, F, impulse);
            if (iteration == 0) {
                HAND(jacobian)(&T, v, x, t, h, J);
                HAND(factor)(J, pivot);
            }
            HAND(solve)(J, pivot, F);
            double change = 0, scale = 0;
            for (int i = 1; i < S; i++)
                for (int k = 0; k < D; k++) {
                    z[i][k] -= F[(i - 1) * D + k];
                    change = fmax(change, fabs(F[(i - 1) * D + k]));
                    scale = fmax(scale, fabs(x[i][k]));
                }
            if (change <= 4e-16 * scale || (change <= 1e-13 * scale && change > before / 4)) break;
            before = change;
        }
        for (int k = 0; k < D; k++) pi[k] += impulse[k], q[k] += z[S - 1][k];
        for (int i = 0; i < S; i++)
            for (int k = 0; k < D; k++) {
                guess[i][k] = -z[S - 1][k];
                for (int j = 0; j < S; j++) guess[i][k] += T.E[i][j] * z[j][k];
            }
        memcpy(z, guess, sizeof z);
        for (int k = 0; k < D; k++) z[0][k] = 0;
    }
}

#undef HAND
#undef HAND_D
#undef HAND_R
#undef HAND_FORCE
#undef HAND_BLOCKS
