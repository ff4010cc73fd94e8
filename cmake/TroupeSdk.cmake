# What authors of bots in C++ get: headers, libtroupe-bot.a and the CMake package `troupe`.
# `cmake --install build --component sdk` installs that alone.
include(CMakePackageConfigHelpers)

# One archive: a bot links with it, not with the parts that we build it from.
add_library(troupe_bot_archive STATIC
  $<TARGET_OBJECTS:troupe_bot> $<TARGET_OBJECTS:troupe_wire>)
set_target_properties(troupe_bot_archive PROPERTIES
  OUTPUT_NAME troupe-bot EXPORT_NAME bot LINKER_LANGUAGE CXX)
target_compile_features(troupe_bot_archive INTERFACE cxx_std_20)
target_include_directories(troupe_bot_archive INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_link_libraries(troupe_bot_archive INTERFACE isal zstd Threads::Threads)

set(_package "${CMAKE_INSTALL_LIBDIR}/cmake/troupe")
install(TARGETS troupe_bot_archive EXPORT troupe ARCHIVE COMPONENT sdk)
install(DIRECTORY actors/bot/include/troupe TYPE INCLUDE COMPONENT sdk)
install(EXPORT troupe NAMESPACE troupe:: FILE troupeTargets.cmake DESTINATION ${_package}
        COMPONENT sdk)
configure_package_config_file(cmake/troupeConfig.cmake.in
  "${PROJECT_BINARY_DIR}/generated/troupeConfig.cmake" INSTALL_DESTINATION ${_package})
write_basic_package_version_file("${PROJECT_BINARY_DIR}/generated/troupeConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/generated/troupeConfig.cmake"
              "${PROJECT_BINARY_DIR}/generated/troupeConfigVersion.cmake"
        DESTINATION ${_package} COMPONENT sdk)
install(DIRECTORY docs/examples/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
