// SPDX-License-Identifier: MIT
#include "kernels/cuda/loop/sparse_slots.hpp"

#include <algorithm>
#include <functional>
#include <numeric>
#include <set>
#include <string>
#include <utility>

#include "idl/error.hpp"
#include "kernels/cuda/loop/slot_colouring.hpp"

namespace idl::cuda {
namespace {

constexpr int k_runs[] = {4, 8, 16};
constexpr int k_passes = 4;

index_t ceil_div(index_t a, index_t b) { return (a + b - 1) / b; }

std::size_t at(index_t index) { return static_cast<std::size_t>(index); }

index_t length_of(const HostPattern& P, index_t row) {
  return P.row_offsets[at(row + 1)] - P.row_offsets[at(row)];
}

/// Makes the assignment step by step.
class Assignment {
 public:
  Assignment(const HostPattern& P, int blocks, int at_once) : P_(P), at_once_(at_once) {
    slots_.blocks = blocks;
    const SlotCount count = count_slots(descending_lengths(P), blocks);
    slots_.run = count.run;
    slots_.slots = count.slots;
    place_rows();
    begin_levels();
    const std::size_t all = at(index_t{blocks} * count.slots * k_slot_threads);
    slots_.entries.assign(all, -1);
    slots_.places.assign(all / 2, 0);
    for (int block = 0; block < blocks; ++block) {
      spread_rows(block);
      order_segments(block);
    }
  }

  SparseSlots take() { return std::move(slots_); }

 private:
  int segments_of(index_t row) const {
    return static_cast<int>(ceil_div(length_of(P_, row), slots_.run));
  }
  std::int32_t begin_of(int block, int level) const {
    return slots_.level_begins[at(index_t{block} * (slots_.levels + 1) + level)];
  }

  void place_rows() {
    const index_t n = P_.rows();
    std::vector<index_t> order(at(n));
    std::iota(order.begin(), order.end(), index_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](index_t a, index_t b) { return length_of(P_, a) > length_of(P_, b); });
    slots_.own = static_cast<int>(ceil_div(n, slots_.blocks));
    slots_.rows.assign(at(index_t{slots_.blocks} * slots_.own), -1);
    position_.assign(at(n), 0);
    for (index_t rank = 0; rank < n; ++rank) {
      const index_t position = rank % slots_.blocks * slots_.own + rank / slots_.blocks;
      slots_.rows[at(position)] = static_cast<std::int32_t>(order[at(rank)]);
      position_[at(order[at(rank)])] = static_cast<int>(position);
    }
    slots_.positions = static_cast<int>(positions_of(index_t{slots_.blocks} * slots_.own));
    zeros_ = slots_.positions - k_zero_positions;
    slots_.levels = n == 0 ? 0 : segments_of(order[0]);
  }

  void begin_levels() {
    for (int block = 0; block < slots_.blocks; ++block) {
      std::int32_t begin = 0;
      for (int level = 0; level <= slots_.levels; ++level) {
        slots_.level_begins.push_back(begin);
        for (int l = 0; l < slots_.own; ++l) {
          const std::int32_t row = slots_.rows[at(index_t{block} * slots_.own + l)];
          if (row >= 0 && segments_of(row) > level) ++begin;
        }
      }
    }
  }

  int& reads(int segment, int bank) {
    return reads_[at(index_t{segment / at_once_} * at_once_ + bank)];
  }
  int bank_of(std::int32_t entry) const {
    return position_[at(P_.col_indices[at(entry)])] % at_once_;
  }
  bool is_full(int segment) const {
    return static_cast<int>(segments_[at(segment)].size()) == slots_.run;
  }

  /// Which entries make which segment: each goes to the one of its row whose lanes have read its
  /// bank least; then those of banks that are read too often change places.
  void spread_rows(int block) {
    const index_t count = index_t{slots_.slots / slots_.run} * k_slot_threads;
    segments_.assign(at(count), {});
    reads_.assign(at(count), 0);
    for (int l = 0; l < slots_.own; ++l) {
      const std::int32_t row = slots_.rows[at(index_t{block} * slots_.own + l)];
      if (row < 0) continue;
      for (index_t e = P_.row_offsets[at(row)]; e < P_.row_offsets[at(row + 1)]; ++e)
        give(static_cast<std::int32_t>(e), block, segments_of(row), l);
    }
    for (int pass = 0; pass < k_passes; ++pass)
      for (int l = 0; l < slots_.own; ++l) {
        const std::int32_t row = slots_.rows[at(index_t{block} * slots_.own + l)];
        if (row >= 0) relieve(block, segments_of(row), l);
      }
  }

  void give(std::int32_t entry, int block, int segments, int l) {
    const int bank = bank_of(entry);
    int best = -1;
    for (int level = 0; level < segments; ++level) {
      const int segment = begin_of(block, level) + l;
      if (is_full(segment)) continue;
      if (best < 0 || reads(segment, bank) < reads(best, bank)) best = segment;
    }
    segments_[at(best)].push_back(entry);
    reads(best, bank) += 1;
  }

  /// Moves what a row has in banks that are read too often to another of its segments, in exchange
  /// for an entry where that one is full.
  void relieve(int block, int segments, int l) {
    for (int level = 0; level < segments; ++level) {
      const int from = begin_of(block, level) + l;
      for (std::size_t k = 0; k < segments_[at(from)].size(); ++k) {
        if (reads(from, bank_of(segments_[at(from)][k])) <= slots_.run) continue;
        for (int other = 0; other < segments; ++other)
          if (other != level && exchange(from, k, begin_of(block, other) + l)) break;
        if (k >= segments_[at(from)].size()) break;
      }
    }
  }

  bool exchange(int from, std::size_t k, int to) {
    std::vector<std::int32_t>& give_from = segments_[at(from)];
    std::vector<std::int32_t>& take_to = segments_[at(to)];
    const int bank = bank_of(give_from[k]);
    if (from / at_once_ == to / at_once_ || reads(to, bank) >= slots_.run) return false;
    if (!is_full(to)) {
      take_to.push_back(give_from[k]);
      give_from.erase(give_from.begin() + static_cast<std::ptrdiff_t>(k));
    } else {
      const auto back = std::find_if(take_to.begin(), take_to.end(), [&](std::int32_t entry) {
        return bank_of(entry) != bank && reads(from, bank_of(entry)) < slots_.run;
      });
      if (back == take_to.end()) return false;
      reads(to, bank_of(*back)) -= 1;
      reads(from, bank_of(*back)) += 1;
      std::swap(*back, give_from[k]);
    }
    reads(from, bank) -= 1;
    reads(to, bank) += 1;
    return true;
  }

  /// The order of each segment's entries, for all lanes that read at once together.
  void order_segments(int block) {
    SlotColouring colouring(at_once_, slots_.run);
    const int groups = static_cast<int>(segments_.size()) / at_once_;
    for (int group = 0; group < groups; ++group) {
      colouring.clear();
      for (int lane = 0; lane < at_once_; ++lane)
        for (const std::int32_t e : segments_[at(index_t{group} * at_once_ + lane)])
          colouring.add(lane, bank_of(e), e);
      colouring.finish();
      const int first = group * at_once_;
      for (int k = 0; k < slots_.run; ++k) {
        const int slot = first / k_slot_threads * slots_.run + k;
        for (int lane = 0; lane < at_once_; ++lane)
          fill(block, slot, first % k_slot_threads + lane, colouring.entry(lane, k),
               [&] { return zeros_ + colouring.take_free_bank(k); });
      }
    }
  }

  template <class Zero>
  void fill(int block, int slot, int thread, std::int32_t entry, const Zero& zero) {
    const index_t of_slot = index_t{block} * slots_.slots + slot;
    slots_.entries[at(of_slot * k_slot_threads + thread)] = entry;
    const int place = entry < 0 ? zero() : position_[at(P_.col_indices[at(entry)])];
    slots_.places[at(of_slot / 2 * k_slot_threads + thread)] |= static_cast<std::uint32_t>(place)
                                                                << (slot % 2 * 16);
  }

  const HostPattern& P_;
  int at_once_;
  int zeros_ = 0;
  SparseSlots slots_;
  std::vector<int> position_;  // of a row's x
  // Of the block at work: the entries of segments; how often those of threads that read at once
  // read each bank.
  std::vector<std::vector<std::int32_t>> segments_;
  std::vector<int> reads_;
};

}  // namespace

void check_pattern(const HostPattern& P) {
  const index_t n = P.rows();
  IDL_CHECK(
      P.row_offsets[0] >= 0 && P.row_offsets[at(n)] <= static_cast<index_t>(P.col_indices.size()),
      "A.row_offsets run from " + std::to_string(P.row_offsets[0]) + " to " +
          std::to_string(P.row_offsets[at(n)]) + ", A has " + std::to_string(P.col_indices.size()) +
          " entries");
  for (index_t i = 0; i < n; ++i) {
    IDL_CHECK(length_of(P, i) >= 0,
              "A.row_offsets fall from " + std::to_string(P.row_offsets[at(i)]) + " to " +
                  std::to_string(P.row_offsets[at(i + 1)]) + " in row " + std::to_string(i));
    for (index_t e = P.row_offsets[at(i)]; e < P.row_offsets[at(i + 1)]; ++e)
      IDL_CHECK(P.col_indices[at(e)] >= 0 && P.col_indices[at(e)] < n,
                "A.col_indices has " + std::to_string(P.col_indices[at(e)]) + " in row " +
                    std::to_string(i) + ", expected one in [0, " + std::to_string(n) + ")");
  }
}

std::vector<index_t> descending_lengths(const HostPattern& P) {
  std::vector<index_t> lengths;
  for (index_t i = 0; i < P.rows(); ++i) lengths.push_back(length_of(P, i));
  std::sort(lengths.begin(), lengths.end(), std::greater<>());
  return lengths;
}

SlotCount count_slots(const std::vector<index_t>& lengths, int blocks) {
  SlotCount best;
  index_t fewest = 0;
  for (const int run : k_runs) {
    // Of the rows that are dealt out, block 0 gets the longest of every round.
    index_t segments = 0;
    for (std::size_t k = 0; k < lengths.size(); k += static_cast<std::size_t>(blocks))
      segments += ceil_div(lengths[k], run);
    const index_t chunks = std::max(ceil_div(segments, k_slot_threads), index_t{1});
    const index_t accesses = chunks * (run + 2);
    if (best.run != 0 && accesses >= fewest) continue;
    best = {run, static_cast<int>(chunks * run)};
    fewest = accesses;
  }
  return best;
}

int SparseSlots::place(int block, int slot, int thread) const {
  const index_t of_slot = index_t{block} * slots + slot;
  return static_cast<int>(places[at(of_slot / 2 * k_slot_threads + thread)] >> (slot % 2 * 16) &
                          0xffffU);
}

double SparseSlots::conflicts(int at_once) const {
  index_t waits = 0;
  index_t reads = 0;
  for (int block = 0; block < blocks; ++block)
    for (int slot = 0; slot < slots; ++slot)
      for (int first = 0; first < k_slot_threads; first += at_once) {
        std::vector<std::set<int>> banks(at(at_once));
        std::size_t most = 0;
        for (int thread = first; thread < first + at_once; ++thread) {
          const int where = place(block, slot, thread);
          banks[at(where % at_once)].insert(where);
          most = std::max(most, banks[at(where % at_once)].size());
        }
        waits += static_cast<index_t>(most);
        reads += 1;
      }
  return static_cast<double>(waits) / static_cast<double>(reads);
}

SparseSlots assign_slots(const HostPattern& P, int blocks, int at_once) {
  return Assignment(P, blocks, at_once).take();
}

}  // namespace idl::cuda
