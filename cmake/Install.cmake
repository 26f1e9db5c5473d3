# What `cmake --install` puts where: the C headers, libcinch_rt, the emulated
# CUDA device (and the compiler as libcinch), the tools, a CMake package `Cinch`
# (targets Cinch::cinch_rt, Cinch::cinch_rt_static, Cinch::cinch,
# Cinch::cinch_cuda_emulator; CINCH_TOOLS_FOLDER has the tools) and pkg-config
# files of the runtime and the compiler.
include(CMakePackageConfigHelpers)

set(CINCH_PACKAGE_FOLDER ${CMAKE_INSTALL_LIBDIR}/cmake/Cinch)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/cinch TYPE INCLUDE
        FILES_MATCHING PATTERN "*.h")
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE TYPE DOC)

set(_libraries "")
foreach(library cinch_rt cinch_rt_static cinch cinch_cuda_emulator)
  if(TARGET ${library})
    list(APPEND _libraries ${library})
  endif()
endforeach()
install(TARGETS ${_libraries} EXPORT CinchTargets)
install(EXPORT CinchTargets NAMESPACE Cinch:: DESTINATION ${CINCH_PACKAGE_FOLDER})
foreach(tool cinch-opt cinch-compile cinch-run cinch-emulate cinch-reduce
        cinch-lsp-server)
  if(TARGET ${tool})
    install(TARGETS ${tool} RUNTIME)
  endif()
endforeach()

configure_package_config_file(
  ${CMAKE_SOURCE_DIR}/cmake/CinchConfig.cmake.in CinchConfig.cmake
  INSTALL_DESTINATION ${CINCH_PACKAGE_FOLDER}
  PATH_VARS CMAKE_INSTALL_BINDIR)
write_basic_package_version_file(CinchConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/CinchConfig.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/CinchConfigVersion.cmake
        DESTINATION ${CINCH_PACKAGE_FOLDER})

# _cinch_pkg_config(NAME DESCRIPTION LIBRARY PRIVATE-LIBRARIES)
function(_cinch_pkg_config name description library private)
  file(RELATIVE_PATH PC_PREFIX /p/${CMAKE_INSTALL_LIBDIR}/pkgconfig /p)
  string(REGEX REPLACE "/$" "" PC_PREFIX ${PC_PREFIX})
  set(PC_NAME ${name})
  set(PC_DESCRIPTION ${description})
  set(PC_LIBRARY ${library})
  set(PC_PRIVATE ${private})
  configure_file(${CMAKE_SOURCE_DIR}/cmake/cinch.pc.in ${name}.pc @ONLY)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${name}.pc
          DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()
_cinch_pkg_config(cinch-rt "Runs models compiled by Cinch" cinch_rt
                  "-lstdc++ -pthread -ldl -lm")
if(TARGET cinch)
  _cinch_pkg_config(cinch "Compiles ONNX models to native code" cinch "")
endif()
