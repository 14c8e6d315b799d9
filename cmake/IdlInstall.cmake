# SPDX-License-Identifier: MIT
# find_package(idl_cuda) and pkg-config idl_cuda for whoever uses the installed library.
include(CMakePackageConfigHelpers)

# Exactly the public names leave the shared library; tests/install/symbols.sh checks it.
if(BUILD_SHARED_LIBS AND NOT APPLE)
  set(_exports "${PROJECT_BINARY_DIR}/exports.map")
  configure_file("${PROJECT_SOURCE_DIR}/cmake/exports.map.in" "${_exports}" @ONLY)
  target_link_options(idl_cuda PRIVATE "LINKER:--version-script=${_exports}")
  set_property(TARGET idl_cuda APPEND PROPERTY LINK_DEPENDS "${_exports}")
endif()

set(_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/idl_cuda")
install(
  TARGETS idl_cuda
  EXPORT idl_cuda-targets
  LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
  ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
  RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}"
  FILE_SET HEADERS DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
  FILE_SET cuda_headers DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(EXPORT idl_cuda-targets NAMESPACE idl:: DESTINATION "${_package_dir}")

configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/idl_cudaConfig.cmake.in"
                              "${PROJECT_BINARY_DIR}/idl_cudaConfig.cmake"
                              INSTALL_DESTINATION "${_package_dir}")
# Before 1.0 a minor version may change the interface.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/idl_cudaConfigVersion.cmake"
                                 COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/idl_cudaConfig.cmake"
              "${PROJECT_BINARY_DIR}/idl_cudaConfigVersion.cmake" DESTINATION "${_package_dir}")

if(BUILD_SHARED_LIBS)
  set(IDL_PC_CFLAGS "")
  set(IDL_PC_PRIVATE "")
else()
  set(IDL_PC_CFLAGS " -DIDL_STATIC")
  set(IDL_PC_PRIVATE "-lz -lpthread")
  foreach(_library IN LISTS CBLAS_LIBRARIES)
    string(APPEND IDL_PC_PRIVATE " ${_library}")
  endforeach()
  if(IDL_OPENMP)
    string(APPEND IDL_PC_PRIVATE " ${OpenMP_CXX_FLAGS}")
  endif()
  if(IDL_HAVE_CUDA)
    string(APPEND IDL_PC_PRIVATE " -L${CUDAToolkit_LIBRARY_DIR} -lcudart_static -ldl -lrt")
  endif()
endif()
# The way from the .pc file back to the prefix, so that the installed tree may be moved.
file(RELATIVE_PATH IDL_PC_PREFIX "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
configure_file("${PROJECT_SOURCE_DIR}/cmake/idl_cuda.pc.in" "${PROJECT_BINARY_DIR}/idl_cuda.pc"
               @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/idl_cuda.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")

if(PROJECT_IS_TOP_LEVEL)
  include(IdlPackage)
endif()
