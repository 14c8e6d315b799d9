// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "kernels/cpu/product/sparse_rows.hpp"
#include "kernels/cpu/runtime/lines.hpp"
#include "kernels/cpu/steps/magnitude.hpp"

namespace idl::cpu {

/// The panels of AndersonMix, n rows each, all with one stride. The points of all samples take
/// turns in the same two places.
template <class T>
struct PanelHistory {
  index_t rows;
  index_t stride;
  T* X;
  T* Y;
  const T* F_last;
  const T* G_last;
  T* F_next;  ///< holds the point before the last
  T* G_next;
};

/// The vectors of AndersonMix.
template <class T>
struct PanelPoints {
  const std::uint8_t* status;
  const std::int32_t* iterations;
  const T* step_norms;
  T* accepted;
  std::int32_t* points;
  std::int32_t* fallbacks;
};

/// AndersonMix on panels of samples, bit for bit. Of samples that do not run the panels become
/// anything.
template <class T>
class PanelMix {
 public:
  explicit PanelMix(index_t lanes);
  void mix(const PanelHistory<T>& history, const PanelPoints<T>& vectors, index_t lines);

 private:
  void judge(const PanelPoints<T>& vectors, index_t lanes);

  Lines<Magnitude<T>> known_;  ///< points of each sample; k_rejected where its mixed point is
};

extern template class PanelMix<float>;
extern template class PanelMix<double>;

}  // namespace idl::cpu
