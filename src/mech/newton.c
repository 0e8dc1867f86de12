/* newton.c: what LAG_FORM_NEWTON has beside the sweeps of steps.c (lag_kernel.h has the formulas): impulses are begun with
 * from the state, and what a sweep finds them to be is brought to them by the matrix N, which the caller keeps.
 *
 * What begins a step is f + f_q (q' - q) + f_u (u' - u), where f, q and u are the last step's; LAG_AHEAD is that but for q'
 * and u'. Where forces are linear and do not know of time, it is the same for all steps, and they are solved by that much
 * but for round-off, of which one sweep takes the most. */
#include "mech/steps.h"

/* What the state (q, u) makes of impulse k of a node, beside `sum`. */
static TapeValue add_state(const Steps *s, uint32_t k, TapeValue sum, const TapeRef state[2], bool less) {
    Writer *w = s->w;
    for (uint32_t half = 0; half < 2; half++)
        for (uint32_t c = 0; c < w->d; c++) {
            TapeRef x = state[half];
            x.base += c;
            TapeValue by = tape_load(w->tape, at(LAG_AHEAD_BY, ((half * w->d + c) * w->d + k) * s->l, 1, 0, 0));
            if (less) by = tape_unary(w->tape, TAPE_NEG, by);
            sum = tape_ternary(w->tape, TAPE_FMA, by, tape_load(w->tape, x), sum);
        }
    return sum;
}

void newton_begin(const Steps *s) {
    Writer *w = s->w;
    const TapeRef state[] = {at(LAG_Q, 0, 0, 0, 0), at(LAG_U, 0, 0, 0, 0)};
    tape_lanes(w->tape, w->s);
    for (uint32_t k = 0; k < w->d; k++) {
        TapeValue ahead = tape_load(w->tape, at(LAG_AHEAD, k * s->l, 1, 0, 0));
        tape_store(w->tape, at(LAG_F, k * s->l, 1, 0, 0), add_state(s, k, ahead, state, false));
    }
    tape_end(w->tape);
}

void newton_compare(const Steps *s, uint32_t k, TapeValue f) {
    Tape *tape = s->w->tape;
    TapeValue now = tape_load(tape, at(LAG_F, k * s->l, 1, 0, 0));
    tape_store(tape, at(LAG_WORK, s->room.error + k * s->l, 1, 0, 0), binary(s->w, TAPE_SUB, f, now));
}

/* sum_cj N_kicj error_cj, at the node i whose lane it is. */
static TapeValue correction(const Steps *s, uint32_t k) {
    Writer *w = s->w;
    TapeValue sum = 0;
    for (uint32_t c = 0; c < w->d; c++) {
        TapeRef matrix = terms(w, at(LAG_NEWTON, (c * w->s * w->d + k) * s->l, 1, 0, 0), w->d * s->l);
        TapeRef error = terms(w, at(LAG_WORK, s->room.error + c * s->l, 0, 0, 0), 1);
        TapeValue part = tape_fused_dot(w->tape, matrix, error, w->s);
        sum = c ? binary(w, TAPE_ADD, sum, part) : part;
    }
    return sum;
}

void newton_correct(const Steps *s) {
    Writer *w = s->w;
    Tape *tape = w->tape;
    TapeValue most = 0;
    tape_lanes(tape, w->s);
    for (uint32_t k = 0; k < w->d; k++) {
        TapeRef f = at(LAG_F, k * s->l, 1, 0, 0);
        TapeValue change = correction(s, k);
        tape_store(tape, f, binary(w, TAPE_ADD, tape_load(tape, f), change));
        change = binary(w, TAPE_MUL, tape_unary(tape, TAPE_ABS, change), work(s, s->room.measure + k));
        most = k ? binary(w, TAPE_LARGER, change, most) : change;
    }
    tape_store(tape, at(LAG_WORK, s->room.change, 1, 0, 0), most);
    tape_end(tape);
}

void newton_end(const Steps *s) {
    Writer *w = s->w;
    const TapeRef before[] = {at(LAG_WORK, s->room.q, 0, 0, 0), at(LAG_WORK, s->room.u, 0, 0, 0)};
    if (s->judge.exact) return;
    tape_lanes(w->tape, w->s);
    for (uint32_t k = 0; k < w->d; k++) {
        TapeValue f = tape_load(w->tape, at(LAG_F, k * s->l, 1, 0, 0));
        tape_store(w->tape, at(LAG_AHEAD, k * s->l, 1, 0, 0), add_state(s, k, f, before, true));
    }
    tape_end(w->tape);
}
