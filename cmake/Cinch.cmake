# Build rules shared by all folders: tools, warnings, the precompiled header,
# tablegen, unit tests. Including this file changes the current folder only.

# -- Tools -------------------------------------------------------------------

# Python with the pinned packages (tools/requirements.txt): the importer takes
# onnx-ml.proto from its `onnx` package, the tests run with it.
set(_venv_python ${CMAKE_SOURCE_DIR}/.venv/bin/python)
if(NOT EXISTS ${_venv_python})
  set(_venv_python ${Python3_EXECUTABLE})
endif()
set(CINCH_PYTHON ${_venv_python} CACHE FILEPATH
    "Python interpreter that has the packages of tools/requirements.txt")

# cinch_find_python_package(OUT NAME): the folder of a Python package.
function(cinch_find_python_package out name)
  execute_process(
    COMMAND ${CINCH_PYTHON} -c
      "import importlib.util as u; print(*u.find_spec('${name}').submodule_search_locations)"
    OUTPUT_VARIABLE folder OUTPUT_STRIP_TRAILING_WHITESPACE
    ERROR_QUIET RESULT_VARIABLE status)
  if(status)
    message(FATAL_ERROR "${CINCH_PYTHON} has no package `${name}`: run "
            "tools/setup.sh, or set CINCH_PYTHON to a Python that has the "
            "packages of tools/requirements.txt")
  endif()
  set(${out} ${folder} PARENT_SCOPE)
endfunction()

# The wrapper lets ccache serve compilations that use a precompiled header:
# their result does not depend on the time stamps it would compare. PCH_EXTSUM
# makes it hash the header's .sum, not the header (see CinchPch). Its source,
# one line with the path of cmake/Pch.h, differs between checkouts and is left
# out.
find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(_launcher ${CMAKE_COMMAND} -E env CCACHE_NOHASHDIR=1 CCACHE_PCH_EXTSUM=1
      CCACHE_IGNOREHEADERS=CMakeFiles/CinchPch.dir/cmake_pch.hxx
      CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      ${CCACHE_PROGRAM})
  set(CMAKE_C_COMPILER_LAUNCHER ${_launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${_launcher})
endif()

# g++ 12 looks for `ld.lld` in the -B folders first.
find_program(CINCH_LLD NAMES ld.lld PATHS ${LLVM_TOOLS_BINARY_DIR}
             NO_DEFAULT_PATH)
if(CINCH_LLD)
  add_link_options(-fuse-ld=lld -B${LLVM_TOOLS_BINARY_DIR})
endif()
set_property(GLOBAL APPEND PROPERTY JOB_POOLS link=2)
set(CMAKE_JOB_POOL_LINK link)

# -- Options of every target -------------------------------------------------

if(CINCH_SANITIZE)
  # Not recovering makes a finding of the undefined-behaviour sanitizer fail
  # the test. -O1 compiles in two thirds of the time of -O2. RapidJSON adds to
  # null pointers.
  set(_level "-O1")
  add_compile_options(-fsanitize=${CINCH_SANITIZE} -fno-sanitize-recover=all
    -fno-sanitize=vptr,pointer-overflow -fno-omit-frame-pointer -g1)
  add_link_options(-fsanitize=${CINCH_SANITIZE})
else()
  set(_level "-O2")
endif()
set(CMAKE_CXX_FLAGS_RELEASE ${_level})
set(CMAKE_C_FLAGS_RELEASE ${_level})
if(NOT CINCH_ENABLE_ASSERTIONS)
  add_compile_definitions($<$<CONFIG:Release>:NDEBUG>)
endif()
set(CINCH_WARNINGS -Wall -Wextra -Werror -Wno-unused-parameter
    -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # g++'s own std::stable_sort uses what C++17 deprecates.
  list(APPEND CINCH_WARNINGS -Wno-deprecated-declarations)
else()
  # g++ gives this up in sources as large as MLIR's headers make ours, and says
  # so each time.
  list(APPEND CINCH_WARNINGS -Wno-misleading-indentation)
endif()

# For sources that include RapidJSON 1.1: clang refuses an unused template of it
# where it parses it.
set(CINCH_RAPIDJSON_OPTIONS
    $<$<CXX_COMPILER_ID:Clang>:-fdelayed-template-parsing>)

separate_arguments(_definitions NATIVE_COMMAND "${LLVM_DEFINITIONS}")
list(TRANSFORM _definitions REPLACE "^-D" "")
set(CINCH_LLVM_DEFINITIONS ${_definitions})

# -fPIC is spelt out so that executables, which would get -fPIE, can share the
# precompiled header of the libraries.
function(_cinch_compiler_options target)
  target_compile_options(${target} PRIVATE ${CINCH_WARNINGS} -fPIC -fno-rtti
    -fno-exceptions $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
  target_include_directories(${target} SYSTEM PRIVATE
    ${MLIR_INCLUDE_DIRS} ${LLVM_INCLUDE_DIRS})
  target_include_directories(${target} PRIVATE
    ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR} ${CMAKE_SOURCE_DIR}/include)
  target_compile_definitions(${target} PRIVATE ${CINCH_LLVM_DEFINITIONS})
endfunction()

# The MLIR headers that most compiler sources include, built once.
add_library(CinchPch STATIC ${CMAKE_SOURCE_DIR}/cmake/Pch.cpp)
_cinch_compiler_options(CinchPch)
target_precompile_headers(CinchPch PRIVATE ${CMAKE_SOURCE_DIR}/cmake/Pch.h)

# What ccache hashes in place of the precompiled header, hundreds of megabytes:
# the list of headers and the MLIR package they come from (flags and compiler it
# hashes anyway).
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
             ${CMAKE_SOURCE_DIR}/cmake/Pch.h)
file(SHA256 ${CMAKE_SOURCE_DIR}/cmake/Pch.h _pch_sum)
file(TIMESTAMP ${MLIR_DIR}/MLIRConfig.cmake _mlir_time UTC)
string(APPEND _pch_sum " ${LLVM_PACKAGE_VERSION} ${_mlir_time}")
set(_pch ${CMAKE_BINARY_DIR}/CMakeFiles/CinchPch.dir/cmake_pch.hxx)
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # CMake also gives the source of the header, by an absolute path that ccache
  # takes as it is: other checkouts would not share compilations.
  set(CMAKE_CXX_COMPILE_OPTIONS_USE_PCH
      -Xclang -include-pch -Xclang <PCH_FILE>)
  # clang's names its sources by absolute path: another folder's is of no use.
  set_target_properties(CinchPch PROPERTIES CXX_COMPILER_LAUNCHER "")
  file(CONFIGURE OUTPUT ${_pch}.pch.sum CONTENT ${_pch_sum})
else()
  file(CONFIGURE OUTPUT ${_pch}.gch.sum CONTENT ${_pch_sum})
endif()

# What programs that link libMLIR tell the address sanitizer.
if(CINCH_SANITIZE MATCHES "address")
  add_library(CinchSanitizerOptions OBJECT
    ${CMAKE_SOURCE_DIR}/cmake/SanitizerOptions.cpp)
  set(CINCH_SANITIZER_OPTIONS CinchSanitizerOptions)
endif()

# -- Targets -----------------------------------------------------------------

# cinch_add_compiler_library(NAME [DEPENDS tablegen targets] [LINK libraries])
# A static library of every .cpp of the current folder and its subfolders.
function(cinch_add_compiler_library name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;LINK" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  if(NOT sources) # a folder that is declared before its first source
    add_library(${name} INTERFACE)
    return()
  endif()
  add_library(${name} STATIC ${sources})
  _cinch_compiler_options(${name})
  target_precompile_headers(${name} REUSE_FROM CinchPch)
  target_link_libraries(${name} PUBLIC ${ARG_LINK})
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
endfunction()

# cinch_add_compiler_tool(NAME SOURCES sources LINK libraries)
# An executable in bin/ that links the shared MLIR and LLVM and can load
# pass plugins.
function(cinch_add_compiler_tool name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  _cinch_compiler_options(${name})
  target_precompile_headers(${name} REUSE_FROM CinchPch)
  target_link_libraries(${name} PRIVATE ${ARG_LINK} MLIR LLVM
                        ${CINCH_SANITIZER_OPTIONS})
  set_target_properties(${name} PROPERTIES ENABLE_EXPORTS ON
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
endfunction()

# cinch_add_unit_test(NAME [COMPILER] LINK libraries)
# A GoogleTest executable of every .cpp of the current folder, one ctest case
# per TEST. COMPILER: with the options, header and libraries of the compiler.
function(cinch_add_unit_test name)
  cmake_parse_arguments(ARG "COMPILER" "" "LINK" ${ARGN})
  if(NOT CINCH_BUILD_TESTS)
    return()
  endif()
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  add_executable(${name} ${sources})
  if(ARG_COMPILER)
    _cinch_compiler_options(${name})
    target_precompile_headers(${name} REUSE_FROM CinchPch)
    list(APPEND ARG_LINK MLIR LLVM ${CINCH_SANITIZER_OPTIONS})
  else()
    target_compile_options(${name} PRIVATE ${CINCH_WARNINGS})
    target_include_directories(${name} PRIVATE
      ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/include)
  endif()
  target_link_libraries(${name} PRIVATE ${ARG_LINK} GTest::gtest_main)
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/unittests)
  gtest_discover_tests(${name} TEST_PREFIX ${name}. DISCOVERY_TIMEOUT 60)
endfunction()

# cinch_tablegen(TD-FILE OUTPUT FLAGS...): queues one mlir-tblgen output, named
# relative to the current folder; close the folder with
# add_public_tablegen_target.
macro(cinch_tablegen td output)
  set(LLVM_TARGET_DEFINITIONS ${td})
  mlir_tablegen(${output} ${ARGN} -I ${CMAKE_SOURCE_DIR} -I ${MLIR_INCLUDE_DIRS})
endmacro()
