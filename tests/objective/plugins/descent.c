/* A complete plug-in in C: gradient descent on a parabola; the study's metric is its value after each epoch.
 *
 *   cc -shared -fPIC -I PREFIX/include descent.c -o descent.so
 *
 *   [space]                              [objective]
 *   rate = loguniform(1e-3, 1)           type    = plugin
 *                                        library = descent.so
 *                                        epochs  = 10 */
#include <regatta/plugin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct descent {
  double rate, x;
  int32_t epoch, epochs;
};

static const struct regatta_parameter* find(const struct regatta_parameter* all, size_t count, const char* name) {
  for (size_t i = 0; i < count; ++i)
    if (strcmp(all[i].name, name) == 0) return &all[i];
  return NULL;
}

static void* create(const struct regatta_trial* trial, struct regatta_report* report) {
  const struct regatta_parameter* rate = find(trial->parameters, trial->parameter_count, "rate");
  struct descent* made = rate && rate->kind == regatta_real ? calloc(1, sizeof *made) : NULL;
  if (!made) {
    report->failure = rate ? regatta_failed : regatta_invalid;
    snprintf(report->message, sizeof report->message, "descent needs a number 'rate', and memory");
    return NULL;
  }
  made->rate = rate->real;
  made->x = 1;
  made->epochs = trial->epochs;
  return made;
}

static int32_t step(void* trial, struct regatta_report* report) {
  struct descent* self = trial;
  self->x -= self->rate * 2 * self->x;
  report->value = self->x * self->x;
  return ++self->epoch >= self->epochs ? regatta_finished : regatta_goes_on;
}

static size_t save(void* trial, void* bytes, size_t room) {
  if (room >= sizeof(struct descent)) memcpy(bytes, trial, sizeof(struct descent));
  return sizeof(struct descent);
}

static int32_t load(void* trial, const void* bytes, size_t size) {
  struct descent* self = trial;
  const double rate = self->rate; /* hyperparameters stay its own */
  if (size != sizeof *self) return regatta_failed;
  memcpy(self, bytes, size);
  self->rate = rate;
  return regatta_goes_on;
}

static int32_t reconfigure(void* trial, const struct regatta_parameter* parameters, size_t count) {
  struct descent* self = trial;
  self->rate = find(parameters, count, "rate")->real;
  return regatta_goes_on;
}

const struct regatta_plugin_table* regatta_plugin(void) {
  static const struct regatta_plugin_table plugin = {regatta_plugin_version, create, step, save, load, free, reconfigure};
  return &plugin;
}
