// SPDX-License-Identifier: MIT
#include <vector>

#include "idl/data.hpp"
#include "tests/fuzz/target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return idl::fuzz::run(data, size, [size](const std::filesystem::path& path) {
    const idl::Dataset images = idl::read_cifar10_file(path);
    idl::fuzz::require(static_cast<std::size_t>(images.size()) * 3073 == size,
                       "each record has become a sample");
    std::vector<float> column(static_cast<std::size_t>(images.features()));
    images.copy_sample<float>(images.size() - 1, column);
    for (const float value : column)
      idl::fuzz::require(value >= 0 && value <= 1, "a pixel lies between 0 and 1");
  });
}
