// SPDX-License-Identifier: MIT
#include <limits>
#include <numeric>
#include <utility>

#include "idl/data.hpp"
#include "idl/error.hpp"
#include "kernels/math/philox.hpp"

namespace idl {
namespace {

/// Keeps these numbers apart from those that other uses of the same seed draw: the upper half of
/// the Philox sequence is the ASCII of "ordr", the lower half the epoch.
constexpr std::uint64_t k_sequence = std::uint64_t{0x6F726472} << 32U;

/// Unbiased integers, one after the other.
class Draws {
 public:
  Draws(std::uint64_t seed, std::uint64_t sequence) : seed_(seed), sequence_(sequence) {}

  /// One of 0, ..., bound−1, each exactly as likely: the upper half of bound·r for r uniform in 32
  /// bits, redrawn where the lower half falls into the 2³² mod bound values that would favour some
  /// results (Lemire, "Fast random integer generation in an interval", 2019).
  std::uint32_t below(std::uint32_t bound) {
    std::uint64_t product = next() * bound;
    auto low = static_cast<std::uint32_t>(product);
    if (low < bound) {
      const std::uint32_t unfair = (0U - bound) % bound;
      while (low < unfair) {
        product = next() * bound;
        low = static_cast<std::uint32_t>(product);
      }
    }
    return static_cast<std::uint32_t>(product >> 32U);
  }

 private:
  std::uint64_t next() { return random_bits(seed_, sequence_, index_++) & 0xFFFFFFFFU; }

  std::uint64_t seed_;
  std::uint64_t sequence_;
  std::uint64_t index_ = 0;
};

}  // namespace

std::vector<std::int32_t> epoch_order(std::uint64_t seed, std::int64_t epoch, index_t size,
                                      bool shuffle) {
  IDL_CHECK(size >= 0 && size <= std::numeric_limits<std::int32_t>::max(),
            "an epoch has 0 to 2^31-1 samples, not " + std::to_string(size));
  IDL_CHECK(epoch >= 0 && epoch <= std::numeric_limits<std::int32_t>::max(),
            "epochs are numbered 0 to 2^31-1, not " + std::to_string(epoch));
  std::vector<std::int32_t> order(static_cast<std::size_t>(size));
  std::iota(order.begin(), order.end(), 0);
  if (!shuffle) return order;

  Draws draws(seed, k_sequence | static_cast<std::uint64_t>(epoch));
  for (std::size_t i = order.size(); i > 1; --i)  // Fisher-Yates
    std::swap(order[i - 1], order[draws.below(static_cast<std::uint32_t>(i))]);
  return order;
}

}  // namespace idl
