#include "suite.h"
void suite_tree(void) {}
