/* train.c: how well a network reads the motions of Roberts' family, c1*qd^2 - c2*q^2 - c3*qd_p*q_m, from q = 0, pi = 1, in
 * 40 steps of 0.1 with r = 2.
 *
 *     build/benchmarks/train narrow [SAMPLES [SEED [THREADS]]]   c1 in 0.5 .. 10, c2 and c3 in 0 .. 10, 5 % zeros
 *     build/benchmarks/train wide ...                            c1 in 0.01 .. 20, c2 and c3 in 0 .. 20: the paper's
 *     build/benchmarks/train seeds [SAMPLES [SEEDS]]             `narrow`, so many times from other weights and motions
 *     build/benchmarks/train trials [SAMPLES]                    what each switch of a training does
 *     build/benchmarks/train embeddings [SAMPLES]                eqs. 27, 30a and 30b
 *     build/benchmarks/train 7 [SAMPLES]                         figure 7 of the paper as CSV
 *
 * The first two then read sets that the training never saw: of the prior, purely kinetic, undamped; and a fit takes each
 * prediction of the first to what the motion tells. Exit status 1 where a call fails or a training diverges. */
#include "measure.h"

#include <lag.h>

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { ROWS = 41, COUNT = 4096 };

static const double zero[3] = {0}, one = 1;
static const LagBound bounds[] = {{0, LAG_BOUND_ABOVE, 0}, {1, LAG_BOUND_AT_LEAST, 0}, {2, LAG_BOUND_AT_LEAST, 0}};

static void need(LagStatus status, const char *what) {
    if (status == LAG_OK) return;
    fprintf(stderr, "%s: %s\n", what, lag_status_text(status));
    exit(1);
}

/* ---- The family ---- */

typedef struct Family {
    LagDraw draw[3];      /* what it is to read */
    LagDraw shown[3];     /* what it is trained on: a little beyond, more of small masses, more zeros, */
    LagTogether together; /* and of both at once */
    LagDraw after[3];     /* the same of a second training, which begins with the network of the first; */
    bool wide;            /* sizes differ by 1,000: then there is one */
} Family;

static const uint32_t both[] = {1, 2};

/* c1 from low, all to high. */
static Family family_of(double low, double high) {
    const LagUnknown c1 = {LAG_UNKNOWN_PARAMETER, 0}, c2 = {LAG_UNKNOWN_PARAMETER, 1}, c3 = {LAG_UNKNOWN_PARAMETER, 2};
    const double beyond = 1.05 * high;
    return (Family){
        {{c1, low, high, 0, false}, {c2, 0, high, 0.05, false}, {c3, 0, high, 0.05, false}},
        {{c1, low / 1.3, beyond, 0, true}, {c2, 0, beyond, 0.08, false}, {c3, 0, beyond, 0.2, false}},
        {0.03, 2, both},
        {{c1, low / 1.3, beyond, 0, true}, {c2, 0, beyond, 0.08, false}, {c3, 0, beyond, 0.45, false}},
        low < 0.1,
    };
}

static LagPrior prior_of(const Family *f) {
    return (LagPrior){.c = zero, .q = zero, .pi = &one, .draws = 3, .draw = f->draw};
}

static LagPrior shown_of(const Family *f) {
    return (LagPrior){
        .c = zero, .q = zero, .pi = &one, .draws = 3, .draw = f->shown, .togethers = 1, .together = &f->together};
}

static LagTrainAsk ask_of(const Family *f, uint64_t samples, uint64_t seed, uint32_t threads) {
    const bool wide = f->wide;
    return (LagTrainAsk){.prior = shown_of(f),
                         .target = wide ? LAG_TARGET_RELATIVE : LAG_TARGET_MOTION,
                         .h = 0.1,
                         .steps = ROWS - 1,
                         .loss = {.kind = LAG_LOSS_L2, .alpha = wide ? 1 : 2, .beta = 1, .bounds = 3, .bound = bounds},
                         .layers = 1,
                         .units = 64,
                         .batch = 64,
                         .samples = samples,
                         .held = COUNT,
                         .rate = wide ? 4e-3 : 6e-3,
                         .clip = 1,
                         .seed = seed,
                         .threads = threads};
}

/* After a training by errors that are relative to sizes, in which all motions count: one by errors as they are, most of
 * which few motions make, undamped and of small mass. */
static LagTrainAsk ask_after(const Family *f, const LagTrainAsk *first) {
    LagTrainAsk ask = *first;
    ask.prior.draw = f->after;
    ask.target = LAG_TARGET_MOTION;
    ask.loss.alpha = 10;
    ask.rate = 1e-3;
    ask.samples = first->samples * 10 / 3;
    ask.seed = first->seed + 1000;
    return ask;
}

/* ---- Sets that no training sees ---- */

typedef struct Set {
    size_t count;
    double *c, *q, *pi; /* [count, 3], [count, ROWS] */
    double *named, *sigma, *rms_q, *rms_pi;
    uint8_t *outside;
} Set;

static Set set_of(const LagKernel *kernel, const LagPrior *prior, uint64_t seed, size_t count) {
    double *at = calloc(count * (9 + 2 * ROWS + 4), sizeof *at), t[ROWS];
    Set s = {count,
             at,
             at + 3 * count,
             at + (3 + ROWS) * count,
             at + (3 + 2 * ROWS) * count,
             at + (6 + 2 * ROWS) * count,
             at + (9 + 2 * ROWS) * count,
             at + (10 + 2 * ROWS) * count,
             calloc(count, 1)};
    double *q = at + (11 + 2 * ROWS) * count, *rate = q + count;
    LagGradient *g;
    if (!at || !s.outside) exit(1);
    for (int i = 0; i < ROWS; i++) t[i] = 0.1 * i;
    need(lag_prior_draw(kernel, prior, seed, LAG_FRESH_FIRST, count, s.c, q, rate), "draw");
    need(lag_gradient_new(kernel, count, 1, &g), "gradient");
    LagGradientAsk motion = {.h = 0.1, .steps = ROWS - 1, .c = s.c, .q = q, .pi = rate, .seen = {.rows = ROWS, .t = t}};
    need(lag_gradient_run(g, &motion, &(LagGradientOut){.motion_q = s.q, .motion_pi = s.pi}), "motions");
    lag_gradient_free(g);
    return s;
}

static void set_free(Set *s) {
    free(s->c);
    free(s->outside);
}

static double rms(const double *x, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += x[i] * x[i];
    return sqrt(sum / (double)count);
}

/* One line of the table. */
static void judge(LagNetwork *network, Set *s, const char *name) {
    double within[3] = {0}, error[3] = {0}, most = 0, mean = 0;
    size_t undamped = 0, outside = 0;
    need(lag_network_predict(network, s->count, s->q, s->pi,
                             &(LagPredicted){s->named, s->sigma, s->rms_q, s->rms_pi, s->outside}),
         "predict");
    for (size_t i = 0; i < s->count; i++) {
        outside += s->outside[i] != 0;
        for (int j = 0; j < 3; j++) {
            double e = fabs(s->named[3 * i + j] - s->c[3 * i + j]);
            error[j] += e / (double)s->count;
            within[j] += (e <= s->sigma[3 * i + j]) / (double)s->count;
        }
        if (s->c[3 * i + 2] != 0) continue;
        undamped++;
        mean += s->named[3 * i + 2];
        most = fmax(most, s->named[3 * i + 2]);
    }
    double q = rms(s->rms_q, s->count), pi = rms(s->rms_pi, s->count);
    printf("%-16s rms q %.5f  pi %.5f   mean |error of c| %.4f %.4f %.4f, within a standard error %.2f %.2f %.2f, outside "
           "%zu\n",
           name, q, pi, error[0], error[1], error[2], within[0], within[1], within[2], outside);
    qsort(s->rms_q, s->count, sizeof *s->rms_q, by_size);
    qsort(s->rms_pi, s->count, sizeof *s->rms_pi, by_size);
    printf("                 median q %.6f pi %.6f, of 99.9 %% below q %.5f pi %.5f", s->rms_q[s->count / 2],
           s->rms_pi[s->count / 2], s->rms_q[s->count - 1 - s->count / 1000], s->rms_pi[s->count - 1 - s->count / 1000]);
    if (undamped)
        printf("; where c3 = 0 (%zu) it names %.5f on average, %.4f at most", undamped, mean / (double)undamped, most);
    printf("\n");
    fflush(stdout);
}

/* A fit from each prediction: how many coefficients then come to 1e-8. */
static void polish(const LagKernel *kernel, const Set *s) {
    static const LagUnknown unknown[] = {{LAG_UNKNOWN_PARAMETER, 0}, {LAG_UNKNOWN_PARAMETER, 1}, {LAG_UNKNOWN_PARAMETER, 2}};
    double t[ROWS], begun = seconds_now(), worst = 0;
    size_t good = 0;
    LagLoss loss = {.kind = LAG_LOSS_L2, .alpha = 1, .beta = 1, .bounds = 3, .bound = bounds};
    for (int i = 0; i < ROWS; i++) t[i] = 0.1 * i;
    for (size_t n = 0; n < s->count; n++) {
        double value[3], off = 0;
        LagFitOut out = {.value = value};
        LagFitAsk ask = {.motion = {.h = 0.1,
                                    .steps = ROWS - 1,
                                    .c = s->named + 3 * n,
                                    .q = zero,
                                    .pi = &one,
                                    .seen = {ROWS, t, s->q + n * ROWS, s->pi + n * ROWS},
                                    .loss = &loss},
                         .unknowns = 3,
                         .unknown = unknown,
                         .weigh = true};
        need(lag_fit(kernel, &ask, &out), "fit");
        for (int j = 0; j < 3; j++) off = fmax(off, fabs(value[j] - s->c[3 * n + j]) / fmax(1, s->c[3 * n + j]));
        good += off <= 1e-8;
        worst = fmax(worst, off);
    }
    printf("after a fit      %.2f %% of %zu have all coefficients to 1e-8, the worst to %.1e; %.2g ms a fit\n",
           100 * (double)good / (double)s->count, s->count, worst, (seconds_now() - begun) / (double)s->count * 1e3);
}

/* ---- Trainings ---- */

/* From the weights of a network, or where that is NULL from new ones. */
static LagTrainer *train(const LagKernel *kernel, const LagTrainAsk *ask, const LagNetwork *from, LagTrainReport *report,
                         double *seconds) {
    LagTrainer *t;
    double begun = seconds_now();
    need(lag_trainer_new(kernel, ask, &t), "trainer");
    if (from) need(lag_trainer_begin(t, from), "begin");
    need(lag_trainer_run(t, UINT64_MAX), "training");
    lag_trainer_report(t, report);
    *seconds = seconds_now() - begun;
    return t;
}

static LagNetwork *network_of(const LagKernel *kernel, const LagTrainer *t) {
    void *bytes;
    size_t size;
    char why[LAG_WHY] = "";
    LagNetwork *network;
    need(lag_trainer_save(t, &bytes, &size), "save");
    LagStatus status = lag_network_load(kernel, 1, bytes, size, why, &network);
    if (*why) fprintf(stderr, "%s\n", why);
    need(status, "network");
    free(bytes);
    return network;
}

/* A training whose curve is told: its network. */
static LagNetwork *told_training(const LagKernel *kernel, const LagTrainAsk *ask, const LagNetwork *from) {
    LagTrainReport r;
    double seconds;
    LagTrainer *t = train(kernel, ask, from, &r, &seconds);
    for (size_t i = 0; i < r.rows; i += i + 6 < r.rows ? 5 : 1)
        printf("%9llu samples  loss %.4f, held out %.4f: rms q %.5f pi %.5f\n", (unsigned long long)r.row[i].samples,
               r.row[i].loss, r.row[i].held_loss, r.row[i].rms_q, r.row[i].rms_pi);
    printf("%.1f s, %.0f samples a second\n", seconds, (double)ask->samples / seconds);
    fflush(stdout);
    LagNetwork *network = network_of(kernel, t);
    lag_trainer_free(t);
    return network;
}

static void one_training(const LagKernel *kernel, const Family *f, uint64_t samples, uint64_t seed, uint32_t threads) {
    LagTrainAsk ask = ask_of(f, samples, seed, threads), after = ask_after(f, &ask);
    LagNetwork *network = told_training(kernel, &ask, NULL);
    if (f->wide) {
        LagNetwork *first = network;
        network = told_training(kernel, &after, first);
        lag_network_free(first);
    }
    Family kinetic = *f, undamped = *f;
    kinetic.draw[1].zero = kinetic.draw[2].zero = undamped.draw[2].zero = 1;
    undamped.draw[1].zero = 0;
    const struct {
        const char *name;
        const Family *family;
        uint64_t seed;
    } sets[] = {{"unseen", f, 71},           {"unseen, another", f, 72},       {"unseen, a third", f, 75},
                {"unseen, a fourth", f, 76}, {"purely kinetic", &kinetic, 73}, {"undamped", &undamped, 74}};
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        LagPrior prior = prior_of(sets[i].family);
        Set s = set_of(kernel, &prior, sets[i].seed, COUNT);
        judge(network, &s, sets[i].name);
        if (i == 0) polish(kernel, &s);
        set_free(&s);
    }
    lag_network_free(network);
}

static void seeds(const LagKernel *kernel, uint64_t samples, uint64_t count) {
    Family f = family_of(0.5, 10);
    double q[64], pi[64];
    int n = count < 64 ? (int)count : 64;
    for (int i = 0; i < n; i++) {
        LagTrainAsk ask = ask_of(&f, samples, 100 + (uint64_t)i, 1);
        LagTrainReport r;
        double seconds;
        lag_trainer_free(train(kernel, &ask, NULL, &r, &seconds));
        q[i] = r.row[r.best].rms_q, pi[i] = r.row[r.best].rms_pi;
        printf("seed %3d: rms q %.5f pi %.5f, %llu batches without effect, %.1f s\n", 100 + i, q[i], pi[i],
               (unsigned long long)r.skipped, seconds);
        fflush(stdout);
        if (!(r.row[r.rows - 1].held_loss < r.row[0].held_loss / 5)) exit(1);
    }
    double middle_q = median(q, n), middle_pi = median(pi, n);
    printf("%d trainings of %llu samples: rms q %.5f (%.5f to %.5f), pi %.5f (%.5f to %.5f)\n", n,
           (unsigned long long)samples, middle_q, q[0], q[n - 1], middle_pi, pi[0], pi[n - 1]);
}

/* ---- The paper's trials ---- */

/* One switch, by its number; false from the last on. */
static bool trial(int number, LagTrainAsk *ask, const char **name) {
    ask->loss.alpha = ask->loss.beta = 1;
    switch (number) {
    case 0: return *name = "eq. 28, alpha = beta = 1", true;
    case 1: return *name = "columns by their sizes", ask->loss.alpha = ask->loss.beta = NAN, true;
    case 2: return *name = "alpha = 10", ask->loss.alpha = 10, true;
    case 3: return *name = "beta = 10", ask->loss.beta = 10, true;
    case 4: return *name = "mean absolute error", ask->loss.kind = LAG_LOSS_MAE, true;
    case 5: return *name = "mean square error", ask->loss.kind = LAG_LOSS_MSE, true;
    case 6: return *name = "Huber, delta = 0.1", ask->loss.kind = LAG_LOSS_HUBER, ask->loss.delta = 0.1, true;
    case 7: return *name = "L^4", ask->loss.kind = LAG_LOSS_LP, ask->loss.p = 4, true;
    case 8: return *name = "L^8", ask->loss.kind = LAG_LOSS_LP, ask->loss.p = 8, true;
    case 9: return *name = "on the parameters", ask->target = LAG_TARGET_PARAMETERS, true;
    case 10: return *name = "free outputs, penalties (eq. 29)", ask->raw = true, true;
    case 11: return *name = "free outputs, a cap of 20", ask->raw = true, ask->loss.cap = 20, true;
    case 12: return *name = "a cap of 20", ask->loss.cap = 20, true;
    case 13: return *name = "no clipping", ask->clip = 1e9, true;
    case 14: return *name = "batches of 16", ask->batch = 16, true;
    case 15: return *name = "batches of 256", ask->batch = 256, true;
    case 16: return *name = "2 layers of 50", ask->layers = 2, ask->units = 50, true;
    case 17: return *name = "rate 3e-3", ask->rate = 3e-3, true;
    case 18: return *name = "a set of 4,096, again and again", ask->set = 4096, true;
    case 19: return *name = "alpha = 10, then 1 at half the rate", ask->loss.alpha = 10, true;
    default: return false;
    }
}

static bool scheduled(int number) { return number == 19; }

static void trials(const LagKernel *kernel, uint64_t samples) {
    Family f = family_of(0.5, 10);
    const char *name;
    printf("%-34s %9s %9s %12s %9s %8s\n", "switch", "rms q", "rms pi", "where c3 = 0", "skipped", "seconds");
    for (int i = 0;; i++) {
        LagTrainAsk ask = ask_of(&f, samples, 5, 1);
        LagTrainReport r;
        double seconds, mean = 0;
        size_t undamped = 0;
        if (!trial(i, &ask, &name)) break;
        bool after = scheduled(i);
        if (after) ask.samples /= 2;
        LagTrainer *t = train(kernel, &ask, NULL, &r, &seconds);
        LagNetwork *network = network_of(kernel, t);
        if (after) { /* alpha = 10 was the first half; alpha = 1 is the second */
            double more;
            ask.loss.alpha = 1, ask.rate /= 2;
            lag_trainer_free(t);
            t = train(kernel, &ask, network, &r, &more);
            lag_network_free(network);
            network = network_of(kernel, t);
            seconds += more;
        }
        LagPrior prior = prior_of(&f);
        Set s = set_of(kernel, &prior, 71, COUNT);
        need(lag_network_predict(network, s.count, s.q, s.pi,
                                 &(LagPredicted){s.named, s.sigma, s.rms_q, s.rms_pi, s.outside}),
             "predict");
        for (size_t n = 0; n < s.count; n++)
            if (s.c[3 * n + 2] == 0) mean += fabs(s.named[3 * n + 2]), undamped++;
        printf("%-34s %9.5f %9.5f %12.4f %9llu %8.1f\n", name, rms(s.rms_q, s.count), rms(s.rms_pi, s.count),
               mean / (double)undamped, (unsigned long long)r.skipped, seconds);
        fflush(stdout);
        set_free(&s);
        lag_network_free(network);
        lag_trainer_free(t);
    }
}

/* ---- Embeddings of the same motions ---- */

static const LagKernel *kernel_of(const char *text) { /* for as long as the program runs */
    LagSession *session;
    LagProgram *program;
    const LagKernel *kernel;
    need(lag_session_new(LAG_ABI, &session), "session");
    need(lag_read(session, "family", text, strlen(text), &program), "text");
    need(lag_model_kernel(lag_program_model(program), 2, LAG_BACKEND_LLVM, &kernel), "kernel");
    return kernel;
}

static void embedding(const char *name, const char *text, uint32_t count, const double range[][3], uint64_t samples) {
    static const double none[5] = {0};
    LagDraw draw[5];
    LagBound bound[5];
    LagTrainReport r;
    double seconds;
    for (uint32_t j = 0; j < count; j++) {
        draw[j] = (LagDraw){{LAG_UNKNOWN_PARAMETER, j}, range[j][0], range[j][1], range[j][2], false};
        bound[j] = (LagBound){j, range[j][0] > 0 ? LAG_BOUND_ABOVE : LAG_BOUND_AT_LEAST, 0};
    }
    Family f = family_of(0.5, 10);
    LagTrainAsk ask = ask_of(&f, samples, 5, 1);
    ask.prior = (LagPrior){.c = none, .q = zero, .pi = &one, .draws = count, .draw = draw};
    ask.loss.bounds = count, ask.loss.bound = bound;
    lag_trainer_free(train(kernel_of(text), &ask, NULL, &r, &seconds));
    printf("%-10s rms q %.5f pi %.5f, from %.5f %.5f; %llu batches without effect\n", name, r.row[r.best].rms_q,
           r.row[r.best].rms_pi, r.row[0].rms_q, r.row[0].rms_pi, (unsigned long long)r.skipped);
    fflush(stdout);
}

static void embeddings(uint64_t samples) {
    embedding("eq. 27", "c1*qd^2 - c2*q^2 - c3*qd_p*q_m", 3, (const double[][3]){{0.5, 10, 0}, {0, 10, 0.05}, {0, 10, 0.05}},
              samples);
    embedding("eq. 30a", "c1*qd^2 - c2*(c3*q^2 + c4*qd_p*q_m)", 4,
              (const double[][3]){{0.5, 10, 0}, {0.5, 2, 0}, {0, 5, 0.05}, {0, 5, 0.05}}, samples);
    embedding("eq. 30b", "c1*(c2*qd^2 - c3*(c4*q^2 + c5*qd_p*q_m))", 5,
              (const double[][3]){{0.5, 2, 0}, {0.5, 5, 0}, {0.5, 2, 0}, {0, 5, 0.05}, {0, 5, 0.05}}, samples);
}

/* ---- Figure 7 ---- */

/* The motion of the true embedding, of that which the paper's network named, and of ours. */
static void figure7(const LagKernel *kernel, uint64_t samples) {
    double c[9] = {2, 4, 1, 6.88, 14.19, 5.46}, start_q[3] = {0}, start_pi[3] = {1, 1, 1}, q[3 * ROWS], pi[3 * ROWS],
           t[ROWS];
    Family f = family_of(0.5, 10);
    LagTrainAsk ask = ask_of(&f, samples, 1, 1);
    LagTrainReport r;
    double seconds;
    LagGradient *g;
    for (int i = 0; i < ROWS; i++) t[i] = 0.1 * i;
    LagGradientAsk motion = {
        .h = 0.1, .steps = ROWS - 1, .c = c, .q = start_q, .pi = start_pi, .seen = {.rows = ROWS, .t = t}};
    need(lag_gradient_new(kernel, 3, 1, &g), "gradient");
    c[6] = c[7] = c[8] = 1;
    need(lag_gradient_run(g, &motion, &(LagGradientOut){.motion_q = q, .motion_pi = pi}), "motions");
    LagTrainer *trainer = train(kernel, &ask, NULL, &r, &seconds);
    LagNetwork *network = network_of(kernel, trainer);
    need(lag_network_predict(network, 1, q, pi, &(LagPredicted){.c = c + 6}), "predict");
    need(lag_gradient_run(g, &motion, &(LagGradientOut){.motion_q = q, .motion_pi = pi}), "motions");
    printf("# true c = %g, %g, %g; the paper's network: %g, %g, %g; ours, after %llu motions: %.5f, %.5f, %.5f\n", c[0],
           c[1], c[2], c[3], c[4], c[5], (unsigned long long)samples, c[6], c[7], c[8]);
    printf("t,q,pi,q_paper,pi_paper,q_lag,pi_lag\n");
    for (int i = 0; i < ROWS; i++) {
        printf("%.10g", t[i]);
        for (int k = 0; k < 3; k++) printf(",%.10g,%.10g", q[k * ROWS + i], pi[k * ROWS + i]);
        printf("\n");
    }
    lag_network_free(network);
    lag_trainer_free(trainer);
    lag_gradient_free(g);
}

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "narrow";
    uint64_t samples = argc > 2 ? (uint64_t)atof(argv[2]) : 0, third = argc > 3 ? (uint64_t)atoll(argv[3]) : 0;
    uint32_t threads = argc > 4 ? (uint32_t)atoi(argv[4]) : 1;
    const LagKernel *kernel = kernel_of("c1*qd^2 - c2*q^2 - c3*qd_p*q_m");
    Family narrow = family_of(0.5, 10), wide = family_of(0.01, 20);
    if (strcmp(what, "wide") == 0)
        one_training(kernel, &wide, samples ? samples : 6000000, third ? third : 1, threads);
    else if (strcmp(what, "seeds") == 0)
        seeds(kernel, samples ? samples : 200000, third ? third : 20);
    else if (strcmp(what, "trials") == 0)
        trials(kernel, samples ? samples : 200000);
    else if (strcmp(what, "embeddings") == 0)
        embeddings(samples ? samples : 200000);
    else if (strcmp(what, "7") == 0)
        figure7(kernel, samples ? samples : 500000);
    else
        one_training(kernel, &narrow, samples ? samples : 2000000, third ? third : 1, threads);
    return 0;
}
