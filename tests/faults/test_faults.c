/* test_faults.c: the command, with every allocation failed in turn, and every open, read, write, rename and the like; and
 * once more with all that follow failed as well. Whatever fails, the command ends by itself with a status of its own; says
 * why, if there is anything that it did not do; leaves each file as it was or as it should be, and no other; and frees what
 * it has. Arguments: the folder of the scripts; or that and one script's name. The table says how many calls were failed.
 *
 * The runs of one script share a process: so many leave no time to start each anew, and a run that left anything behind
 * would show in the next. If one ends the process, another goes on behind it. */
#include "fault.h"
#include "lag.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

int lag_main(int argc, char **argv);

/* ---- The scripts ---- */

enum { ARGUMENTS = 12 };

typedef struct Script {
    const char *name;
    const char *argument[ARGUMENTS]; /* a word NAME.lag is that file of the folder */
    const char *input;               /* of standard input, in the folder */
} Script;

#define INTERPRET "--backend=interp"

static const Script scripts[] = {
    {"oscillator", .argument = {INTERPRET, "-o", "new.csv", "--timings", "oscillator.lag"}},
    {"save", .argument = {INTERPRET, "save.lag"}},
    {"nowhere", .argument = {INTERPRET, "nowhere.lag", "-o", "none/y.csv"}},
    {"definitions", .argument = {INTERPRET, "--json", "definitions.lag"}},
    {"functions", .argument = {INTERPRET, "functions.lag"}},
    {"syntax", .argument = {"syntax.lag"}},
    {"names", .argument = {"names.lag"}},
    {"coupling", .argument = {"coupling.lag"}},
    {"random", .argument = {INTERPRET, "random.lag"}},
    {"many", .argument = {INTERPRET, "many.lag", "--quiet", "-o", "many.npy"}},
    {"show", .argument = {INTERPRET, "show.lag"}},
    {"show, as JSON", .argument = {INTERPRET, "--json", "show.lag"}},
    {"dump", .argument = {"--check", "--dump=tokens,tree,graph,lagrange,discrete,tape", "--timings", "oscillator.lag"}},
    {"machine code", .argument = {"--backend=llvm", "machine.lag"}},
    {"machine code by libtcc", .argument = {"--backend=tcc", "machine.lag"}},
    {"automatic", .argument = {"oscillator.lag", "-o", "link.csv"}},
    {"explicit", .argument = {INTERPRET, "explicit.lag", "-o", "-"}},
    {"newton", .argument = {INTERPRET, "newton.lag"}},
    {"fall", .argument = {INTERPRET, "fall.lag", "-o", "old.csv"}},
    {"two", .argument = {INTERPRET, "two.lag"}},
    {"tolerance", .argument = {INTERPRET, "tolerance.lag", "-o", "new.csv"}},
    {"too large", .argument = {INTERPRET, "large.lag"}},
    {"lacking", .argument = {INTERPRET, "--set", "k=1/3", "lacking.lag"}},
    {"set", .argument = {INTERPRET, "--set", "k=1/3", "--set", "kk=2", "--set", "c=0", "oscillator.lag"}},
    {"set wrong", .argument = {"--set", "k=sine(1)", "-e", "k = 1"}},
    {"several texts", .argument = {INTERPRET, "-e", "k = 1", "-e", "qd^2/2 - k*q^2/2", "-e",
                                   "start q = 1; integrate r = 0, dt = 1, steps = 1"}},
    {"several files", .argument = {INTERPRET, "oscillator.lag", "missing.lag", "lacking.lag", "two.lag"}},
    {"standard input", .argument = {INTERPRET, "-"}, .input = "oscillator.lag"},
    {"plot", .argument = {INTERPRET, "plot.lag"}},
    {"rows", .argument = {INTERPRET, "rows.lag"}},
    {"observe", .argument = {INTERPRET, "observe.lag"}},
    {"learn", .argument = {INTERPRET, "learn.lag"}},
    {"usage", .argument = {"--nonsense"}},
    {"help", .argument = {"--help"}},
};

enum { SCRIPTS = sizeof scripts / sizeof *scripts };

/* ---- The passes ---- */

static const struct Pass {
    const char *name;
    FaultKind kind;
    bool lasting;
} passes[] = {
    {"allocation", FAULT_MEMORY, false},          {"allocations from there on", FAULT_MEMORY, true},
    {"open, read, write ...", FAULT_IO, false},   {"opens, reads, writes ... from there on", FAULT_IO, true},
    {"half a read or write", FAULT_SHORT, false},
};

enum { PASSES = sizeof passes / sizeof *passes };

/* How far a script's runs have come, where it outlives their process. */
typedef struct Progress {
    unsigned pass, point; /* at hand; pass = PASSES: done */
    unsigned points[PASSES];
    unsigned wrong;
    size_t peak;
    bool measured; /* a run without a fault came to its end */
} Progress;

/* ---- The folder that runs happen in ---- */

enum { FILES = 12, FILE_MOST = 1 << 16 };

typedef struct File {
    char name[256];
    mode_t type;
    size_t size;
    char bytes[FILE_MOST];
} File;

typedef struct Folder {
    int count;
    File file[FILES];
} Folder;

static int pipe_end = -1;

static void put_file(const char *name, const char *text) {
    int file = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (file < 0 || write(file, text, strlen(text)) < 0 || close(file) != 0) abort();
}

static void empty_folder(void) {
    DIR *folder = opendir(".");
    for (struct dirent *entry; (entry = readdir(folder));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) remove(entry->d_name);
    closedir(folder);
}

/* What is there before a run: a file, a link to another, a pipe that someone reads, a folder. */
static void lay_out_folder(void) {
    empty_folder();
    if (pipe_end >= 0) close(pipe_end);
    put_file("old.csv", "old\n");
    put_file("aim.csv", "aim\n");
    if (symlink("aim.csv", "link.csv") || mkfifo("pipe.csv", 0666) || mkdir("folder.csv", 0777)) abort();
    pipe_end = open("pipe.csv", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (pipe_end < 0) abort();
}

static void read_file(const char *name, File *f) {
    struct stat there;
    if (lstat(name, &there) != 0) abort();
    *f = (File){.type = there.st_mode & S_IFMT};
    snprintf(f->name, sizeof f->name, "%s", name);
    if (f->type == S_IFLNK) {
        f->size = (size_t)readlink(name, f->bytes, sizeof f->bytes);
        return;
    }
    int file = f->type == S_IFIFO ? dup(pipe_end) : open(name, O_RDONLY);
    for (ssize_t got; f->size < FILE_MOST && (got = read(file, f->bytes + f->size, FILE_MOST - f->size)) > 0;)
        f->size += (size_t)got;
    close(file);
    if (f->size == FILE_MOST) abort();
}

static void read_folder(Folder *in) {
    DIR *folder = opendir(".");
    in->count = 0;
    for (struct dirent *entry; (entry = readdir(folder));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            if (in->count == FILES) abort();
            read_file(entry->d_name, &in->file[in->count++]);
        }
    closedir(folder);
}

static const File *file_named(const Folder *folder, const char *name) {
    for (int i = 0; i < folder->count; i++)
        if (strcmp(folder->file[i].name, name) == 0) return &folder->file[i];
    return NULL;
}

static bool same_file(const File *a, const File *b) {
    return a && b && a->type == b->type && a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

static bool same_folder(const Folder *a, const Folder *b) {
    bool same = a->count == b->count;
    for (int i = 0; i < a->count && same; i++) same = same_file(&a->file[i], file_named(b, a->file[i].name));
    return same;
}

/* ---- One run ---- */

typedef struct Outcome {
    int status;
    FaultReport report;
    Folder folder;
} Outcome;

static const char *scripts_folder;

static void run(const Script *script, Fault fault, Outcome *outcome) {
    static char path[ARGUMENTS + 1][4096];
    char name[] = "lag", *argv[ARGUMENTS + 2] = {name};
    int argc = 1;
    for (; argc <= ARGUMENTS && script->argument[argc - 1]; argc++) {
        const char *word = script->argument[argc - 1];
        size_t size = strlen(word);
        bool file = size > 4 && strcmp(word + size - 4, ".lag") == 0;
        snprintf(path[argc - 1], sizeof *path, "%s%s%s", file ? scripts_folder : "", file ? "/" : "", word);
        argv[argc] = path[argc - 1];
    }
    snprintf(path[ARGUMENTS], sizeof *path, "%s/%s", script->input ? scripts_folder : "/dev",
             script->input ? script->input : "null");
    lay_out_folder();
    fault_begin(fault, path[ARGUMENTS]);
    outcome->status = lag_main(argc, argv);
    lag_backends_end();
    outcome->report = fault_end();
    read_folder(&outcome->folder);
}

/* ---- What must hold of it ---- */

static Folder before;
static Outcome good;
static char good_out[1 << 20], good_err[1 << 20];

/* Of a run in which nothing fails; it is the measure of the others. */
static bool measure(const Script *script) {
    static Outcome again;
    lay_out_folder();
    read_folder(&before);
    run(script, (Fault){0}, &good);
    snprintf(good_out, sizeof good_out, "%s", good.report.out);
    snprintf(good_err, sizeof good_err, "%s", good.report.err);
    run(script, (Fault){0}, &again);
    return good.status == again.status && strcmp(good_out, again.report.out) == 0 &&
           strcmp(good_err, again.report.err) == 0 && same_folder(&good.folder, &again.folder) && !again.report.blocks &&
           !again.report.files;
}

/* Whether a reason stands among what was said. */
static bool says_why(const FaultReport *report) {
    return strstr(report->err, strerror(report->error)) || strstr(report->err, "out of memory") ||
           strstr(report->err, "cannot write") || strstr(report->err, "no executable memory");
}

/* Whether a file is a whole table, as CSV or NPY: rows that are as long as they are many. */
static bool is_table(const File *f) {
    const char *shape = memmem(f->bytes, f->size, "'shape': (", 10), *end = f->bytes + f->size;
    if (shape) {
        unsigned long rows = strtoul(shape + 10, (char **)&shape, 10), columns = strtoul(shape + 1, NULL, 10);
        return f->size == 128 + 8 * rows * columns;
    }
    unsigned commas = 0, first = 0;
    bool table = false;
    for (const char *line = f->bytes, *c = line; c < end; c++) {
        commas += *c == ',';
        if (*c != '\n') continue;
        if (*line != '#' && !table) table = true, first = commas;
        if (*line != '#' && commas != first) return false;
        line = c + 1, commas = 0;
    }
    return table && end[-1] == '\n';
}

/* A file that is neither as it was nor as it should be. A run that was cut short for want of memory or of room on the disk
 * is as good a trajectory as another, so that then a whole table will do. */
static const char *wrong_file(const Outcome *o) {
    bool cut = (o->report.error == ENOMEM || o->report.error == ENOSPC) && o->status != 0;
    for (int i = 0; i < o->folder.count; i++) {
        const File *f = &o->folder.file[i], *was = file_named(&before, f->name), *is = file_named(&good.folder, f->name);
        if (f->type == S_IFIFO && was && was->type == S_IFIFO) continue; /* what went through a pipe can't be taken back */
        if (!same_file(f, was) && !same_file(f, is) && !(cut && is && f->type == is->type && is_table(f))) return f->name;
    }
    for (int i = 0; i < before.count; i++)
        if (!file_named(&o->folder, before.file[i].name)) return before.file[i].name;
    return NULL;
}

/* What is wrong with a run in which something failed, or NULL. */
static const char *wrong(const Outcome *o) {
    const FaultReport *r = &o->report;
    bool same_out = strcmp(r->out, good_out) == 0, same_err = strcmp(r->err, good_err) == 0;
    if (o->status != 0 && o->status != 1 && o->status != 2 && o->status != 3 && o->status != 130) return "exit status";
    if (r->blocks) return "memory was not freed";
    if (r->files) return "a file was not closed";
    if (wrong_file(o)) return wrong_file(o);
    if (r->silenced) return good.status && !o->status ? "status 0" : NULL;
    if (o->status == good.status && same_out && same_err && same_folder(&o->folder, &good.folder)) return NULL;
    if (o->status == 0) return "status 0, but another result";
    return says_why(r) ? NULL : "the reason is not said";
}

/* ---- All runs of a script ---- */

static void complain_of(const Script *script, const Progress *p, const char *why, const Outcome *o) {
    enum { MOST = 20 };
    if (p->wrong > MOST) return;
    printf("WRONG: %s, %s %u: %s", script->name, passes[p->pass].name, p->point, why);
    if (o) printf(" (status %d, not %d; %zu blocks)\n%s", o->status, good.status, o->report.blocks, o->report.err);
    printf("\n");
    fflush(stdout);
}

/* From where `p` is to the end. */
static void run_points(const Script *script, Progress *p) {
    static Outcome outcome;
    bool sound = measure(script);
    p->measured = true;
    if (!sound) {
        p->wrong++;
        complain_of(script, p, "two runs without a fault differ, or leave something behind", &good);
        p->pass = PASSES;
    }
    for (; p->pass < PASSES; p->pass++, p->point = 1) {
        for (;; p->point++) {
            run(script, (Fault){passes[p->pass].kind, p->point, passes[p->pass].lasting}, &outcome);
            if (outcome.report.peak > p->peak) p->peak = outcome.report.peak;
            if (!outcome.report.error) break;
            p->points[p->pass] = p->point;
            const char *why = wrong(&outcome);
            if (!why) continue;
            p->wrong++;
            complain_of(script, p, why, &outcome);
        }
    }
}

static void run_script(const Script *script, Progress *p) {
    *p = (Progress){.point = 1};
    for (bool over = false; !over;) {
        fflush(stdout);
        pid_t child = fork();
        if (child < 0) abort();
        if (child == 0) {
            alarm(600);
            run_points(script, p);
            empty_folder();
            exit(0); /* sanitizers look for leaks on the way */
        }
        int status = 0;
        waitpid(child, &status, 0);
        over = p->pass == PASSES;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && over) return;
        p->wrong++;
        if (!p->measured) {
            printf("WRONG: %s: the process ended without any fault\n", script->name);
            return;
        }
        if (!over) p->points[p->pass] = p->point;
        if (over)
            printf("WRONG: %s: something was left behind, see above\n", script->name);
        else
            complain_of(script, p, "the process ended", NULL);
        p->point++;
    }
}

/* Goes into a folder of its own: in memory, where a file is renamed over another without waiting for a disk, if it can. */
static const char *enter_folder(void) {
    static char path[2][32] = {"/dev/shm/lag-faults-XXXXXX", "/tmp/lag-faults-XXXXXX"};
    for (int i = 0; i < 2; i++)
        if (mkdtemp(path[i]) && chdir(path[i]) == 0) return path[i];
    return NULL;
}

int main(int argc, char **argv) {
    static char root[PATH_MAX];
    unsigned total = 0, bad = 0;
    size_t peak = 0;
    Progress *p = mmap(NULL, sizeof *p, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (argc < 2 || p == MAP_FAILED || !realpath(argv[1], root)) return 2;
    const char *folder = enter_folder();
    if (!folder) return 2;
    scripts_folder = root;
    printf("%-16s%12s%12s%12s%12s%12s\n", "script", "allocation", "and on", "I/O", "and on", "half");
    for (int i = 0; i < SCRIPTS; i++) {
        if (argc > 2 && strcmp(argv[2], scripts[i].name) != 0) continue;
        run_script(&scripts[i], p);
        printf("%-16s", scripts[i].name);
        for (int k = 0; k < PASSES; k++) {
            printf("%12u", p->points[k]);
            total += p->points[k];
        }
        printf("\n");
        bad += p->wrong;
        if (p->peak > peak) peak = p->peak;
    }
    empty_folder();
    rmdir(folder);
    printf("%u faults, %u of them met wrongly; numbers took %zu bytes at most\n", total, bad, peak);
    return bad ? 1 : 0;
}
