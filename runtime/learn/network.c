/* network.c: see network.h.
 *
 * Samples go in groups of LANES side by side, the last one filled up with samples of zeros. All that a group has is by
 * rows of LANES numbers, one for each sample, so that its sums are products of matrices as they lie in memory and its gates
 * plain loops. What a layer takes in at a row of the motion, [its own last outputs; inputs; 1], is one matrix: the forward
 * sums are then one product, the derivatives by all weights one more, and those by what was taken in a third.
 *
 * A group is a piece of work for one thread. Derivatives by the weights are kept for each group and added up in the groups'
 * order. */
#include "network.h"

#include "../solve/chance.h"
#include "../solve/crew.h"
#include "../solve/flush.h"
#include "arithmetic.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LANES = 32, LINE = 64 };

/* A layer; the head is one without units of its own, whose sums are the outputs. */
typedef struct Layer {
    size_t inputs, units, taken, sums; /* taken: units + inputs + 1; sums: 4 units */
    size_t weights;                    /* where its matrix, [taken, sums], begins among them */
    size_t slope, pitch;               /* and that of the derivatives by them in a group's, its rows `pitch` numbers apart */
    size_t in, gate, cell, bent;       /* and in a group: [rows] of [taken], [sums], [units] twice, of LANES */
} Layer;

/* What a member of the crew needs for a group. */
typedef struct Worker {
    float *out;    /* [outputs, LANES]: outputs, or derivatives by them */
    float *turned; /* [LANES, pitch]: derivatives by a layer's sums */
    float *below;  /* [taken, LANES]: by what a layer has taken in */
    float *above;  /* [rows, units, LANES]: by the outputs that the layer above has taken in */
    float *dc;     /* [units, LANES] */
} Worker;

struct Network {
    NetworkShape shape;
    Layer layer[NETWORK_LAYERS_MOST + 1]; /* the head last */
    size_t weight_count, slope_size, group_size, groups;
    size_t units_most, taken_most, pitch_most;
    const Arithmetic *arithmetic;
    float *weights;
    float *group; /* [groups] of group_size */
    float *slope; /* [groups] of slope_size: derivatives by the weights */
    float *zeros; /* [units_most, LANES] */
    float *room;  /* of the workers */
    Worker *worker;
    Crew *crew;
    size_t batch; /* of the call that is going on or can be gone back through, else 0 */
    const float *x, *dy;
    float *y, *dw;
};

/* ---- Shapes and memory ---- */

static bool in_range(uint32_t number, uint32_t most) { return number >= 1 && number <= most; }

static bool good_shape(const NetworkShape *s) {
    bool good = in_range(s->inputs, NETWORK_WIDTH_MOST) && in_range(s->outputs, NETWORK_WIDTH_MOST) &&
                in_range(s->rows, NETWORK_ROWS_MOST) && in_range(s->layers, NETWORK_LAYERS_MOST);
    for (uint32_t l = 0; good && l < s->layers; l++) good = in_range(s->units[l], NETWORK_WIDTH_MOST);
    return good;
}

static size_t groups_for(size_t batch) { return batch / LANES + (batch % LANES != 0); }

static void raise(size_t *most, size_t number) {
    if (number > *most) *most = number;
}

/* Where all things are, of a good shape. */
static void lay_out(Network *n) {
    const NetworkShape *s = &n->shape;
    size_t inputs = s->inputs;
    for (uint32_t l = 0; l <= s->layers; l++) {
        const bool head = l == s->layers;
        const size_t units = head ? 0 : s->units[l], taken = units + inputs + 1, sums = head ? s->outputs : 4 * units;
        const size_t lines = (head ? 1 : s->rows) * (size_t)LANES, pitch = (sums + 15) / 16 * 16;
        Layer *y = &n->layer[l];
        *y = (Layer){.inputs = inputs, .units = units, .taken = taken, .sums = sums, .pitch = pitch};
        y->weights = n->weight_count;
        y->slope = n->slope_size;
        y->in = n->group_size;
        y->gate = y->in + lines * taken;
        y->cell = y->gate + (head ? 0 : lines * sums);
        y->bent = y->cell + lines * units;
        n->group_size = y->bent + lines * units;
        n->weight_count += taken * sums;
        n->slope_size += taken * pitch;
        raise(&n->units_most, units);
        raise(&n->taken_most, taken);
        raise(&n->pitch_most, pitch);
        inputs = units;
    }
}

size_t network_weight_count(const NetworkShape *shape) {
    if (!good_shape(shape)) return 0;
    Network n = {.shape = *shape};
    lay_out(&n);
    return n.weight_count;
}

/* `count` arrays of `size` numbers, as one, whose pages are touched when they are first used. */
static float *new_room(size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || __builtin_mul_overflow(bytes, sizeof(float), &bytes) ||
        bytes > PTRDIFF_MAX - LINE)
        return NULL;
    return aligned_alloc(LINE, (bytes + LINE - 1) / LINE * LINE);
}

static LagStatus take_memory(Network *n, uint32_t threads) {
    const size_t out = n->shape.outputs * (size_t)LANES, turned = n->pitch_most * LANES, below = n->taken_most * LANES;
    const size_t widest = n->units_most * LANES, each = out + turned + below + widest + widest * n->shape.rows;
    n->weights = calloc(n->weight_count, sizeof *n->weights);
    n->group = new_room(n->groups, n->group_size);
    n->slope = new_room(n->groups, n->slope_size);
    n->zeros = new_room(1, widest);
    if (!n->weights || !n->group || !n->slope || !n->zeros || !(n->crew = crew_new(threads, n->groups)))
        return LAG_ERROR_MEMORY;
    const uint32_t members = crew_members(n->crew);
    n->worker = calloc(members, sizeof *n->worker);
    n->room = new_room(members, each);
    if (!n->worker || !n->room) return LAG_ERROR_MEMORY;
    memset(n->zeros, 0, widest * sizeof *n->zeros);
    for (uint32_t i = 0; i < members; i++) {
        Worker *k = &n->worker[i];
        k->out = n->room + i * each;
        k->turned = k->out + out;
        k->below = k->turned + turned;
        k->dc = k->below + below;
        k->above = k->dc + widest;
    }
    return LAG_OK;
}

LagStatus network_new(const NetworkShape *shape, size_t batch, uint32_t threads, Network **net) {
    if (!shape || !net || batch == 0 || !good_shape(shape)) return LAG_ERROR_ARGUMENT;
    Network *n = calloc(1, sizeof *n);
    if (!n) return LAG_ERROR_MEMORY;
    n->shape = *shape;
    n->arithmetic = arithmetic_widest();
    n->groups = groups_for(batch);
    lay_out(n);
    const LagStatus status = take_memory(n, threads);
    if (status == LAG_OK)
        *net = n;
    else
        network_free(n);
    return status;
}

void network_free(Network *net) {
    if (!net) return;
    crew_free(net->crew);
    free(net->worker);
    free(net->room);
    free(net->zeros);
    free(net->slope);
    free(net->group);
    free(net->weights);
    free(net);
}

float *network_weights(Network *net) { return net->weights; }

/* ---- Weights to begin with ---- */

/* A number between -1 and 1, of the variance 1/3. */
static float draw(uint64_t *state) { return (float)((int64_t)chance_bits(state) >> 40) * 0x1p-23f; }

static float *draw_many(float *at, size_t count, double variance, uint64_t *state) {
    const float size = (float)sqrt(3 * variance);
    for (size_t i = 0; i < count; i++) at[i] = size * draw(state);
    return at + count;
}

void network_draw(Network *net, uint64_t seed) {
    float *at = net->weights;
    for (const Layer *y = net->layer; y <= net->layer + net->shape.layers; y++) {
        const size_t u = y->units;
        if (u) at = draw_many(at, u * y->sums, 1.0 / (double)u, &seed);
        at = draw_many(at, y->inputs * y->sums, u ? 2.0 / (double)(y->inputs + y->sums) : 1.0 / (double)y->inputs, &seed);
        for (size_t i = 0; i < y->sums; i++) *at++ = i >= u && i < 2 * u;
    }
}

/* ---- A group ---- */

/* A group's samples: the first one's number, and how many there are. */
static size_t first_of(size_t group) { return group * LANES; }

static size_t lanes_of_group(const Network *n, size_t group) {
    const size_t left = n->batch - first_of(group);
    return left < LANES ? left : LANES;
}

/* What the layers take in of the samples themselves, and the ones. */
static void take_in(const Network *n, float *g, size_t group) {
    const NetworkShape *s = &n->shape;
    const Layer *first = n->layer, *head = first + s->layers;
    const size_t lanes = lanes_of_group(n, group), inputs = s->inputs;
    for (size_t t = 0; t < s->rows; t++) {
        const float *from = n->x + (t * n->batch + first_of(group)) * inputs;
        float *to = g + first->in + (t * first->taken + first->units) * LANES;
        for (size_t i = 0; i < inputs; i++)
            for (size_t lane = 0; lane < LANES; lane++) to[i * LANES + lane] = lane < lanes ? from[lane * inputs + i] : 0;
        for (const Layer *y = first; y < head; y++)
            for (size_t lane = 0; lane < LANES; lane++) g[y->in + ((t + 1) * y->taken - 1) * LANES + lane] = 1;
    }
    for (size_t lane = 0; lane < LANES; lane++) g[head->in + (head->taken - 1) * LANES + lane] = 1;
}

/* A layer's sums, of what it has taken in but for the first `from` numbers. */
static void add_up(const Network *n, const Layer *y, size_t from, const float *in, float *sums) {
    const Matrix weights = {n->weights + y->weights + from * y->sums, 1, y->sums};
    n->arithmetic->product(y->sums, LANES, y->taken - from, weights, in + from * LANES, LANES, false, sums, LANES);
}

/* Derivatives by the weights, added to those that are there, from those by the sums. */
static void add_slope(const Network *n, const Layer *y, size_t from, const float *in, const float *sums, Worker *k,
                      float *slope) {
    const Matrix taken = {in + from * LANES, LANES, 1};
    n->arithmetic->turn(y->sums, LANES, sums, k->turned, y->pitch);
    n->arithmetic->product(y->taken - from, y->pitch, LANES, taken, k->turned, y->pitch, true,
                           slope + y->slope + from * y->pitch, y->pitch);
}

/* Derivatives by the numbers from .. to of what was taken in, from those by the sums. */
static void go_below(const Network *n, const Layer *y, size_t from, size_t to, const float *sums, float *below) {
    const Matrix weights = {n->weights + y->weights + from * y->sums, y->sums, 1};
    n->arithmetic->product(to - from, LANES, y->sums, weights, sums, LANES, false, below + from * LANES, LANES);
}

/* A layer of a group through all rows. */
static void layer_forth(const Network *n, const Layer *y, float *g) {
    const Layer *next = y + 1;
    const size_t block = y->units * LANES, rows = n->shape.rows;
    const float *before = n->zeros;
    for (size_t t = 0; t < rows; t++) {
        float *in = g + y->in + t * y->taken * LANES, *gate = g + y->gate + t * 4 * block, *cell = g + y->cell + t * block;
        float *up = next->units     ? g + next->in + (t * next->taken + next->units) * LANES
                    : t + 1 == rows ? g + next->in /* the head */
                                    : NULL;
        float *output = t + 1 < rows ? in + y->taken * LANES : up;
        add_up(n, y, t == 0 ? y->units : 0, in, gate); /* before the first row there were no outputs */
        n->arithmetic->forth(block, gate, before, cell, g + y->bent + t * block, output);
        if (up && up != output) memcpy(up, output, block * sizeof *up);
        before = cell;
    }
}

static void forth(void *user, uint32_t member, size_t group) {
    const Network *n = user;
    const Layer *head = n->layer + n->shape.layers;
    const size_t outputs = n->shape.outputs;
    float *g = n->group + group * n->group_size, *out = n->worker[member].out;
    const unsigned long long flushing = flush_small();
    take_in(n, g, group);
    for (const Layer *y = n->layer; y < head; y++) layer_forth(n, y, g);
    add_up(n, head, 0, g + head->in, out);
    for (size_t lane = 0; lane < lanes_of_group(n, group); lane++)
        for (size_t k = 0; k < outputs; k++) n->y[(first_of(group) + lane) * outputs + k] = out[k * LANES + lane];
    flush_as(flushing);
}

/* Back through a layer. The derivatives by its outputs, but for what its own next row has from them, are in `above`, or, of
 * the last layer, in `last` for the last row; those by its inputs come to `above` in their place. */
static void layer_back(const Network *n, const Layer *y, float *g, Worker *k, float *slope, const float *last) {
    const size_t block = y->units * LANES, rows = n->shape.rows, pitch = n->units_most * LANES;
    const bool lowest = y == n->layer;
    const float *own = n->zeros;
    memset(k->dc, 0, block * sizeof *k->dc);
    for (size_t t = rows; t-- > 0;) {
        const float *in = g + y->in + t * y->taken * LANES, *cell = g + y->cell + t * block;
        const float *above = !last ? k->above + t * pitch : t + 1 == rows ? last : n->zeros;
        float *gate = g + y->gate + t * 4 * block;
        n->arithmetic->back(block, gate, t ? cell - block : n->zeros, g + y->bent + t * block, above, own, k->dc);
        const size_t from = t == 0 ? y->units : 0, to = y->units + (lowest ? 0 : y->inputs);
        add_slope(n, y, from, in, gate, k, slope);
        go_below(n, y, from, to, gate, k->below);
        own = k->below;
        if (!lowest) memcpy(k->above + t * pitch, k->below + block, y->inputs * LANES * sizeof(float));
    }
}

static void back(void *user, uint32_t member, size_t group) {
    const Network *n = user;
    const Layer *head = n->layer + n->shape.layers;
    Worker *k = &n->worker[member];
    const size_t outputs = n->shape.outputs, lanes = lanes_of_group(n, group);
    float *g = n->group + group * n->group_size, *slope = n->slope + group * n->slope_size, *last = g + head->in;
    const unsigned long long flushing = flush_small();
    for (size_t o = 0; o < outputs; o++)
        for (size_t lane = 0; lane < LANES; lane++)
            k->out[o * LANES + lane] = lane < lanes ? n->dy[(first_of(group) + lane) * outputs + o] : 0;
    memset(slope, 0, n->slope_size * sizeof *slope);
    add_slope(n, head, 0, g + head->in, k->out, k, slope);
    go_below(n, head, 0, head->inputs, k->out, last); /* in the place of what was taken in, which is not wanted any more */
    for (const Layer *y = head; y-- > n->layer; last = NULL) layer_back(n, y, g, k, slope, last);
    flush_as(flushing);
}

/* Adds up the groups' derivatives by a row of some layer's weights. */
static void gather(void *user, uint32_t member, size_t row) {
    const Network *n = user;
    const Layer *y = n->layer;
    (void)member;
    for (; row >= y->taken; y++) row -= y->taken;
    const float *slope = n->slope + y->slope + row * y->pitch;
    float *dw = n->dw + y->weights + row * y->sums;
    memcpy(dw, slope, y->sums * sizeof *dw);
    for (size_t group = 1; group * LANES < n->batch; group++) {
        slope += n->slope_size;
        for (size_t i = 0; i < y->sums; i++) dw[i] += slope[i];
    }
}

/* ---- Calls ---- */

LagStatus network_forward(Network *net, size_t batch, const float *x, float *y) {
    if (batch == 0 || groups_for(batch) > net->groups) return LAG_ERROR_ARGUMENT;
    net->batch = batch;
    net->x = x;
    net->y = y;
    crew_run(net->crew, groups_for(batch), forth, net);
    return LAG_OK;
}

LagStatus network_backward(Network *net, const float *dy, float *dw) {
    if (net->batch == 0) return LAG_ERROR_ARGUMENT;
    net->dy = dy;
    net->dw = dw;
    crew_run(net->crew, groups_for(net->batch), back, net);
    size_t rows = 0;
    for (uint32_t l = 0; l <= net->shape.layers; l++) rows += net->layer[l].taken;
    crew_run(net->crew, rows, gather, net);
    net->batch = 0;
    return LAG_OK;
}
