/* help.c: what the prompt says of itself and of each statement. */
#include "tool.h"

#include <string.h>

static const char whole[] =
    "Type a Lagrangian, as in\n"
    "    m*qd^2/2 - k*q^2/2 - c*qd_p*q_m      qd is the velocity of q; qd_p*q_m makes drag\n"
    "then give its parameters values, start it, integrate, and look:\n"
    "    m = 1; k = 1; c = 0.05\n"
    "    start q = 1, qd = 0\n"
    "    integrate dt = 0.1, steps = 1000\n"
    "    plot q\n"
    "A statement ends at the line's end or at ';'; after an operator or a comma, and in brackets, it goes\n"
    "on to the next line.\n"
    "Tab completes, the arrows bring back earlier lines, Ctrl-C stops the work at hand, quit leaves.\n";

static const struct {
    const char *word, *usage, *text;
} topic[] = {
    {"lagrangian", "EXPR    or    lagrangian EXPR",
     "Makes the expression the current Lagrangian. x is a coordinate when its velocity xd, or x_p, x_m,\n"
     "xd_p or xd_m, stands in it. Terms with doubled variables make what is not conservative:\n"
     "- c*qd_p*q_m is linear drag.\n"
     "    m*qd^2/2 - k*q^2/2 - c*qd_p*q_m\n"},
    {"coord", "coord NAME, ...",
     "Says which names are coordinates, and their order.\n"
     "    coord x, y\n"},
    {"param", "param NAME, ...",
     "Says which names are parameters, whatever they end in.\n"
     "    param kd\n"},
    {"start", "start NAME = VALUE, ...",
     "Where the motion starts: coordinates, their velocities (xd) or momenta (pi_x), and t. What is not\n"
     "named is 0.\n"
     "    start x = 1, xd = 0\n"},
    {"integrate", "integrate r = R, dt = H, steps = N",
     "Integrates from the start, or on from where the last run ended. What is not given stays as it was.\n"
     "    r         interior nodes of the step, 0 to 200: its order is 2*r + 2 (8 if never given)\n"
     "    dt        the step; negative goes back in time\n"
     "    steps     how many, or until = T: as many whole steps as fit\n"
     "    every     keeps each so-manieth row\n"
     "    tol       the accuracy that is wanted, relative to each coordinate, with until: then r and dt\n"
     "              are chosen\n"
     "    method    ggl, the structure-preserving rule; or rk2, rk4\n"
     "    integrate r = 4, dt = 0.1, steps = 1000\n"
     "    integrate tol = 1e-9, until = 100\n"},
    {"method", "method r = R, dt = H, steps = N",
     "The settings of integrate, without running.\n"
     "    method r = 4, dt = 0.1\n"},
    {"save", "save \"FILE\"",
     "Writes the last trajectory to a file that ends in .csv or .npy.\n"
     "    save \"motion.csv\"\n"},
    {"plot", "plot A, B against C with \"FILE.csv\" to \"PICTURE\"",
     "Draws columns of the last trajectory: coordinates, momenta (pi_x), energy. Against t unless said;\n"
     "beside those of files if given; into a file that ends in .svg, .png or .pdf, or else here. Needs\n"
     "gnuplot.\n"
     "    plot q, pi_q\n"
     "    plot pi_q against q to \"portrait.svg\"\n"},
    {"data", "data \"FILE.csv\"",
     "Observations: columns t and any of the coordinates and pi_NAME. Without a start, the first row is\n"
     "the start.\n"
     "    data \"motion.csv\"\n"},
    {"loss", "loss KIND alpha = A, beta = B, cap = E",
     "How a motion is compared with the data: l2, mse, mae, huber (delta = D) or lp (p = P). alpha weighs\n"
     "the coordinates, beta the momenta, and a column's name the column. cap keeps the loss finite.\n"
     "    loss l2 beta = 0.5\n"},
    {"constrain", "constrain NAME > VALUE, ...",
     "Penalties on parameters, in the loss: > and < keep off the value, >= and <= do not.\n"
     "    constrain c1 > 0, c2 >= 0\n"},
    {"gradient", "gradient NAME, ...",
     "The loss and its exact derivatives: in parameters, and in values of the start (x, and pi_x or xd).\n"
     "    method r = 2, dt = 0.1\n"
     "    gradient c1, c2, q, pi_q\n"},
    {"fit", "fit NAME, ...    or    fit NAME, ... by CRITERION",
     "Values of parameters, and of the start (x, and pi_x or xd), that bring the motion nearest to the\n"
     "data, with standard errors. They become current. Parameters need no value before, where the\n"
     "Lagrangian is linear in them. constrain bounds them.\n"
     "by bic, ebic or aicc: parameters without which the criterion is no more become 0: which terms there\n"
     "are.\n"
     "    data \"motion.csv\"\n"
     "    fit c1, c2\n"
     "    fit c1, c2 by bic\n"},
    {"prior", "prior NAME in LOW .. HIGH zero P%, ...",
     "How a family is drawn, for train: parameters, and values of the start (x, and pi_x or xd), uniform\n"
     "from LOW to HIGH, or log: by the logarithm; in P percent of the systems 0 instead.\n"
     "NAME and NAME zero P%: both at once.\n"
     "    prior c1 in 0.5 .. 10, c2 in 0 .. 10 zero 5%\n"},
    {"train", "train samples = N, ..., to \"FILE\"",
     "Makes a network that reads motions of the family and names the parameters that prior draws. Needs\n"
     "start, and method r, dt, steps. Settings: samples set batch rate clip layers units held seed\n"
     "threads target bounds. to \"curve.svg\" draws how it goes; with set, to \"set.npy\" keeps the\n"
     "motions for NumPy; from \"FILE\" goes on with one that was interrupted.\n"
     "    train samples = 5e5, to \"oscillator.lagnet\"\n"},
    {"predict", "predict \"FILE.csv\" with \"FILE\"",
     "The parameters that a network names for each record, with standard errors; to \"OUT.csv\" as a table.\n"
     "A number for the records draws so many from the prior, and tells how well they are met.\n"
     "    predict \"seen.csv\" with \"oscillator.lagnet\"\n"
     "    predict 4096 with \"oscillator.lagnet\"\n"},
    {"show", "show WHAT",
     "lagrangian, equations, energy, parameters, kernel; or a stage of the compiler: tokens, tree, graph,\n"
     "lagrange, discrete, tape, llvm, asm.\n"
     "    show equations\n"},
    {"NAME", "NAME = EXPR    or    NAME(ARGS) = EXPR",
     "A constant value makes a parameter, and changing it compiles nothing; any other expression is a name\n"
     "for it; with arguments, a function. Functions of the language: sqrt cbrt exp log sin cos tan asin\n"
     "acos atan atan2 sinh cosh tanh asinh acosh atanh erf abs hypot pow sign min max.\n"
     "    k = 4\n"
     "    V(s) = k*s^2/2\n"},
    {"quit", "quit", "Leaves. So do exit and Ctrl-D.\n"},
    {"help", "help    or    help STATEMENT", "This.\n"},
};
enum { TOPICS = sizeof topic / sizeof *topic };

const char *help_topic(size_t index) { return index < TOPICS ? topic[index].word : NULL; }

bool help_say(const char *word, FILE *out) {
    if (!*word) {
        fputs(whole, out);
        fputs("help STATEMENT says more of one:", out);
        for (int i = 0; i < TOPICS; i++) fprintf(out, " %s", topic[i].word);
        fputs("\n", out);
        return true;
    }
    for (int i = 0; i < TOPICS; i++)
        if (strcmp(word, topic[i].word) == 0) {
            fprintf(out, "%s\n%s", topic[i].usage, topic[i].text);
            return true;
        }
    return false;
}
