// SPDX-License-Identifier: MIT
#include "kernels/operand_checks.hpp"

#include <cstring>
#include <limits>

namespace idl {
namespace {

// [first, first + length) meets [other, other + other_length).
bool meet(std::ptrdiff_t first, std::ptrdiff_t length, std::ptrdiff_t other,
          std::ptrdiff_t other_length) {
  return first < other + other_length && other < first + length;
}

std::uintptr_t end_of(const Region& r) { return r.begin + (r.cols - 1) * r.pitch + r.height; }

bool gapless(const Region& r) { return r.cols == 1 || r.pitch == r.height; }

// b's first byte lies `distance` >= 0 after a's, both with a's pitch: b begins at column
// distance / pitch, row distance % pitch of a's grid, or, where b's rows run over the edge of the
// grid as a's own may, one column further with a negative row.
bool blocks_overlap(const Region& a, const Region& b, std::ptrdiff_t distance) {
  const auto pitch = static_cast<std::ptrdiff_t>(a.pitch);
  const auto meets_at = [&](std::ptrdiff_t column, std::ptrdiff_t row) {
    return meet(0, static_cast<std::ptrdiff_t>(a.cols), column,
                static_cast<std::ptrdiff_t>(b.cols)) &&
           meet(0, static_cast<std::ptrdiff_t>(a.height), row,
                static_cast<std::ptrdiff_t>(b.height));
  };
  const std::ptrdiff_t column = distance / pitch;
  const std::ptrdiff_t row = distance % pitch;
  return meets_at(column, row) || meets_at(column + 1, row - pitch);
}

}  // namespace

bool overlap(const Region& a, const Region& b) {
  if (a.height == 0 || a.cols == 0 || b.height == 0 || b.cols == 0) return false;
  if (end_of(a) <= b.begin || end_of(b) <= a.begin) return false;
  if (a.begin == b.begin || (gapless(a) && gapless(b))) return true;
  // A single column has any pitch.
  Region first = a.begin < b.begin ? a : b;
  Region second = a.begin < b.begin ? b : a;
  if (first.cols == 1) first.pitch = second.pitch;
  if (second.cols == 1) second.pitch = first.pitch;
  if (first.pitch != second.pitch || first.height > first.pitch || second.height > first.pitch) {
    return false;
  }
  return blocks_overlap(first, second, static_cast<std::ptrdiff_t>(second.begin - first.begin));
}

std::string OperandChecks::shape(index_t rows, index_t cols) {
  return std::to_string(rows) + "x" + std::to_string(cols);
}

void OperandChecks::fail(const std::string& text) const {
  detail::throw_invalid_argument(std::string(primitive_) + ": " + text);
}

void OperandChecks::on_device(const char* name, Device device) const {
  if (device != device_) {
    fail(std::string(name) + " is on " + to_string(device) + ", the backend on " +
         to_string(device_));
  }
}

void OperandChecks::note(const Region& region) {
  if (count_ == regions_.size()) fail("has more operands than can be checked");
  regions_[count_] = region;
  count_ += 1;
}

void OperandChecks::matrix(const char* name, const void* data, index_t rows, index_t cols,
                           index_t ld, Device device, std::size_t element_size, bool written) {
  if (rows < 0 || cols < 0) fail(std::string(name) + " is " + shape(rows, cols));
  if (ld < rows) {
    fail(std::string(name) + " has ld " + std::to_string(ld) + ", fewer than its " +
         std::to_string(rows) + " rows");
  }
  if (rows == 0 || cols == 0) return;
  if (data == nullptr) fail(std::string(name) + " is " + shape(rows, cols) + " and has no data");
  on_device(name, device);
  note({name, reinterpret_cast<std::uintptr_t>(data), static_cast<std::size_t>(rows) * element_size,
        static_cast<std::size_t>(ld) * element_size, static_cast<std::size_t>(cols), written});
}

void OperandChecks::vector(const char* name, const void* data, index_t size, Device device,
                           std::size_t element_size, bool written, const char* part) {
  if (size < 0) fail(std::string(name) + part + " has " + std::to_string(size) + " elements");
  if (size == 0) return;
  if (data == nullptr) {
    fail(std::string(name) + part + " has " + std::to_string(size) + " elements and no data");
  }
  on_device(name, device);
  const std::size_t bytes = static_cast<std::size_t>(size) * element_size;
  note({name, reinterpret_cast<std::uintptr_t>(data), bytes, bytes, 1, written});
}

void OperandChecks::csr(const char* name, std::array<const void*, 3> arrays, index_t rows,
                        index_t cols, index_t entries, Device device, std::array<bool, 3> written,
                        std::size_t element_size) {
  if (rows < 0 || cols < 0 || entries < 0) {
    fail(std::string(name) + " is " + shape(rows, cols) + " with " + std::to_string(entries) +
         " entries");
  }
  fits_int32(name, cols, "columns");
  vector(name, arrays[0], rows + 1, device, sizeof(std::int64_t), written[0], ".row_offsets");
  vector(name, arrays[1], entries, device, sizeof(std::int32_t), written[1], ".col_indices");
  vector(name, arrays[2], entries, device, element_size, written[2], ".values");
}

void OperandChecks::equal(const char* name, index_t count, const char* unit, const char* other,
                          index_t other_count, const char* other_unit) const {
  if (count == other_count) return;
  fail(std::string(name) + " has " + std::to_string(count) + " " + unit + ", " + other + " has " +
       std::to_string(other_count) + " " + other_unit);
}

void OperandChecks::fits_int32(const char* name, index_t count, const char* unit) const {
  if (count <= std::numeric_limits<std::int32_t>::max()) return;
  fail(std::string(name) + " has " + std::to_string(count) + " " + unit +
       ", more than 32-bit indices can tell apart");
}

void OperandChecks::apart(const char* may_share, const char* may_share_with) const {
  const auto allowed = [&](const Region& a, const Region& b) {
    return std::strcmp(a.name, may_share) == 0 && std::strcmp(b.name, may_share_with) == 0;
  };
  for (std::size_t i = 0; i < count_; ++i) {
    for (std::size_t k = i + 1; k < count_; ++k) {
      const Region& a = regions_[i];
      const Region& b = regions_[k];
      if (!a.written && !b.written) continue;
      if (!overlap(a, b) || allowed(a, b) || allowed(b, a)) continue;
      fail(std::string(a.name) + " and " + b.name + " overlap in memory");
    }
  }
}

}  // namespace idl
