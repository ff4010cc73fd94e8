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

# Supervised actors in a bot: the runtime's own, and what they stand on. Their headers lie apart,
# for they name each other as in the sources.
set(_parts troupe_bot_actors troupe_actors troupe_updating troupe_ordering troupe_messaging troupe_messages
  troupe_digest troupe_config)
list(TRANSFORM _parts REPLACE "(.+)" "$<TARGET_OBJECTS:\\1>" OUTPUT_VARIABLE _objects)
add_library(troupe_actors_archive STATIC ${_objects})
set_target_properties(troupe_actors_archive PROPERTIES
  OUTPUT_NAME troupe-actors EXPORT_NAME actors LINKER_LANGUAGE CXX)
set(_actor_headers "${CMAKE_INSTALL_INCLUDEDIR}/troupe-actors")
target_include_directories(troupe_actors_archive INTERFACE $<INSTALL_INTERFACE:${_actor_headers}>)
target_link_libraries(troupe_actors_archive INTERFACE
  troupe_bot_archive CAF::io CAF::core RE2::RE2 spdlog::spdlog OpenSSL::Crypto)

set(_package "${CMAKE_INSTALL_LIBDIR}/cmake/troupe")
install(TARGETS troupe_bot_archive troupe_actors_archive EXPORT troupe ARCHIVE COMPONENT sdk)
install(DIRECTORY actors/bot/include/troupe actors/bot/actors/include/troupe TYPE INCLUDE
        COMPONENT sdk)
install(DIRECTORY actors config messages DESTINATION ${_actor_headers} COMPONENT sdk
        FILES_MATCHING PATTERN "*.hpp" PATTERN "include" EXCLUDE PATTERN "demo" EXCLUDE)
install(FILES cmake/FindCAF.cmake cmake/FindRE2.cmake DESTINATION ${_package} COMPONENT sdk)
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
