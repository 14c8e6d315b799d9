// SPDX-License-Identifier: MIT
#include "idl/io.hpp"
#include "tests/fuzz/target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return idl::fuzz::run(data, size, [](const std::filesystem::path& path) {
    const idl::io::Array array = idl::io::read_npy(path);
    const auto values = array.as<double>();
    idl::fuzz::require(static_cast<std::int64_t>(values.size()) == array.size(),
                       "an array has as many values as its shape says");
  });
}
