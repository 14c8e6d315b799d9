// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "kernels/loop_strategy.hpp"
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
  /// How its loop is run; of several loops the first. `straight` where there is none.
  virtual LoopStrategy strategy() const { return LoopStrategy::straight; }

 private:
  Sequence sequence_;
};

using Programs = std::vector<std::shared_ptr<Program>>;

/// The steps of some programs, one after the other.
inline Sequence sequence_of(const Programs& parts) {
  Sequence all;
  for (const auto& part : parts) append(all, part->sequence());
  return all;
}

/// How the first loop among them is run; `straight` where there is none.
inline LoopStrategy strategy_of(const Programs& parts) {
  for (const auto& part : parts)
    if (part->strategy() != LoopStrategy::straight) return part->strategy();
  return LoopStrategy::straight;
}

/// Programs launched one after the other, which it keeps.
class ProgramsInOrder : public Program {
 public:
  explicit ProgramsInOrder(Programs parts)
      : Program(sequence_of(parts)), parts_(std::move(parts)) {}
  void launch() override {
    for (const auto& part : parts_) part->launch();
  }
  LoopStrategy strategy() const override { return strategy_of(parts_); }
  const Programs& parts() const { return parts_; }

 private:
  Programs parts_;
};

}  // namespace idl
