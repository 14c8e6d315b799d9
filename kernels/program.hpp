// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <utility>
#include <vector>

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

/// The steps of some programs, one after the other.
inline Sequence sequence_of(const std::vector<std::shared_ptr<Program>>& parts) {
  Sequence all;
  for (const auto& part : parts)
    all.insert(all.end(), part->sequence().begin(), part->sequence().end());
  return all;
}

/// Programs launched one after the other, which it keeps.
class ProgramsInOrder final : public Program {
 public:
  explicit ProgramsInOrder(std::vector<std::shared_ptr<Program>> parts)
      : Program(sequence_of(parts)), parts_(std::move(parts)) {}
  void launch() override {
    for (const auto& part : parts_) part->launch();
  }

 private:
  std::vector<std::shared_ptr<Program>> parts_;
};

}  // namespace idl
