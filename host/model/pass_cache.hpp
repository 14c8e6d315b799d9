// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <variant>
#include <vector>

#include "idl/batch_pass.hpp"
#include "idl/context.hpp"
#include "idl/model.hpp"
#include "idl/solver.hpp"

namespace idl {

/// The forward passes that a context's predictions were made with, kept to run again: making one
/// takes as long as some small solves, and on a GPU longer than any.
///
/// A pass holds nothing of its model but the address of M and what is in Key, and reads M anew at
/// every run. So a pass found by its key is the pass that would be made, whatever has become of the
/// model for which it was made: changed in place, moved, or destroyed and its memory taken by
/// another one.
class PassCache {
 public:
  explicit PassCache(const Context& context);
  /// Of the context, which owns it.
  static PassCache& of(Context& context);

  /// A pass of `samples` columns without the backward pass, kept if it is small. `starts`: whether
  /// it is to be started from an X0, by start_from() before each run.
  /// @throws InvalidArgument as BatchPass does, OutOfMemory
  template <class T>
  std::shared_ptr<BatchPass<T>> pass(const ImplicitModel<T>& model, index_t samples,
                                     const SolverOptions& options, bool starts);

 private:
  struct Key {
    const void* parameters;
    index_t ld;
    std::shared_ptr<const void> structure;
    ModelShape shape;
    ModelOptions options;
    index_t samples;
    SolverOptions solver;
    bool starts;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct Entry {
    Key key;
    std::variant<std::shared_ptr<BatchPass<float>>, std::shared_ptr<BatchPass<double>>> pass;
    std::uint64_t last_use;
  };
  /// The entry for one more pass: a new one, or that which has not been used for longest.
  void keep(Entry entry);

  /// The passes' own, as the owner may move.
  Context context_;
  std::vector<Entry> entries_;
  std::uint64_t uses_ = 0;
};

}  // namespace idl
