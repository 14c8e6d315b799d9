// SPDX-License-Identifier: MIT
#include "host/solver/iteration_state.hpp"

namespace idl::solver {
namespace {

constexpr std::size_t k_alignment = 64;  // of each array in the block, for vector loads

}  // namespace

template <class T>
template <class E>
std::size_t IterationState<T>::reserve(index_t size) {
  const std::size_t offset = (bytes_ + k_alignment - 1) / k_alignment * k_alignment;
  bytes_ = offset + static_cast<std::size_t>(size) * sizeof(E);
  return offset;
}

template <class T>
IterationState<T>::IterationState(Context& context, index_t columns)
    : device_(context.device()),
      columns_(columns),
      step_offset_(reserve<T>(columns)),
      state_offset_(reserve<T>(columns)),
      forcing_offset_(reserve<T>(columns)),
      norms_offset_(reserve<T>(3)),
      iterations_offset_(reserve<std::int32_t>(columns)),
      fallbacks_offset_(reserve<std::int32_t>(columns)),
      low_iterations_offset_(reserve<std::int32_t>(columns)),
      status_offset_(reserve<std::uint8_t>(columns)),
      fetched_bytes_(bytes_),
      best_offset_(reserve<T>(columns)),
      stalled_offset_(reserve<std::int32_t>(columns)),
      active_offset_(reserve<std::int32_t>(1)),
      memory_(context.backend(), bytes_) {}

template <class T>
ColumnStatus<T> IterationState<T>::columns() const {
  return {.status = typed<std::uint8_t>(status_offset_, columns_),
          .iterations = typed<std::int32_t>(iterations_offset_, columns_),
          .best_steps = typed<T>(best_offset_, columns_),
          .stalled = typed<std::int32_t>(stalled_offset_, columns_),
          .active = typed<std::int32_t>(active_offset_, 1),
          .fallbacks = typed<std::int32_t>(fallbacks_offset_, columns_),
          .low_iterations = typed<std::int32_t>(low_iterations_offset_, columns_)};
}

template <class T>
std::unique_ptr<ReadBack> IterationState<T>::fetch() const {
  return memory_.backend()->read_back(memory_.data(), fetched_bytes_);
}

template <class T>
IterationRecord IterationState<T>::record(ReadBack& fetched) const {
  const auto* bytes = static_cast<const std::byte*>(fetched.wait());
  const auto count = static_cast<std::size_t>(columns_);
  const auto doubles = [&](std::size_t offset) {
    const T* first = reinterpret_cast<const T*>(bytes + offset);
    return std::vector<double>(first, first + count);
  };
  IterationRecord record;
  record.step_norms = doubles(step_offset_);
  record.state_norms = doubles(state_offset_);
  record.forcing_norms = doubles(forcing_offset_);
  const T* norms = reinterpret_cast<const T*>(bytes + norms_offset_);
  record.A_norm = static_cast<double>(norms[0]);
  record.B_norm = static_cast<double>(norms[1]);
  const auto integers = [&](std::size_t offset) {
    const auto* first = reinterpret_cast<const std::int32_t*>(bytes + offset);
    return std::vector<std::int32_t>(first, first + count);
  };
  record.iterations = integers(iterations_offset_);
  record.fallbacks = integers(fallbacks_offset_);
  record.low_iterations = integers(low_iterations_offset_);
  const auto* status = reinterpret_cast<const std::uint8_t*>(bytes + status_offset_);
  record.status.reserve(count);
  for (std::size_t j = 0; j < count; ++j) {
    const auto ended = static_cast<SolveStatus>(status[j]);
    // A loop that was allowed no iteration at all leaves its columns running.
    record.status.push_back(ended == SolveStatus::running ? SolveStatus::max_iterations : ended);
  }
  return record;
}

template class IterationState<float>;
template class IterationState<double>;

}  // namespace idl::solver
