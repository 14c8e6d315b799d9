// SPDX-License-Identifier: MIT
#include "kernels/cuda/loop/slot_colouring.hpp"

#include <algorithm>
#include <utility>

namespace idl::cuda {

SlotColouring::SlotColouring(int lanes, int run) : lanes_(lanes), run_(run) { clear(); }

void SlotColouring::clear() {
  edges_.clear();
  too_many_.clear();
  at_lane_.assign(index(lanes_, 0), k_none);
  at_bank_.assign(index(lanes_, 0), k_none);
}

int SlotColouring::free_slot(const std::vector<int>& at, int row) const {
  for (int slot = 0; slot < run_; ++slot)
    if (at[index(row, slot)] == k_none) return slot;
  return k_none;
}

void SlotColouring::put(int edge, int slot) {
  const Edge& e = edges_[static_cast<std::size_t>(edge)];
  at_lane(e.lane, slot) = edge;
  at_bank(e.bank, slot) = edge;
}

/// Frees slot `from` of the lane, whose slot `to` is free: the edges of the path that begins with
/// the one in `from` and alternates between both slots change them.
void SlotColouring::exchange_along_path(int lane, int from, int to) {
  std::vector<std::pair<int, int>> moves;  // edges and their slots from here on
  int edge = at_lane(lane, from);
  bool ends_at_bank = true;
  while (edge != k_none) {
    const Edge& e = edges_[static_cast<std::size_t>(edge)];
    moves.emplace_back(edge, ends_at_bank ? to : from);
    edge = ends_at_bank ? at_bank(e.bank, to) : at_lane(e.lane, from);
    ends_at_bank = !ends_at_bank;
  }
  for (const auto& [moved, slot] : moves) {
    const Edge& e = edges_[static_cast<std::size_t>(moved)];
    const int before = slot == to ? from : to;
    at_lane(e.lane, before) = k_none;
    at_bank(e.bank, before) = k_none;
  }
  for (const auto& [moved, slot] : moves) put(moved, slot);
}

void SlotColouring::add(int lane, int bank, std::int32_t entry) {
  const int edge = static_cast<int>(edges_.size());
  edges_.push_back({lane, bank, entry});
  for (int slot = 0; slot < run_; ++slot) {
    if (at_lane(lane, slot) == k_none && at_bank(bank, slot) == k_none) return put(edge, slot);
  }
  const int of_bank = free_slot(at_bank_, bank);
  const int of_lane = free_slot(at_lane_, lane);
  if (of_bank == k_none || of_lane == k_none) {
    too_many_.push_back(edge);
    return;
  }
  // The path from the lane comes to banks by slot `of_bank` only, which this bank has free: it
  // never comes here.
  exchange_along_path(lane, of_bank, of_lane);
  put(edge, of_bank);
}

void SlotColouring::finish() {
  for (const int edge : too_many_) {
    const int lane = edges_[static_cast<std::size_t>(edge)].lane;
    at_lane(lane, free_slot(at_lane_, lane)) = edge;
  }
  too_many_.clear();
}

std::int32_t SlotColouring::entry(int lane, int slot) const {
  const int edge = at_lane_[index(lane, slot)];
  return edge == k_none ? -1 : edges_[static_cast<std::size_t>(edge)].entry;
}

int SlotColouring::take_free_bank(int slot) {
  int bank = 0;
  while (bank + 1 < lanes_ && at_bank(bank, slot) != k_none) ++bank;
  at_bank(bank, slot) = 0;
  return bank;
}

}  // namespace idl::cuda
