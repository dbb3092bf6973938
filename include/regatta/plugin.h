/* A shared library as an objective (`type = plugin`): the C interface, which stays as it is within a version.
 *
 * A library defines one function, regatta_plugin(). No exception may leave any of its functions. All calls for one trial come from
 * one thread, which with workers.lanes above 1 has several trials and takes them in turn; a library whose trials share nothing needs
 * no locks. C++ has an easier layer above this: regatta/plugin.hpp. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { regatta_plugin_version = 2 };

enum regatta_kind { regatta_integer = 0, regatta_real = 1, regatta_text = 2 };

/* One hyperparameter of a trial; inactive ones are left out. */
struct regatta_parameter {
  const char* name;
  int32_t kind;     /* of enum regatta_kind */
  int64_t integer;  /* regatta_integer */
  double real;      /* regatta_integer and regatta_real */
  const char* text; /* as it is written, whatever its kind */
};

/* What a trial is started with. Valid during create() only. */
struct regatta_trial {
  int32_t number, attempt;
  uint64_t seed;
  int32_t epochs;      /* reports of a full training (objective.epochs) */
  int32_t rank, ranks; /* place in the team that trains this trial together, and its size */
  void* communicator;  /* MPI_Comm* of the team; NULL for a team of one */
  const struct regatta_parameter* parameters;
  size_t parameter_count;
  const char* directory; /* for files of this trial, in the run directory that all nodes share; made by who needs it */
};

/* What step() and load() return. */
enum regatta_result {
  regatta_goes_on = 0,
  regatta_finished = 1, /* this was the last report */
  regatta_diverged = 2,
  regatta_out_of_memory = 3,
  regatta_failed = 4,
  regatta_invalid = 5, /* these hyperparameters cannot be run */
  regatta_over = 6     /* nothing was left to do: the report before was the last */
};

/* Filled in by create() and step(). */
struct regatta_report {
  double value;    /* the study's metric */
  double* metrics; /* in the order of objective.metrics; NaN to begin with */
  size_t metric_count;
  int32_t failure;   /* of create(): an enum regatta_result */
  char message[500]; /* why something failed */
};

struct regatta_plugin_table {
  int32_t version; /* regatta_plugin_version */
  /* The trial, whatever it is; NULL with failure and message set. */
  void* (*create)(const struct regatta_trial* trial, struct regatta_report* report);
  /* Trains one epoch. */
  int32_t (*step)(void* trial, struct regatta_report* report);
  /* Writes all that load() needs to go on as this trial would, between two steps, and returns its size; first asked with room 0.
   * 0: nothing. In a team only the first rank is asked. May be NULL. */
  size_t (*save)(void* trial, void* bytes, size_t room);
  /* Takes over what save() of this or another trial wrote, before the first step() or after reconfigure(). May be NULL. */
  int32_t (*load)(void* trial, const void* bytes, size_t size);
  void (*destroy)(void* trial);
  /* Goes on with other hyperparameters, valid during the call, without a new start. Anything but regatta_goes_on: this trial
   * cannot; it is made anew, and takes over what save() wrote. May be NULL. */
  int32_t (*reconfigure)(void* trial, const struct regatta_parameter* parameters, size_t parameter_count);
};

/* The one function that a library defines. What it returns lives as long as the library. */
const struct regatta_plugin_table* regatta_plugin(void);

#ifdef __cplusplus
}
#endif
