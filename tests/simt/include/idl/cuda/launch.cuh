// SPDX-License-Identifier: MIT
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <type_traits>

#include "idl/cuda/check.hpp"
#include "idl/cuda/launch_shape.hpp"
#include "tests/simt/device.hpp"

/// Takes the place of idl/cuda/launch.cuh in the emulation.
namespace idl::cuda {

template <class... Parameters>
void launch(void (*kernel)(Parameters...), const LaunchShape& shape, CUstream_st*,
            std::type_identity_t<Parameters>... arguments) {
  simt::run_grid(shape.grid, shape.block, shape.shared_bytes, shape.cluster,
                 [&] { kernel(arguments...); });
}

inline std::size_t most_shared_bytes() { return simt::k_shared_bytes; }
inline int multiprocessor_count() { return simt::k_multiprocessors; }

template <class... Parameters>
int most_clusters(void (*)(Parameters...), const LaunchShape& shape) {
  return simt::most_clusters(shape.cluster);
}

template <auto>
int most_clusters(const LaunchShape& shape) {
  return simt::most_clusters(shape.cluster);
}

}  // namespace idl::cuda
