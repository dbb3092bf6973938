// A library that is no CUDA module.
int stranger() { return 1; }
