# The Debian package: `cpack` in the build directory, or the target `package`.
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs FILES_MATCHING PATTERN "*.md"
        PATTERN "examples" EXCLUDE)
install(FILES LICENSE RENAME copyright DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY config/schema/ DESTINATION ${CMAKE_INSTALL_DATADIR}/troupe/schema
        FILES_MATCHING PATTERN "*.json")
# Where Debian's Python looks, without a version in the path.
install(DIRECTORY clients/python/troupe DESTINATION lib/python3/dist-packages
        FILES_MATCHING PATTERN "*.py" PATTERN "py.typed" PATTERN "__pycache__" EXCLUDE)
# systemd looks for programs and units both in /usr and in /usr/local.
install(FILES packaging/troupe.service packaging/troupe@.service DESTINATION lib/systemd/system)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME troupe)
set(CPACK_PACKAGE_CONTACT "The makers of Troupe <troupe@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# The SDK for C++ is in the same package; who builds bots with it needs a compiler and what its
# archive is linked with.
set(CPACK_DEBIAN_PACKAGE_SUGGESTS
    "systemd, bash-completion, python3, g++, cmake, libisal-dev, libzstd-dev, libcaf-dev, libre2-dev, libspdlog-dev, libssl-dev")
set(CPACK_PACKAGE_DESCRIPTION "Every bot is an ordinary process, in any language. Supervision trees
 decide what happens when one dies; a tiny keeper process holds them all, so that bots live on when
 the part that decides is replaced. The fleet is described by a directory of JSON files.")
foreach(script postinst prerm postrm)
  list(APPEND CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA "${PROJECT_SOURCE_DIR}/packaging/${script}")
endforeach()
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
