// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

#include "kernels/primitives.hpp"

namespace idl {

/// A sequence made ready to run many times. It keeps the addresses of its operands, whose memory
/// must outlive it.
class Program {
 public:
  explicit Program(Sequence sequence) : sequence_(std::move(sequence)) {}
  virtual ~Program() = default;
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  /// Enqueues the whole program; on CUDA it returns at once.
  virtual void launch() = 0;

  /// The steps, for inspection.
  const Sequence& sequence() const { return sequence_; }

 private:
  Sequence sequence_;
};

}  // namespace idl
