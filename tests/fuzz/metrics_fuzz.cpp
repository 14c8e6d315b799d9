// SPDX-License-Identifier: MIT
#include "host/pictures/metrics_file.hpp"
#include "tests/fuzz/target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return idl::fuzz::run(
      data, size, [](const std::filesystem::path& path) { idl::pictures::read_epochs(path); });
}
