// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "host/model/structure/structure.hpp"
#include "idl/recurrent.hpp"

/// What an error does to the steps after it.
///
/// Of two trajectories from h and h' with the same x, |X_t − X_t'| <= (I − L_φ|A|)⁻¹L_φ|B_h||h −
/// h'| (El Ghaoui et al. 2021, section 4.1), hence |h_t − h_t'| <= S|h_{t−1} − h_{t−1}'| with
///     S = |C|(I − L_φ|A|)⁻¹L_φ|B_h| + |D_h|.
/// A computed step is off by |C|1·β_t, β_t the error bound of its solve, and by the rounding ρ_t of
/// h_t = C X_t + D u_t, so that e_t = |C|1·β_t + ρ_t + S e_{t−1} bounds |h_t − h_t*|. Where h_t may
/// be larger than all numbers of the element type, ρ_t is infinite. Everything here is rounded up.
namespace idl {

struct StepArithmetic {
  double unit_roundoff = 0;  ///< of the element type
  double least_normal = 0;
  double largest = 0;  ///< finite number of the element type
};

struct ErrorGrowth {
  index_t hidden = 0;
  std::vector<double> S{};        ///< hidden×hidden, row by row
  std::vector<double> C_sums{};   ///< |C|1
  std::vector<double> D_sums{};   ///< |D|1, over all columns; 0 without D
  index_t terms = 0;              ///< of the sum that makes an entry of h
  double solve_gain = 0;          ///< of ‖(I − L_φ|A|)⁻¹‖∞
  double root = 0;                ///< λ_pf(S)
  std::vector<double> witness{};  ///< v > 0 with Sv < v; empty where none was found
};

/// Of a cell whose first `inputs` inputs are x and the next `hidden` ones h. Waits.
template <class T>
ErrorGrowth error_growth(Context& context, const ModelMaps<T>& maps, index_t inputs, index_t hidden,
                         double lipschitz);

/// What is known of one step of a sequence.
struct StepErrors {
  double solve = 0;  ///< β_t
  double state = 0;  ///< ‖X_t‖∞
  double input = 0;  ///< ‖u_t‖∞
};

/// Carries the bounds of m sequences from step to step.
class ErrorThroughTime {
 public:
  ErrorThroughTime(const ErrorGrowth& growth, const StepArithmetic& arithmetic, index_t sequences);

  /// steps[b]: those of sequence b.
  void step(std::span<const StepErrors> steps);
  /// max_i e_t of sequence b; +inf where it is not known.
  double bound(std::size_t b) const;

 private:
  const ErrorGrowth& growth_;
  StepArithmetic arithmetic_;
  std::size_t m_;
  std::vector<double> e_;     ///< hidden×m, row by row
  std::vector<double> next_;  ///< the same of the next step
};

}  // namespace idl
