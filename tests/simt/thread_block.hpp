// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "tests/simt/device.hpp"
#include "tests/simt/fiber.hpp"
#include "tests/simt/grid.hpp"
#include "tests/simt/history.hpp"

namespace idl::simt {

inline constexpr unsigned k_warp = 32;
inline constexpr std::size_t k_most_static_shared = std::size_t{48} << 10U;

/// Ends threads of a cluster that has failed; never seen outside.
struct Abandoned {};

inline std::string text(uint3 at) {
  return "(" + std::to_string(at.x) + "," + std::to_string(at.y) + "," + std::to_string(at.z) + ")";
}

inline std::string text(const Where& where) {
  return std::string(where.file_name()) + ":" + std::to_string(where.line());
}

inline bool same_place(const Where& a, const Where& b) {
  return a.line() == b.line() && a.column() == b.column() &&
         (a.file_name() == b.file_name() || std::strcmp(a.file_name(), b.file_name()) == 0);
}

enum class State : std::uint8_t {
  unstarted,
  ready,
  at_barrier,
  at_cluster_barrier,
  in_exchange,
  finished
};

struct Thread {
  uint3 index{};
  unsigned block = 0;  ///< in the cluster
  unsigned warp = 0;   ///< in the block
  unsigned lane = 0;
  State state = State::unstarted;
  Fiber* fiber = nullptr;
  Where where{};
  Combine combine = Combine::nothing;
  int predicate = 0;
  int answer = 0;
  Exchange* exchange = nullptr;
};

/// What the blocks of a cluster have each of their own.
struct Block {
  explicit Block(std::size_t shared_bytes)
      : dynamic((shared_bytes + sizeof(uint4) - 1) / sizeof(uint4)),
        histories(k_watches_shared_memory ? (shared_bytes + k_dynamic_grain - 1) / k_dynamic_grain
                                          : 0) {}

  uint3 index{};
  std::uint64_t serial = 0;
  std::size_t first = 0;  ///< of its threads in the cluster
  std::size_t at_barrier = 0;
  std::size_t finished = 0;
  std::size_t static_shared = 0;
  std::uint32_t barriers = 0;
  /// 1 + the cluster barriers before the last access by another block; 0: never.
  std::uint32_t last_visit = 0;
  std::vector<std::uint32_t> warp_exchanges;
  std::vector<unsigned> lanes_in_exchange;  ///< of each warp, as a mask
  std::vector<uint4> dynamic;
  std::vector<History> histories;
};

}  // namespace idl::simt
