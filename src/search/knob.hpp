#pragma once
#include <cstdlib>
#include <string>
inline double knob(const char* name, double usual) { const char* v = std::getenv(name); return v ? std::atof(v) : usual; }
#define KNOB(name, usual) ([] { static const double v = knob(#name, usual); return v; }())
