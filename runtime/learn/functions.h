/* functions.h: elementary functions with the same bits on every CPU with fused multiply-add, and a second set of bits on all
 * others: SLEEF's deterministic family, to 1 ulp. The C library's depend on the CPU. */
#ifndef LAG_LEARN_FUNCTIONS_H
#define LAG_LEARN_FUNCTIONS_H

double same_exp(double x);
double same_log(double x);
double same_cos(double x);
double same_asinh(double x);

#endif
