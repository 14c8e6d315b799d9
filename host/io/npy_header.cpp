// SPDX-License-Identifier: MIT
#include "host/io/npy_header.hpp"

#include <array>
#include <charconv>

#include "host/io/checked_size.hpp"
#include "idl/error.hpp"

namespace idl::io {
namespace {

constexpr std::size_t k_most_dimensions = 64;  // as NumPy
constexpr std::size_t k_growth_digits = 21;

struct Descr {
  std::string_view text;
  DataType type;
};

// The first text of a type is the one that is written.
constexpr std::array k_descrs = {Descr{"<f4", DataType::f32}, Descr{"<f8", DataType::f64},
                                 Descr{"<i4", DataType::i32}, Descr{"<i8", DataType::i64},
                                 Descr{"|u1", DataType::u8},  Descr{"|b1", DataType::u8}};

/// Reads the text from left to right.
class Reader {
 public:
  Reader(std::string_view text, const std::string& path, std::uint64_t offset)
      : text_(text), path_(path), offset_(offset) {}

  void skip_spaces() {
    while (position_ < text_.size() && (text_[position_] == ' ' || text_[position_] == '\n'))
      ++position_;
  }

  bool take(char character) {
    skip_spaces();
    if (position_ >= text_.size() || text_[position_] != character) return false;
    ++position_;
    return true;
  }

  void expect(char character) {
    if (!take(character)) fail(std::string("'") + character + "'");
  }

  bool at_end() {
    skip_spaces();
    return position_ == text_.size();
  }

  std::string_view quoted() {
    const char quote = take('"') ? '"' : '\'';
    if (quote == '\'') expect('\'');
    const std::size_t end = text_.find(quote, position_);
    if (end == std::string_view::npos) fail("a closing quotation mark");
    const std::string_view content = text_.substr(position_, end - position_);
    position_ = end + 1;
    return content;
  }

  bool boolean() {
    skip_spaces();
    for (const std::string_view word : {"True", "False"}) {
      if (text_.substr(position_).starts_with(word)) {
        position_ += word.size();
        return word == "True";
      }
    }
    fail("True or False");
  }

  std::int64_t extent() {
    skip_spaces();
    std::int64_t value = 0;
    const char* const begin = text_.data() + position_;
    const auto result = std::from_chars(begin, text_.data() + text_.size(), value);
    if (result.ec != std::errc() || value < 0) fail("an extent of 0 to 2^63-1");
    position_ += static_cast<std::size_t>(result.ptr - begin);
    take('L');  // as Python 2 wrote long integers
    return value;
  }

  [[noreturn]] void fail(const std::string& expectation) const {
    throw IoError(path_, offset_ + position_, expectation + " in the header");
  }

 private:
  std::string_view text_;
  const std::string& path_;
  std::uint64_t offset_;
  std::size_t position_ = 0;
};

DataType read_type(Reader& reader, const std::string& path) {
  const std::string_view text = reader.quoted();
  for (const Descr& descr : k_descrs)
    if (descr.text == text) return descr.type;
  std::string trouble = "has the element type '" + std::string(text) + "'";
  if (text.starts_with('>')) trouble += ", which is big-endian";
  throw IoError(path, trouble + "; expected <f4, <f8, <i4, <i8, |u1 or |b1");
}

std::vector<std::int64_t> read_shape(Reader& reader) {
  std::vector<std::int64_t> shape;
  reader.expect('(');
  while (!reader.take(')')) {
    if (shape.size() == k_most_dimensions) reader.fail("at most 64 dimensions");
    shape.push_back(reader.extent());
    if (reader.take(',')) continue;
    if (shape.size() == 1) reader.fail("',' after the only extent");  // (3) is no tuple
    reader.expect(')');
    break;
  }
  return shape;
}

}  // namespace

NpyHeader parse_npy_header(std::string_view text, const std::string& path, std::uint64_t offset) {
  Reader reader(text, path, offset);
  NpyHeader header;
  bool has_descr = false;
  bool has_order = false;
  bool has_shape = false;
  reader.expect('{');
  while (!reader.take('}')) {
    const std::string_view key = reader.quoted();
    reader.expect(':');
    if (key == "descr" && !has_descr) {
      header.type = read_type(reader, path);
      has_descr = true;
    } else if (key == "fortran_order" && !has_order) {
      header.fortran_order = reader.boolean();
      has_order = true;
    } else if (key == "shape" && !has_shape) {
      header.shape = read_shape(reader);
      has_shape = true;
    } else {
      reader.fail("the keys descr, fortran_order and shape, once each");
    }
    if (reader.take(',')) continue;
    reader.expect('}');
    break;
  }
  if (!reader.at_end()) reader.fail("only spaces after the closing '}'");
  if (!(has_descr && has_order && has_shape))
    reader.fail("the keys descr, fortran_order and shape");
  return header;
}

std::string npy_header_text(DataType type, std::span<const std::int64_t> shape) {
  IDL_CHECK(shape.size() <= k_most_dimensions,
            "a .npy file has at most 64 dimensions, not " + std::to_string(shape.size()));
  std::string_view descr;
  for (const Descr& candidate : k_descrs)
    if (descr.empty() && candidate.type == type) descr = candidate.text;
  std::string text = "{'descr': '" + std::string(descr) +
                     "', 'fortran_order': False, 'shape': " + shape_text(shape) + ", }";
  // NumPy leaves room for the first extent to grow in place.
  if (!shape.empty()) {
    const std::size_t digits = std::to_string(shape.front()).size();
    text.append(k_growth_digits - digits, ' ');
  }
  return text;
}

}  // namespace idl::io
