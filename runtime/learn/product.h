/* product.h: products of matrices of floats, by oneDNN, whose library is opened when it is first wanted: it is large, and
 * who trains no network does without. */
#ifndef LAG_LEARN_PRODUCT_H
#define LAG_LEARN_PRODUCT_H

#include "lag.h"

/* Opens the library, once for the process. LAG_ERROR_LIBRARY if it is not there. Any thread may call it. */
LagStatus product_open(void);

/* Between the two, products that this thread makes use this thread alone. product_end is given what product_begin said. */
int product_begin(void);
void product_end(int before);

typedef enum ProductSide { PRODUCT_AS_IT_IS = 'N', PRODUCT_TRANSPOSED = 'T' } ProductSide;

/* A matrix by rows, each `pitch` numbers after the last. */
typedef struct ProductMatrix {
    const float *at;
    size_t pitch;
    ProductSide side; /* how it goes into the product */
} ProductMatrix;

/* c [rows, columns] = a [rows, inner] b [inner, columns] + keep c, with keep 0 or 1: c is by rows of `pitch` numbers, and is
 * not read where keep is 0. After product_open alone. */
void product(size_t rows, size_t columns, size_t inner, ProductMatrix a, ProductMatrix b, float keep, float *c,
             size_t pitch);

#endif
