/* network.h: a recurrent network that reads a motion and names numbers: layers of LSTM and a dense head, in floats.
 *
 * A layer (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000) takes a row x of inputs and its own
 * last output h, and keeps a cell c:
 *
 *     [i f g o] = [s(z_i) s(z_f) tanh(z_g) s(z_o)],   z = U h + W x + b,   s(z) = 1/(1 + exp(-z))
 *     c = f c + i g,   h = o tanh(c)
 *
 * with h = c = 0 before the first row. The next layer takes h as its inputs, and of the last layer's last h the head makes
 * the outputs, V h + b: what else is to be done to them is the caller's.
 *
 * Threads: a network serves one thread at a time, and shares its work out to threads of its own. The same weights and
 * samples give the same bits with any number of threads, and a sample's outputs do not depend on the others of its batch.
 * They do not depend on the width of vectors either; on CPUs without fused multiply-add there is a second set of bits, the
 * same on all of them. */
#ifndef LAG_LEARN_NETWORK_H
#define LAG_LEARN_NETWORK_H

#include "lag.h"

enum { NETWORK_LAYERS_MOST = 8, NETWORK_WIDTH_MOST = 4096 /* of a layer, inputs, outputs */, NETWORK_ROWS_MOST = 1 << 20 };

typedef struct NetworkShape {
    uint32_t inputs, outputs, rows, layers;
    uint32_t units[NETWORK_LAYERS_MOST]; /* of each layer */
} NetworkShape;

typedef struct Network Network;

/* A network of weights 0, with room for `batch` samples a call: each of them takes 4 rows (6 units + inputs + 1) bytes or so
 * for each layer. `threads`: how many at most, the caller's among them; 0: one for each CPU. LAG_ERROR_ARGUMENT if a number
 * is 0 or past the most above, or LAG_ERROR_MEMORY. The caller frees it with network_free (NULL allowed). */
LagStatus network_new(const NetworkShape *shape, size_t batch, uint32_t threads, Network **net);
void network_free(Network *net);

/* The weights, in an order that is the same everywhere. For each layer a matrix [units + inputs + 1, 4 units] by rows: what
 * goes into the sums of each unit's i, then of each one's f, g and o, from each of the layer's own last outputs, each input,
 * and 1. Then the head's [units + 1, outputs], from each of the last layer's outputs, and 1. The caller may write them
 * between calls. */
size_t network_weight_count(const NetworkShape *shape); /* 0 where network_new would say LAG_ERROR_ARGUMENT */
float *network_weights(Network *net);

/* Weights to begin with, for a seed always the same: normal numbers, of variance 2/(inputs + 4 units) from the inputs
 * (Glorot and Bengio 2010), 1/units from the layer itself and in the head; of 1, 1 for f (Jozefowicz et al. 2015), else 0.
 */
void network_draw(Network *net, uint64_t seed);

/* Outputs y [batch, outputs] of the samples x [rows, batch, inputs], 1 to as many as there is room for: LAG_ERROR_ARGUMENT
 * if there are more. */
LagStatus network_forward(Network *net, size_t batch, const float *x, float *y);

/* Goes back through the last network_forward, once: from the derivatives dy [batch, outputs] of a sum over its samples by
 * their outputs, those by the weights, dw [network_weight_count], which are overwritten. The weights are to be as they were.
 * LAG_ERROR_ARGUMENT if there is nothing to go back through. */
LagStatus network_backward(Network *net, const float *dy, float *dw);

#endif
