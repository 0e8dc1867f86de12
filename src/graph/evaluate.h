/* evaluate.h: values of expressions in high-precision arithmetic (MPFR), for what algebra alone does not decide. */
#ifndef LAG_GRAPH_EVALUATE_H
#define LAG_GRAPH_EVALUATE_H

#include "graph/graph.h"

#include <mpfr.h>

/* `count` numbers of `bits` bits, all NaN, in one block that memory_free frees: so that what there may be many of is asked
 * of an allocator that may say no. NULL when out of memory. */
mpfr_t *numbers_new(size_t count, mpfr_prec_t bits);

/* out[i] = root[i], each operation rounded to out's precision, with the NAME nodes name[j] having value[j]; a name that is
 * not there is NaN, and so are sin, cos and tan of what no double holds. The caller has initialised out and value. False
 * when out of memory. */
bool graph_evaluate(Graph *graph, const NodeId *root, uint32_t roots, const NodeId *name, mpfr_t *value, uint32_t names,
                    mpfr_t *out);

#endif
