/* group.c: see group.h. */
#include "group.h"

#include <string.h>

/* Arrays of LAG_STEPS that a group keeps. */
static const LagArray group_array[] = {LAG_TIME,  LAG_PARAMETER,    LAG_Q,  LAG_U, LAG_LOW, LAG_F,
                                       LAG_SHARE, LAG_INVERSE_MASS, LAG_RUN};
enum { GROUP_ARRAYS = sizeof group_array / sizeof *group_array };

static size_t mass_size(const LagKernel *kernel) {
    return kernel->facts.diagonal_mass ? kernel->dof : (size_t)kernel->dof * kernel->dof;
}

size_t group_size(const LagKernel *kernel) {
    size_t size = mass_size(kernel);
    for (int a = 0; a < GROUP_ARRAYS; a++) size += kernel->size[group_array[a]];
    return size;
}

void group_place(Group *g, const LagKernel *kernel, uint32_t systems, double *block) {
    *g = (Group){.kernel = kernel, .systems = systems, .mass = block};
    memset(block, 0, group_size(kernel) * systems * sizeof *block);
    for (int a = LAG_NODE; a < LAG_WORK; a++) g->array[a] = (double *)kernel->table[a]; /* only read */
    block += mass_size(kernel) * systems;
    for (int a = 0; a < GROUP_ARRAYS; a++) {
        g->array[group_array[a]] = block;
        block += kernel->size[group_array[a]] * systems;
    }
}

bool group_begin(Group *g, Sweeps *sweeps, uint32_t lane, const GroupStart *start) {
    double *const *from = sweeps->frame->array;
    const LagKernel *kernel = g->kernel;
    const size_t d = kernel->dof, m = kernel->parameter_count;
    if (m) memcpy(from[LAG_PARAMETER], start->c, m * sizeof *start->c);
    memcpy(from[LAG_Q], start->q, d * sizeof *start->q);
    memcpy(from[LAG_PI], start->pi, d * sizeof *start->pi);
    memset(from[LAG_V], 0, d * sizeof(double)); /* as an integrator starts */
    sweeps_forget(sweeps);
    if (!sweeps_begin(sweeps, start->t, start->h)) return false;
    for (int a = 0; a < GROUP_ARRAYS; a++)
        numbers_to(g->array[group_array[a]], g->systems, lane, from[group_array[a]], kernel->size[group_array[a]]);
    numbers_to(g->mass, g->systems, lane, sweeps->mass, mass_size(kernel));
    return true;
}

static void fill(double *lanes, uint32_t systems, uint32_t lane, uint32_t like, size_t count) {
    for (size_t i = 0; i < count; i++) lanes[i * systems + lane] = lanes[i * systems + like];
}

void group_fill(Group *g, uint32_t lane, uint32_t like) {
    for (int a = 0; a < GROUP_ARRAYS; a++)
        fill(g->array[group_array[a]], g->systems, lane, like, g->kernel->size[group_array[a]]);
    fill(g->mass, g->systems, lane, like, mass_size(g->kernel));
}

/* Row k of M u / h in a lane, in the order of sweeps_momentum. */
static inline double momentum_row(const Group *g, bool diagonal, const double *u, double h, size_t k, size_t lane) {
    const size_t d = g->kernel->dof, w = g->systems;
    double sum = 0;
    if (diagonal) return g->mass[k * w + lane] * (u[k * w + lane] / h);
    for (size_t l = 0; l < d; l++) sum += g->mass[(k * d + l) * w + lane] * (u[l * w + lane] / h);
    return sum;
}

void group_momentum(const Group *g, uint32_t lane, double h, double *pi) {
    const LagFacts *facts = &g->kernel->facts;
    const size_t d = g->kernel->dof;
    if (!facts->mass_times_velocity) numbers_from(g->array[LAG_U], g->systems, lane, pi, d);
    for (size_t k = 0; k < d && facts->mass_times_velocity; k++)
        pi[k] = momentum_row(g, facts->diagonal_mass, g->array[LAG_U], h, k, lane);
}

void group_momenta(const Group *g, const double *u, double h, double *pi) {
    const bool diagonal = g->kernel->facts.diagonal_mass;
    for (size_t k = 0; k < g->kernel->dof; k++)
        for (size_t lane = 0; lane < g->systems; lane++)
            pi[k * g->systems + lane] = momentum_row(g, diagonal, u, h, k, lane);
}
