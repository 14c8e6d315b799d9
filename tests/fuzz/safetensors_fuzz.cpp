// SPDX-License-Identifier: MIT
#include "idl/io.hpp"
#include "tests/fuzz/target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return idl::fuzz::run(data, size, [](const std::filesystem::path& path) {
    const idl::io::Safetensors file = idl::io::read_safetensors(path);
    for (const auto& [name, array] : file.tensors) {
      idl::fuzz::require(&file.at(name) == &array, "a tensor is found by its name");
      const auto values = array.as<double>();
      idl::fuzz::require(static_cast<std::int64_t>(values.size()) == array.size(),
                         "a tensor has as many values as its shape says");
    }
  });
}
