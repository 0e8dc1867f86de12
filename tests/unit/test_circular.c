/* test_circular.c: sine and cosine written out, against many digits. */
#include "tape_runs.h"

#include "tape/emit.h"

#include <mpfr.h>

enum { ANGLES = Z, ROUNDS = 500 };

/* A[..] has no room for so many: JACOBIAN[0 .. ANGLES - 1] are sines, and the next as many cosines. */
static void write_all(Tape *tape) {
    for (uint32_t i = 0; i < ANGLES; i++) {
        TapeValue s, c;
        circular_write(tape, tape_load(tape, at(LAG_Z, i, 0, 0)), &s, &c);
        tape_store(tape, at(LAG_JACOBIAN, i, 0, 0), s);
        tape_store(tape, at(LAG_JACOBIAN, ANGLES + i, 0, 0), c);
    }
}

/* How far `value` is from f(angle), in units in the last place. */
static double off(int f(mpfr_t, const mpfr_t, mpfr_rnd_t), double angle, double value) {
    mpfr_t exact;
    mpfr_init2(exact, 200);
    mpfr_set_d(exact, angle, MPFR_RNDN);
    f(exact, exact, MPFR_RNDN);
    double nearest = mpfr_get_d(exact, MPFR_RNDN);
    mpfr_sub_d(exact, exact, value, MPFR_RNDN);
    double apart = fabs(mpfr_get_d(exact, MPFR_RNDN)), unit = nextafter(fabs(nearest), INFINITY) - fabs(nearest);
    mpfr_clear(exact);
    return nearest == value ? apart / unit : fmax(apart / unit, 0.5);
}

/* Angles of every size, and near multiples of pi/2, where all but a few bits cancel. */
static double draw(SuiteRandom *random, int i) {
    double x = suite_uniform(random, -1, 1);
    if (i % 4 == 0) return ldexp(x, (int)(suite_bits(random) % 40) - 20);
    if (i % 4 == 1) return 10 * x;
    double multiple = round(ldexp(x, (int)(suite_bits(random) % 20))) * M_PI_2;
    return i % 4 == 2 ? multiple : nextafter(multiple, x * INFINITY);
}

static void test_accuracy(void) {
    SuiteRandom random = {5};
    Tape tape = {0};
    Memory memory = {0};
    double worst[2] = {0};
    write_all(&tape);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < ANGLES; i++) memory.z[i] = draw(&random, i);
        interpret(&tape, &memory);
        for (int i = 0; i < ANGLES; i++) {
            worst[0] = fmax(worst[0], off(mpfr_sin, memory.z[i], memory.jacobian[i]));
            worst[1] = fmax(worst[1], off(mpfr_cos, memory.z[i], memory.jacobian[ANGLES + i]));
        }
    }
    if (!(worst[0] < 1 && worst[1] < 1)) printf("\n    %.3f, %.3f units", worst[0], worst[1]);
    CU_ASSERT(worst[0] < 1 && worst[1] < 1);
    tape_free(&tape);
}

static void test_special(void) {
    static const double none[] = {0x1.00001p20, -0x1p21, 1e300, INFINITY, -INFINITY, NAN};
    Tape tape = {0};
    Memory memory = {0};
    write_all(&tape);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) memory.z[i] = none[i];
    memory.z[10] = 0x1p-1074, memory.z[11] = 0x1p20;
    interpret(&tape, &memory);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        CU_ASSERT(isnan(memory.jacobian[i]) && isnan(memory.jacobian[ANGLES + i]));
    CU_ASSERT(memory.jacobian[10] == 0x1p-1074 && memory.jacobian[ANGLES + 10] == 1);
    CU_ASSERT(memory.jacobian[12] == 0 && memory.jacobian[ANGLES + 12] == 1); /* of 0 */
    CU_ASSERT(off(mpfr_sin, 0x1p20, memory.jacobian[11]) < 1);
    tape_free(&tape);
}

void suite_circular(void) {
    suite_add("circular", (SuiteTest[]){{"accuracy", test_accuracy}, {"special angles", test_special}, {0}});
}
