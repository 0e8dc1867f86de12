/* crew.h: threads that share out numbered pieces of work, and wait between calls. */
#ifndef LAG_SOLVE_CREW_H
#define LAG_SOLVE_CREW_H

#include <stddef.h>
#include <stdint.h>

typedef struct Crew Crew;
typedef void CrewPiece(void *user, uint32_t member, size_t piece);

/* So many members, or 0: one for each CPU; no more than there ever are pieces, 1 or more. The caller of crew_run is the
 * first. Fewer where threads can't be had, NULL without memory. */
Crew *crew_new(uint32_t members, size_t pieces);
void crew_free(Crew *crew); /* NULL allowed */
uint32_t crew_members(const Crew *crew);

/* Has each of the pieces 0 .. count - 1 done by one member, and comes back when all are. */
void crew_run(Crew *crew, size_t count, CrewPiece *work, void *user);

#endif
