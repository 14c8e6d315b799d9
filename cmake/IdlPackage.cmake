# SPDX-License-Identifier: MIT
# cpack -G DEB: libidl-cuda_VERSION_ARCHITECTURE.deb with the library, its headers and the program;
# cpack -G TGZ: the same as an archive.
set(_doc_dir "${CMAKE_INSTALL_DATAROOTDIR}/doc/libidl-cuda")
install(FILES "${PROJECT_SOURCE_DIR}/cmake/debian_copyright" DESTINATION "${_doc_dir}"
        RENAME copyright)
install(FILES "${PROJECT_SOURCE_DIR}/CHANGELOG.md" "${PROJECT_SOURCE_DIR}/README.md"
        DESTINATION "${_doc_dir}")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/docs" "${PROJECT_SOURCE_DIR}/examples"
        DESTINATION "${_doc_dir}")

set(CPACK_PACKAGE_NAME "libidl-cuda")
set(CPACK_PACKAGE_VENDOR "The libidl_cuda authors")
set(CPACK_PACKAGE_CONTACT "The libidl_cuda authors <maintainers@libidl-cuda.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGE_DESCRIPTION
    "Implicit models have no layers; their state is the solution of an equilibrium equation
X = phi(AX + BU). libidl_cuda solves and trains such models in C++20, on the CPU and on
NVIDIA GPUs, and gives with each answer a bound of its error. Model files are safetensors,
which PyTorch reads and writes.

This package holds the shared library, the headers for C++ and C, and the program idl, which
trains, evaluates and applies models.")
set(CPACK_RESOURCE_FILE_LICENSE "${PROJECT_SOURCE_DIR}/LICENSE")
set(CPACK_PACKAGING_INSTALL_PREFIX "/usr")
set(CPACK_GENERATOR DEB)
set(CPACK_STRIP_FILES ON)
set(CPACK_VERBATIM_VARIABLES ON)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "g++, cmake, pkg-config, libdlpack-dev")
if(IDL_HAVE_CUDA)
  # A toolkit that came without packages leaves no dependency: the name in NVIDIA's repository.
  set(CPACK_DEBIAN_PACKAGE_RECOMMENDS
      "libcublas-${CUDAToolkit_VERSION_MAJOR}-${CUDAToolkit_VERSION_MINOR}, libcusparse-${CUDAToolkit_VERSION_MAJOR}-${CUDAToolkit_VERSION_MINOR}")
  string(APPEND CPACK_PACKAGE_DESCRIPTION
         "\n\nOn a GPU it needs cuBLAS of CUDA ${CUDAToolkit_VERSION_MAJOR}, and makes \
products with large sparse matrices by cuSPARSE where that is there.")
endif()
# The packages whose libraries are linked, with the versions they need, by the linked files
# themselves; the library's soname for packages that link it; ldconfig after installation.
find_program(IDL_DPKG_SHLIBDEPS dpkg-shlibdeps)
mark_as_advanced(IDL_DPKG_SHLIBDEPS)
if(IDL_DPKG_SHLIBDEPS)
  set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
  # The program needs the library of its own package.
  set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS "${PROJECT_BINARY_DIR}")
  if(IDL_BUILD_SHARED)
    set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
    set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")
  endif()
else()
  # Only names are known then.
  set(CPACK_DEBIAN_PACKAGE_DEPENDS "libc6, libstdc++6, zlib1g, libcairo2, libcsv3")
endif()

include(CPack)
