// SPDX-License-Identifier: MIT
#pragma once

#include <dlpack/dlpack.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "idl/context.hpp"
#include "idl/error.hpp"
#include "idl/matrix.hpp"

/// DLPack in and out: tensors of PyTorch, CuPy, JAX and others become views without a copy, and
/// matrices become tensors. Needs the public header dlpack/dlpack.h (Debian: libdlpack-dev).
///
/// A batch-first tensor of shape (m, p) is the p×m matrix U with one column per sample: the same
/// bytes, no transpose.
///
/// Streams, after the DLPack standard: a producer makes its data ready for the stream that the
/// consumer names. Importing, name the context's stream to the producer (in Python:
/// tensor.__dlpack__(stream=...)), or call context.wait_for(stream) with the stream that the
/// producer works on. Exporting, call context.record_for(stream) with the consumer's stream before
/// the tensor is handed over.
namespace idl {

namespace detail {

/// The library's device for a tensor's. Pinned host memory counts as the CPU's.
inline Device device_of(const DLTensor& tensor) {
  switch (tensor.device.device_type) {
    case kDLCPU:
    case kDLCUDAHost:
      return Device::cpu();
    case kDLCUDA:
    case kDLCUDAManaged:
      return Device::cuda(tensor.device.device_id);
    default:
      throw NotSupported("from_dlpack: device type " +
                         std::to_string(static_cast<int>(tensor.device.device_type)) +
                         " is neither the CPU nor a CUDA GPU");
  }
}

/// A tensor that owns a matrix, in one allocation that the deleter frees.
template <class T>
struct OwnedTensor {
  explicit OwnedTensor(Matrix<T> matrix_in) : matrix(std::move(matrix_in)) {}

  Matrix<T> matrix;
  std::array<std::int64_t, 2> shape{};
  std::array<std::int64_t, 2> strides{};
  DLManagedTensor managed{};
};

}  // namespace detail

/// The tensor of shape (m, p), or (p) for one sample, as a p×m view on the same memory. Borrows:
/// the tensor must outlive the view, and its deleter stays the caller's to call.
/// @throws InvalidArgument (other element type than T, other number of dimensions, samples whose
///         elements are not contiguous), NotSupported (device)
template <class T>
MatrixView<T> from_dlpack(const DLTensor& tensor) {
  static_assert(std::is_same_v<T, float> || std::is_same_v<T, double>);
  IDL_CHECK(tensor.dtype.code == kDLFloat && tensor.dtype.bits == 8 * sizeof(T) &&
                tensor.dtype.lanes == 1,
            "from_dlpack: the tensor's type has code " + std::to_string(tensor.dtype.code) + ", " +
                std::to_string(tensor.dtype.bits) + " bits and " +
                std::to_string(tensor.dtype.lanes) + " lanes, expected float of " +
                std::to_string(8 * sizeof(T)) + " bits");
  IDL_CHECK(tensor.ndim == 1 || tensor.ndim == 2, "from_dlpack: the tensor has " +
                                                      std::to_string(tensor.ndim) +
                                                      " dimensions, expected (samples, features)");
  const bool batch = tensor.ndim == 2;
  const index_t m = batch ? tensor.shape[0] : 1;
  const index_t p = tensor.shape[batch ? 1 : 0];
  IDL_CHECK(m >= 0 && p >= 0, "from_dlpack: the tensor has a negative size");
  index_t ld = p;
  if (tensor.strides != nullptr) {
    IDL_CHECK(p <= 1 || tensor.strides[batch ? 1 : 0] == 1,
              "from_dlpack: the features of a sample lie " +
                  std::to_string(tensor.strides[batch ? 1 : 0]) +
                  " elements apart, expected 1; make the tensor contiguous first");
    if (batch && m > 1) ld = tensor.strides[0];
    IDL_CHECK(ld >= p, "from_dlpack: samples lie " + std::to_string(ld) +
                           " elements apart and have " + std::to_string(p) +
                           " features; make the tensor contiguous first");
  }
  T* data = reinterpret_cast<T*>(static_cast<std::byte*>(tensor.data) + tensor.byte_offset);
  return {data, p, m, ld, detail::device_of(tensor)};
}

/// The p×m matrix as a tensor of shape (m, p) that owns it; whoever takes the tensor calls its
/// deleter. The memory is released in the order of the context that made the matrix: work of
/// another stream that still reads it comes first where that context waits for it
/// (Context::wait_for).
template <class T>
DLManagedTensor* to_dlpack(Matrix<T> matrix) {
  auto owned = std::make_unique<detail::OwnedTensor<T>>(std::move(matrix));
  const Device device = owned->matrix.device();
  owned->shape = {owned->matrix.cols(), owned->matrix.rows()};
  owned->strides = {owned->matrix.ld(), 1};
  DLTensor& tensor = owned->managed.dl_tensor;
  tensor.data = owned->matrix.data();
  tensor.device = {device.kind == DeviceKind::cpu ? kDLCPU : kDLCUDA, device.index};
  tensor.ndim = 2;
  tensor.dtype = {static_cast<std::uint8_t>(kDLFloat), static_cast<std::uint8_t>(8 * sizeof(T)), 1};
  tensor.shape = owned->shape.data();
  tensor.strides = owned->strides.data();
  owned->managed.manager_ctx = owned.get();
  owned->managed.deleter = [](DLManagedTensor* self) {
    delete static_cast<detail::OwnedTensor<T>*>(self->manager_ctx);
  };
  return &owned.release()->managed;
}

}  // namespace idl
