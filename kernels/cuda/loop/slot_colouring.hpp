// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

namespace idl::cuda {

/// The order in which `lanes` threads that read shared memory at once go through `run` entries
/// each, so that no two of them read the same bank at the same time: a proper colouring of the
/// edges between lanes and banks, of which there are as many. A bank with more than `run` entries
/// keeps what is too much for it in conflict. Source: König's theorem, by alternating paths.
class SlotColouring {
 public:
  SlotColouring(int lanes, int run);

  void clear();
  /// At most `run` of them for a lane.
  void add(int lane, int bank, std::int32_t entry);
  /// Gives the entries that found their bank full a slot of their lane. After the last add().
  void finish();

  /// The entry in a lane's slot; −1 where there is none.
  std::int32_t entry(int lane, int slot) const;
  /// A bank that nobody reads in this slot, for a lane without an entry there; taken from then on.
  int take_free_bank(int slot);

 private:
  struct Edge {
    int lane;
    int bank;
    std::int32_t entry;
  };
  static constexpr int k_none = -1;

  int& at_lane(int lane, int slot) { return at_lane_[index(lane, slot)]; }
  int& at_bank(int bank, int slot) { return at_bank_[index(bank, slot)]; }
  std::size_t index(int row, int slot) const {
    return static_cast<std::size_t>(row) * static_cast<std::size_t>(run_) +
           static_cast<std::size_t>(slot);
  }
  int free_slot(const std::vector<int>& at, int row) const;
  void put(int edge, int slot);
  void exchange_along_path(int lane, int from, int to);

  int lanes_;
  int run_;
  std::vector<Edge> edges_;
  std::vector<int> too_many_;  // edges whose bank is full
  std::vector<int> at_lane_;   // [lane][slot]: its edge
  std::vector<int> at_bank_;   // [bank][slot]: its edge
};

}  // namespace idl::cuda
