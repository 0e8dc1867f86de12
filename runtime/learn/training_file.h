/* training_file.h: a training as bytes, and what can be read from them. */
#ifndef LAG_LEARN_TRAINING_FILE_H
#define LAG_LEARN_TRAINING_FILE_H

#include "pack.h"
#include "trainer.h"

enum { ROOMS = 64 };

/* Arrays that were read. */
typedef struct Rooms {
    void *block[ROOMS];
    size_t count;
} Rooms;

void rooms_free(Rooms *rooms);

/* Says and reads what a training was asked, for a kernel. */
void file_ask(Pack *pack, Rooms *rooms, LagTrainAsk *ask, const LagKernel *kernel);

/* And what it has found so far: enough for a network to predict. Arrays are there already. */
void file_found(Pack *pack, Found *found);

/* Whether bytes have the checksum that is at their end; else why not. */
bool file_is_whole(const void *bytes, size_t size, char *why);

/* Why reading failed. */
LagStatus file_is_wrong(const Pack *pack, char *why);

#endif
