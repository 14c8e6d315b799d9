// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "host/recurrent/error_through_time.hpp"
#include "host/recurrent/recurrent_programs.hpp"

namespace idl {

/// Makes certificates of what the passes of RecurrentPrograms have left.
template <class T>
class RecurrentCertificates {
 public:
  explicit RecurrentCertificates(RecurrentPrograms<T>& programs);

  /// Of the last forward pass; waits. Parameters and inputs must not have changed since.
  void forward(std::span<const std::int32_t> lengths, RecurrentReport& report);
  /// Of the last backward pass, likewise.
  void backward(std::span<const std::int32_t> lengths, SolveReport& report);

 private:
  /// That of the parameters as they are, made anew where they have changed.
  const ErrorGrowth& growth();
  void carry_errors(const ErrorGrowth& growth, std::span<const std::int32_t> lengths,
                    const solver::IterationRecord& record, RecurrentReport& report);

  RecurrentPrograms<T>& programs_;
  std::unique_ptr<Program> forward_norms_;
  std::unique_ptr<Program> backward_norms_;
  std::vector<T> growth_of_;  ///< the parameters that growth_ is of
  std::optional<ErrorGrowth> growth_;
  SolveReport by_steps_;  ///< step t of sequence b in entry t·m + b
};

extern template class RecurrentCertificates<float>;
extern template class RecurrentCertificates<double>;

}  // namespace idl
