// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "host/backend_of.hpp"
#include "host/c_api/handles.hpp"
#include "host/transfer.hpp"
#include "idl/matrix.hpp"
#include "kernels/backend.hpp"

namespace idl::c_api {

/// The arrays of one call of C, all of which lie in one place, and their way to the context's
/// device and back. Nothing is allocated.
class Arrays {
 public:
  /// @throws InvalidArgument, since C lets any number pass for an enumeration
  Arrays(Context& context, idl_memory memory) : context_(context) {
    IDL_CHECK(memory == IDL_MEMORY_HOST || memory == IDL_MEMORY_DEVICE,
              "memory is " + std::to_string(static_cast<int>(memory)) +
                  ", it may be IDL_MEMORY_HOST or IDL_MEMORY_DEVICE");
    place_ = memory == IDL_MEMORY_HOST ? Device::cpu() : context.device();
  }

  Device place() const { return place_; }
  /// Whether they lie where the context works.
  bool on_device() const { return place_ == context_.device(); }

  /// How errors call a matrix and its leading dimension.
  struct Name {
    const char* matrix;
    const char* ld;
  };

  /// The rows×cols matrix at `data`. @throws InvalidArgument
  template <class T>
  ConstMatrixView<T> in(Name name, const void* data, index_t rows, index_t cols, index_t ld) const {
    check<T>(name, data, rows, cols, ld);
    return {static_cast<const T*>(data), rows, cols, ld, place_};
  }
  template <class T>
  MatrixView<T> out(Name name, void* data, index_t rows, index_t cols, index_t ld) const {
    check<T>(name, data, rows, cols, ld);
    return {static_cast<T*>(data), rows, cols, ld, place_};
  }

  /// Onto the device. Returns when the caller's memory on the host may be changed.
  template <class T>
  void put(ConstMatrixView<T> callers, MatrixView<T> ours) const {
    if (on_device())
      copy<T>(context_, callers, ours);
    else if (callers.rows > 0 && callers.cols > 0)
      backend_of(context_)->upload(transfer_of(callers, ours));
  }
  /// Back again. What goes to the host is there on return.
  template <class T>
  void get(ConstMatrixView<T> ours, MatrixView<T> callers) const {
    if (on_device())
      copy<T>(context_, ours, callers);
    else if (callers.rows > 0 && callers.cols > 0)
      backend_of(context_)->download(transfer_of(ours, callers));
  }

 private:
  template <class T>
  static void check(Name name, const void* data, index_t rows, index_t cols, index_t ld) {
    require(data, name.matrix);
    const auto address = reinterpret_cast<std::uintptr_t>(data);
    IDL_CHECK(address % alignof(T) == 0,
              std::string(name.matrix) + " is at address " + std::to_string(address) +
                  ", which is no multiple of " + std::to_string(alignof(T)));
    const auto text = [&] { return std::string(name.ld) + " is " + std::to_string(ld); };
    IDL_CHECK(ld >= rows,
              text() + ", it must be at least the number of rows, " + std::to_string(rows));
    constexpr auto k_most = std::numeric_limits<index_t>::max() / index_t{sizeof(T)};
    IDL_CHECK(cols == 0 || ld <= k_most / cols, text() + ", and times " + std::to_string(cols) +
                                                    " columns that is more than can be addressed");
  }

  Context& context_;
  Device place_;
};

/// `reports` <- the certificates of a solve whose outputs are Y, where there are some. Who is not
/// told by reports is told by the status. @throws NotConverged
template <class T>
void tell_solve(Context& context, const SolveReport& report, const MatrixView<T>& Y,
                idl_sample_report* reports);

}  // namespace idl::c_api
