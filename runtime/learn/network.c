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

#include "../solve/crew.h"
#include "../solve/flush.h"
#include "gates.h"
#include "product.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LANES = 32, LINE = 64, SLICE = 4096 /* weights that are added up as one piece of work */ };

typedef struct Layer {
    uint32_t inputs, units, taken; /* taken: units + inputs + 1 */
    size_t weights;                /* where its matrix begins among them */
    size_t in, gate, cell, bent;   /* and in a group: [rows] of [taken], [4 units], [units] twice, of LANES */
} Layer;

/* What a member of the crew needs for a group. */
typedef struct Worker {
    float *out;   /* [outputs, LANES]: outputs, or derivatives by them */
    float *below; /* [taken, LANES]: derivatives by what a layer has taken in */
    float *above; /* [rows, units, LANES]: by the outputs that the layer above has taken in */
    float *dc;    /* [units, LANES] */
} Worker;

struct Network {
    NetworkShape shape;
    Layer layer[NETWORK_LAYERS_MOST];
    size_t weight_count, head,
        head_in; /* where the head's weights begin, and in a group what it takes in, [units + 1, LANES] */
    size_t groups, group_size;
    uint32_t units_most;
    const Gates *gates;
    float *weights;
    float *group; /* [groups] of group_size */
    float *slope; /* [groups] of weight_count: derivatives by the weights */
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

/* Where all things are, of a good shape. */
static void lay_out(Network *n) {
    const NetworkShape *s = &n->shape;
    uint32_t inputs = s->inputs;
    for (uint32_t l = 0; l < s->layers; l++) {
        Layer *y = &n->layer[l];
        const uint32_t units = s->units[l], taken = units + inputs + 1;
        const size_t lines = (size_t)s->rows * LANES;
        *y = (Layer){.inputs = inputs, .units = units, .taken = taken, .weights = n->weight_count, .in = n->group_size};
        y->gate = y->in + lines * taken;
        y->cell = y->gate + lines * 4 * units;
        y->bent = y->cell + lines * units;
        n->group_size = y->bent + lines * units;
        n->weight_count += (size_t)taken * 4 * units;
        if (units > n->units_most) n->units_most = units;
        inputs = units;
    }
    n->head = n->weight_count;
    n->weight_count += (inputs + 1) * (size_t)s->outputs;
    n->head_in = n->group_size;
    n->group_size += (inputs + 1) * (size_t)LANES;
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
    const NetworkShape *s = &n->shape;
    const size_t out = (size_t)s->outputs * LANES, widest = (size_t)n->units_most * LANES;
    size_t below = 0;
    for (uint32_t l = 0; l < s->layers; l++)
        if ((size_t)n->layer[l].taken * LANES > below) below = (size_t)n->layer[l].taken * LANES;
    const size_t each = out + below + widest * s->rows + widest;
    n->weights = calloc(n->weight_count, sizeof *n->weights);
    n->group = new_room(n->groups, n->group_size);
    n->slope = new_room(n->groups, n->weight_count);
    n->zeros = new_room(1, widest);
    if (!n->weights || !n->group || !n->slope || !n->zeros || !(n->crew = crew_new(threads, n->groups)))
        return LAG_ERROR_MEMORY;
    const uint32_t members = crew_members(n->crew);
    n->worker = calloc(members, sizeof *n->worker);
    n->room = new_room(members, each);
    if (!n->worker || !n->room) return LAG_ERROR_MEMORY;
    memset(n->zeros, 0, widest * sizeof *n->zeros);
    float *at = n->room;
    for (uint32_t i = 0; i < members; i++, at += each)
        n->worker[i] = (Worker){.out = at, .below = at + out, .dc = at + out + below, .above = at + out + below + widest};
    return LAG_OK;
}

LagStatus network_new(const NetworkShape *shape, size_t batch, uint32_t threads, Network **net) {
    if (!shape || !net || batch == 0 || !good_shape(shape)) return LAG_ERROR_ARGUMENT;
    LagStatus status = product_open();
    if (status != LAG_OK) return status;
    Network *n = calloc(1, sizeof *n);
    if (!n) return LAG_ERROR_MEMORY;
    n->shape = *shape;
    n->gates = gates_widest();
    n->groups = batch / LANES + (batch % LANES != 0);
    lay_out(n);
    status = take_memory(n, threads);
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

/* A number between -1 and 1, of the variance 1/3 (splitmix64). */
static float draw(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (float)((int64_t)(z ^ z >> 31) >> 40) * 0x1p-23f;
}

static float *draw_many(float *at, size_t count, double variance, uint64_t *state) {
    const float size = (float)sqrt(3 * variance);
    for (size_t i = 0; i < count; i++) at[i] = size * draw(state);
    return at + count;
}

void network_draw(Network *net, uint64_t seed) {
    float *at = net->weights;
    for (const Layer *y = net->layer; y < net->layer + net->shape.layers; y++) {
        const size_t u = y->units, sums = 4 * u;
        at = draw_many(at, u * sums, 1.0 / (double)u, &seed);
        at = draw_many(at, y->inputs * sums, 2.0 / (double)(y->inputs + sums), &seed);
        for (size_t i = 0; i < sums; i++) *at++ = i >= u && i < 2 * u;
    }
    const size_t u = net->shape.units[net->shape.layers - 1], outputs = net->shape.outputs;
    at = draw_many(at, u * outputs, 1.0 / (double)u, &seed);
    memset(at, 0, outputs * sizeof *at);
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
    const size_t lanes = lanes_of_group(n, group), inputs = s->inputs;
    for (uint32_t t = 0; t < s->rows; t++) {
        const float *from = n->x + (t * n->batch + first_of(group)) * inputs;
        float *to = g + n->layer[0].in + ((size_t)t * n->layer[0].taken + n->layer[0].units) * LANES;
        for (size_t i = 0; i < inputs; i++)
            for (size_t lane = 0; lane < LANES; lane++) to[i * LANES + lane] = lane < lanes ? from[lane * inputs + i] : 0;
        for (const Layer *y = n->layer; y < n->layer + s->layers; y++)
            for (size_t lane = 0; lane < LANES; lane++) g[y->in + (((size_t)t + 1) * y->taken - 1) * LANES + lane] = 1;
    }
    float *one = g + n->head_in + (size_t)s->units[s->layers - 1] * LANES;
    for (size_t lane = 0; lane < LANES; lane++) one[lane] = 1;
}

static ProductMatrix as_it_is(const float *at, size_t pitch) { return (ProductMatrix){at, pitch, PRODUCT_AS_IT_IS}; }

static ProductMatrix transposed(const float *at, size_t pitch) { return (ProductMatrix){at, pitch, PRODUCT_TRANSPOSED}; }

/* A layer of a group through all rows. */
static void layer_forth(const Network *n, float *g, uint32_t l) {
    const Layer *y = &n->layer[l];
    const size_t u = y->units, block = u * LANES, rows = n->shape.rows;
    const float *w = n->weights + y->weights, *before = n->zeros;
    for (size_t t = 0; t < rows; t++) {
        float *in = g + y->in + t * y->taken * LANES, *gate = g + y->gate + t * 4 * block, *cell = g + y->cell + t * block;
        const size_t from = t == 0 ? u : 0; /* before the first row there were no outputs */
        float *next = l + 1 < n->shape.layers ? g + y[1].in + (t * y[1].taken + y[1].units) * LANES
                      : t + 1 == rows         ? g + n->head_in
                                              : NULL;
        float *output = t + 1 < rows ? in + y->taken * LANES : next;
        product(4 * u, LANES, y->taken - from, transposed(w + from * 4 * u, 4 * u), as_it_is(in + from * LANES, LANES), 0,
                gate, LANES);
        n->gates->forth(block, gate, before, cell, g + y->bent + t * block, output);
        if (next && next != output) memcpy(next, output, block * sizeof *next);
        before = cell;
    }
}

static void forth(void *user, uint32_t member, size_t group) {
    const Network *n = user;
    const NetworkShape *s = &n->shape;
    const size_t u = s->units[s->layers - 1], outputs = s->outputs;
    float *g = n->group + group * n->group_size, *out = n->worker[member].out;
    const int alone = product_begin();
    const unsigned long long flushing = flush_small();
    take_in(n, g, group);
    for (uint32_t l = 0; l < s->layers; l++) layer_forth(n, g, l);
    product(outputs, LANES, u + 1, transposed(n->weights + n->head, outputs), as_it_is(g + n->head_in, LANES), 0, out,
            LANES);
    for (size_t lane = 0; lane < lanes_of_group(n, group); lane++)
        for (size_t k = 0; k < outputs; k++) n->y[(first_of(group) + lane) * outputs + k] = out[k * LANES + lane];
    flush_as(flushing);
    product_end(alone);
}

/* Back through a layer. The derivatives by its outputs, but for what its own next row has from them, are in `above`, or, of
 * the last layer, in `last` for the last row; those by its inputs come to `above` in their place. */
static void layer_back(const Network *n, const float *g, float *gates, Worker *k, float *slope, uint32_t l,
                       const float *last) {
    const Layer *y = &n->layer[l];
    const size_t u = y->units, block = u * LANES, rows = n->shape.rows, pitch = (size_t)n->units_most * LANES;
    const float *w = n->weights + y->weights, *own = n->zeros;
    memset(k->dc, 0, block * sizeof *k->dc);
    for (size_t t = rows; t-- > 0;) {
        const float *in = g + y->in + t * y->taken * LANES, *cell = g + y->cell + t * block;
        const float *above = !last ? k->above + t * pitch : t + 1 == rows ? last : n->zeros;
        float *gate = gates + t * 4 * block;
        n->gates->back(block, gate, t ? cell - block : n->zeros, g + y->bent + t * block, above, own, k->dc);
        const size_t from = t == 0 ? u : 0, to = l == 0 ? u : u + y->inputs;
        product(y->taken - from, 4 * u, LANES, as_it_is(in + from * LANES, LANES), transposed(gate, LANES), 1,
                slope + y->weights + from * 4 * u, 4 * u);
        if (from == to) continue;
        product(to - from, LANES, 4 * u, as_it_is(w + from * 4 * u, 4 * u), as_it_is(gate, LANES), 0,
                k->below + from * LANES, LANES);
        own = k->below;
        if (l) memcpy(k->above + t * pitch, k->below + block, y->inputs * LANES * sizeof(float));
    }
}

static void back(void *user, uint32_t member, size_t group) {
    const Network *n = user;
    const NetworkShape *s = &n->shape;
    Worker *k = &n->worker[member];
    const size_t u = s->units[s->layers - 1], outputs = s->outputs, lanes = lanes_of_group(n, group);
    float *g = n->group + group * n->group_size, *slope = n->slope + group * n->weight_count;
    const int alone = product_begin();
    const unsigned long long flushing = flush_small();
    for (size_t o = 0; o < outputs; o++)
        for (size_t lane = 0; lane < LANES; lane++)
            k->out[o * LANES + lane] = lane < lanes ? n->dy[(first_of(group) + lane) * outputs + o] : 0;
    memset(slope, 0, n->head * sizeof *slope);
    product(u + 1, outputs, LANES, as_it_is(g + n->head_in, LANES), transposed(k->out, LANES), 0, slope + n->head, outputs);
    /* What the head has taken in is not wanted any more: the derivatives by it take its place. */
    float *last = g + n->head_in;
    product(u, LANES, outputs, as_it_is(n->weights + n->head, outputs), as_it_is(k->out, LANES), 0, last, LANES);
    for (uint32_t l = s->layers; l-- > 0;)
        layer_back(n, g, g + n->layer[l].gate, k, slope, l, l + 1 == s->layers ? last : NULL);
    flush_as(flushing);
    product_end(alone);
}

/* Adds up a slice of the groups' derivatives. */
static void gather(void *user, uint32_t member, size_t slice) {
    const Network *n = user;
    const size_t from = slice * SLICE, left = n->weight_count - from, count = left < SLICE ? left : SLICE;
    (void)member;
    memcpy(n->dw + from, n->slope + from, count * sizeof *n->dw);
    for (size_t group = 1; group * LANES < n->batch; group++) {
        const float *slope = n->slope + group * n->weight_count + from;
        for (size_t i = 0; i < count; i++) n->dw[from + i] += slope[i];
    }
}

/* ---- Calls ---- */

static size_t groups_of(const Network *n) { return n->batch / LANES + (n->batch % LANES != 0); }

LagStatus network_forward(Network *net, size_t batch, const float *x, float *y) {
    if (batch == 0 || batch / LANES + (batch % LANES != 0) > net->groups) return LAG_ERROR_ARGUMENT;
    net->batch = batch;
    net->x = x;
    net->y = y;
    crew_run(net->crew, groups_of(net), forth, net);
    return LAG_OK;
}

LagStatus network_backward(Network *net, const float *dy, float *dw) {
    if (net->batch == 0) return LAG_ERROR_ARGUMENT;
    net->dy = dy;
    net->dw = dw;
    crew_run(net->crew, groups_of(net), back, net);
    crew_run(net->crew, (net->weight_count + SLICE - 1) / SLICE, gather, net);
    net->batch = 0;
    return LAG_OK;
}
