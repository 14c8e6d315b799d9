// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>

namespace idl::bench {

/// Where the benches read what is not made by themselves.
struct Folders {
  std::filesystem::path models;  ///< of bench/make_models; --models
  std::filesystem::path data;    ///< Fashion-MNIST; --data
};

/// Those of this process. Main sets them before a case runs.
Folders& folders();

}  // namespace idl::bench
