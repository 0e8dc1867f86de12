#include "mech/random.h"

/* 53 random bits as a number of (0, 1) (splitmix64). */
static double uniform(RandomPoint *point) {
    uint64_t z = point->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return ((double)((z ^ z >> 31) >> 12) + 0.5) * 0x1p-52;
}

enum { PER_COORDINATE = 6 };

bool random_new(RandomPoint *point, const Mechanics *m, mpfr_prec_t bits) {
    uint32_t most = PER_COORDINATE * m->dof + m->parameter_count + 1;
    *point = (RandomPoint){.name = memory_new(most * sizeof *point->name), .value = numbers_new(most, bits)};
    if (!point->name || !point->value) {
        memory_free(point->name);
        memory_free(point->value);
        *point = (RandomPoint){0};
        return false;
    }
    for (uint32_t k = 0; k < m->dof; k++) {
        const Coordinate *c = &m->coordinate[k];
        const NodeId node[PER_COORDINATE] = {c->q, c->v, c->q_plus, c->v_plus, c->q_minus, c->v_minus};
        for (uint32_t i = 0; i < PER_COORDINATE; i++) point->name[point->count++] = node[i];
    }
    point->variables = point->count;
    for (uint32_t i = 0; i < m->parameter_count; i++) point->name[point->count++] = m->parameter[i].node;
    point->name[point->count++] = m->time;
    for (uint32_t i = 0; i < point->count; i++) mpfr_set_zero(point->value[i], 1);
    return true;
}

void random_draw(RandomPoint *point, double spread) {
    for (uint32_t i = 0; i < point->count; i++) {
        double u = uniform(point);
        mpfr_set_d(point->value[i], spread * (i < point->variables ? 2 * u - 1 : 0.5 + u), MPFR_RNDN);
    }
}

void random_free(RandomPoint *point) {
    memory_free(point->name);
    memory_free(point->value);
    *point = (RandomPoint){0};
}
