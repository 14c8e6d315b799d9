// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "bench/support/folders.hpp"
#include "bench/support/stopwatch.hpp"
#include "host/backend_of.hpp"
#include "idl/idl.hpp"
#include "kernels/backend.hpp"

namespace idl::bench {

/// n states, p inputs, q outputs, m samples.
struct Size {
  index_t n = 0;
  index_t p = 0;
  index_t q = 0;
  index_t m = 0;
};

/// What A is. A random one is solved in some ten iterations, a trained one in 20 to 70.
enum class Origin {
  random,  ///< N(0,1), projected to ‖A‖∞ = 0.95
  trained  ///< on Fashion-MNIST, by bench/make_models; solved for its test images
};

struct Problem {
  Size size;
  Origin origin = Origin::random;
  Cache cache = Cache::cold;
};

inline std::string to_string(const Problem& problem) {
  const Size& size = problem.size;
  return std::string(problem.origin == Origin::random ? "random" : "trained") + "/n" +
         std::to_string(size.n) + "_p" + std::to_string(size.p) + "_m" + std::to_string(size.m) +
         (problem.cache == Cache::warm ? "/warm" : "");
}

/// The problems worth measuring on a device in a precision.
template <class T>
std::vector<Problem> problems(Device device) {
  constexpr Size k_sizes[] = {{100, 784, 10, 100},    {300, 3072, 10, 100},
                              {1000, 784, 10, 256},   {1024, 3072, 10, 1024},
                              {4096, 3072, 10, 1024}, {16384, 4096, 10, 4096}};
  constexpr Size k_trained[] = {{100, 784, 10, 100}, {300, 784, 10, 100}, {300, 784, 10, 10000}};
  const bool gpu = device.kind == DeviceKind::cuda;
  const bool single = std::is_same_v<T, float>;
  std::vector<Problem> list;
  for (const Size& size : k_sizes) {
    if (size.n > 1000 && !single) continue;
    if (size.n > 1024 && !gpu) continue;  // seconds for one solve
    list.push_back({size, Origin::random});
    if (gpu && size.n <= 1000) list.push_back({size, Origin::random, Cache::warm});
  }
  for (const Size& size : k_trained)
    if (single || size.m <= 100) list.push_back({size, Origin::trained});
  return list;
}

/// Uniform on [0, scale), the same with every standard library.
template <class T>
std::vector<T> uniforms(index_t count, double scale, std::uint64_t seed) {
  std::mt19937_64 engine(seed);
  std::vector<T> values(static_cast<std::size_t>(count));
  for (T& value : values)
    value = static_cast<T>(scale * static_cast<double>(engine() >> 11) * 0x1p-53);
  return values;
}

/// @throws IoError where bench/make_models was not run.
template <class T>
ImplicitModel<T> make_model(Context& context, const Problem& problem) {
  const Size& size = problem.size;
  if (problem.origin == Origin::trained) {
    return load_model<T>(context, folders().models / ("trained_n" + std::to_string(size.n) + "_p" +
                                                      std::to_string(size.p) + ".safetensors"));
  }
  ImplicitModel<T> model(context, {size.n, size.p, size.q}, {}, 1);
  // N(0, 1/p) for B and D, N(0, 1/n) for C keep states and outputs of the size of the inputs.
  const auto fill = [&](MatrixView<T> block, std::uint64_t sequence, double scale) {
    backend_of(context)->run(
        FillRandom<T>{.A = block, .seed = 2, .sequence = sequence, .scale = scale});
  };
  fill(model.A(), 0, 1.0);
  fill(model.B(), 1, 1.0 / std::sqrt(static_cast<double>(size.p)));
  fill(model.C(), 2, 1.0 / std::sqrt(static_cast<double>(size.n)));
  fill(model.D(), 3, 1.0 / std::sqrt(static_cast<double>(size.p)));
  model.project(context);
  return model;
}

template <class T>
struct Samples {
  std::vector<T> U;  ///< p×m
  std::vector<std::int32_t> labels;
};

/// Test images for a trained model, uniform numbers on [0, 1) for a random one.
template <class T>
Samples<T> make_samples(const Problem& problem) {
  const Size& size = problem.size;
  Samples<T> samples;
  if (problem.origin == Origin::random) {
    samples.U = uniforms<T>(size.p * size.m, 1.0, 3);
    for (index_t j = 0; j < size.m; ++j)
      samples.labels.push_back(static_cast<std::int32_t>(j % size.q));
    return samples;
  }
  const Dataset images = read_mnist(folders().data).test.first(size.m);
  samples.U.resize(static_cast<std::size_t>(size.p * size.m));
  for (index_t j = 0; j < size.m; ++j)
    images.copy_sample<T>(j, std::span(samples.U).subspan(static_cast<std::size_t>(j * size.p),
                                                          static_cast<std::size_t>(size.p)));
  samples.labels.assign(images.labels().begin(), images.labels().end());
  return samples;
}

}  // namespace idl::bench
