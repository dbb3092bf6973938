# shellcheck shell=bash
# What the batch scripts share; they source it with the arguments of sbatch: INPUT [section.key=value ...].
#
# Starts the study under mpirun, or resumes it where its run directory holds a journal. Ten minutes before the time limit
# Slurm sends USR2; it is passed on, Regatta saves all state and ends with 0, and the job is queued again.
#
# REGATTA_HOME          where slurm/ and inputs/ are; by default the folder that sbatch was called in
# REGATTA               the program; by default build/release/bin/regatta there, else the one on PATH
# REGATTA_RUN_DIR       by default runs/NAME of the input file, in the folder that sbatch was called in
# REGATTA_LAUNCH        by default `mpirun --bind-to none`
# REGATTA_MAX_RESTARTS  by default 20
set -u
home=${REGATTA_HOME:-$SLURM_SUBMIT_DIR}
if [ -f "$home/slurm/site.sh" ]; then
  # shellcheck source=/dev/null
  . "$home/slurm/site.sh"
fi

say() { printf '[job %s] %s\n' "${SLURM_JOB_ID:-none}" "$*"; }

if [ $# -lt 1 ]; then
  say "usage: sbatch slurm/one_node.sbatch INPUT.ini [section.key=value ...]"
  exit 2
fi
input=$1
shift
run=${REGATTA_RUN_DIR:-$SLURM_SUBMIT_DIR/runs/$(basename "$input" .ini)}
regatta=${REGATTA:-$home/build/release/bin/regatta}
if ! command -v "$regatta" >/dev/null; then regatta=regatta; fi
read -r -a launch <<<"${REGATTA_LAUNCH:-mpirun --bind-to none}"

# Slurm 22.05 to 23.02 do not hand --cpus-per-task on to the step that starts mpirun's daemons.
if [ -n "${SLURM_CPUS_PER_TASK:-}" ]; then export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK; fi
export HDF5_USE_FILE_LOCKING=FALSE

run_state() { sed -n 's/.*"state": *"\([A-Z]*\)".*/\1/p' "$run/status.json" 2>/dev/null | head -n 1; }

if [ -e "$run/journal.bin" ]; then
  command=(resume "$run" "$@")
else
  command=(run "$input" "log.directory=$run" "$@")
fi

# mpirun answers TERM with exit code 1 and kills its ranks after a second, so it is told USR2 whatever the shell is told.
pid=
signalled=
forwarded=
# shellcheck disable=SC2317  # the traps call it
forward() {
  signalled=yes
  if [ -z "$pid" ] || [ -n "$forwarded" ]; then return; fi
  forwarded=yes
  say "got $1 after $SECONDS s: asking regatta to save its state and end"
  kill -USR2 "$pid" 2>/dev/null
}
trap 'forward USR1' USR1
trap 'forward USR2' USR2
trap 'forward TERM' TERM

# In the background, because bash runs a trap only between foreground commands.
say "start ${SLURM_RESTART_COUNT:-0}: ${launch[*]} $regatta ${command[*]}"
"${launch[@]}" "$regatta" "${command[@]}" &
pid=$!
while :; do
  signalled=
  wait "$pid"
  code=$?
  if [ -z "$signalled" ]; then break; fi  # a signal ends wait early, with a code of its own
done

state=$(run_state)
say "regatta ended with exit code $code, state ${state:-unknown}"
if [ "$code" = 0 ] && [ "$state" = INTERRUPTED ]; then
  if [ "${SLURM_RESTART_COUNT:-0}" -ge "${REGATTA_MAX_RESTARTS:-20}" ]; then
    say "not queued again: this was restart ${SLURM_RESTART_COUNT:-0} of ${REGATTA_MAX_RESTARTS:-20}; sbatch goes on with $run"
  elif scontrol requeue "$SLURM_JOB_ID"; then
    say "queued again"
    for _ in {1..120}; do  # Slurm ends this script; an exit before that could count as the end of the job
      if [ -n "$signalled" ]; then break; fi
      sleep 1
    done
  else
    say "could not be queued again; sbatch goes on with $run"
  fi
fi
exit "$code"
