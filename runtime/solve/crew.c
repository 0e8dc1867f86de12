/* crew.c: see crew.h. */
#include "crew.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

/* Looks at what is waited for, before a thread is put to sleep: some tens of microseconds, about what waking it takes. Work
 * comes in pieces that follow close upon one another. */
enum { LOOKS = 2000 };

typedef struct Member {
    Crew *crew;
    uint32_t number;
    pthread_t thread;
} Member;

struct Crew {
    Member *member; /* [members], the first being the caller */
    uint32_t members;
    CrewPiece *work; /* what is to be done */
    void *user;
    size_t count;
    atomic_size_t next;
    pthread_mutex_t lock;      /* over changes of what follows, but for the last member's coming to rest */
    pthread_cond_t wake, rest; /* round or ending has changed; busy has come to 0 */
    atomic_uint_fast64_t round;
    atomic_uint_fast32_t busy;
    atomic_bool ending;
};

static void pause_a_little(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

static void take_pieces(Crew *crew, uint32_t member) {
    size_t piece;
    while ((piece = atomic_fetch_add_explicit(&crew->next, 1, memory_order_relaxed)) < crew->count)
        crew->work(crew->user, member, piece);
}

static void *serve(void *opaque) {
    Member *m = opaque;
    Crew *crew = m->crew;
    uint64_t seen = 0;
    while (true) {
        for (int i = 0; i < LOOKS && crew->round == seen && !crew->ending; i++) pause_a_little();
        pthread_mutex_lock(&crew->lock);
        while (crew->round == seen && !crew->ending) pthread_cond_wait(&crew->wake, &crew->lock);
        seen = crew->round;
        pthread_mutex_unlock(&crew->lock);
        if (crew->ending) return NULL;
        take_pieces(crew, m->number);
        if (atomic_fetch_sub(&crew->busy, 1) != 1) continue;
        pthread_mutex_lock(&crew->lock);
        pthread_cond_signal(&crew->rest);
        pthread_mutex_unlock(&crew->lock);
    }
}

static uint32_t cpus(void) {
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? (uint32_t)CPU_COUNT(&set) : 1;
}

Crew *crew_new(uint32_t members, size_t pieces) {
    if (members == 0) members = cpus();
    if (members > pieces) members = (uint32_t)pieces;
    Crew *crew = calloc(1, sizeof *crew);
    if (crew) crew->member = calloc(members, sizeof *crew->member);
    if (!crew || !crew->member) {
        free(crew);
        return NULL;
    }
    pthread_mutex_init(&crew->lock, NULL);
    pthread_cond_init(&crew->wake, NULL);
    pthread_cond_init(&crew->rest, NULL);
    for (crew->members = 1; crew->members < members; crew->members++) {
        Member *m = &crew->member[crew->members];
        *m = (Member){.crew = crew, .number = crew->members};
        if (pthread_create(&m->thread, NULL, serve, m) != 0) break;
    }
    return crew;
}

void crew_free(Crew *crew) {
    if (!crew) return;
    pthread_mutex_lock(&crew->lock);
    crew->ending = true;
    pthread_cond_broadcast(&crew->wake);
    pthread_mutex_unlock(&crew->lock);
    for (uint32_t i = 1; i < crew->members; i++) pthread_join(crew->member[i].thread, NULL);
    pthread_cond_destroy(&crew->wake);
    pthread_cond_destroy(&crew->rest);
    pthread_mutex_destroy(&crew->lock);
    free(crew->member);
    free(crew);
}

uint32_t crew_members(const Crew *crew) { return crew->members; }

void crew_run(Crew *crew, size_t count, CrewPiece *work, void *user) {
    pthread_mutex_lock(&crew->lock);
    crew->work = work;
    crew->user = user;
    crew->count = count;
    atomic_store(&crew->next, 0);
    crew->busy = crew->members - 1;
    crew->round++;
    pthread_cond_broadcast(&crew->wake);
    pthread_mutex_unlock(&crew->lock);
    take_pieces(crew, 0);
    for (int i = 0; i < LOOKS && crew->busy; i++) pause_a_little();
    if (!crew->busy) return;
    pthread_mutex_lock(&crew->lock);
    while (crew->busy) pthread_cond_wait(&crew->rest, &crew->lock);
    pthread_mutex_unlock(&crew->lock);
}
