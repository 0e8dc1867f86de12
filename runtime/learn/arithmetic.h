/* arithmetic.h: what a network's layers (network.h has the formulas) are made of: products of matrices of floats, and what
 * units do between them. */
#ifndef LAG_LEARN_ARITHMETIC_H
#define LAG_LEARN_ARITHMETIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A matrix whose number in row i and column k stands at[i * row + k * column]. */
typedef struct Matrix {
    const float *at;
    size_t row, column;
} Matrix;

typedef struct Arithmetic {
    uint32_t width; /* of its vectors */

    /* c [rows, columns] = a [rows, inner] b [inner, columns], or what c was plus that if `add`: each number one sum, in the
     * order of `inner`. b and c are by rows of `pitch_b` and `pitch_c` numbers; columns is a multiple of 16. */
    void (*product)(size_t rows, size_t columns, size_t inner, Matrix a, const float *b, size_t pitch_b, bool add, float *c,
                    size_t pitch_c);

    /* b [columns, rows], by rows of `pitch`, becomes a [rows, columns] transposed, filled up with zeros to `pitch`. rows <=
     * pitch; columns and pitch are multiples of 16. */
    void (*turn)(size_t rows, size_t columns, const float *a, float *b, size_t pitch);

    /* Of `count` units, each of one sample, a multiple of 16: `gate` is four arrays of so many, i, f, g and o, one after
     * another, which as sums become gates; the cells c from those before, tanh(c), and the outputs are one array each. */
    void (*forth)(size_t count, float *gate, const float *before, float *cell, float *bent, float *output);

    /* Gates become the derivatives of a loss by their sums, from those by the outputs, `above` plus `own`, and by the cells,
     * dc, which become those by the cells before. */
    void (*back)(size_t count, float *gate, const float *before, const float *bent, const float *above, const float *own,
                 float *dc);
} Arithmetic;

/* In vectors of 4, 8 or 16; NULL if this CPU has none so wide. All arrays are on lines of 64 bytes, and so are rows of b and
 * c. All give the same bits, but for the products in vectors of 4, where products and sums are not fused: those are for CPUs
 * that can't. */
const Arithmetic *arithmetic_of(uint32_t width);
const Arithmetic *arithmetic_widest(void);

#endif
