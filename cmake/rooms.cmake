# The map of the house: each room and the rooms it may know, lowest first. The library targets are linked by this
# table and the test `architecture` checks every #include against it, so the map cannot drift from the code.
set(regatta_rooms core process space device comm h5 search schedule log train objective run report app)

set(regatta_core_knows)
set(regatta_process_knows core)
set(regatta_space_knows core)
set(regatta_device_knows core)
set(regatta_comm_knows core)
set(regatta_h5_knows core)
set(regatta_search_knows core space device)
set(regatta_schedule_knows core space device search)
set(regatta_log_knows core space h5 search)
set(regatta_train_knows core h5 device comm)
set(regatta_objective_knows core process space h5 train comm device)
set(regatta_run_knows core process space device comm h5 search schedule log train objective)
set(regatta_report_knows core space search log)
set(regatta_app_knows core process space device comm h5 search schedule log train objective run report)

# Foreign headers (a regular expression) and the one room that may include them.
set(regatta_foreign
  "comm=mpi\\.h"
  "device=cu(da|blas|solver)|cblas|nccl\\.h"
  "h5=hdf5|H5"
  "search=boost/random"
  "app=boost/program_options"
  "core=nlohmann")
