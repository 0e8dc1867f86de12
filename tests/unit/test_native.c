#include "suite.h"
void suite_native(void) {}
