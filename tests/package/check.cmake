# cmake -D BUILD=<build folder> -D WORK=<empty folder> -D SOURCE=<this folder> -P check.cmake: installs the build, builds
# the consumer against it, and runs the consumer and the installed program.
cmake_minimum_required(VERSION 3.25)

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${ARGN}\nended with ${result}:\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE ${WORK})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/prefix)
run(${CMAKE_COMMAND} -S ${SOURCE} -B ${WORK}/build -G Ninja -D CMAKE_PREFIX_PATH=${WORK}/prefix
    -D CMAKE_CXX_FLAGS=${FLAGS})
run(${CMAKE_COMMAND} --build ${WORK}/build)
run(${WORK}/build/consumer)
if(NOT output STREQUAL "units=5\n")
  message(FATAL_ERROR "the consumer printed: ${output}")
endif()

set(plugin ${WORK}/build/libmedian_stopping.so)
run(${WORK}/prefix/bin/regatta simulate ${WORK}/prefix/share/regatta/inputs/sleep.ini objective.epochs=9 study.trials=60
    scheduler.plugin=${plugin} --no-log)
if(NOT output MATCHES "stopped")
  message(FATAL_ERROR "the plugin stopped nothing: ${output}")
endif()
if(EXISTS ${BUILD}/bin/test_schedule)
  run(${CMAKE_COMMAND} -E env REGATTA_TEST_PLUGIN=${plugin} ${BUILD}/bin/test_schedule --gtest_filter=*Contract*plugin)
  if(NOT output MATCHES "PASSED.* [1-9]")
    message(FATAL_ERROR "the plugin was not tested: ${output}")
  endif()
endif()

run(${WORK}/prefix/bin/regatta version)
foreach(file share/regatta/inputs/digits.ini share/regatta/slurm/one_node.sbatch)
  if(NOT EXISTS ${WORK}/prefix/${file})
    message(FATAL_ERROR "${file} was not installed")
  endif()
endforeach()
