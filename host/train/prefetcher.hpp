// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "idl/context.hpp"
#include "idl/data.hpp"
#include "kernels/backend.hpp"

namespace idl {

/// One batch on the host. U is p×m and contiguous; labels has m entries, or is null where the data
/// have targets; target is q×m, or null where it was not asked for; lengths has m entries, or none
/// where the data have none.
template <class T>
struct HostBatch {
  T* U = nullptr;
  std::int32_t* labels = nullptr;
  T* target = nullptr;
  index_t samples = 0;
  std::vector<std::int32_t> lengths{};
};

/// Gathers the batches of an epoch in a thread of its own, a few ahead of the training, into host
/// memory from which transfers to the device are fastest.
///
/// A ring of slots: next() takes the oldest full one; release() gives the oldest taken one back for
/// filling, once its transfer is known to be done. Errors of the thread come out of next().
template <class T>
class Prefetcher {
 public:
  /// Room for batches of up to `batch_size` samples of `data`, which must outlive this.
  Prefetcher(Context& context, const Dataset& data, index_t batch_size, bool with_targets);
  ~Prefetcher();
  Prefetcher(const Prefetcher&) = delete;
  Prefetcher& operator=(const Prefetcher&) = delete;

  /// Starts with batch `first_batch` of the samples in `order`; whatever was under way is dropped.
  void start(std::vector<std::int32_t> order, index_t first_batch);
  /// The next batch, in order; waits for it.
  const HostBatch<T>& next();
  void release();
  /// Ends the thread; all slots are free again.
  void stop();

 private:
  static constexpr index_t k_slots = 4;

  void run(index_t first_batch);
  void fill(HostBatch<T>& slot, index_t batch) const;

  std::shared_ptr<Backend> backend_;
  const Dataset& data_;
  index_t batch_size_;
  bool with_targets_;
  std::size_t bytes_ = 0;
  void* memory_ = nullptr;
  std::array<HostBatch<T>, k_slots> slots_;

  std::vector<std::int32_t> order_;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // Batches since start(): filled >= taken >= released, and filled - released <= k_slots.
  index_t filled_ = 0;
  index_t taken_ = 0;
  index_t released_ = 0;
  bool stop_ = false;
  std::exception_ptr error_;
};

extern template class Prefetcher<float>;
extern template class Prefetcher<double>;

}  // namespace idl
