# What every target of ours shares: one INTERFACE target for flags, one way to
# declare a library, one way to declare a test suite.
add_library(troupe_flags INTERFACE)
target_include_directories(troupe_flags INTERFACE
  "${PROJECT_SOURCE_DIR}" "${PROJECT_BINARY_DIR}/generated")
target_compile_definitions(troupe_flags INTERFACE BOOST_ERROR_CODE_HEADER_ONLY)
target_compile_options(troupe_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wcast-align -Wunused
  -fstack-protector-strong
  # GCC 12 sees overlaps in std::string's operator+ that are not there (PR 105651).
  $<$<CONFIG:Release>:-Wno-restrict>
  $<$<BOOL:${TROUPE_WERROR}>:-Werror>)
if(TROUPE_SANITIZE)
  target_compile_definitions(troupe_flags INTERFACE TROUPE_SANITIZED)
  target_compile_options(troupe_flags INTERFACE
    -fsanitize=${TROUPE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all
    # CAF's init_fun_factory_helper binds a reference to an argument tuple that is not there and
    # never reads it; a null pointer that is followed still stops the address sanitizer.
    -fno-sanitize=null
    # What sanitizers insert makes GCC 12 see more that is not there (PR 105562).
    -Wno-maybe-uninitialized -Wno-restrict)
  if(TROUPE_SANITIZE STREQUAL "thread") # Boost.Asio has fences, which it does not follow.
    target_compile_options(troupe_flags INTERFACE -Wno-tsan)
  endif()
  target_link_options(troupe_flags INTERFACE -fsanitize=${TROUPE_SANITIZE})
endif()
file(MAKE_DIRECTORY "${PROJECT_BINARY_DIR}/generated")
configure_file("${PROJECT_SOURCE_DIR}/cmake/version.hpp.in"
               "${PROJECT_BINARY_DIR}/generated/troupe_version.hpp" @ONLY)

# CAF's headers cost seconds a translation unit: compile them once, share the result.
function(troupe_use_caf target)
  target_link_libraries(${target} PUBLIC CAF::io CAF::core)
  if(NOT TARGET troupe_caf_pch)
    file(WRITE "${PROJECT_BINARY_DIR}/generated/caf_pch.cpp" "")
    add_library(troupe_caf_pch STATIC "${PROJECT_BINARY_DIR}/generated/caf_pch.cpp")
    target_link_libraries(troupe_caf_pch PUBLIC troupe_flags CAF::io CAF::core)
    target_precompile_headers(troupe_caf_pch PRIVATE <caf/all.hpp>)
  endif()
  target_precompile_headers(${target} REUSE_FROM troupe_caf_pch)
endfunction()

# troupe_library(NAME SOURCES a.cpp … LIBS x y …)
function(troupe_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC troupe_flags ${ARG_LIBS})
endfunction()

# What the tsan preset builds: nothing with CAF in it, which is not instrumented.
add_custom_target(tsan_tests)

# troupe_test(NAME SOURCES a.cpp … LIBS x … [LABELS l …] [TIMEOUT s]): one Boost.Test
# suite, one ctest entry.
function(troupe_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LIBS;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_compile_definitions(${name} PRIVATE BOOST_TEST_DYN_LINK)
  # Only one source may define main().
  list(GET ARG_SOURCES 0 _first)
  set_property(SOURCE ${_first} APPEND PROPERTY COMPILE_DEFINITIONS BOOST_TEST_MODULE=${name})
  target_link_libraries(${name} PRIVATE troupe_flags ${ARG_LIBS} boost_unit_test_framework)
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/test")
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}")
  if("tsan" IN_LIST ARG_LABELS)
    add_dependencies(tsan_tests ${name})
  endif()
endfunction()

# troupe_script_test(NAME FILE [LABELS l …] [TIMEOUT s]): a Python test that runs the
# real binaries; it learns from TROUPE_BIN where they are.
function(troupe_script_test name file)
  cmake_parse_arguments(ARG "" "TIMEOUT" "LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  add_test(NAME ${name} COMMAND /usr/bin/python3 -B "${CMAKE_CURRENT_SOURCE_DIR}/${file}" -v)
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}"
    ENVIRONMENT "TROUPE_BIN=${PROJECT_BINARY_DIR}/bin;TROUPE_SANITIZE=${TROUPE_SANITIZE};PYTHONPATH=${PROJECT_SOURCE_DIR}/test/e2e")
endfunction()
