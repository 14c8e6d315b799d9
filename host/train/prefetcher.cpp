// SPDX-License-Identifier: MIT
#include "host/train/prefetcher.hpp"
#include "host/backend_of.hpp"

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>

namespace idl {
namespace {

/// Slots start at multiples of this, so that each is aligned for any element type.
constexpr std::size_t k_alignment = 256;

std::size_t aligned(std::size_t bytes) {
  return (bytes + k_alignment - 1) / k_alignment * k_alignment;
}

}  // namespace

template <class T>
Prefetcher<T>::Prefetcher(Context& context, const Dataset& data, index_t batch_size,
                          bool with_targets)
    : backend_(backend_of(context)),
      data_(data),
      batch_size_(batch_size),
      with_targets_(with_targets) {
  const auto m = static_cast<std::size_t>(batch_size);
  const std::size_t U_bytes = aligned(m * static_cast<std::size_t>(data.features()) * sizeof(T));
  const bool labelled = !data.has_targets();
  const std::size_t label_bytes = labelled ? aligned(m * sizeof(std::int32_t)) : 0;
  const std::size_t target_bytes =
      with_targets ? aligned(m * static_cast<std::size_t>(data.outputs()) * sizeof(T)) : 0;
  bytes_ = static_cast<std::size_t>(k_slots) * (U_bytes + label_bytes + target_bytes);
  memory_ = backend_->allocate_host(bytes_);
  auto* place = static_cast<std::byte*>(memory_);
  for (HostBatch<T>& slot : slots_) {
    slot.U = reinterpret_cast<T*>(place);
    if (labelled) slot.labels = reinterpret_cast<std::int32_t*>(place + U_bytes);
    if (with_targets) slot.target = reinterpret_cast<T*>(place + U_bytes + label_bytes);
    place += U_bytes + label_bytes + target_bytes;
  }
}

template <class T>
Prefetcher<T>::~Prefetcher() {
  stop();
  backend_->release_host(memory_, bytes_);
}

template <class T>
void Prefetcher<T>::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

template <class T>
void Prefetcher<T>::start(std::vector<std::int32_t> order, index_t first_batch) {
  stop();
  order_ = std::move(order);
  filled_ = taken_ = released_ = 0;
  stop_ = false;
  error_ = nullptr;
  thread_ = std::thread([this, first_batch] { run(first_batch); });
}

template <class T>
void Prefetcher<T>::run(index_t first_batch) {
  try {
    const auto samples = static_cast<index_t>(order_.size());
    const index_t batches = (samples + batch_size_ - 1) / batch_size_;
    for (index_t batch = first_batch; batch < batches; ++batch) {
      index_t slot = 0;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return stop_ || filled_ - released_ < k_slots; });
        if (stop_) return;
        slot = filled_ % k_slots;
      }
      fill(slots_[static_cast<std::size_t>(slot)], batch);
      {
        const std::lock_guard lock(mutex_);
        ++filled_;
      }
      changed_.notify_all();
    }
  } catch (...) {
    {
      const std::lock_guard lock(mutex_);
      error_ = std::current_exception();
    }
    changed_.notify_all();
  }
}

template <class T>
void Prefetcher<T>::fill(HostBatch<T>& slot, index_t batch) const {
  const index_t first = batch * batch_size_;
  slot.samples = std::min(batch_size_, static_cast<index_t>(order_.size()) - first);
  if (!data_.lengths().empty()) slot.lengths.resize(static_cast<std::size_t>(slot.samples));
  const auto p = static_cast<std::size_t>(data_.features());
  const auto q = static_cast<std::size_t>(data_.outputs());
  for (index_t j = 0; j < slot.samples; ++j) {
    const auto column = static_cast<std::size_t>(j);
    const std::int32_t sample = order_[static_cast<std::size_t>(first + j)];
    data_.copy_sample<T>(sample, std::span(slot.U + column * p, p));
    if (slot.labels != nullptr)
      slot.labels[column] = data_.labels()[static_cast<std::size_t>(sample)];
    if (!slot.lengths.empty())
      slot.lengths[column] = data_.lengths()[static_cast<std::size_t>(sample)];
    if (with_targets_) data_.copy_target<T>(sample, std::span(slot.target + column * q, q));
  }
}

template <class T>
const HostBatch<T>& Prefetcher<T>::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return error_ != nullptr || filled_ > taken_; });
  if (filled_ == taken_) std::rethrow_exception(error_);
  return slots_[static_cast<std::size_t>(taken_++ % k_slots)];
}

template <class T>
void Prefetcher<T>::release() {
  {
    const std::lock_guard lock(mutex_);
    ++released_;
  }
  changed_.notify_all();
}

template class Prefetcher<float>;
template class Prefetcher<double>;

}  // namespace idl
