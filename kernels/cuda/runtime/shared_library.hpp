// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace idl::cuda {

/// A library of the toolkit that is loaded when it is first needed, and stays loaded.
class SharedLibrary {
 public:
  /// Looks for `soname` as the dynamic linker does, and then in `folder`. `name` is for errors.
  /// @throws DeviceError (what was tried and the linker's words)
  SharedLibrary(const char* name, const char* soname, const char* folder);

  /// function <- what the library has under this name. @throws DeviceError where it has nothing
  template <class Function>
  void find(const char* symbol, Function& function) const {
    function = reinterpret_cast<Function>(address_of(symbol));
  }

 private:
  void* address_of(const char* symbol) const;

  std::string name_;
  void* library_;
};

}  // namespace idl::cuda
