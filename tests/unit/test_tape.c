#include "suite.h"
void suite_tape(void) {}
