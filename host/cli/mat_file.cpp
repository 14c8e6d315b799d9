// SPDX-License-Identifier: MIT
#include "host/cli/mat_file.hpp"

#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <set>
#include <type_traits>
#include <utility>
#include <vector>

#include "host/io/atomic_file.hpp"
#include "idl/error.hpp"
#include "idl/version.hpp"

/// The format: 128 bytes of header, then data elements. Each element is a tag (4 bytes type, 4
/// bytes length) and its content, padded to 8 bytes; a matrix is an element of elements.
/// "MAT-File Format", The MathWorks. Written here rather than by matio 1.5, which does not notice
/// that a disk is full.
namespace idl::cli {
namespace {

// Types of data elements.
constexpr std::uint32_t k_int8 = 1;
constexpr std::uint32_t k_int32 = 5;
constexpr std::uint32_t k_uint32 = 6;
constexpr std::uint32_t k_single = 7;
constexpr std::uint32_t k_double = 9;
constexpr std::uint32_t k_matrix = 14;
constexpr std::uint32_t k_compressed = 15;
constexpr std::uint32_t k_utf16 = 17;

// Classes of matrices.
constexpr std::uint32_t k_char_class = 4;
constexpr std::uint32_t k_sparse_class = 5;
constexpr std::uint32_t k_double_class = 6;
constexpr std::uint32_t k_single_class = 7;

/// MATLAB reads variables below 2 GiB; the rest of a variable is smaller than this.
constexpr std::uint64_t k_most_bytes = (std::uint64_t{1} << 31U) - 1024;

using Bytes = std::vector<std::byte>;

void append(Bytes& target, const void* source, std::size_t count) {
  const auto* const bytes = static_cast<const std::byte*>(source);
  target.insert(target.end(), bytes, bytes + count);
}

void append_tag(Bytes& target, std::uint32_t type, std::size_t length) {
  const std::uint32_t tag[2] = {type, static_cast<std::uint32_t>(length)};
  append(target, tag, sizeof tag);
}

template <class Value>
void append_element(Bytes& target, std::uint32_t type, std::span<const Value> values) {
  append_tag(target, type, values.size_bytes());
  append(target, values.data(), values.size_bytes());
  target.resize((target.size() + 7) / 8 * 8);
}

/// The beginning of a two-dimensional array; the elements with its values follow, of `bytes` bytes.
Bytes begin_matrix(const std::string& name, std::uint32_t array_class, std::uint32_t stored,
                   index_t rows, index_t cols, std::uint64_t bytes) {
  constexpr index_t k_most = std::numeric_limits<std::int32_t>::max();
  IDL_CHECK(rows >= 0 && cols >= 0 && rows <= k_most && cols <= k_most,
            "the variable " + name + " is " + std::to_string(rows) + "x" + std::to_string(cols) +
                ", a .mat file holds 0 to 2^31-1 rows and columns");
  IDL_CHECK(bytes <= k_most_bytes, "the variable " + name + " has " + std::to_string(bytes) +
                                       " bytes, a .mat file of version 5 holds " +
                                       std::to_string(k_most_bytes));
  const std::uint32_t flags[2] = {array_class, stored};
  const std::int32_t extents[2] = {static_cast<std::int32_t>(rows),
                                   static_cast<std::int32_t>(cols)};
  Bytes content;
  content.reserve(static_cast<std::size_t>(bytes) + 256);
  append_tag(content, k_matrix, 0);
  append_element(content, k_uint32, std::span<const std::uint32_t>(flags));
  append_element(content, k_int32, std::span<const std::int32_t>(extents));
  append_element(content, k_int8, std::span<const char>(name));
  return content;
}

/// The whole array, whose length is now known.
Bytes end_matrix(Bytes content) {
  const auto length = static_cast<std::uint32_t>(content.size() - 8);
  std::memcpy(content.data() + 4, &length, sizeof length);
  return content;
}

template <class Value>
Bytes matrix_element(const std::string& name, std::uint32_t array_class, index_t rows, index_t cols,
                     std::uint32_t type, std::span<const Value> values) {
  Bytes content = begin_matrix(name, array_class, 0, rows, cols, values.size_bytes());
  append_element(content, type, values);
  return end_matrix(std::move(content));
}

template <class T>
Bytes element_of(const std::string& name, const MatMatrix<T>& matrix) {
  constexpr bool k_is_float = std::is_same_v<T, float>;
  Bytes content = begin_matrix(name, k_is_float ? k_single_class : k_double_class, 0, matrix.rows,
                               matrix.cols, matrix.values.size_bytes());
  // Both are below 2³¹, so their product does not overflow.
  IDL_CHECK(static_cast<std::uint64_t>(matrix.rows * matrix.cols) == matrix.values.size(),
            "the variable " + name + " is " + std::to_string(matrix.rows) + "x" +
                std::to_string(matrix.cols) + " and has " + std::to_string(matrix.values.size()) +
                " values");
  append_element(content, k_is_float ? k_single : k_double, matrix.values);
  return end_matrix(std::move(content));
}

template <class T>
Bytes element_of(const std::string& name, const MatSparse<T>& matrix) {
  const CsrArrays<T>& columns = matrix.transposed;
  const std::size_t stored = columns.values.size();
  IDL_CHECK(columns.row_offsets.size() == static_cast<std::uint64_t>(columns.rows) + 1 &&
                columns.col_indices.size() == stored &&
                columns.row_offsets.back() == static_cast<std::int64_t>(stored),
            "the variable " + name + " has " + std::to_string(stored) + " values, " +
                std::to_string(columns.col_indices.size()) + " rows of them and " +
                std::to_string(columns.row_offsets.size()) + " offsets of " +
                std::to_string(columns.rows) + " columns");
  const std::uint64_t bytes = stored * (sizeof(std::int32_t) + sizeof(double)) +
                              columns.row_offsets.size() * sizeof(std::int32_t);
  Bytes content = begin_matrix(name, k_sparse_class, static_cast<std::uint32_t>(stored),
                               columns.cols, columns.rows, bytes);
  // What fits the limit of bytes has fewer entries than 2³¹.
  const std::vector<std::int32_t> offsets(columns.row_offsets.begin(), columns.row_offsets.end());
  const std::vector<double> values(columns.values.begin(), columns.values.end());
  append_element(content, k_int32, std::span<const std::int32_t>(columns.col_indices));
  append_element(content, k_int32, std::span<const std::int32_t>(offsets));
  append_element(content, k_double, std::span<const double>(values));
  return end_matrix(std::move(content));
}

Bytes element_of(const std::string& name, double value) {
  return matrix_element<double>(name, k_double_class, 1, 1, k_double, std::span(&value, 1));
}

/// UTF-8 to UTF-16, which is how MATLAB keeps characters.
std::u16string utf16(const std::string& name, const std::string& text) {
  std::u16string units;
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    const bool valid = (lead < 0x80 || lead >= 0xC2) && lead < 0xF5 && i + length <= text.size();
    std::uint32_t code = length == 1 ? lead : lead & (0xFFU >> (length + 1));
    for (std::size_t k = 1; valid && k < length; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      IDL_CHECK((next & 0xC0U) == 0x80, "the text of the variable " + name + " is not UTF-8");
      code = code << 6U | (next & 0x3FU);
    }
    IDL_CHECK(valid, "the text of the variable " + name + " is not UTF-8");
    if (code >= 0x10000) {
      units.push_back(static_cast<char16_t>(0xD800U + ((code - 0x10000U) >> 10U)));
      units.push_back(static_cast<char16_t>(0xDC00U + ((code - 0x10000U) & 0x3FFU)));
    } else {
      units.push_back(static_cast<char16_t>(code));
    }
    i += length;
  }
  return units;
}

Bytes element_of(const std::string& name, const std::string& text) {
  const std::u16string units = utf16(name, text);
  return matrix_element<char16_t>(name, k_char_class, units.empty() ? 0 : 1,
                                  static_cast<index_t>(units.size()), k_utf16, units);
}

Bytes compressed(const Bytes& element) {
  Bytes result(8 + compressBound(static_cast<uLong>(element.size())));
  auto length = static_cast<uLongf>(result.size() - 8);
  const int status = compress2(reinterpret_cast<Bytef*>(result.data() + 8), &length,
                               reinterpret_cast<const Bytef*>(element.data()),
                               static_cast<uLong>(element.size()), Z_DEFAULT_COMPRESSION);
  if (status != Z_OK) throw OutOfMemory("cpu", element.size(), 0);
  result.resize(8 + length);
  const std::uint32_t tag[2] = {k_compressed, static_cast<std::uint32_t>(length)};
  std::memcpy(result.data(), tag, sizeof tag);
  return result;
}

void check_names(std::span<const MatVariable> variables) {
  constexpr std::size_t k_longest = 63;
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto is_allowed = [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_';
  };
  std::set<std::string> names;
  for (const MatVariable& variable : variables) {
    const std::string& name = variable.name;
    IDL_CHECK(!name.empty() && name.size() <= k_longest && is_letter(name.front()) &&
                  std::all_of(name.begin(), name.end(), is_allowed),
              "MATLAB takes no variable called '" + name + "'");
    IDL_CHECK(names.insert(name).second, "there are two variables called " + name);
  }
}

Bytes header() {
  constexpr std::size_t k_text_bytes = 116;
  constexpr std::size_t k_subsystem_bytes = 8;
  constexpr std::uint16_t k_version_and_order[2] = {0x0100, 0x4D49};  // "IM": little-endian
  std::string text = std::string("MATLAB 5.0 MAT-file, written by libidl_cuda ") + version();
  text.resize(k_text_bytes, ' ');
  Bytes bytes;
  append(bytes, text.data(), text.size());
  bytes.resize(k_text_bytes + k_subsystem_bytes);
  append(bytes, k_version_and_order, sizeof k_version_and_order);
  return bytes;
}

}  // namespace

void write_mat(const std::filesystem::path& path, std::span<const MatVariable> variables) {
  check_names(variables);
  io::AtomicFile file(path);
  file.write(header());
  for (const MatVariable& variable : variables)
    file.write(compressed(std::visit(
        [&](const auto& value) { return element_of(variable.name, value); }, variable.value)));
  file.commit();
}

}  // namespace idl::cli
