/* plot.c: the verb `plot`: pictures by gnuplot, through a pipe.
 *
 * gnuplot is told what to draw in a script of our own making, and writes to its standard output, which is our file or a
 * buffer: it never learns a file's name, and of the user's text it sees labels alone, with no character in them that it
 * gives a meaning. */
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { CURVES_MOST = 64, FILES_MOST = 16 };

/* One curve: y over x, and what it is called. */
typedef struct Curve {
    const double *x, *y; /* [count], x and y each so many numbers apart */
    size_t count, x_step, y_step;
    char *label;
    size_t column; /* curves of one column have one colour */
    bool dots;     /* as points, and not a line */
} Curve;

typedef struct Plot {
    Curve curve[CURVES_MOST];
    size_t count;
    LagTable *table[FILES_MOST]; /* what files hold */
    size_t tables;
    char *abscissa;                 /* its label */
    bool portrait, alike;           /* not against time; both axes are coordinates */
    bool tens;                      /* y on a scale of powers of ten */
    double low[2], high[2], offset; /* ranges of x and y; what is taken from y */
} Plot;

/* ---- Columns ---- */

/* A text of three parts as a label: what gnuplot might read as more than a letter becomes '_'. */
static char *label_new(const char *prefix, const char *name, const char *suffix) {
    size_t size = strlen(prefix) + strlen(name) + strlen(suffix) + 1;
    char *label = malloc(size);
    if (!label) return NULL;
    snprintf(label, size, "%s%s%s", prefix, name, suffix);
    for (char *c = label; *c; c++)
        if ((unsigned char)*c < 0x20 || strchr("'\"`\\@${}^&~%\x7f", *c)) *c = '_';
    return label;
}

static char *column_label(const Trajectory *tr, const LagItem *item) {
    if (item->kind == LAG_ITEM_TIME) return label_new("", "t", "");
    if (item->kind == LAG_ITEM_ENERGY) return label_new("", "energy", "");
    return label_new(item->kind == LAG_ITEM_MOMENTUM ? "pi_" : "", lag_model_coordinate(tr->model, item->index), "");
}

static const double *column_of(const Trajectory *tr, const LagItem *item, size_t *step) {
    *step = item->kind == LAG_ITEM_COORDINATE || item->kind == LAG_ITEM_MOMENTUM ? tr->d : 1;
    switch (item->kind) {
    case LAG_ITEM_COORDINATE: return tr->q + item->index;
    case LAG_ITEM_MOMENTUM: return tr->pi + item->index;
    case LAG_ITEM_ENERGY: return tr->energy;
    default: return tr->t;
    }
}

static double x_of(const Curve *c, size_t i) { return c->x[i * c->x_step]; }
static double y_of(const Curve *c, size_t i) { return c->y[i * c->y_step]; }

static const char *add_curve(Plot *plot, Curve curve) {
    if (plot->count == CURVES_MOST) free(curve.label);
    if (plot->count == CURVES_MOST) return "a picture holds at most 64 curves";
    plot->curve[plot->count++] = curve;
    return curve.label ? NULL : "out of memory";
}

/* The columns that a statement names, of the trajectory; NULL, or why not. */
static const char *take_columns(Plot *plot, const Trajectory *tr, const LagStatement *s) {
    const char *why = NULL;
    plot->portrait = s->item[0].kind != LAG_ITEM_TIME;
    plot->alike = s->item[0].kind == LAG_ITEM_COORDINATE;
    plot->abscissa = column_label(tr, &s->item[0]);
    for (uint32_t i = 1; i < s->item_count && !why && s->item[i].kind != LAG_ITEM_FILE; i++) {
        Curve c = {.count = tr->rows, .label = column_label(tr, &s->item[i]), .column = i};
        c.x = column_of(tr, &s->item[0], &c.x_step);
        c.y = column_of(tr, &s->item[i], &c.y_step);
        plot->alike &= s->item[i].kind == LAG_ITEM_COORDINATE;
        why = add_curve(plot, c);
    }
    return plot->abscissa ? why : "out of memory";
}

/* Those of the same columns that a file has; NULL, or why not. */
static const char *take_table(Plot *plot, const LagTable *table, const Trajectory *tr, const LagStatement *s,
                              const char *path) {
    const char *why = NULL, *slash = strrchr(path, '/');
    uint32_t x = lag_table_column(table, plot->abscissa), found = 0;
    if (x == LAG_COLUMN_NONE) return "this file has no such column to draw against";
    for (uint32_t i = 1; i < s->item_count && !why && s->item[i].kind != LAG_ITEM_FILE; i++) {
        char *name = column_label(tr, &s->item[i]);
        if (!name) return "out of memory";
        uint32_t y = lag_table_column(table, name);
        if (y != LAG_COLUMN_NONE) {
            Curve c = {.count = lag_table_rows(table), .x_step = 1, .y_step = 1, .column = i, .dots = true};
            c.x = lag_table_values(table, x);
            c.y = lag_table_values(table, y);
            c.label = label_new(name, ", ", slash ? slash + 1 : path);
            why = add_curve(plot, c);
            found++;
        }
        free(name);
    }
    return why || found ? why : "this file has none of the columns";
}

/* The files that a statement names; false after saying why not. */
static bool take_files(Plot *plot, Tool *tool, const LagStatement *s) {
    for (uint32_t i = 1; i < s->item_count; i++) {
        const char *path = s->item[i].text, *why = "a picture is of at most 16 files";
        if (s->item[i].kind != LAG_ITEM_FILE) continue;
        if (plot->tables < FILES_MOST) {
            LagTable *table = tool_table(tool, NULL, path);
            if (!table) return false;
            plot->table[plot->tables++] = table;
            why = take_table(plot, table, &tool->last, s, path);
        }
        if (why) complain("%s:%u: plot with %s: %s", tool->name, s->line, path, why);
        if (why) return false;
    }
    return true;
}

static void plot_free(Plot *plot) {
    for (size_t i = 0; i < plot->count; i++) free(plot->curve[i].label);
    for (size_t i = 0; i < plot->tables; i++) lag_table_free(plot->table[i]);
    free(plot->abscissa);
}

/* ---- Ranges ---- */

static void widen(double *low, double *high, double value) {
    if (!isfinite(value)) return;
    if (value < *low) *low = value;
    if (value > *high) *high = value;
}

/* A range that shows something: of nothing, of one number, or of numbers near the largest there is. */
static void settle(double *low, double *high) {
    if (*low > *high) *low = -1, *high = 1;
    if (*low == *high) {
        double half = *low == 0 ? 1 : fabs(*low) / 2;
        *low -= half, *high += half;
    }
    *low = fmax(*low, -1e300);
    *high = fmin(*high, 1e300);
}

/* A single curve that hardly leaves its start, such as an energy, is drawn as what it leaves it by. */
static void measure(Plot *plot) {
    for (int k = 0; k < 2; k++) plot->low[k] = INFINITY, plot->high[k] = -INFINITY;
    for (size_t n = 0; n < plot->count; n++) {
        const Curve *c = &plot->curve[n];
        for (size_t i = 0; i < c->count; i++) {
            widen(&plot->low[0], &plot->high[0], x_of(c, i));
            widen(&plot->low[1], &plot->high[1], y_of(c, i));
        }
    }
    double width = plot->high[1] - plot->low[1], size = fmax(fabs(plot->low[1]), fabs(plot->high[1]));
    if (plot->count == 1 && plot->curve[0].count && width > 0 && width < 1e-4 * size)
        plot->offset = y_of(&plot->curve[0], 0);
    plot->low[1] -= plot->offset;
    plot->high[1] -= plot->offset;
    settle(&plot->low[0], &plot->high[0]);
    settle(&plot->low[1], &plot->high[1]);
}

/* ---- What gnuplot is told ---- */

/* The points of a curve, but those that a picture can't show: of a run of points within one of PIXELS columns, the first,
 * the last and those that reach furthest up and down. A run ends where the curve turns to another column; what is not finite
 * interrupts the curve. */
static void tell_points(const Plot *plot, const Curve *c, FILE *to) {
    enum { PIXELS = 1600 };
    double scale = PIXELS / (plot->high[0] - plot->low[0]);
    for (size_t i = 0, end; i < c->count; i = end) {
        double column = floor((x_of(c, i) - plot->low[0]) * scale);
        size_t low = i, high = i;
        for (end = i; end < c->count; end++) {
            double x = x_of(c, end), y = y_of(c, end);
            if (!isfinite(x) || !isfinite(y) || floor((x - plot->low[0]) * scale) != column) break;
            if (y < y_of(c, low)) low = end;
            if (y > y_of(c, high)) high = end;
        }
        if (end == i) {
            if (!isfinite(column) || !isfinite(y_of(c, i))) fputs("\n", to);
            end++;
            continue;
        }
        const size_t shown[4] = {i, low < high ? low : high, low < high ? high : low, end - 1};
        for (int k = 0; k < 4; k++)
            if (k == 0 || shown[k] != shown[k - 1])
                fprintf(to, "%.9g %.9g\n", x_of(c, shown[k]), y_of(c, shown[k]) - plot->offset);
    }
}

/* The terminal: by the ending of the picture's name; without one, characters for a terminal of that size. */
static void tell_terminal(const char *path, const struct winsize *size, FILE *to) {
    const char *end = path ? path + strlen(path) - 4 : "";
    if (strcmp(end, ".svg") == 0)
        fputs("set terminal svg size 800,480 font 'sans-serif,14' background 'white' noenhanced\n", to);
    else if (strcmp(end, ".pdf") == 0)
        fputs("set terminal pdfcairo size 16cm,9.6cm font 'sans,11' noenhanced\n", to);
    else if (strcmp(end, ".png") == 0)
        fputs("if (strstrt(GPVAL_TERMINALS, ' pngcairo ')) set terminal pngcairo size 1200,720 font 'sans,16' noenhanced; "
              "else set terminal png size 1200,720 noenhanced\n",
              to);
    else
        fprintf(to, "set terminal dumb size %d,%d noenhanced\n", size->ws_col, size->ws_row);
}

static void tell_axes(const Plot *plot, bool picture, FILE *to) {
    const char *only = plot->count == 1 ? plot->curve[0].label : NULL;
    double margin = plot->portrait ? 0.05 * (plot->high[0] - plot->low[0]) : 0;
    fprintf(to, "set xrange [%.17g:%.17g]\nset xlabel '%s'\n", plot->low[0] - margin, plot->high[0] + margin,
            plot->abscissa);
    margin = 0.05 * (plot->high[1] - plot->low[1]);
    if (plot->tens)
        fputs("set logscale y\nset format y '%g'\n", to);
    else
        fprintf(to, "set yrange [%.17g:%.17g]\n", plot->low[1] - margin, plot->high[1] + margin);
    if (only && plot->offset != 0)
        fprintf(to, "set ylabel '%s %c %.10g'\n", only, plot->offset < 0 ? '+' : '-', fabs(plot->offset));
    else if (only)
        fprintf(to, "set ylabel '%s'\n", only);
    fputs(only ? "unset key\n" : "set key outside top center horizontal\n", to);
    double ratio = (plot->high[1] - plot->low[1]) / (plot->high[0] - plot->low[0]);
    if (picture && plot->alike && ratio > 0.2 && ratio < 5) fputs("set size ratio -1\n", to); /* a path, as it is */
    if (picture) fputs("set border 3 lc rgb '#555555'\nset tics nomirror\nset grid lc rgb '#dddddd' lt 1 lw 0.5\n", to);
}

static void tell(const Plot *plot, const char *path, const struct winsize *size, FILE *to) {
    static const char *const colour[] = {"0072b2", "d55e00", "009e73", "cc79a7", "e69f00", "56b4e9", "000000"};
    fputs("set encoding utf8\n", to);
    tell_terminal(path, size, to);
    tell_axes(plot, path, to);
    for (size_t i = 0; i < plot->count; i++) {
        fprintf(to, "$c%zu << end_of_points\n", i);
        tell_points(plot, &plot->curve[i], to);
        fputs("end_of_points\n", to);
    }
    fputs("plot", to);
    for (size_t i = 0; i < plot->count; i++) {
        const Curve *c = &plot->curve[i];
        bool dots = c->dots || c->count == 1;
        fprintf(to, "%s $c%zu with %s title '%s'", i ? "," : "", i, dots ? "points" : "lines", c->label);
        if (path) fprintf(to, dots ? " pt 7 ps 0.6" : " lw 1.6");
        if (path) fprintf(to, " lc rgb '#%s'", colour[(c->column - 1) % (sizeof colour / sizeof *colour)]);
    }
    fputs("\n", to);
}

/* ---- gnuplot ---- */

/* Starts it with `to` as standard input, what it writes going to `out` and what it complains of to `err`. 0, or an errno. */
static int spawn_gnuplot(FILE **to, FILE *out, FILE *err, pid_t *pid) {
    char *argv[] = {"gnuplot", "-d", "-", NULL};
    int ends[2];
    posix_spawn_file_actions_t actions;
    if (pipe2(ends, O_CLOEXEC) != 0) return errno;
    int error = posix_spawn_file_actions_init(&actions);
    if (!error) {
        posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
        posix_spawn_file_actions_adddup2(&actions, fileno(out), STDOUT_FILENO);
        posix_spawn_file_actions_adddup2(&actions, fileno(err), STDERR_FILENO);
        error = posix_spawnp(pid, argv[0], &actions, NULL, argv, environ);
        posix_spawn_file_actions_destroy(&actions);
    }
    close(ends[0]);
    *to = error ? NULL : fdopen(ends[1], "w");
    if (!*to) close(ends[1]);
    return error;
}

/* The first line of a stream, without its end. */
static void first_line(FILE *in, char *line, int size) {
    rewind(in);
    do {
        if (!fgets(line, size, in)) *line = 0;
        line[strcspn(line, "\n")] = 0;
    } while (!*line && !feof(in));
}

/* The whole script, into the pipe, which is closed; 0, or an errno. */
static int tell_all(const Plot *plot, const char *path, const struct winsize *size, FILE *to) {
    errno = 0;
    tell(plot, path, size, to);
    int error = fflush(to) != 0 || ferror(to) ? (errno ? errno : EIO) : 0;
    return fclose(to) != 0 && !error ? errno : error;
}

/* Draws a plot: what gnuplot gives, to be read from the beginning; or NULL after saying why there is nothing. */
static FILE *draw(const Plot *plot, const char *path, const struct winsize *size) {
    FILE *to = NULL, *out = tmpfile(), *err = tmpfile();
    pid_t pid;
    int status = 0, error = out && err ? spawn_gnuplot(&to, out, err, &pid) : errno;
    char why[200] = "";
    if (error == ENOENT)
        complain("plot needs gnuplot, and it is not installed (on Debian: apt-get install gnuplot-nox)");
    else if (error)
        complain("plot: cannot start gnuplot: %s", strerror(error));
    if (!error) {
        int untold = to ? tell_all(plot, path, size, to) : ENOMEM;
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
        first_line(err, why, sizeof why);
        if (untold && untold != EPIPE)
            complain("plot: cannot tell gnuplot what to draw: %s", strerror(untold));
        else if (untold || status != 0)
            complain("plot: gnuplot failed%s%s", *why ? ": " : "", why);
        if (untold || status != 0) error = EIO;
    }
    if (err) fclose(err);
    if (!error) rewind(out);
    if (!error) return out;
    if (out) fclose(out);
    return NULL;
}

/* ---- The verb ---- */

static bool draw_to_file(const Plot *plot, const char *path) {
    FileOut file;
    char bytes[4096];
    size_t size;
    if (!file_begin(&file, path)) return false; /* before the work */
    FILE *picture = draw(plot, path, NULL);
    if (!picture) {
        file_drop(&file);
        return false;
    }
    while ((size = fread(bytes, 1, sizeof bytes, picture)) > 0) fwrite(bytes, 1, size, file.stream);
    fclose(picture);
    return file_finish(&file);
}

static bool draw_in_terminal(const Tool *tool, const Plot *plot) {
    struct winsize size = {0};
    char line[1024];
    if (ioctl(fileno(tool->say), TIOCGWINSZ, &size) != 0 || size.ws_col < 40 || size.ws_row < 12)
        size = (struct winsize){.ws_col = 80, .ws_row = 26};
    size.ws_col -= 1;
    size.ws_row = size.ws_row > 26 ? 24 : size.ws_row - 2;
    FILE *picture = draw(plot, NULL, &size);
    if (!picture) return false;
    while (fgets(line, sizeof line, picture))
        if (*line != '\f' && *line != '\n') fputs(line, tool->say);
    fclose(picture);
    return true;
}

bool verb_plot(Tool *tool, const LagProgram *program, const LagStatement *s) {
    (void)program;
    Plot plot = {0};
    const char *why = tool->last.rows ? take_columns(&plot, &tool->last, s) : "there is nothing to plot";
    if (why) complain("%s:%u: plot: %s", tool->name, s->line, why);
    bool good = !why && take_files(&plot, tool, s);
    if (good) measure(&plot);
    good = good && (s->word ? draw_to_file(&plot, s->word) : draw_in_terminal(tool, &plot));
    plot_free(&plot);
    if (!good) {
        tool_fails(tool, EXIT_TEXT);
    } else if (tool->options->json) {
        fputs("{\"do\":\"plot\",\"file\":", stdout);
        if (s->word)
            json_text(stdout, s->word);
        else
            fputs("null", stdout);
        printf(",\"rows\":%zu}\n", tool->last.rows);
    } else if (s->word && !tool->options->quiet) {
        fprintf(tool->say, "%zu row%s drawn in %s\n", tool->last.rows, tool->last.rows == 1 ? "" : "s", s->word);
    }
    return true;
}

bool plot_curves(const char *path, const char *abscissa, size_t count, const double *x, size_t curves,
                 const char *const *label, const double *const *y) {
    Plot plot = {.tens = true, .abscissa = label_new("", abscissa, "")};
    const char *why = plot.abscissa ? NULL : "out of memory";
    for (size_t i = 0; i < curves && !why; i++)
        why = add_curve(&plot, (Curve){.count = count,
                                       .x = x,
                                       .y = y[i],
                                       .x_step = 1,
                                       .y_step = 1,
                                       .label = label_new("", label[i], ""),
                                       .column = i + 1});
    if (why) complain("%s: %s", path, why);
    if (!why) measure(&plot);
    bool good = !why && draw_to_file(&plot, path);
    plot_free(&plot);
    return good;
}
