/* guess.h: where a step's Newton iteration starts. */
#ifndef LAG_SOLVE_GUESS_H
#define LAG_SOLVE_GUESS_H

#include "step.h"

/* The guesses, in the order in which they are tried. */
enum {
    GUESS_FOLLOW,     /* the last step's polynomial, carried on */
    GUESS_MARCH,      /* small explicit steps through the nodes */
    GUESS_ACCELERATE, /* from the state's velocity and acceleration */
    GUESS_COAST,      /* from its velocity */
    GUESS_REST,       /* z = 0 */
    GUESS_NUDGE,      /* from here on: the first of the last three that can be had, moved */
    GUESS_COUNT = GUESS_NUDGE + 9
};

void guess_init(Stepper *stepper); /* the table for GUESS_FOLLOW */

/* Fills LAG_Z with a guess for the step at TIME, PARAMETER, Q, PI; false if it can't be had. */
bool guess_fill(Stepper *stepper, int guess);

#endif
