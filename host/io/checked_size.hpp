// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "idl/error.hpp"

/// Sizes that come from files are not to be believed: products are checked for overflow, and what
/// cannot be allocated is reported as OutOfMemory.
namespace idl::io {

/// a·b, or nothing where it exceeds 2⁶³−1.
inline std::optional<std::uint64_t> checked_product(std::uint64_t a, std::uint64_t b) {
  constexpr auto k_most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (a != 0 && b > k_most / a) return std::nullopt;
  return a * b;
}

/// The number of elements of `shape`; nothing where an extent is negative or where the product of
/// the extents other than zero exceeds 2⁶³−1 (so the order of the extents does not matter).
inline std::optional<std::uint64_t> element_count(std::span<const std::int64_t> shape) {
  std::uint64_t product = 1;
  bool empty = false;
  for (const std::int64_t extent : shape) {
    if (extent < 0) return std::nullopt;
    if (extent == 0) {
      empty = true;
      continue;
    }
    const auto larger = checked_product(product, static_cast<std::uint64_t>(extent));
    if (!larger) return std::nullopt;
    product = *larger;
  }
  return empty ? 0 : product;
}

/// "(60000, 28, 28)", "(5,)", "()": as Python writes a tuple.
inline std::string shape_text(std::span<const std::int64_t> shape) {
  std::string text = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) text += ", ";
    text += std::to_string(shape[i]);
  }
  return text + (shape.size() == 1 ? ",)" : ")");
}

/// Resizes a vector or text to `count` elements, which may be more than there is memory for.
/// @throws OutOfMemory
template <class Container>
void resize_or_throw(Container& elements, std::uint64_t count) {
  constexpr std::uint64_t k_size = sizeof(typename Container::value_type);
  try {
    return elements.resize(static_cast<std::size_t>(count));
  } catch (const std::bad_alloc&) {  // reported below
  } catch (const std::length_error&) {
  }
  constexpr std::size_t k_beyond_all = std::numeric_limits<std::size_t>::max();
  throw OutOfMemory("cpu", checked_product(count, k_size).value_or(k_beyond_all), 0);
}

}  // namespace idl::io
