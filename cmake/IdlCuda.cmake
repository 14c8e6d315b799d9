# SPDX-License-Identifier: MIT
# Decides whether the CUDA backend is built: IDL_HAVE_CUDA, with one line that says so.
set(IDL_HAVE_CUDA FALSE)
string(TOUPPER "${IDL_CUDA}" _idl_cuda_wish)

if(NOT _idl_cuda_wish MATCHES "^(AUTO|ON|TRUE|YES|1|OFF|FALSE|NO|0)$")
  message(FATAL_ERROR "IDL_CUDA is '${IDL_CUDA}'; it may be AUTO, ON or OFF")
elseif(_idl_cuda_wish MATCHES "^(OFF|FALSE|NO|0)$")
  set(_idl_cuda_reason "IDL_CUDA is OFF")
elseif(IDL_SANITIZE)
  # The sanitizers' shadow memory and the CUDA driver's address ranges do not go together.
  set(_idl_cuda_reason "sanitizers are on")
else()
  include(CheckLanguage)
  # Toolkits are often installed without their folder on the PATH.
  set(_idl_sets_cudacxx FALSE)
  if(NOT DEFINED CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
    find_program(IDL_NVCC nvcc HINTS /usr/local/cuda/bin)
    mark_as_advanced(IDL_NVCC)
    if(IDL_NVCC)
      set(_idl_sets_cudacxx TRUE)
      set(ENV{CUDACXX} "${IDL_NVCC}")
    endif()
  endif()
  # `native` would fail at configure time on a machine without a GPU, so: machine code for Ampere
  # and Hopper, and PTX of Hopper for whatever comes later. Not in the cache, which a parent shares.
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES AND NOT DEFINED ENV{CUDAARCHS})
    set(CMAKE_CUDA_ARCHITECTURES "80-real;90")
  endif()
  check_language(CUDA)
  if(NOT CMAKE_CUDA_COMPILER)
    set(_idl_cuda_reason "no CUDA compiler (nvcc) was found")
  else()
    enable_language(CUDA)
    # Kernels that look for NaN need them; CMAKE_CUDA_FLAGS may be a parent's.
    foreach(_flags CMAKE_CUDA_FLAGS CMAKE_CUDA_FLAGS_DEBUG CMAKE_CUDA_FLAGS_RELEASE
                   CMAKE_CUDA_FLAGS_RELWITHDEBINFO CMAKE_CUDA_FLAGS_MINSIZEREL)
      string(REGEX REPLACE "--?use_fast_math" "" ${_flags} "${${_flags}}")
    endforeach()
    # CMake 3.25 does not know yet how nvcc is asked for C++20.
    if(NOT DEFINED CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
      set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")
      set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION "-std=c++20")
    endif()
    find_package(CUDAToolkit 12.4 QUIET)
    if(CUDAToolkit_FOUND)
      set(IDL_HAVE_CUDA TRUE)
    else()
      set(_idl_cuda_reason
          "CUDA Toolkit 12.4 or later is needed, found ${CMAKE_CUDA_COMPILER_VERSION}")
    endif()
  endif()
  if(_idl_sets_cudacxx)
    unset(ENV{CUDACXX})
  endif()
endif()

if(IDL_HAVE_CUDA)
  message(STATUS "CUDA backend: yes (toolkit ${CUDAToolkit_VERSION}, "
                 "architectures ${CMAKE_CUDA_ARCHITECTURES})")
elseif(_idl_cuda_wish MATCHES "^(ON|TRUE|YES|1)$")
  message(FATAL_ERROR "IDL_CUDA is ON, but ${_idl_cuda_reason}")
else()
  message(STATUS "CUDA backend: no (${_idl_cuda_reason}); building for the CPU only")
endif()
