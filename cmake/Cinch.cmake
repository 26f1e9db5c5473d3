# Build rules shared by all folders: warnings, the precompiled header, tablegen.

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()
find_program(LLD_PROGRAM NAMES ld.lld-22)
if(LLD_PROGRAM)
  add_link_options(-fuse-ld=lld -B${LLVM_TOOLS_BINARY_DIR})
endif()

set(CINCH_WARNINGS -Wall -Wextra -Werror -Wno-unused-parameter
    -Wno-missing-field-initializers)

# The MLIR headers that nearly every compiler source includes, built once.
set(CINCH_PCH_SOURCE ${CMAKE_SOURCE_DIR}/cmake/Pch.cpp)
add_library(CinchPch STATIC ${CINCH_PCH_SOURCE})

function(_cinch_compiler_options target)
  target_compile_options(${target} PRIVATE ${CINCH_WARNINGS} -fno-rtti
                         -fno-exceptions -fpch-preprocess)
  target_include_directories(${target} SYSTEM PRIVATE
    ${MLIR_INCLUDE_DIRS} ${LLVM_INCLUDE_DIRS})
  target_include_directories(${target} PRIVATE
    ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR} ${CMAKE_SOURCE_DIR}/include)
  target_compile_definitions(${target} PRIVATE ${LLVM_DEFINITIONS_LIST})
endfunction()

separate_arguments(LLVM_DEFINITIONS_LIST NATIVE_COMMAND "${LLVM_DEFINITIONS}")
list(REMOVE_ITEM LLVM_DEFINITIONS_LIST "")
string(REPLACE "-D" "" LLVM_DEFINITIONS_LIST "${LLVM_DEFINITIONS_LIST}")
_cinch_compiler_options(CinchPch)
target_precompile_headers(CinchPch PRIVATE ${CMAKE_SOURCE_DIR}/cmake/Pch.h)

# cinch_add_compiler_library(NAME [DEPENDS tablegen targets] [LINK libraries])
# A static library of every .cpp of the current folder and its subfolders.
function(cinch_add_compiler_library name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;LINK" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  add_library(${name} STATIC ${sources})
  _cinch_compiler_options(${name})
  target_precompile_headers(${name} REUSE_FROM CinchPch)
  target_link_libraries(${name} PUBLIC ${ARG_LINK})
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
endfunction()

# cinch_add_compiler_tool(NAME SOURCES... LINK libraries)
function(cinch_add_compiler_tool name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  _cinch_compiler_options(${name})
  target_precompile_headers(${name} REUSE_FROM CinchPch)
  target_link_libraries(${name} PRIVATE ${ARG_LINK} MLIR LLVM)
  set_target_properties(${name} PROPERTIES ENABLE_EXPORTS ON
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
endfunction()

# cinch_tablegen(TD-FILE OUTPUT FLAGS...): queues one mlir-tblgen output, named
# relative to the current folder; close the folder with cinch_tablegen_target.
macro(cinch_tablegen td output)
  set(LLVM_TARGET_DEFINITIONS ${td})
  mlir_tablegen(${output} ${ARGN} -I ${CMAKE_SOURCE_DIR} -I ${MLIR_MAIN_INCLUDE_DIR})
endmacro()
