/* empty.c: what starting a process takes. */
int main(void) { return 0; }
