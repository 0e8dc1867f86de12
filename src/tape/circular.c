/* circular.c: sine and cosine of one angle, written out over a tape's arithmetic: together they take a fifth of the time of
 * two calls, in lanes, and no call comes between what is computed before and after. As all arithmetic of a tape they have
 * the same bits everywhere.
 *
 * The angle less its nearest multiple n of pi/2, r, is found with pi/2 in parts, whatever cancels, as long as |n| < 2^20
 * (Cody & Waite, Software Manual for the Elementary Functions, 1980). Then sin r = r + r^3 S(r^2) and cos r = 1 - r^2/2 +
 * r^4 C(r^2), S and C of degree 5 with the least largest error on |r| <= pi/4, 2^-58 of sin r and 2^-64 of cos r (found by
 * Remez's exchanges in 60 digits). Both are within one unit in the last place. */
#include "tape/emit.h"

#include <math.h>

static const double circular_most = 0x1p20;    /* of angles: larger ones give NaN */
static const double circular_whole = 0x1.8p52; /* what is added to it is rounded to a whole number */
/* In parts, the first two of 33 bits: their products with n are exact. */
static const double half_pi[] = {0x1.921fb54400000p+0, 0x1.0b4611a600000p-34, 0x1.3198a2e037073p-69};
static const double sine[] = {-0x1.5555555555549p-3, 0x1.111111110f87dp-7,   -0x1.a01a019c1201fp-13,
                              0x1.71de357815b9bp-19, -0x1.ae5e668825bd6p-26, 0x1.5d93184ebd871p-33};
static const double cosine[] = {0x1.555555555554cp-5,   -0x1.6c16c16c15182p-10, 0x1.a01a019cb2253p-16,
                                -0x1.27e4f80a3d11bp-22, 0x1.1ee9ec1e62aa7p-29,  -0x1.8faeb8ae763e7p-37};
enum { COEFFICIENTS = sizeof sine / sizeof *sine };

static TapeValue number(Tape *tape, double value) { return tape_constant(tape, value); }

static TapeValue fused(Tape *tape, TapeValue a, TapeValue b, TapeValue c) { return tape_ternary(tape, TAPE_FMA, a, b, c); }

/* a b + c, where b is a constant. */
static TapeValue scaled(Tape *tape, TapeValue a, double b, TapeValue c) { return fused(tape, a, number(tape, b), c); }

static TapeValue minus(Tape *tape, TapeValue a) { return tape_unary(tape, TAPE_NEG, a); }
static TapeValue product(Tape *tape, TapeValue a, TapeValue b) { return tape_binary(tape, TAPE_MUL, a, b); }
static TapeValue difference(Tape *tape, TapeValue a, TapeValue b) { return tape_binary(tape, TAPE_SUB, a, b); }

/* a x, rounded to a whole number; of halves to the even one. */
static TapeValue rounded(Tape *tape, double a, TapeValue x) {
    TapeValue whole = number(tape, circular_whole);
    return difference(tape, scaled(tape, x, a, whole), whole);
}

/* c_0 + c_1 x + .. + c_5 x^5: pairs first, so that few operations wait for one another. */
static TapeValue polynomial(Tape *tape, TapeValue x, TapeValue square, const double *c) {
    TapeValue pair[3];
    for (int i = 0; i < 3; i++) pair[i] = scaled(tape, x, c[2 * i + 1], number(tape, c[2 * i]));
    return fused(tape, fused(tape, pair[2], square, pair[1]), square, pair[0]);
}

void circular_write(Tape *tape, TapeValue angle, TapeValue *sin, TapeValue *cos) {
    TapeValue one = number(tape, 1);
    TapeValue near = tape_binary(tape, TAPE_LE, tape_unary(tape, TAPE_ABS, angle), number(tape, circular_most));
    TapeValue n = tape_ternary(tape, TAPE_PICK, near, rounded(tape, 0x1.45f306dc9c883p-1, angle), number(tape, NAN));
    TapeValue minus_n = minus(tape, n), more = product(tape, n, number(tape, half_pi[1]));
    TapeValue near_r = scaled(tape, minus_n, half_pi[0], angle), r = difference(tape, near_r, more);
    TapeValue low = difference(tape, difference(tape, near_r, r), more); /* of the angle less n pi/2, beyond r */
    low = scaled(tape, minus_n, half_pi[2], low);

    TapeValue square = product(tape, r, r), fourth = product(tape, square, square), cube = product(tape, r, square);
    TapeValue first = scaled(tape, square, -0.5, one);                         /* of the cosine */
    TapeValue lost = scaled(tape, square, -0.5, difference(tape, one, first)); /* in its rounding */
    TapeValue slope = scaled(tape, cube, -1.0 / 6, r);                         /* of the cosine, but for its sign */
    TapeValue s = fused(tape, cube, polynomial(tape, square, fourth, sine), product(tape, low, first));
    TapeValue c = fused(tape, fourth, polynomial(tape, square, fourth, cosine), fused(tape, minus(tape, slope), low, lost));
    s = tape_binary(tape, TAPE_ADD, r, s);
    c = tape_binary(tape, TAPE_ADD, first, c);

    /* n = 2 half + odd, half = 2 quarter + turned; odd and turned are -1, 0 or 1 */
    TapeValue half = rounded(tape, 0.5, n), odd = scaled(tape, half, -2, n);
    TapeValue turned = scaled(tape, rounded(tape, 0.5, half), -2, half);
    TapeValue sign = scaled(tape, product(tape, turned, turned), -2, one), swapped = product(tape, odd, sign);
    *sin = tape_ternary(tape, TAPE_PICK, odd, product(tape, swapped, c), product(tape, sign, s));
    *cos = tape_ternary(tape, TAPE_PICK, odd, product(tape, minus(tape, swapped), s), product(tape, sign, c));
}
