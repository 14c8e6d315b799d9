// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>

namespace idl::bench {

/// X = relu(AX + BU), Y = CX + DU as one would write it with Eigen, compiled for this machine:
/// Picard iteration from zero until no entry changes by more than the tolerance. All buffers are
/// made once.
template <class T>
class EigenLoop {
 public:
  /// Column-major and contiguous: A n×n, B n×p, C q×n, D q×p.
  EigenLoop(std::int64_t n, std::int64_t p, std::int64_t q, std::int64_t m, const T* A, const T* B,
            const T* C, const T* D);
  ~EigenLoop();
  EigenLoop(const EigenLoop&) = delete;
  EigenLoop& operator=(const EigenLoop&) = delete;

  /// U p×m, Y q×m. Returns the number of iterations.
  int run(const T* U, T* Y, T tolerance, int most);

 private:
  struct Matrices;
  std::unique_ptr<Matrices> matrices_;
};

}  // namespace idl::bench
