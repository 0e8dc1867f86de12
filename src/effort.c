/* effort.c: see effort.h. The costs are those of benchmarks/accuracy's systems, for r = 2 .. 16, by LLVM on a server's CPU
 * of 2023 with AVX-512, fitted by eye: what is chosen by them needs ratios only. */
#include "effort.h"

/* Seconds of sweeps: an operation at one node in lanes, and a call there; what a sweep waits for whatever its size; and a
 * step, as so many sweeps. */
static const double lane_operation = 0.021e-9, lane_call = 2.5e-9, sweep_wait = 12e-9, sweeps_a_step = 1.5;
static const double two_doubles = 1.1; /* so many times as much, for a state in two doubles */
enum { SWEEP_PARTS = 2 };              /* LAG_STEPS, with one sweep, goes through the nodes twice */

/* Of Newton's method: an operation of the residual, a call; an entry of the Jacobian in a correction; and in the new factors
 * of a part of the steps, to the third power. */
static const double operation = 0.19e-9, call = 15e-9, correction = 0.3e-9, factoring = 0.05e-9;

/* Of an affine map: a step; an entry of the map; and what making it takes, the same and by unknowns and columns. */
static const double map_step = 1.5e-9, map_entry = 0.2e-9, map_made = 2e-6, map_column = 0.35e-6;

/* The lanes that so many nodes take: eights, and for the rest as few as are a power of two. */
static uint32_t lanes_taken(uint32_t s) {
    uint32_t rest = s % 8, lanes = 1;
    while (lanes < rest) lanes *= 2;
    return s - rest + (rest ? lanes : 0);
}

static Effort sweeping(const ModelKernel *k, bool compensated) {
    const Tape *tape = &k->tape[LAG_STEPS];
    uint32_t s = k->kernel.r + 2;
    double lanes = (double)lanes_taken(s) / s;
    double nodes = lane_operation * (double)tape_unrolled(tape) + lane_call * (double)tape_calls(tape);
    double sweep = (sweep_wait + lanes * nodes / SWEEP_PARTS) * (compensated ? two_doubles : 1);
    return (Effort){.iteration = sweep, .step = sweeps_a_step * sweep};
}

static Effort newton(const ModelKernel *k) {
    const Tape *tape = &k->tape[LAG_STEP_RESIDUAL];
    double n = (double)(k->kernel.r + 1) * k->kernel.dof;
    double residual = operation * (double)tape_unrolled(tape) + call * (double)tape_calls(tape);
    return (Effort){.iteration = residual + correction * n * n, .step = factoring * n * n * n};
}

Effort effort_of(const ModelKernel *k, LagMethod method) {
    LagRoad road = method == LAG_METHOD_NEWTON ? LAG_ROAD_NEWTON : lag_kernel_road(&k->kernel);
    if (road == LAG_ROAD_SWEEPS) return sweeping(k, method == LAG_METHOD_COMPENSATED);
    if (road == LAG_ROAD_NEWTON) return newton(k);
    double state = 2.0 * k->kernel.dof, unknowns = (double)(k->kernel.r + 1) * k->kernel.dof;
    return (Effort){.step = map_step + map_entry * state * state, .first = map_made + map_column * unknowns * state};
}
