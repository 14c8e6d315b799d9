// SPDX-License-Identifier: MIT
#pragma once

#include "idl/cuda/device/shared.cuh"

/// Takes the place of idl/cuda/device/cluster.cuh in the emulation.
namespace idl::cuda {

template <int Blocks>
inline constexpr bool k_has_clusters = true;

template <int Blocks>
void cluster_barrier(simt::Where where = simt::Where::current()) {
  if constexpr (Blocks == 1) {
    simt::wait_for_block(simt::Combine::nothing, 0, where);
  } else {
    simt::wait_for_cluster(where);
  }
}

template <class T>
void store_in_block(const DynamicShared<T>& to, int index, int rank, T value) {
  to.in_block(static_cast<unsigned>(rank), index) = value;
}

}  // namespace idl::cuda
