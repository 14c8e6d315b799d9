# SPDX-License-Identifier: MIT
# find_package(idl_cuda) and pkg-config idl_cuda for whoever uses the installed library.
include(CMakePackageConfigHelpers)

set(_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/idl_cuda")
install(
  TARGETS idl_cuda
  EXPORT idl_cuda-targets
  LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
  ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
  RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}"
  INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/idl" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(EXPORT idl_cuda-targets NAMESPACE idl:: DESTINATION "${_package_dir}")

configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/idl_cudaConfig.cmake.in"
                              "${PROJECT_BINARY_DIR}/idl_cudaConfig.cmake"
                              INSTALL_DESTINATION "${_package_dir}")
# Before 1.0 a minor version may change the interface.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/idl_cudaConfigVersion.cmake"
                                 COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/idl_cudaConfig.cmake"
              "${PROJECT_BINARY_DIR}/idl_cudaConfigVersion.cmake" DESTINATION "${_package_dir}")

set(IDL_PC_CFLAGS "")
set(IDL_PC_LIBRARIES "")
if(NOT IDL_BUILD_SHARED)
  # Where there is no shared library, nobody has to say --static, nor to link by a C++ compiler.
  set(IDL_PC_CFLAGS " -DIDL_STATIC")
  set(IDL_PC_LIBRARIES " -lz -lpthread -ldl")
  if(IDL_HAVE_CUDA)
    string(APPEND IDL_PC_LIBRARIES " -L${CUDAToolkit_LIBRARY_DIR} -lcudart_static -lrt")
  endif()
  foreach(_library IN LISTS _runtime)
    string(APPEND IDL_PC_LIBRARIES " -l${_library}")
  endforeach()
endif()
# Folders below the prefix are told by the way from the .pc file, so that the installed tree may be
# moved.
string(REPLACE " " "\\ " IDL_PC_PREFIX "${CMAKE_INSTALL_PREFIX}")
if(NOT IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  file(RELATIVE_PATH IDL_PC_PREFIX "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
  string(PREPEND IDL_PC_PREFIX "\${pcfiledir}/")
endif()
foreach(_folder LIBDIR INCLUDEDIR)
  string(REPLACE " " "\\ " IDL_PC_${_folder} "${CMAKE_INSTALL_${_folder}}")
  if(NOT IS_ABSOLUTE "${IDL_PC_${_folder}}")
    string(PREPEND IDL_PC_${_folder} "\${prefix}/")
  endif()
endforeach()
configure_file("${PROJECT_SOURCE_DIR}/cmake/idl_cuda.pc.in" "${PROJECT_BINARY_DIR}/idl_cuda.pc"
               @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/idl_cuda.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
