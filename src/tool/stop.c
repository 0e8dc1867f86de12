/* stop.c: what the other parts of the command stand on: Ctrl-C, messages, the exit status. */
#include "tool.h"

#include <signal.h>
#include <stdarg.h>
#include <unistd.h>

/* ---- Ctrl-C ---- */

enum { AT_ONCE, LATER, ASKED };
static volatile sig_atomic_t stop = AT_ONCE; /* a signal handler has nothing but globals to write to */

static void on_signal(int signal) {
    (void)signal;
    if (stop != LATER) _exit(EXIT_INTERRUPTED);
    stop = ASKED;
}

void stop_at_once(void) { stop = AT_ONCE; }
void stop_later(void) { stop = LATER; }
bool stop_asked(void) { return stop == ASKED; }

void stop_wakes(bool wakes) {
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = wakes ? 0 : SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* ---- Messages and the exit status ---- */

void complain(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("lag: ", stderr);
    vfprintf(stderr, format, args);
    fputs("\n", stderr);
    va_end(args);
}

void tool_fails(Tool *tool, int status) {
    if (status > tool->status) tool->status = status;
}
