// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <vector>

#include "idl/data.hpp"
#include "idl/io.hpp"
#include "tests/host/random_values.hpp"

namespace idl::test {

/// Samples around one random centre per class: easy to learn, the same on every machine.
inline Dataset make_dataset(index_t samples, index_t features, index_t classes,
                            std::uint64_t seed) {
  RandomValues random(7);
  const std::vector<double> centres = random.uniforms(features * classes, 0.0, 1.0);
  RandomValues noise(seed);
  std::vector<float> values;
  std::vector<std::int32_t> labels;
  for (index_t k = 0; k < samples; ++k) {
    const index_t label = noise.integer(0, classes - 1);
    labels.push_back(static_cast<std::int32_t>(label));
    for (index_t i = 0; i < features; ++i)
      values.push_back(static_cast<float>(centres[static_cast<std::size_t>(label * features + i)] +
                                          noise.uniform(-0.3, 0.3)));
  }
  return Dataset::from_values(std::move(values), std::move(labels), features, classes);
}

/// Lets the checkpoint in a folder be one of a version that kept no digest of its data: it is
/// resumed with whatever there is.
inline void forget_digests(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "checkpoint.safetensors";
  io::Safetensors file = io::read_safetensors(path);
  EXPECT_EQ(file.metadata.erase("training.data"), 1U);
  io::write_safetensors(path, file);
}

}  // namespace idl::test
