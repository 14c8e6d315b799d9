// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "idl/matrix.hpp"

/// How FusedSparseLoop's kernel shares the entries of a sparse P out to its threads: worked out on
/// the host from the pattern, once per program.
///
/// The rows are sorted by their number of entries and dealt to the blocks of a cluster in turn. Row
/// number l of block b has position b·own + l, at which the kernel keeps its x. A row is cut into
/// segments of `run` entries; the first segments of all rows of a block, then the second ones, …
/// are its segments 0, 1, 2, …, so that those of a level follow each other as their rows do.
/// Segment s is what thread s % k_slot_threads multiplies in its slots from (s /
/// k_slot_threads)·run on.
namespace idl::cuda {

inline constexpr int k_slot_threads = 512;
/// Positions that always hold zero, for slots without an entry: one in each bank.
inline constexpr int k_zero_positions = 32;
/// Positions are numbers of 16 bits.
inline constexpr index_t k_most_positions = 65536;

/// All positions, where so many have rows.
constexpr index_t positions_of(index_t rows) {
  return (rows + k_zero_positions - 1) / k_zero_positions * k_zero_positions + k_zero_positions;
}

/// A pattern on the host: row i holds the columns [row_offsets[i], row_offsets[i+1]).
struct HostPattern {
  std::vector<std::int64_t> row_offsets;
  std::vector<std::int32_t> col_indices;

  index_t rows() const { return static_cast<index_t>(row_offsets.size()) - 1; }
};

/// @throws InvalidArgument (an offset that falls, a column outside; with their places)
void check_pattern(const HostPattern& P);

/// What a thread multiplies in.
struct SlotCount {
  int run = 0;    ///< entries of a segment: 4, 8 or 16
  int slots = 0;  ///< of a thread, a multiple of `run`
};

/// The run with the fewest accesses to shared memory: one a slot, two a segment. The lengths of the
/// rows descend.
SlotCount count_slots(const std::vector<index_t>& lengths, int blocks);

/// The lengths of the rows, longest first.
std::vector<index_t> descending_lengths(const HostPattern& P);

/// The whole assignment. Arrays of blocks lie one after the other.
struct SparseSlots {
  int blocks = 1;
  int run = 0;
  int slots = 0;
  int own = 0;                     ///< positions of a block
  int positions = 0;               ///< of all blocks, and those of zeros at the end
  int levels = 0;                  ///< segments of the longest row
  std::vector<std::int32_t> rows;  ///< [position]: its row; −1 where there is none
  std::vector<std::int32_t>
      level_begins;                   ///< [block][level]: its first segment; levels + 1 of them
  std::vector<std::int32_t> entries;  ///< [block][slot][thread]: its entry of P; −1: none
  std::vector<std::uint32_t>
      places;  ///< [block][slot / 2][thread]: positions of two slots' columns

  /// Where the column of a slot lies.
  int place(int block, int slot, int thread) const;
  /// What a slot's 32 lanes wait for when `at_once` of them read at a time, on the average: 1 where
  /// none meets another in a bank.
  double conflicts(int at_once) const;
};

/// Neighbouring threads that read at once, `at_once` of them, find their x in different banks where
/// that can be: rows spread their entries over their segments by banks, and each segment's entries
/// are ordered by an edge colouring of (thread, bank). The pattern is a right one.
SparseSlots assign_slots(const HostPattern& P, int blocks, int at_once);

}  // namespace idl::cuda
