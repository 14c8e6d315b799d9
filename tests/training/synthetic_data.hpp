// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "idl/data.hpp"
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

}  // namespace idl::test
