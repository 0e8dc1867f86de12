/* gates.h: what a layer's units do between the matrix products (network.h has the formulas), many of them side by side. */
#ifndef LAG_LEARN_GATES_H
#define LAG_LEARN_GATES_H

#include <stddef.h>
#include <stdint.h>

/* Arrays of `count` numbers, one for each unit of each sample, on lines of 64 bytes; count a multiple of 16. `gate` is four
 * of them, i, f, g and o, one after another. */
typedef struct Gates {
    /* Sums become gates; the cells c from those before, tanh(c), and the outputs. */
    void (*forth)(size_t count, float *gate, const float *before, float *cell, float *bent, float *output);
    /* Gates become the derivatives of a loss by their sums, from those by the outputs, `above` and `own`, and by the cells,
     * dc, which become those by the cells before. */
    void (*back)(size_t count, float *gate, const float *before, const float *bent, const float *above, const float *own,
                 float *dc);
} Gates;

/* In vectors of 4, 8 or 16; NULL if this CPU has none so wide. All give the same bits. */
const Gates *gates_of(uint32_t width);
const Gates *gates_widest(void);

#endif
