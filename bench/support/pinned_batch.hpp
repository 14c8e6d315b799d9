// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>

#include "host/backend_of.hpp"
#include "host/train/prefetcher.hpp"
#include "idl/context.hpp"
#include "kernels/backend.hpp"

namespace idl::bench {

/// A batch in memory from which transfers are fastest. U p×m, contiguous; labels m.
template <class T>
class PinnedBatch {
 public:
  PinnedBatch(Context& context, std::span<const T> U, std::span<const std::int32_t> labels)
      : backend_(backend_of(context)),
        U_bytes_(U.size_bytes()),
        label_bytes_(labels.size_bytes()),
        batch_{.U = static_cast<T*>(backend_->allocate_host(U_bytes_)),
               .labels = static_cast<std::int32_t*>(backend_->allocate_host(label_bytes_)),
               .target = nullptr,
               .samples = static_cast<index_t>(labels.size())} {
    std::copy(U.begin(), U.end(), batch_.U);
    std::copy(labels.begin(), labels.end(), batch_.labels);
  }
  ~PinnedBatch() {
    backend_->release_host(batch_.U, U_bytes_);
    backend_->release_host(batch_.labels, label_bytes_);
  }
  PinnedBatch(const PinnedBatch&) = delete;
  PinnedBatch& operator=(const PinnedBatch&) = delete;

  const HostBatch<T>& get() const { return batch_; }

 private:
  std::shared_ptr<Backend> backend_;
  std::size_t U_bytes_;
  std::size_t label_bytes_;
  HostBatch<T> batch_;
};

}  // namespace idl::bench
