// SPDX-License-Identifier: MIT
// How the entries of a sparse matrix are shared out to the threads of the fused kernel.
#include "kernels/cuda/loop/sparse_slots.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "idl/error.hpp"
#include "kernels/cuda/loop/slot_colouring.hpp"
#include "tests/host/device_test.hpp"
#include "tests/host/random_values.hpp"

namespace idl::cuda {
namespace {

/// n rows, each column in a row with this probability; a few rows are full, every 7th is empty.
HostPattern random_pattern(index_t n, double density, index_t full = 0) {
  test::RandomValues random(3);
  HostPattern P;
  P.row_offsets.push_back(0);
  for (index_t i = 0; i < n; ++i) {
    for (index_t j = 0; j < n; ++j)
      if (i < full || (i % 7 != 6 && random.unit() < density))
        P.col_indices.push_back(static_cast<std::int32_t>(j));
    P.row_offsets.push_back(static_cast<std::int64_t>(P.col_indices.size()));
  }
  return P;
}

/// Entry of P to how often it is in the sum that its row gets, and the others to −1.
void expect_every_entry_once(const HostPattern& P, const SparseSlots& slots) {
  std::vector<int> seen(P.col_indices.size(), 0);
  for (int block = 0; block < slots.blocks; ++block) {
    const auto* begins = slots.level_begins.data() + block * (slots.levels + 1);
    for (int l = 0; l < slots.own; ++l) {
      const std::int32_t row = slots.rows[static_cast<std::size_t>(block * slots.own + l)];
      if (row < 0) continue;
      for (int level = 0; level < slots.levels && begins[level] + l < begins[level + 1]; ++level) {
        const int segment = begins[level] + l;
        for (int k = 0; k < slots.run; ++k) {
          const int slot = segment / k_slot_threads * slots.run + k;
          const int thread = segment % k_slot_threads;
          const auto at = static_cast<std::size_t>(
              (index_t{block} * slots.slots + slot) * k_slot_threads + thread);
          const std::int32_t entry = slots.entries[at];
          const int place = slots.place(block, slot, thread);
          if (entry < 0) {
            EXPECT_GE(place, slots.positions - k_zero_positions);
            continue;
          }
          const auto e = static_cast<std::size_t>(entry);
          seen[e] += 1;
          EXPECT_GE(entry, P.row_offsets[static_cast<std::size_t>(row)]);
          EXPECT_LT(entry, P.row_offsets[static_cast<std::size_t>(row) + 1]);
          ASSERT_LT(place, slots.blocks * slots.own);
          EXPECT_EQ(slots.rows[static_cast<std::size_t>(place)], P.col_indices[e]);
        }
      }
    }
  }
  EXPECT_EQ(seen, std::vector<int>(P.col_indices.size(), 1));
  const auto stored = std::count_if(slots.entries.begin(), slots.entries.end(),
                                    [](std::int32_t entry) { return entry >= 0; });
  EXPECT_EQ(stored, static_cast<std::ptrdiff_t>(P.col_indices.size()));
}

TEST(SparseSlots, HoldEveryEntryOnceWhereItsRowIsSummed) {
  for (const index_t n : {1, 33, 300})
    for (const double density : {0.0, 0.02, 0.3})
      for (const index_t full : {0, 1})
        for (const int blocks : {1, 2, 16})
          for (const int at_once : {8, 32}) {
            SCOPED_TRACE(std::to_string(n) + " rows, " + std::to_string(blocks) + " blocks");
            const HostPattern P = random_pattern(n, density, full);
            expect_every_entry_once(P, assign_slots(P, blocks, at_once));
          }
}

TEST(SparseSlots, HoldEveryRowOnce) {
  const SparseSlots slots = assign_slots(random_pattern(301, 0.1), 4, 32);
  std::vector<std::int32_t> rows;
  std::copy_if(slots.rows.begin(), slots.rows.end(), std::back_inserter(rows),
               [](std::int32_t row) { return row >= 0; });
  std::sort(rows.begin(), rows.end());
  std::vector<std::int32_t> all(301);
  std::iota(all.begin(), all.end(), 0);
  EXPECT_EQ(rows, all);
}

/// Of 32 random addresses 3.5 meet in one of 32 banks on the average, of 8 in 8 banks 2.6.
TEST(SparseSlots, KeepThreadsThatReadAtOnceInDifferentBanks) {
  for (const double density : {0.05, 0.2})
    for (const int at_once : {8, 16, 32}) {
      const SparseSlots slots = assign_slots(random_pattern(500, density), 1, at_once);
      EXPECT_LT(slots.conflicts(at_once), 1.35) << density << ", " << at_once << " at once";
    }
}

TEST(SparseSlots, WasteLittle) {
  const HostPattern P = random_pattern(1000, 0.05);
  const SlotCount count = count_slots(descending_lengths(P), 1);
  const auto room = static_cast<double>(count.slots) * k_slot_threads;
  EXPECT_LT(room, 1.35 * static_cast<double>(P.col_indices.size()));
}

TEST(SparseSlots, PatternsThatAreNoneAreNamedByTheirPlaces) {
  const auto refusal = [](const HostPattern& P) {
    return test::text_of<InvalidArgument>([&] { check_pattern(P); });
  };
  EXPECT_TRUE(test::holds(refusal({{0, 2, 1}, {0, 1}}), {"fall from 2 to 1 in row 1"}));
  EXPECT_TRUE(test::holds(refusal({{0, 1, 2}, {0, 2}}), {"has 2 in row 1", "[0, 2)"}));
  EXPECT_TRUE(test::holds(refusal({{0, 1, 3}, {0, 1}}), {"run from 0 to 3", "2 entries"}));
}

TEST(SlotColouring, FindsASlotForEveryEntryWithoutConflictWhereNoBankHasTooMany) {
  // Every lane reads every bank once, in orders that collide as much as they can.
  SlotColouring colouring(8, 8);
  for (int lane = 0; lane < 8; ++lane)
    for (int bank = 0; bank < 8; ++bank) colouring.add(lane, bank, lane * 8 + bank);
  colouring.finish();
  for (int slot = 0; slot < 8; ++slot) {
    std::map<int, int> banks;
    for (int lane = 0; lane < 8; ++lane) {
      const std::int32_t entry = colouring.entry(lane, slot);
      ASSERT_GE(entry, 0);
      EXPECT_EQ(entry / 8, lane);
      banks[entry % 8] += 1;
    }
    EXPECT_EQ(banks.size(), 8U);
  }
}

TEST(SlotColouring, KeepsWhatIsTooMuchForABank) {
  SlotColouring colouring(8, 4);
  for (int lane = 0; lane < 8; ++lane)
    for (int k = 0; k < 4; ++k) colouring.add(lane, 3, lane * 4 + k);
  colouring.finish();
  std::vector<std::int32_t> entries;
  for (int lane = 0; lane < 8; ++lane)
    for (int slot = 0; slot < 4; ++slot) entries.push_back(colouring.entry(lane, slot));
  std::sort(entries.begin(), entries.end());
  std::vector<std::int32_t> all(32);
  std::iota(all.begin(), all.end(), 0);
  EXPECT_EQ(entries, all);
}

}  // namespace
}  // namespace idl::cuda
