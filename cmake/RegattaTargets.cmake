include(${CMAKE_CURRENT_LIST_DIR}/rooms.cmake)

# Warnings for our own code, linked privately. GCC 12 reports -Wrestrict for plain std::string code (GCC bug 105651).
add_library(regatta_warnings INTERFACE)
add_library(regatta::warnings ALIAS regatta_warnings)
target_compile_options(regatta_warnings INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wno-float-conversion
    -Wno-missing-field-initializers
    $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict -Wno-subobject-linkage>>
  $<$<BOOL:${REGATTA_WERROR}>:$<$<COMPILE_LANGUAGE:CXX>:-Werror>>)

# One precompiled header for the sources of all rooms. With it GCC 12 no longer knows which code is the standard library's, and
# warns of what it sees in std::string (as bug 105651); a build without it keeps these two warnings.
if(REGATTA_PRECOMPILE)
  target_compile_options(regatta_warnings INTERFACE
    $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CXX_COMPILER_ID:GNU>>:-Wno-stringop-overflow;-Wno-array-bounds>)
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/precompiled.cpp CONTENT "")
  add_library(regatta_precompiled OBJECT ${PROJECT_BINARY_DIR}/precompiled.cpp)
  target_link_libraries(regatta_precompiled PRIVATE regatta_warnings)
  target_precompile_headers(regatta_precompiled PRIVATE <algorithm> <array> <cmath> <cstdint> <filesystem> <functional>
    <map> <memory> <optional> <span> <sstream> <string> <string_view> <vector>)
endif()

# regatta_add_room(<room> SOURCES <file>... [LIBRARIES <foreign target>...])
#
# One static library regatta::<room>, linked with the rooms that the map allows it.
function(regatta_add_room room)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LIBRARIES")
  add_library(regatta_${room} STATIC ${arg_SOURCES})
  add_library(regatta::${room} ALIAS regatta_${room})
  target_include_directories(regatta_${room} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_compile_features(regatta_${room} PUBLIC cxx_std_20)
  list(TRANSFORM regatta_${room}_knows PREPEND regatta_ OUTPUT_VARIABLE rooms)
  target_link_libraries(regatta_${room} PUBLIC ${rooms} ${arg_LIBRARIES})
  target_link_libraries(regatta_${room} PRIVATE $<BUILD_INTERFACE:regatta_warnings>)
  # Four sources are compiled as one (a third less time for a build from nothing), so that those of a room share their
  # unnamed namespace, of which GCC then says that it is no source's own; sources with flags of their own stay alone.
  set_target_properties(regatta_${room} PROPERTIES EXPORT_NAME ${room} UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 4)
  if(TARGET regatta_precompiled)
    target_precompile_headers(regatta_${room} REUSE_FROM regatta_precompiled)
  endif()
endfunction()
