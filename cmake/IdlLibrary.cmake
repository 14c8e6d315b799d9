# SPDX-License-Identifier: MIT
# The library: object libraries per layer, put together twice.
#   idl_cuda      what users link (idl::idl_cuda): hidden symbols, public headers only
#   idl_internal  a static archive of the same objects for tests and benches, which reach behind the
#                 public headers; never installed

find_package(ZLIB REQUIRED)
find_package(nlohmann_json 3.9 REQUIRED)
find_package(Threads REQUIRED)

set(_idl_objects)
# idl_add_objects(name sources...): one layer of the library, compiled once.
function(idl_add_objects name)
  add_library(${name} OBJECT ${ARGN})
  idl_configure_target(${name})
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}/include"
                                             "${PROJECT_SOURCE_DIR}")
  # No contraction to fused multiply-add, which would make the last bits a matter of the processor.
  target_compile_options(${name} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-ffp-contract=off>)
  # Nor inlining at link time, which would mix sources with and without contraction.
  set_target_properties(${name} PROPERTIES INTERPROCEDURAL_OPTIMIZATION OFF)
  if(NOT IDL_BUILD_SHARED)
    target_compile_definitions(${name} PRIVATE IDL_STATIC)
  endif()
  set(_idl_objects ${_idl_objects} ${name} PARENT_SCOPE)
endfunction()

set(_root "${PROJECT_SOURCE_DIR}")
idl_glob(_base kernels/base/*.cpp)
idl_glob(_kernels kernels/*.cpp kernels/loop/*.cpp)
idl_glob(_kernels_cpu kernels/cpu/*/*.cpp)
idl_glob(_kernels_cuda kernels/cuda/*/*.cpp)
idl_glob(_loops kernels/cuda/loop/*.cu)
idl_glob(_steps kernels/cuda/product/*.cu kernels/cuda/steps/*.cu)
idl_unite(_steps steps ${_steps})
# The kernels, for the CUDA compiler and for the emulation of tests/simt.
set(_cuda_sources ${_loops} ${_steps})
idl_glob(_host host/*.cpp host/*/*.cpp host/*/*/*.cpp)
idl_glob(_program host/cli/*.cpp host/pictures/*.cpp)
# What the program and its pictures have a copy of: they stand on public headers and these files
# alone.
set(_files atomic_file.cpp binary_file.cpp json_bytes.cpp)
list(TRANSFORM _files PREPEND "${_root}/host/io/")
list(REMOVE_ITEM _host ${_program} ${_files})

idl_add_objects(idl_base ${_base})

idl_add_objects(idl_kernels ${_kernels})
# The emulation of tests/simt has one of its own.
set_source_files_properties("${_root}/kernels/make_backend.cpp" PROPERTIES SKIP_UNITY_BUILD_INCLUSION
                                                                          ON)
if(IDL_HAVE_CUDA)
  # The only file that knows whether CUDA was built.
  set_source_files_properties("${_root}/kernels/make_backend.cpp" PROPERTIES COMPILE_DEFINITIONS
                                                                            IDL_HAVE_CUDA=1)
endif()

idl_add_objects(idl_kernels_cpu ${_kernels_cpu})
# All but these are compiled without contraction. What they add up is in vectors already; where the
# compiler made more of them, it multiplied some side by side and added them one by one, not fused.
set_source_files_properties(
  "${_root}/kernels/cpu/product/dense_rows.cpp" "${_root}/kernels/cpu/product/few_columns.cpp"
  "${_root}/kernels/cpu/product/panel_product.cpp" "${_root}/kernels/cpu/product/relu_rows.cpp"
  "${_root}/kernels/cpu/product/sparse_rows.cpp"
  PROPERTIES COMPILE_OPTIONS "-ffp-contract=fast;-fno-tree-vectorize;-fno-tree-slp-vectorize")
target_compile_options(idl_kernels_cpu PRIVATE -fno-math-errno)
# Sanitized vectors gain little by -O3, and take twice as long to compile.
if(IDL_SANITIZE)
  target_compile_options(idl_kernels_cpu PRIVATE -O1)
elseif(IDL_FUZZ)
  # What the fuzz targets look at are readers.
  target_compile_options(idl_kernels_cpu PRIVATE -O0 -fno-sanitize=all)
else()
  target_compile_options(idl_kernels_cpu PRIVATE $<$<NOT:$<CONFIG:Debug>>:-O3>)
  # What is inlined into a loop is not to depend on its neighbours.
  if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    set_target_properties(idl_kernels_cpu PROPERTIES UNITY_BUILD OFF)
  endif()
endif()
idl_keep_to_one_stack(idl_kernels_cpu)

idl_add_objects(idl_files ${_files})
target_link_libraries(idl_files PRIVATE nlohmann_json::nlohmann_json)

idl_add_objects(idl_host ${_host})
target_link_libraries(idl_host PRIVATE nlohmann_json::nlohmann_json ZLIB::ZLIB Threads::Threads)

set(_idl_link_libraries ZLIB::ZLIB Threads::Threads ${CMAKE_DL_LIBS})
if(IDL_HAVE_CUDA)
  idl_add_objects(idl_kernels_cuda ${_kernels_cuda} ${_cuda_sources})
  set(_idl_cuda_libraries CUDA::cudart_static)
  # Libraries are loaded when they are first needed, and last of all looked for where the toolkit is.
  set_source_files_properties(
    "${_root}/kernels/cuda/runtime/cublas_lt.cpp" "${_root}/kernels/cuda/runtime/cusparse.cpp"
    PROPERTIES COMPILE_DEFINITIONS IDL_CUDA_LIBRARY_FOLDER="${CUDAToolkit_LIBRARY_DIR}")
  set_target_properties(idl_kernels_cuda PROPERTIES UNITY_BUILD OFF)
  target_link_libraries(idl_kernels_cuda PRIVATE ${_idl_cuda_libraries})
  list(APPEND _idl_link_libraries ${_idl_cuda_libraries})
endif()

set(_objects)
foreach(_layer IN LISTS _idl_objects)
  list(APPEND _objects $<TARGET_OBJECTS:${_layer}>)
endforeach()

set(_kind STATIC)
if(IDL_BUILD_SHARED)
  set(_kind SHARED)
endif()
add_library(idl_cuda ${_kind} ${_objects})
add_library(idl::idl_cuda ALIAS idl_cuda)
target_include_directories(idl_cuda PUBLIC "$<BUILD_INTERFACE:${_root}/include>")
if(PROJECT_IS_TOP_LEVEL OR "CXX" IN_LIST _languages)
  target_compile_features(idl_cuda PUBLIC cxx_std_20)
else()
  # CMake cannot ask for a C++ where a parent has none; it uses the C interface.
  target_compile_features(idl_cuda PUBLIC $<INSTALL_INTERFACE:cxx_std_20>)
endif()
# What a C compiler, which may link the static library, does not link by itself.
set(_runtime "${CMAKE_CXX_IMPLICIT_LINK_LIBRARIES}")
list(FILTER _runtime INCLUDE REGEX "^(stdc\\+\\+|c\\+\\+|m)$")
target_link_libraries(idl_cuda PRIVATE ${_idl_link_libraries} ${_runtime})
if(NOT IDL_BUILD_SHARED)
  target_compile_definitions(idl_cuda PUBLIC IDL_STATIC)
endif()
# tests/install/symbols.sh checks what leaves the shared library.
idl_configure_library(idl_cuda exports.map)

add_library(idl_internal STATIC EXCLUDE_FROM_ALL ${_objects})
idl_configure_target(idl_internal)
set_target_properties(idl_internal PROPERTIES LINKER_LANGUAGE CXX)
target_compile_features(idl_internal PUBLIC cxx_std_20)
target_include_directories(idl_internal PUBLIC "${_root}/include" "${_root}")
target_link_libraries(idl_internal PUBLIC ${_idl_link_libraries} nlohmann_json::nlohmann_json)
if(NOT IDL_BUILD_SHARED)
  target_compile_definitions(idl_internal PUBLIC IDL_STATIC)
endif()
