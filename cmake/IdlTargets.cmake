# SPDX-License-Identifier: MIT
# What every target of the project has in common: language level, warnings, sanitizers.

set(_idl_warnings -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion)
# g++ 12 sees overlapping copies in inlined string concatenation (GCC bug 105651) and uninitialised
# values in an empty std::optional (GCC bug 80635), where there are none.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  list(APPEND _idl_warnings -Wno-restrict -Wno-maybe-uninitialized)
endif()
# The code that nvcc generates around a .cu file does not pass -Wpedantic and -Wconversion.
set(_idl_cuda_warnings -Xcompiler=-Wall,-Wextra)
if(IDL_WERROR)
  list(APPEND _idl_warnings -Werror)
  list(APPEND _idl_cuda_warnings -Werror=all-warnings)
endif()

set(_idl_sanitize)
if(IDL_SANITIZE)
  if(NOT IDL_SANITIZE MATCHES "^(address|undefined|address,undefined|thread)$")
    message(FATAL_ERROR "IDL_SANITIZE is '${IDL_SANITIZE}'; it may be empty, address, undefined, "
                        "address,undefined or thread")
  endif()
  set(_idl_sanitize -fsanitize=${IDL_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
endif()
if(IDL_FUZZ)
  set(_idl_sanitize -fsanitize=fuzzer-no-link,address,undefined,float-cast-overflow
                    -fno-sanitize-recover=all -fno-omit-frame-pointer)
endif()

# idl_glob(variable pattern...): files below the project's folder, whose own name is no pattern.
function(idl_glob variable)
  string(REGEX REPLACE "[][*?]" "?" _root "${PROJECT_SOURCE_DIR}")
  set(_patterns ${ARGN})
  list(TRANSFORM _patterns PREPEND "${_root}/")
  file(GLOB _files CONFIGURE_DEPENDS ${_patterns})
  set(${variable} ${_files} PARENT_SCOPE)
endfunction()

# idl_unite(variable name source...): in a unity build, files that include eight of the sources each,
# which CMake does for C++ alone; reading headers takes longer than compiling a small kernel.
function(idl_unite variable name)
  set(_files ${ARGN})
  if(CMAKE_UNITY_BUILD)
    set(_files)
    list(LENGTH ARGN _count)
    math(EXPR _last "${_count} - 1")
    foreach(_begin RANGE 0 ${_last} 8)
      list(SUBLIST ARGN ${_begin} 8 _part)
      set(_text)
      foreach(_source IN LISTS _part)
        file(RELATIVE_PATH _source "${PROJECT_SOURCE_DIR}" "${_source}")
        string(APPEND _text "#include \"${_source}\"\n")
      endforeach()
      set(_file "${PROJECT_BINARY_DIR}/united/${name}_${_begin}.cu")
      file(CONFIGURE OUTPUT "${_file}" CONTENT "${_text}" @ONLY)
      list(APPEND _files "${_file}")
    endforeach()
  endif()
  set(${variable} ${_files} PARENT_SCOPE)
endfunction()

# The flags of others may hold -ffast-math or -Ofast, under which NaN goes unseen and sums change
# their order.
set(_idl_arithmetic)
if(NOT PROJECT_IS_TOP_LEVEL OR "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_RELEASE}" MATCHES "math|fast")
  set(_idl_arithmetic -fno-fast-math -fno-finite-math-only -fno-associative-math
                      -fno-reciprocal-math -fsigned-zeros)
endif()

function(idl_configure_target target)
  target_compile_features(${target} PRIVATE cxx_std_20)
  set_target_properties(
    ${target}
    PROPERTIES CXX_EXTENSIONS OFF
               CUDA_STANDARD 20
               CUDA_STANDARD_REQUIRED ON
               CUDA_EXTENSIONS OFF
               POSITION_INDEPENDENT_CODE ON
               CXX_VISIBILITY_PRESET hidden
               CUDA_VISIBILITY_PRESET hidden
               VISIBILITY_INLINES_HIDDEN ON)
  if(PROJECT_IS_TOP_LEVEL AND CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
    target_compile_options(${target} PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:${_idl_warnings}>"
                                             "$<$<COMPILE_LANGUAGE:CUDA>:${_idl_cuda_warnings}>")
  endif()
  target_compile_options(
    ${target} PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:${_idl_arithmetic};${_idl_sanitize}>")
  target_link_options(${target} PRIVATE ${_idl_sanitize})
endfunction()

# idl_configure_library(target map): a library that is installed. Exactly the public names leave a
# shared one, as cmake/MAP.in says.
function(idl_configure_library target map)
  idl_configure_target(${target})
  # Linked with -ffast-math, it would make the processor flush subnormals in the whole process.
  target_link_options(${target} PRIVATE -fno-fast-math)
  if(IDL_BUILD_SHARED)
    if(NOT IDL_SANITIZE)
      target_link_options(${target} PRIVATE LINKER:--no-undefined)
    endif()
    set(_exports "${PROJECT_BINARY_DIR}/${map}")
    configure_file("${PROJECT_SOURCE_DIR}/cmake/${map}.in" "${_exports}" @ONLY)
    # LINKER: would cut a path at its commas.
    target_link_options(${target} PRIVATE "SHELL:-Xlinker \"--version-script=${_exports}\"")
    set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS "${_exports}")
  endif()
  set_target_properties(
    ${target}
    PROPERTIES VERSION ${PROJECT_VERSION}
               SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
               LINKER_LANGUAGE CXX)
endfunction()

# idl_compile_quickly(target [level]): for code whose own speed does not matter; halves the time of a
# build. Without a level it is -O1.
function(idl_compile_quickly target)
  if(ARGN)
    set(_level ${ARGN})
  else()
    set(_level -O1)
  endif()
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:${_level}>)
  # Two checks of every pointer make most of what the undefined-behaviour sanitizer costs.
  if(IDL_SANITIZE)
    target_compile_options(${target} PRIVATE -fno-sanitize=null,alignment)
  endif()
endfunction()

# idl_keep_to_one_stack(target): for the kernels. The second stack, on which the address sanitizer of
# GCC looks for uses after return, is not aligned for vectors of 64 bytes (GCC bug 110027), and makes
# emulated threads four times as slow.
function(idl_keep_to_one_stack target)
  if(IDL_SANITIZE MATCHES "address" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE "SHELL:--param asan-use-after-return=0")
  endif()
endfunction()

# idl_precompile(target header...) or idl_precompile(target REUSE_FROM other): reads headers once
# that most files of the target include.
function(idl_precompile target)
  # ccache keeps nothing of what uses a precompiled header unless the compiler tells that it does.
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
  if(ARGV1 STREQUAL "REUSE_FROM")
    # A precompiled header is for one kind of code, of executables too.
    target_compile_options(${target} PRIVATE -fPIC)
    target_precompile_headers(${target} ${ARGN})
  else()
    target_precompile_headers(${target} PRIVATE ${ARGN})
  endif()
endfunction()
