# cmake -D SOURCE=<dir> -D OUT=<file> -P git_commit.cmake: writes the commit of the tree as a source file, only when it
# has changed, so that nothing is compiled again without need.
execute_process(COMMAND git -C ${SOURCE} describe --always --dirty=+dirty --abbrev=12 --exclude=*
  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  set(commit unknown)
endif()
set(content "#include <string>\nnamespace regatta {\nstd::string git_commit() { return \"${commit}\"; }\n}  // namespace regatta\n")
set(old "")
if(EXISTS ${OUT})
  file(READ ${OUT} old)
endif()
if(NOT content STREQUAL old)
  file(WRITE ${OUT} "${content}")
endif()
