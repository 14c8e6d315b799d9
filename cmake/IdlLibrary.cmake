# SPDX-License-Identifier: MIT
# The library: object libraries per layer, put together twice.
#   idl_cuda      what users link (idl::idl_cuda): hidden symbols, public headers only
#   idl_internal  a static archive of the same objects for the program, tests and benches, which
#                 reach behind the public headers; never installed

find_package(CBLAS REQUIRED)
find_package(ZLIB REQUIRED)
find_package(nlohmann_json 3.9 REQUIRED)
find_package(Threads REQUIRED)
if(IDL_OPENMP)
  find_package(OpenMP REQUIRED COMPONENTS CXX)
endif()

# Sources say <cblas.h>; MKL calls it mkl_cblas.h.
if(CBLAS_HEADER STREQUAL "mkl_cblas.h")
  file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/cblas/cblas.h" CONTENT "#include <mkl_cblas.h>\n")
  list(APPEND CBLAS_INCLUDE_DIR "${PROJECT_BINARY_DIR}/cblas")
endif()

set(_idl_objects)
# idl_add_objects(name sources...): one layer of the library, compiled once.
function(idl_add_objects name)
  if(NOT ARGN)
    return()
  endif()
  add_library(${name} OBJECT ${ARGN})
  idl_configure_target(${name})
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}/include"
                                             "${PROJECT_SOURCE_DIR}")
  # No contraction to fused multiply-add, which would make the last bits a matter of the processor.
  target_compile_options(${name} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-ffp-contract=off>)
  if(NOT BUILD_SHARED_LIBS)
    target_compile_definitions(${name} PRIVATE IDL_STATIC)
  endif()
  set(_idl_objects ${_idl_objects} ${name} PARENT_SCOPE)
endfunction()

set(_root "${PROJECT_SOURCE_DIR}")
file(GLOB _kernels CONFIGURE_DEPENDS "${_root}/kernels/*.cpp")
file(GLOB _kernels_cpu CONFIGURE_DEPENDS "${_root}/kernels/cpu/*.cpp")
file(GLOB _kernels_cuda CONFIGURE_DEPENDS "${_root}/kernels/cuda/*.cu"
     "${_root}/kernels/cuda/*.cpp")
file(GLOB_RECURSE _host CONFIGURE_DEPENDS "${_root}/host/*.cpp")
list(FILTER _host EXCLUDE REGEX "/host/cli/")

idl_add_objects(idl_kernels ${_kernels})
if(TARGET idl_kernels AND IDL_HAVE_CUDA)
  # The only file that knows whether CUDA was built.
  set_source_files_properties("${_root}/kernels/make_backend.cpp" PROPERTIES COMPILE_DEFINITIONS
                                                                            IDL_HAVE_CUDA=1)
endif()

idl_add_objects(idl_kernels_cpu ${_kernels_cpu})
if(TARGET idl_kernels_cpu)
  target_include_directories(idl_kernels_cpu SYSTEM PRIVATE ${CBLAS_INCLUDE_DIR})
  # All but this one are compiled without contraction.
  set_source_files_properties("${_root}/kernels/cpu/panel_product.cpp" PROPERTIES COMPILE_OPTIONS
                                                                                  -ffp-contract=fast)
  target_compile_options(idl_kernels_cpu PRIVATE -fno-math-errno $<$<NOT:$<CONFIG:Debug>>:-O3>)
  if(IDL_OPENMP)
    target_link_libraries(idl_kernels_cpu PRIVATE OpenMP::OpenMP_CXX)
  else()
    target_compile_options(idl_kernels_cpu PRIVATE -fopenmp-simd -Wno-unknown-pragmas)
  endif()
endif()

idl_add_objects(idl_host ${_host})
if(TARGET idl_host)
  target_compile_definitions(idl_host PRIVATE IDL_VERSION="${PROJECT_VERSION}")
  target_link_libraries(idl_host PRIVATE nlohmann_json::nlohmann_json ZLIB::ZLIB Threads::Threads)
endif()

set(_idl_link_libraries ${CBLAS_LIBRARIES} ZLIB::ZLIB Threads::Threads)
if(IDL_OPENMP)
  list(APPEND _idl_link_libraries OpenMP::OpenMP_CXX)
endif()
if(IDL_HAVE_CUDA)
  idl_add_objects(idl_kernels_cuda ${_kernels_cuda})
  set(_idl_cuda_libraries CUDA::cudart_static)
  # cuBLASLt is loaded when it is first needed, and last of all looked for where the toolkit is.
  set_source_files_properties("${_root}/kernels/cuda/cublas_lt.cpp" PROPERTIES COMPILE_DEFINITIONS
                              IDL_CUBLAS_FOLDER="${CUDAToolkit_LIBRARY_DIR}")
  if(TARGET idl_kernels_cuda)
    target_link_libraries(idl_kernels_cuda PRIVATE ${_idl_cuda_libraries})
  endif()
  list(APPEND _idl_link_libraries ${_idl_cuda_libraries})
endif()

set(_objects)
foreach(_layer IN LISTS _idl_objects)
  list(APPEND _objects $<TARGET_OBJECTS:${_layer}>)
endforeach()
if(NOT _objects)
  file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/empty.cpp" CONTENT "\n")
  set(_objects "${PROJECT_BINARY_DIR}/empty.cpp")
endif()

add_library(idl_cuda ${_objects})
add_library(idl::idl_cuda ALIAS idl_cuda)
file(GLOB_RECURSE _headers CONFIGURE_DEPENDS "${_root}/include/idl/*.hpp" "${_root}/include/idl/*.h")
list(FILTER _headers EXCLUDE REGEX "/include/idl/cuda/")
# dlpack.hpp needs the public header of DLPack; without it, it is installed but cannot be verified.
find_path(DLPACK_INCLUDE_DIR dlpack/dlpack.h)
mark_as_advanced(DLPACK_INCLUDE_DIR)
set(_unverified_headers)
if(NOT DLPACK_INCLUDE_DIR)
  list(FILTER _headers EXCLUDE REGEX "/include/idl/dlpack.hpp$")
  set(_unverified_headers "${_root}/include/idl/dlpack.hpp")
endif()
file(GLOB_RECURSE _cuda_headers CONFIGURE_DEPENDS "${_root}/include/idl/cuda/*")
target_sources(
  idl_cuda
  PUBLIC FILE_SET HEADERS BASE_DIRS "${_root}/include" FILES ${_headers}
  PUBLIC FILE_SET cuda_headers TYPE HEADERS BASE_DIRS "${_root}/include" FILES ${_cuda_headers} ${_unverified_headers})
target_compile_features(idl_cuda PUBLIC cxx_std_20)
target_link_libraries(idl_cuda PRIVATE ${_idl_link_libraries})
idl_configure_target(idl_cuda)
if(NOT BUILD_SHARED_LIBS)
  target_compile_definitions(idl_cuda PUBLIC IDL_STATIC)
elseif(NOT IDL_SANITIZE)
  target_link_options(idl_cuda PRIVATE LINKER:--no-undefined)
endif()
set_target_properties(
  idl_cuda
  PROPERTIES VERSION ${PROJECT_VERSION}
             SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
             LINKER_LANGUAGE CXX
             INSTALL_RPATH_USE_LINK_PATH ON
             VERIFY_INTERFACE_HEADER_SETS ON
             INTERFACE_HEADER_SETS_TO_VERIFY HEADERS)

add_library(idl_internal STATIC EXCLUDE_FROM_ALL ${_objects})
idl_configure_target(idl_internal)
set_target_properties(idl_internal PROPERTIES LINKER_LANGUAGE CXX)
target_compile_features(idl_internal PUBLIC cxx_std_20)
target_include_directories(idl_internal PUBLIC "${_root}/include" "${_root}")
target_link_libraries(idl_internal PUBLIC ${_idl_link_libraries} nlohmann_json::nlohmann_json)
if(NOT BUILD_SHARED_LIBS)
  target_compile_definitions(idl_internal PUBLIC IDL_STATIC)
endif()

include(IdlInstall)
