#include "suite.h"
void suite_base(void) {}
