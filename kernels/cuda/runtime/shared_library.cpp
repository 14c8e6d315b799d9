// SPDX-License-Identifier: MIT
#include "kernels/cuda/runtime/shared_library.hpp"

#include <dlfcn.h>

#include "idl/error.hpp"

namespace idl::cuda {
namespace {

std::string linkers_words() {
  const char* words = dlerror();
  return words == nullptr ? "unknown error" : words;
}

void* open(const char* name, const char* soname, const char* folder) {
  if (void* library = dlopen(soname, RTLD_NOW | RTLD_LOCAL)) return library;
  const std::string failure = linkers_words();
  if (void* library = dlopen((std::string(folder) + "/" + soname).c_str(), RTLD_NOW | RTLD_LOCAL))
    return library;
  throw DeviceError(name, std::string("loading ") + soname,
                    failure + "; " + linkers_words() +
                        "; where it lies elsewhere, LD_LIBRARY_PATH must name that folder",
                    {});
}

}  // namespace

SharedLibrary::SharedLibrary(const char* name, const char* soname, const char* folder)
    : name_(name), library_(open(name, soname, folder)) {}

void* SharedLibrary::address_of(const char* symbol) const {
  void* address = dlsym(library_, symbol);
  if (address == nullptr)
    throw DeviceError(name_, std::string("looking for ") + symbol, linkers_words(), {});
  return address;
}

}  // namespace idl::cuda
