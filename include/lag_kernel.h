/* lag_kernel.h: what a compiled Lagrangian looks like to whoever runs it.
 *
 * A kernel is plain data: dimensions, facts, the Lobatto tables and a few native programs. The compiler fills it, the
 * integrators of runtime/ only read it, and either can be tested without the other (a kernel can be written by hand).
 *
 * Every program has one signature. It is given a table of arrays, indexed by LagArray; it reads the inputs and the
 * tables, and writes its outputs and LAG_WORK. All arrays are of double, row-major, and belong to the caller; sizes are
 * in LagKernel.size. Programs are pure: no allocation, no lock, no global, so that one kernel serves any number of
 * threads, each with arrays of its own. Symbols as in the method (Tsang, Galley, Stein & Turner 2015, ApJL 809 L9):
 *
 *     d  degrees of freedom      r  interior nodes      s = r + 2  nodes      n = (r + 1) d  unknowns of a step
 *
 * With nodes c_i, weights b_i and derivative matrix D on the unit interval (c_0 = 0, c_{r+1} = 1, sum of b = 1):
 *
 *     q_i = q + z_i,  z_0 = 0      v_i = (1/h) sum_j D_ij z_j      t_i = t + c_i h
 *     F_i = h b_i A_i + sum_j b_j D_ji B_j
 *
 * and a step solves  F_i = 0 (i = 1 .. r),  pi + F_0 = 0  for z_1 .. z_{r+1}. Then q' = q + z_{r+1}, and, since the
 * rows of D sum to zero,  pi' = F_{r+1} = pi + h sum_i b_i A_i  exactly.
 *
 * Where B = M v with a constant mass matrix M, that is the pair of methods Lobatto IIIA-IIIB (Hairer, Lubich & Wanner,
 * Geometric Numerical Integration, II.1 and VI.4), and needs no equations to be solved but by iteration. With the impulses
 * f_j = h^2 b_j M^-1 A_j and u = h M^-1 pi,
 *
 *     z_i = c_i u + sum_j H_ij f_j      h v_i = u + sum_j J_ij f_j      u' = u + sum_j f_j
 *     q' = q + u + sum_j (1 - c_j) f_j
 *
 * where H_ij = (a ahat)_ij / b_j and J_ij = ahat_ij / b_j, of these methods' matrices a and ahat, on a grid of doubles on
 * which the step is symplectic and symmetric to the last bit.
 *
 * Such a step is gone back through by the same kind of iteration. Of derivatives lambda_q' and lambda_u' of any function in
 * what the step leads to, seeds being what the function has of its impulses besides, the impulses' are phi:
 *
 *     phi_j = lambda_u' + (1 - c_j) lambda_q' + seed_j + sum_i H_ij zeta_i + sum_i J_ij eta_i
 *     zeta_i = h^2 b_i A_q(i)^T M^-T phi_i      eta_i = h b_i A_v(i)^T M^-T phi_i
 *     lambda_q = lambda_q' + sum_i zeta_i      lambda_u = lambda_u' + lambda_q' + sum_i (c_i zeta_i + eta_i)
 *
 * and those in the parameters gain sum_i h^2 b_i A_c(i)^T M^-T phi_i, and what M's are: M_c comes to stand beside the
 * matrix -sum_i (M^-T phi_i) f_i^T.
 *
 * Where the iteration f <- f*, f*_j = h^2 b_j M^-1 A_j at the places that f leads to, does not shrink errors, simplified
 * Newton iteration does (ibid., VIII.6):
 *
 *     f <- f + N (f* - f)      N = (1 - f*_f)^-1      df*_i/df_j = h^2 b_i M^-1 (A_q(i) H_ij + A_v(i) J_ij / h)
 *
 * with a matrix N that is kept from step to step. It begins with what f is by N to first order in the state.
 *
 * Where B is another function of q, v and t, it is that pair of methods but for a number beta a coordinate. sum_j b_j D_ji
 * B_j does not see what B has of P_{r+1}, the Legendre polynomial, while v, being the derivative of a polynomial of degree
 * r + 1, has nothing of it. With the impulses f_j = h b_j A_j and the displacements g_j = h b_j v_j,
 *
 *     z_i = sum_j K_ij g_j      B_i = pi + sum_j J_ij f_j + beta P_{r+1}(2 c_i - 1)      pi' = pi + sum_j f_j
 *     q' = q + sum_j g_j        sum_j P_{r+1}(2 c_j - 1) g_j = 0
 *
 * where K_ij = a_ij / b_j = 1 - J_ji, on such a grid too. */
#ifndef LAG_KERNEL_H
#define LAG_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The arrays that a program is given, and their shapes.
 *
 * In LAG_AQ .. LAG_BT, LAG_AP, LAG_BP and LAG_JACOBIAN a program writes only the entries that may be other than zero: those
 * that are zero whatever the state are left alone, always the same ones. Whoever runs it brings arrays that are zero there,
 * and zeroes them anew where something else (factors of the matrix, say) has been written into them. */
typedef enum LagArray {
    /* inputs */
    LAG_TIME,      /* [2]       t at the step's start, and the step h (a pointwise program reads t alone) */
    LAG_PARAMETER, /* [m]       parameters, in the model's order */
    LAG_Q,         /* [d]       coordinates: at the step's start, or at the point */
    LAG_V,         /* [d]       velocities at the point (pointwise programs only) */
    LAG_PI,        /* [d]       generalised momenta at the step's start */
    LAG_Z,         /* [r+1, d]  unknowns z_i = q_i - q of nodes 1 .. r+1 */
    /* outputs of the pointwise programs */
    LAG_A,      /* [d]     force     A_k = [dL/dq_k + dL/dq-_k], physical limit */
    LAG_B,      /* [d]     momentum  B_k = [dL/dv_k + dL/dv-_k], physical limit */
    LAG_AQ,     /* [d, d]  dA_k/dq_l */
    LAG_AV,     /* [d, d]  dA_k/dv_l */
    LAG_BQ,     /* [d, d]  dB_k/dq_l */
    LAG_BV,     /* [d, d]  dB_k/dv_l, the mass matrix */
    LAG_BT,     /* [d]     dB_k/dt */
    LAG_ENERGY, /* [1] sum_k v_k dL/dv_k - L of the conservative part */
    LAG_AP,     /* [d, m]  dA_k/dc_j, in the parameters: of LAG_POINT_PARAMETER alone */
    LAG_BP,     /* [d, m]  dB_k/dc_j */
    /* outputs of the step's programs */
    LAG_RESIDUAL, /* [n]    rows: interior nodes 1 .. r, then node 0; d rows a node */
    LAG_IMPULSE,  /* [d]    h sum_i b_i A_i */
    LAG_VELOCITY, /* [s, d] v_i at the nodes */
    LAG_JACOBIAN, /* [n, n] d residual / d z */
    /* of LAG_STEPS alone; rows of l = s, rounded up to a multiple of 8 */
    LAG_U,            /* [d]     u, or pi unless facts.mass_times_velocity: beside Q the state that it takes further */
    LAG_LOW,          /* [4, d]  what the true state is more than the doubles Q and U, in LAG_FORM_COMPENSATED; and Q and U
                                 as they are before they are rounded from it, with which the next step's first sweep begins.
                                 [2, d] unless facts.mass_times_velocity */
    LAG_F,            /* [d, l]  impulses of the step before, from which the next ones are guessed; out: of the last step.
                                 [2, d, l] unless facts.mass_times_velocity: impulses and displacements */
    LAG_SHARE,        /* [d, l]  h^2 b_i / m_k where M is diagonal, of entries m_k; else h^2 b_i. [l] unless
                                 facts.mass_times_velocity: h b_i */
    LAG_INVERSE_MASS, /* [d, d]  M^-1, where it is not diagonal */
    LAG_RUN,          /* [LAG_RUN_COUNT] what is to be done and was done: see LagRun */
    /* of LAG_FORM_NEWTON alone */
    LAG_NEWTON, /* [d, s, d, l] N, of impulse k at node i by coordinate c at node j, at [c, j, k, i] */
    LAG_AHEAD,  /* [d, l]  impulses that a step begins with, but for what the state makes of them; out: for the next step */
    LAG_AHEAD_BY, /* [2, d, d, l] what they have of each coordinate c of q, and of u, at [0, c, k, i] and [1, c, k, i] */
    /* of LAG_STEPS_BACK and LAG_MASS_BACK alone */
    LAG_BY_Q, /* [d]     lambda_q', which lambda_q replaces */
    LAG_BY_U, /* [d]     lambda_u', which lambda_u replaces */
    LAG_BY_F, /* [2, d, l] zeta and eta of the step behind, from which the next are guessed; out: of this one. What is
                         zero whatever the state is left alone */
    LAG_SEED, /* [d, l]  what is made of the impulses besides */
    LAG_BY_PARAMETER, /* [m]     is added to */
    LAG_BY_MASS, /* [d, d], or [d] where M is diagonal: what M's entries count for; is added to, if M depends on parameters
                  */
    /* tables */
    LAG_NODE,             /* [s]    c_i */
    LAG_WEIGHT,           /* [s]    b_i */
    LAG_DERIVE,           /* [s, s] D_ij */
    LAG_GATHER,           /* [s, s] G_ij = b_j D_ji */
    LAG_STIFFNESS,        /* [s, s] S_im = sum_j b_j D_ji D_jm */
    LAG_STAGE_NODE,       /* [l]    c_i, on the grid */
    LAG_STAGE_END,        /* [s + 1, LAG_END_COUNT] what an impulse adds to the state: see LagEnd; a row over, for lanes */
    LAG_LEGENDRE,         /* [l]    P_{r+1}(2 c_i - 1), unless facts.mass_times_velocity */
    LAG_REACH,            /* [s, l] H_ij, or K_ij unless facts.mass_times_velocity, at [j, i] */
    LAG_RATE,             /* [s, l] J_ij at [j, i] */
    LAG_REACH_AHEAD,      /* [s, l] the same, of impulses that are extrapolated from those of the step before */
    LAG_RATE_AHEAD,       /* [s, l] */
    LAG_REACH_AHEAD_TWO,  /* [s, l] the same in LAG_FORM_COMPENSATED, where facts.mass_times_velocity */
    LAG_RATE_AHEAD_TWO,   /* [s, l] */
    LAG_REACH_BACK,       /* [s, l] H_ij at [i, j]; this and what follows where facts.mass_times_velocity */
    LAG_RATE_BACK,        /* [s, l] J_ij at [i, j] */
    LAG_REACH_BACK_AHEAD, /* [s, l] the same, of zeta and eta that are extrapolated from those of the step behind */
    LAG_RATE_BACK_AHEAD,  /* [s, l] */
    /* scratch */
    LAG_WORK, /* [size] anything; holds nothing between calls */
    LAG_ARRAY_COUNT
} LagArray;

/* The numbers of LAG_RUN. */
typedef enum LagRun {
    LAG_RUN_STEPS,  /* in: steps to take, 1 or more */
    LAG_RUN_BEFORE, /* in: steps since the time that LAG_TIME holds */
    LAG_RUN_SLACK,  /* in: how many times more may be missing of a step's impulses than where sweeps go on to round-off; 1 or
                       more */
    LAG_RUN_DONE,   /* in: 0; out: steps taken. One fewer than asked for: the next did not converge, or was not finite, and
                       left Q and U as they were */
    LAG_RUN_SWEEPS, /* in: 0 at the start; adds the sweeps over the nodes */
    LAG_RUN_THETA,  /* what corrections shrank by when it was measured last, and the steps since; at the start 1 and
                       LAG_RUN_AGE_MOST */
    LAG_RUN_AGE,
    LAG_RUN_MOST, /* in: sweeps that a step may take; one that has not converged then has failed. Of LAG_FORM_NEWTON, a step
                     that takes so many is the last, for N to be made anew; it has failed after LAG_SWEEPS_MOST */
    LAG_RUN_LAST, /* out, of LAG_FORM_NEWTON: the sweeps of the last step */
    LAG_RUN_COUNT
} LagRun;

#define LAG_RUN_AGE_MOST 16
#define LAG_SWEEPS_MOST 40 /* more do not help */

/* Forms of LAG_STEPS. */
typedef enum LagForm {
    LAG_FORM_LANES = 1, /* LAG_SYSTEMS systems side by side: where LAG_STEPS has a double, each array but the tables has
                           LAG_SYSTEMS. Each system has the bits that it has alone; one whose step fails stays as it is,
                           while the others go on */
    LAG_FORM_COMPENSATED = 2, /* the state is Q and U and, beyond doubles, LOW: steps add up what they change it by in twice
                                 the digits */
    LAG_FORM_NEWTON = 4, /* by simplified Newton iteration, where facts.mass_times_velocity and N is small; of one system */
    LAG_FORMS = 8
} LagForm;

#define LAG_SYSTEMS 8

/* Columns of LAG_STAGE_END: what an impulse adds to u; to q; and the second in two parts. */
typedef enum LagEnd {
    LAG_END_U,        /* 1 */
    LAG_END_Q,        /* 1 - c_j */
    LAG_END_LEADING,  /* the leading LAG_END_BITS bits of that */
    LAG_END_TRAILING, /* and the rest */
    LAG_END_COUNT
} LagEnd;
#define LAG_END_BITS 16

/* l: nodes s of a step, rounded up to whole vectors. */
static inline uint32_t lag_lanes(uint32_t s) { return (s + 7) / 8 * 8; }

/* The native programs of a kernel, and what each reads and writes. */
typedef enum LagRoutine {
    LAG_POINT,          /* TIME PARAMETER Q V -> A B */
    LAG_POINT_JACOBIAN, /* TIME PARAMETER Q V -> A B AQ AV BQ BV BT */
    LAG_POINT_ENERGY,   /* TIME PARAMETER Q V -> ENERGY */
    LAG_STEP_RESIDUAL,  /* TIME PARAMETER Q PI Z and tables -> RESIDUAL IMPULSE VELOCITY */
    LAG_STEP_JACOBIAN,  /* the same -> RESIDUAL IMPULSE VELOCITY JACOBIAN */
    LAG_STEPS,          /* TIME PARAMETER Q U F SHARE INVERSE_MASS RUN and tables -> Q U F RUN: whole steps by fixed-point
                           iteration, where facts.iterates and not facts.affine; else its procedure is empty */
    LAG_ROUTINE_COUNT,
    /* Made when they are first asked for, see LagKernel.slopes and LagKernel.back: */
    LAG_POINT_PARAMETER = LAG_ROUTINE_COUNT, /* TIME PARAMETER Q V -> A B AQ AV BQ BV AP BP */
    LAG_STEPS_BACK, /* TIME PARAMETER Q U F SHARE INVERSE_MASS RUN BY_Q BY_U BY_F SEED BY_PARAMETER BY_MASS and tables -> RUN
                       BY_Q .. BY_MASS: the one step that begins at Q and U, RUN_BEFORE steps after TIME, and has impulses F,
                       where facts.iterates and facts.mass_times_velocity. If RUN_DONE stays 0, it did not converge, or was
                       not finite: then outputs mean nothing */
    LAG_MASS_BACK   /* PARAMETER BY_MASS BY_PARAMETER -> BY_PARAMETER: of M's derivatives in the parameters, if it has any */
} LagRoutine;

/* A native program: `code` is LagProcedure.code, `array` has LAG_ARRAY_COUNT pointers (those not used may be NULL). */
typedef void LagNative(const void *code, double *const *array);

typedef struct LagProcedure {
    LagNative *run;
    const void *code; /* the program itself where an interpreter runs it; else NULL */
} LagProcedure;

/* What is known of a Lagrangian without running it. Each is decided by exact algebra; false means "not shown". (A mass
 * matrix that is singular whatever the parameters never gets this far: it is an error of the text.) */
typedef struct LagFacts {
    bool autonomous;              /* time does not appear */
    bool quadratic;               /* A and B are linear in q and v (inhomogeneous terms may be there) */
    bool constant_mass;           /* the mass matrix depends on parameters alone */
    bool forces_free_of_velocity; /* A does not depend on v */
    bool conservative;            /* no coupling K */
    bool mass_times_velocity;     /* B = M v with M constant, nothing else */
    bool diagonal_mass;           /* M is diagonal */
    bool affine;                  /* quadratic, autonomous, and of few coordinates: a step is one affine map */
    bool iterates;                /* M is small, or constant and diagonal: steps may be found by forms of LAG_STEPS, and by
                                     LAG_STEPS itself where they are not affine */
    const bool *cyclic;           /* [d] A_k = 0: the momentum of coordinate k is conserved */
} LagFacts;

/* Sweeps a step to be expected, before any are counted: where B is not M v, forces go with velocity. */
static inline double lag_sweeps_expected(const LagFacts *facts) { return facts->mass_times_velocity ? 1 : 5; }

/* What derivatives of the motion are made with: programs of one system, or of LAG_SYSTEMS side by side, each array but the
 * tables then having LAG_SYSTEMS doubles for each. */
typedef struct LagSlopes {
    LagProcedure point; /* LAG_POINT_PARAMETER */
    LagProcedure
        residual; /* LAG_STEP_RESIDUAL and LAG_STEP_JACOBIAN, where there are several systems; else empty: they are */
    LagProcedure jacobian; /* the kernel's */
    size_t work;           /* doubles of LAG_WORK that they want, of each system */
} LagSlopes;

/* What motions whose steps are found by LAG_STEPS are gone back through with: of one system, or of LAG_SYSTEMS, as above. */
typedef struct LagBack {
    LagProcedure steps; /* LAG_STEPS_BACK */
    LagProcedure mass;  /* LAG_MASS_BACK; `run` is NULL where M does not depend on parameters */
    size_t work;        /* doubles of LAG_WORK that they want, of each system */
} LagBack;

#define LAG_KERNEL_ABI 8
#define LAG_R_MAX 200   /* most interior nodes of a step */
#define LAG_R_DEFAULT 8 /* those of a text that sets none */
#define LAG_AFFINE_DOF_MOST 16
#define LAG_SLOPES_MAX 4000000      /* most entries of dA/dc, d times m: it is dense */
#define LAG_NEWTON_MOST 128         /* most impulses, (r + 2) * dof, of LAG_FORM_NEWTON */
#define LAG_UNKNOWNS_MAX 2500       /* most unknowns of a step, (r + 1) * dof, whose equations are solved: densely */
#define LAG_DENSE_DOF_MOST 500      /* most coordinates over which there are matrices */
#define LAG_UNKNOWNS_WIDE_MAX 50000 /* most unknowns of a step that is found by LAG_STEPS alone */

typedef struct LagKernel LagKernel;
struct LagKernel {
    uint32_t abi;             /* LAG_KERNEL_ABI of the compiler that filled it */
    uint32_t dof;             /* d */
    uint32_t parameter_count; /* m */
    uint32_t r;
    LagFacts facts;
    size_t size[LAG_ARRAY_COUNT];         /* doubles in each array */
    const double *table[LAG_ARRAY_COUNT]; /* the tables; NULL for every other array */
    LagProcedure procedure[LAG_ROUTINE_COUNT];
    /* The best programs there are at this moment, [LAG_ROUTINE_COUNT], for the same arrays and with the same results; told
     * that `steps` more steps are about to be taken (0: only asking) it may have better ones made meanwhile. Thread-safe,
     * and quick when only asking. NULL: `procedure` is all there is. */
    const LagProcedure *(*improve)(const LagKernel *kernel, uint64_t steps);
    /* LAG_STEPS in another form (of LagForm, or-ed together), and the doubles of LAG_WORK that it wants for each system.
     * Code is made when it is first asked for, if that pays for so many steps of so many systems; without it, forms of one
     * system are interpreted, and `run` is NULL for those of several. It is NULL too where there is no such form.
     * Thread-safe; the first call takes as long as a compiler does. NULL: there is no other form. */
    LagProcedure (*form)(const LagKernel *kernel, uint32_t form, uint64_t steps, size_t *work);
    /* The programs for derivatives, of 1 system or of LAG_SYSTEMS (where only machine code by LLVM runs them), told that the
     * derivatives of `steps` more steps of so many systems are about to be asked for: code is made when that pays. False
     * where there are none, for want of memory or beyond a bound, or none side by side (yet). Thread-safe; it may take as
     * long as a compiler does. NULL: nothing is known of derivatives in parameters. */
    bool (*slopes)(const LagKernel *kernel, uint32_t systems, uint64_t steps, LagSlopes *slopes);
    /* The same for LAG_STEPS_BACK; false too where there is no such routine. */
    bool (*back)(const LagKernel *kernel, uint32_t systems, uint64_t steps, LagBack *back);
};

/* Whether a kernel is wide: of more coordinates than there are matrices for, or more unknowns than are solved for. It has no
 * matrices: AQ, AV, BQ and JACOBIAN have no elements, BV is [d], the diagonal of a mass matrix that has nothing else, and
 * LAG_STEP_RESIDUAL and LAG_STEP_JACOBIAN are empty. Its steps are those of LAG_STEPS. */
static inline bool lag_kernel_is_wide(const LagKernel *kernel) { return kernel->size[LAG_JACOBIAN] == 0; }

#ifdef __cplusplus
}
#endif
#endif
