/* A complete plug-in whose trials are trained by several ranks: each adds what it has, in every epoch.
 *
 *   mpicc -shared -fPIC -I PREFIX/include team.c -o team.so          (workers.ranks_per_trial = 2) */
#include <mpi.h>
#include <regatta/plugin.h>
#include <stdlib.h>

struct team {
  MPI_Comm communicator;
  double share;
  struct progress {
    double sum;
    int32_t epoch;
  } progress;
  int32_t epochs;
};

static void* create(const struct regatta_trial* trial, struct regatta_report* report) {
  struct team* made = calloc(1, sizeof *made);
  if (!made) {
    report->failure = regatta_out_of_memory;
    return NULL;
  }
  made->communicator = trial->communicator ? *(MPI_Comm*)trial->communicator : MPI_COMM_SELF;
  made->share = (trial->rank + 1) * trial->parameters[0].real;
  made->epochs = trial->epochs;
  return made;
}

static int32_t step(void* trial, struct regatta_report* report) {
  struct team* self = trial;
  double sum = 0;
  MPI_Allreduce(&self->share, &sum, 1, MPI_DOUBLE, MPI_SUM, self->communicator);
  self->progress.sum += sum;
  report->value = self->progress.sum;
  if (report->metric_count > 0) report->metrics[0] = self->progress.epoch + 1;
  return ++self->progress.epoch >= self->epochs ? regatta_finished : regatta_goes_on;
}

/* Of the first rank; all take it over. */
static size_t save(void* trial, void* bytes, size_t room) {
  struct team* self = trial;
  if (room >= sizeof self->progress) *(struct progress*)bytes = self->progress;
  return sizeof self->progress;
}

static int32_t load(void* trial, const void* bytes, size_t size) {
  struct team* self = trial;
  if (size != sizeof self->progress) return regatta_failed;
  self->progress = *(const struct progress*)bytes;
  return regatta_goes_on;
}

const struct regatta_plugin_table* regatta_plugin(void) {
  static const struct regatta_plugin_table plugin = {regatta_plugin_version, create, step, save, load, free, NULL};
  return &plugin;
}
