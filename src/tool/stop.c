/* stop.c: what the other parts of the command stand on: Ctrl-C, messages, the exit status. */
#include "tool.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- Ctrl-C ---- */

enum { AT_ONCE, LATER, ASKED };
static volatile sig_atomic_t stop = AT_ONCE; /* a signal handler has nothing but globals to write to */

static volatile sig_atomic_t last_signal;

static void on_signal(int signal) {
    if (stop != LATER) _exit(EXIT_INTERRUPTED);
    stop = ASKED;
    last_signal = signal;
}

void stop_at_once(void) { stop = AT_ONCE; }
void stop_later(void) { stop = LATER; }
bool stop_asked(void) { return stop == ASKED; }
bool stop_for_good(void) { return stop == ASKED && last_signal == SIGTERM; }

void stop_listen(void) {
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool stop_wait(int file) {
    struct pollfd there = {.fd = file, .events = POLLIN};
    sigset_t both, before;
    int ready = -1;
    sigemptyset(&both);
    sigaddset(&both, SIGINT);
    sigaddset(&both, SIGTERM);
    sigprocmask(SIG_BLOCK, &both, &before); /* a signal is taken while ppoll waits, and at no other time: none goes unseen */
    while (!stop_asked() && (ready = ppoll(&there, 1, NULL, &before)) < 0 && errno == EINTR) {}
    sigprocmask(SIG_SETMASK, &before, NULL);
    return !stop_asked() && ready > 0;
}

/* ---- Messages and the exit status ---- */

/* A terminal obeys what a file's name may hold: control characters become '?'. Where there is no memory for that, the text
 * is said as it is. */
void complain(const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    char *text = size < 0 ? NULL : malloc((size_t)size + 1);
    fputs("lag: ", stderr);
    if (text) {
        vsnprintf(text, (size_t)size + 1, format, again);
        for (char *c = text; *c; c++)
            if ((unsigned char)*c < 0x20 || *c == 0x7f) *c = '?';
        fputs(text, stderr);
    } else {
        vfprintf(stderr, format, again);
    }
    fputs("\n", stderr);
    free(text);
    va_end(again);
    va_end(args);
}

void tool_fails(Tool *tool, int status) {
    if (status > tool->status) tool->status = status;
}

void tool_lacks_memory(Tool *tool, const char *what) {
    complain("%s: %s", what, lag_status_text(LAG_ERROR_MEMORY));
    tool_fails(tool, EXIT_TEXT);
}
