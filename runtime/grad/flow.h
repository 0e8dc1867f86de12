/* flow.h: steps that are to be differentiated, of one system or of LAG_SYSTEMS in the lanes of vectors, and their adjoint.
 *
 * A step is the map (q, pi) -> (q', pi') that solves R(z; q, pi, c) = 0 (lag_kernel.h). However z was found, the implicit
 * function theorem differentiates the step where it stands: dz = -R_z^-1 (R_q dq + R_pi dpi + R_c dc). So a step leaves
 * its solution, polished to round-off, and the inverse of R_z there.
 *
 * Number e of an array stands at e * systems, one double for each system. What is done for a system depends on it alone: it
 * has the same bits in lanes and by itself, beside whatever others. */
#ifndef LAG_GRAD_FLOW_H
#define LAG_GRAD_FLOW_H

#include "../solve/numbers.h"
#include "../solve/step.h"

#include <stdatomic.h>

typedef struct Flow Flow;

/* The functions of one width. */
typedef struct FlowCode {
    uint32_t systems;
    /* The step from t to t + h of the state in Q and PI, which becomes the next. Leaves z, and the inverse of R_z at it. A
     * system whose step fails has that as its status, and stays where it is from then on. */
    void (*step)(Flow *flow, double t, double h);
    /* The point program at all nodes of the step that begins at q and has the solution z: fills node_q .. node_BP. */
    void (*nodes)(Flow *flow, double t, double h, const double *q, const double *z);
    /* Derivatives of a function of what the step leads to become those in what it begins with: lambda_q and lambda_pi are
     * replaced, and slope_c [m] is added to. What is also made of the inside of the step is in `seed_z` [n], by z, and
     * `seed_A` [s, d], by the forces at the nodes; both are used up. */
    void (*back)(Flow *flow, double t, double h, const double *q, const double *z, const double *inverse, double *lambda_q,
                 double *lambda_pi, double *slope_c);
    /* Where the step is an affine map, y' = y + M y + b of y = (q, pi): M [2 d, 2 d], after `nodes` and with the inverse at
     * hand; so many steps of y, which is kept before each in path [steps, 2 d], and the largest of its numbers in most [2
     * d]; and a derivative lambda [2 d] back through a step from y, lambda y' being added to S [2 d, 2 d], and lambda to sum
     * [2 d]. */
    void (*map)(Flow *flow, double h, double *M);
    void (*forth)(const Flow *flow, const double *M, const double *b, uint64_t steps, double *y, double *path, double *most);
    void (*map_back)(Flow *flow, const double *M, const double *y, double *lambda, double *S, double *sum);
} FlowCode;

struct Flow {
    const FlowCode *code;
    const LagKernel *kernel;
    LagSlopes slopes;
    uint32_t systems, d, m, s, n;
    double *array[LAG_ARRAY_COUNT]; /* what the programs are given */
    double *point[LAG_ARRAY_COUNT]; /* the same for the point's program */
    double *block;
    /* Beside the state in Q and PI, what a step hands to the next: it tells bits, but no more. */
    double *z;       /* [n] of the step before */
    double *inverse; /* [n, n] of its R_z */
    bool followed;   /* they are there */
    double *spare;   /* [n, n] scratch */
    double *change;  /* [n] */
    double *row;     /* [n] scratch */
    /* At the nodes. */
    double *node_q, *node_v, *node_A, *node_B;        /* [s, d] */
    double *node_AQ, *node_AV, *node_BQ, *node_BV;    /* [s, d, d] */
    double *node_AP, *node_BP;                        /* [s, d, m] */
    double *seed_z, *seed_A;                          /* [n], [s, d] */
    double *weight_A, *weight_B;                      /* [s, d] scratch */
    double *start_pi, *begin_q, *begin_pi;            /* [d] scratch, of who takes the steps */
    double *start_v, *start_BQ, *start_BV, *start_BP; /* of starts that are velocities: [d], [d, d] twice, [d, m] */
    double *map_scratch;                              /* [2 d] */
    Frame frame;                                      /* of one system, for steps that a plain iteration does not find */
    Stepper stepper;
    double *one;     /* [n, n] a matrix of one system */
    uint32_t *pivot; /* [n] */
    LagStatus status[LAG_SYSTEMS];
};

/* By the number of systems, 1 or LAG_SYSTEMS. */
const FlowCode *flow_code(uint32_t systems);

/* A flow of the kernel, for `systems` systems. LAG_ERROR_LIMIT where there are no programs for derivatives. */
LagStatus flow_init(Flow *flow, const LagKernel *kernel, uint32_t systems);
void flow_free(Flow *flow);

/* So many more steps of each system are about to be differentiated: better programs may be made. False where there are none,
 * of several systems. */
bool flow_expect(Flow *flow, uint64_t steps);

/* Another motion: parameters c [m], and coordinates q [d], are put in the lane of a system. */
void flow_begin(Flow *flow, uint32_t lane, const double *c, const double *q);

/* For the functions of a width: the inverse of a system's R_z, of any pivots, put into its lane of `inverse`; and its step
 * by every means there is, from Q and PI to z. */
LagStatus flow_invert_alone(Flow *flow, uint32_t lane, double *inverse);
LagStatus flow_step_alone(Flow *flow, uint32_t lane, double t, double h);

#endif
