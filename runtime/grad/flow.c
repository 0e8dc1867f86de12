/* flow.c: see flow.h. What is done once for all widths, and for one system out of several. */
#include "flow.h"

#include "../solve/linear.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FLOW(name) name##_alone
#define FLOW_SYSTEMS 1
#define FLOW_LANES 1
#define FLOW_TARGET
#include "flow_width.h"
#undef FLOW
#undef FLOW_SYSTEMS
#undef FLOW_LANES
#undef FLOW_TARGET

#define FLOW_SYSTEMS LAG_SYSTEMS
#define FLOW(name) name##_2
#define FLOW_LANES 2
#define FLOW_TARGET
#include "flow_width.h"
#undef FLOW
#undef FLOW_LANES
#undef FLOW_TARGET

#if defined(__x86_64__)
#define FLOW(name) name##_4
#define FLOW_LANES 4
#define FLOW_TARGET __attribute__((target("avx2")))
#include "flow_width.h"
#undef FLOW
#undef FLOW_LANES
#undef FLOW_TARGET

/* GCC 12, looking after sizes of objects, makes code of these that leaves six of eight lanes alone. */
#define FLOW(name) name##_8
#define FLOW_LANES 8
#define FLOW_TARGET __attribute__((target("avx512f"), no_sanitize("object-size")))
#include "flow_width.h"
#endif

const FlowCode *flow_code(uint32_t systems) {
    static const FlowCode alone = {1, step_alone, nodes_alone, back_alone, map_alone, forth_alone, map_back_alone};
    static const FlowCode two = {LAG_SYSTEMS, step_2, nodes_2, back_2, map_2, forth_2, map_back_2};
#if defined(__x86_64__)
    static const FlowCode four = {LAG_SYSTEMS, step_4, nodes_4, back_4, map_4, forth_4, map_back_4};
    static const FlowCode eight = {LAG_SYSTEMS, step_8, nodes_8, back_8, map_8, forth_8, map_back_8};
    if (systems > 1 && __builtin_cpu_supports("avx512f")) return &eight;
    if (systems > 1 && __builtin_cpu_supports("avx2")) return &four;
#endif
    return systems > 1 ? &two : &alone;
}

/* ---- Memory ---- */

static bool is_table(int array) { return array >= LAG_NODE && array < LAG_WORK; }

/* The arrays of the programs: of the step's, and of the point's, which share parameters and room to work in. */
static bool of_step(int array) { return array <= LAG_Z ? array != LAG_V : array >= LAG_RESIDUAL && array <= LAG_JACOBIAN; }

/* Where each piece goes, from `at` on if it is not NULL; the size of all. */
static size_t lay_out(Flow *f, double *at) {
    const size_t d = f->d, m = f->m, s = f->s, n = f->n, w = f->systems, *size = f->kernel->size;
    size_t used = 0, work = size[LAG_WORK] > f->slopes.work ? size[LAG_WORK] : f->slopes.work;
    const struct {
        double **piece;
        size_t size;
    } pieces[] = {
        {&f->z, n},
        {&f->inverse, n * n},
        {&f->spare, n * n},
        {&f->change, n},
        {&f->row, n},
        {&f->node_q, s * d},
        {&f->node_v, s * d},
        {&f->node_A, s * d},
        {&f->node_B, s * d},
        {&f->node_AQ, s * d * d},
        {&f->node_AV, s * d * d},
        {&f->node_BQ, s * d * d},
        {&f->node_BV, s * d * d},
        {&f->node_AP, s * d * m},
        {&f->node_BP, s * d * m},
        {&f->seed_z, n},
        {&f->seed_A, s * d},
        {&f->weight_A, s * d},
        {&f->weight_B, s * d},
        {&f->start_pi, d},
        {&f->begin_q, d},
        {&f->begin_pi, d},
        {&f->map_scratch, 2 * d},
        {&f->start_v, d},
        {&f->start_BQ, d * d},
        {&f->start_BV, d * d},
        {&f->start_BP, d * m},
        {&f->point[LAG_TIME], 2},
        {&f->array[LAG_WORK], work + 1},
        {&f->one, w > 1 ? (n * n + w - 1) / w : n * n},
    };
    for (int i = 0; i < LAG_ARRAY_COUNT; i++) {
        if (!of_step(i)) continue;
        if (at) f->array[i] = at + used * w;
        used += size[i];
    }
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        if (at) *pieces[i].piece = at + used * w;
        used += pieces[i].size;
    }
    return used * w;
}

LagStatus flow_init(Flow *f, const LagKernel *kernel, uint32_t systems) {
    enum { LINE = 64 };
    *f = (Flow){.kernel = kernel, .systems = systems, .code = flow_code(systems)};
    if (!kernel->slopes || lag_kernel_is_wide(kernel)) return LAG_ERROR_LIMIT;
    if ((uint64_t)kernel->dof * kernel->parameter_count > LAG_SLOPES_MAX) return LAG_ERROR_LIMIT;
    if (!kernel->slopes(kernel, 1, 0, &f->slopes)) return LAG_ERROR_MEMORY;
    LagStatus status = frame_init(&f->frame, kernel, true);
    if (status == LAG_OK) status = stepper_init(&f->stepper, &f->frame);
    f->d = kernel->dof, f->m = kernel->parameter_count, f->s = kernel->r + 2, f->n = (kernel->r + 1) * kernel->dof;
    f->pivot = calloc(f->n, sizeof *f->pivot);
    size_t size = (lay_out(f, NULL) * sizeof *f->block + LINE - 1) / LINE * LINE;
    f->block = aligned_alloc(LINE, size);
    if (status == LAG_OK && (!f->pivot || !f->block)) status = LAG_ERROR_MEMORY;
    if (status != LAG_OK) {
        flow_free(f);
        return status;
    }
    memset(f->block, 0, size);
    lay_out(f, f->block);
    for (int i = 0; i < LAG_ARRAY_COUNT; i++)
        if (is_table(i)) f->array[i] = (double *)kernel->table[i]; /* programs only read it */
    f->point[LAG_PARAMETER] = f->array[LAG_PARAMETER];
    f->point[LAG_WORK] = f->array[LAG_WORK];
    return LAG_OK;
}

void flow_free(Flow *f) {
    stepper_free(&f->stepper);
    frame_free(&f->frame);
    free(f->block);
    free(f->pivot);
    *f = (Flow){0};
}

bool flow_expect(Flow *f, uint64_t steps) {
    LagSlopes slopes;
    frame_improve(&f->frame, steps);
    if (!f->kernel->slopes(f->kernel, f->systems, steps * f->systems, &slopes)) return false;
    f->slopes = slopes;
    if (f->systems > 1) return true;
    f->slopes.residual = f->frame.procedure[LAG_STEP_RESIDUAL];
    f->slopes.jacobian = f->frame.procedure[LAG_STEP_JACOBIAN];
    return true;
}

void flow_begin(Flow *f, uint32_t lane, const double *c, const double *q) {
    if (f->m) numbers_to(f->array[LAG_PARAMETER], f->systems, lane, c, f->m);
    numbers_to(f->array[LAG_Q], f->systems, lane, q, f->d);
    f->status[lane] = LAG_OK;
    f->followed = false;
}

/* ---- One out of several ---- */

LagStatus flow_invert_alone(Flow *f, uint32_t lane, double *inverse) {
    uint32_t n = f->n;
    double *column = f->stepper.next;
    numbers_from(f->array[LAG_JACOBIAN], f->systems, lane, f->one, (size_t)n * n);
    LagStatus status = linear_factor(f->one, n, f->pivot, f->stepper.scale);
    for (uint32_t j = 0; j < n && status == LAG_OK; j++) {
        memset(column, 0, n * sizeof *column);
        column[j] = 1;
        linear_solve(f->one, n, f->pivot, column);
        if (!linear_finite(column, n)) status = LAG_ERROR_SINGULAR;
        for (uint32_t i = 0; i < n; i++) inverse[((size_t)i * n + j) * f->systems + lane] = column[i];
    }
    return status;
}

LagStatus flow_step_alone(Flow *f, uint32_t lane, double t, double h) {
    double *const *to = f->frame.array;
    if (f->m) numbers_from(f->array[LAG_PARAMETER], f->systems, lane, to[LAG_PARAMETER], f->m);
    numbers_from(f->array[LAG_Q], f->systems, lane, to[LAG_Q], f->d);
    numbers_from(f->array[LAG_PI], f->systems, lane, to[LAG_PI], f->d);
    memset(f->stepper.v, 0, f->d * sizeof *f->stepper.v);
    stepper_forget(&f->stepper);
    LagStatus status = stepper_step(&f->stepper, t, h);
    if (status == LAG_OK) numbers_to(f->array[LAG_Z], f->systems, lane, f->stepper.path, f->n);
    return status;
}
