# SPDX-License-Identifier: MIT
#[[
A BLAS with the C interface (cblas_sgemm and kin) and the header that declares it.

OpenBLAS is taken where BLA_VENDOR is not set and OpenBLAS is there; otherwise whatever FindBLAS
finds. Gives CBLAS_LIBRARIES, CBLAS_INCLUDE_DIR and CBLAS_HEADER (cblas.h or mkl_cblas.h).
]]
if(NOT DEFINED BLA_VENDOR AND NOT DEFINED ENV{BLA_VENDOR})
  set(BLA_VENDOR OpenBLAS)
  find_package(BLAS QUIET)
  unset(BLA_VENDOR)
endif()
if(NOT BLAS_FOUND)
  find_package(BLAS QUIET)
endif()

# The header that lies beside the library wins over the one that Debian's alternatives point to:
# they may belong to different packages.
set(_cblas_hints)
foreach(_library IN LISTS BLAS_LIBRARIES)
  if(IS_ABSOLUTE "${_library}")
    get_filename_component(_real "${_library}" REALPATH)
    get_filename_component(_folder "${_real}" DIRECTORY)
    get_filename_component(_flavour "${_folder}" NAME)
    list(APPEND _cblas_hints "${_folder}/../include" "${_folder}/../../include"
         "/usr/include/${CMAKE_LIBRARY_ARCHITECTURE}/${_flavour}")
  endif()
endforeach()
if(DEFINED ENV{MKLROOT})
  list(APPEND _cblas_hints "$ENV{MKLROOT}/include")
endif()
set(_cblas_names cblas.h mkl_cblas.h)
if(BLAS_LIBRARIES MATCHES "mkl")
  set(_cblas_names mkl_cblas.h)
endif()
find_path(CBLAS_INCLUDE_DIR NAMES ${_cblas_names} HINTS ${_cblas_hints}
          PATH_SUFFIXES openblas blis mkl cblas)
mark_as_advanced(CBLAS_INCLUDE_DIR)

set(CBLAS_LIBRARIES "${BLAS_LIBRARIES}")
foreach(_name IN LISTS _cblas_names)
  if(NOT CBLAS_HEADER AND CBLAS_INCLUDE_DIR AND EXISTS "${CBLAS_INCLUDE_DIR}/${_name}")
    set(CBLAS_HEADER ${_name})
  endif()
endforeach()

# Reference BLAS keeps the C interface in a library of its own.
if(BLAS_FOUND AND CBLAS_INCLUDE_DIR)
  include(CheckCXXSourceCompiles)
  include(CMakePushCheckState)
  set(_cblas_source "
    extern \"C\" {
    #include <${CBLAS_HEADER}>
    }
    int main() {
      const double x = 1.0;
      return cblas_ddot(1, &x, 1, &x, 1) == 1.0 ? 0 : 1;
    }")
  cmake_push_check_state(RESET)
  set(CMAKE_REQUIRED_QUIET ON)
  set(CMAKE_REQUIRED_INCLUDES "${CBLAS_INCLUDE_DIR}")
  set(CMAKE_REQUIRED_LIBRARIES BLAS::BLAS)
  check_cxx_source_compiles("${_cblas_source}" CBLAS_IN_BLAS)
  if(NOT CBLAS_IN_BLAS)
    find_library(CBLAS_LIBRARY NAMES cblas)
    mark_as_advanced(CBLAS_LIBRARY)
    if(CBLAS_LIBRARY)
      set(CMAKE_REQUIRED_LIBRARIES "${CBLAS_LIBRARY}" BLAS::BLAS)
      check_cxx_source_compiles("${_cblas_source}" CBLAS_BESIDE_BLAS)
      list(PREPEND CBLAS_LIBRARIES "${CBLAS_LIBRARY}")
    endif()
  endif()
  cmake_pop_check_state()
  if(CBLAS_IN_BLAS OR CBLAS_BESIDE_BLAS)
    set(_cblas_links TRUE)
  endif()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(
  CBLAS
  REQUIRED_VARS CBLAS_LIBRARIES CBLAS_INCLUDE_DIR _cblas_links
  REASON_FAILURE_MESSAGE
    "a BLAS with its C interface is needed (Debian: libopenblas-openmp-dev, or another by BLA_VENDOR)")
