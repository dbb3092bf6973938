# cmake --install build/release --prefix PREFIX: the program, the rooms as static libraries with their headers, a package
# for find_package(regatta), the CUDA module in lib/regatta (where the program looks for it), inputs and batch scripts.
include(CMakePackageConfigHelpers)

set(regatta_package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/regatta)
foreach(room IN LISTS regatta_rooms)
  if(TARGET regatta_${room})
    list(APPEND regatta_libraries regatta_${room})
  endif()
endforeach()

install(TARGETS ${regatta_libraries} EXPORT regattaTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(TARGET regatta)
  install(TARGETS regatta RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  set_target_properties(regatta PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)  # libraries of modules and Spack
endif()
if(TARGET regatta_cuda)
  install(TARGETS regatta_cuda LIBRARY DESTINATION lib/regatta)
  set_target_properties(regatta_cuda PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)
endif()

install(DIRECTORY include/regatta DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.hpp" PATTERN "*.h")
install(DIRECTORY inputs slurm DESTINATION ${CMAKE_INSTALL_DATADIR}/regatta)
install(FILES LICENSE README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})

install(EXPORT regattaTargets NAMESPACE regatta:: DESTINATION ${regatta_package_folder})
configure_package_config_file(cmake/regattaConfig.cmake.in regattaConfig.cmake
  INSTALL_DESTINATION ${regatta_package_folder} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(regattaConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/regattaConfig.cmake ${PROJECT_BINARY_DIR}/regattaConfigVersion.cmake
  DESTINATION ${regatta_package_folder})
