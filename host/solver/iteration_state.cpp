// SPDX-License-Identifier: MIT
#include "host/solver/iteration_state.hpp"
#include "host/backend_of.hpp"

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
      norms_offset_(reserve<T>(4)),
      iterations_offset_(reserve<std::int32_t>(columns)),
      fallbacks_offset_(reserve<std::int32_t>(columns)),
      low_iterations_offset_(reserve<std::int32_t>(columns)),
      status_offset_(reserve<std::uint8_t>(columns)),
      fetched_bytes_(bytes_),
      best_offset_(reserve<T>(columns)),
      stalled_offset_(reserve<std::int32_t>(columns)),
      active_offset_(reserve<std::int32_t>(1)),
      memory_(context, bytes_) {}

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
  return backend_of(memory_)->read_back(memory_.data(), fetched_bytes_);
}

template <class T>
IterationRecord IterationState<T>::record(ReadBack& fetched) const {
  IterationRecord record;
  fill(record, static_cast<const std::byte*>(fetched.wait()));
  return record;
}

template <class T>
const IterationRecord& IterationState<T>::latest_record() {
  latest_bytes_.resize(fetched_bytes_);
  backend_of(memory_)->download({.destination = latest_bytes_.data(),
                                 .destination_pitch = fetched_bytes_,
                                 .source = memory_.data(),
                                 .source_pitch = fetched_bytes_,
                                 .width = fetched_bytes_});
  fill(latest_, latest_bytes_.data());
  return latest_;
}

template <class T>
void IterationState<T>::fill(IterationRecord& record, const std::byte* fetched) const {
  const auto count = static_cast<std::size_t>(columns_);
  const auto assign = [&]<class E>(auto& list, std::size_t offset, const E*) {
    const E* first = reinterpret_cast<const E*>(fetched + offset);
    list.assign(first, first + count);
  };
  constexpr const T* k_real = nullptr;
  constexpr const std::int32_t* k_integer = nullptr;
  assign(record.step_norms, step_offset_, k_real);
  assign(record.state_norms, state_offset_, k_real);
  assign(record.forcing_norms, forcing_offset_, k_real);
  assign(record.iterations, iterations_offset_, k_integer);
  assign(record.fallbacks, fallbacks_offset_, k_integer);
  assign(record.low_iterations, low_iterations_offset_, k_integer);
  const T* norms = reinterpret_cast<const T*>(fetched + norms_offset_);
  record.A_norm = static_cast<double>(norms[0]);
  record.B_norm = static_cast<double>(norms[1]);
  record.factor_norm = static_cast<double>(norms[3]);
  const auto* status = reinterpret_cast<const std::uint8_t*>(fetched + status_offset_);
  record.status.resize(count);
  for (std::size_t j = 0; j < count; ++j) {
    const auto ended = static_cast<SolveStatus>(status[j]);
    // A loop that was allowed no iteration at all leaves its columns running.
    record.status[j] = ended == SolveStatus::running ? SolveStatus::max_iterations : ended;
  }
}

template class IterationState<float>;
template class IterationState<double>;

}  // namespace idl::solver
