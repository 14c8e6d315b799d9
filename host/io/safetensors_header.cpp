// SPDX-License-Identifier: MIT
#include "host/io/safetensors_header.hpp"

#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "idl/error.hpp"

namespace idl::io {
namespace {

/// Takes the events of the JSON parser. A callback that returns false ends the parse; trouble()
/// then says why.
///
///   {"__metadata__": {name: text, ...},
///    name: {"dtype": text, "shape": [number, ...], "data_offsets": [number, number]}, ...}
class HeaderReader {
 public:
  bool start_object(std::size_t) {
    switch (place_) {
      case Place::start:
        place_ = Place::file;
        return true;
      case Place::tensor_value:
        place_ = Place::tensor;
        return true;
      case Place::metadata_value:
        place_ = Place::metadata;
        return true;
      default:
        return refuse("an object");
    }
  }

  bool key(std::string& name) {
    if (place_ == Place::file) return start_entry(name);
    if (place_ == Place::metadata) {
      metadata_key_ = name;
      place_ = Place::metadata_text;
      return header_.metadata.try_emplace(name).second || fail("metadata '" + name + "' twice");
    }
    if (name == "dtype" && !std::exchange(has_type_, true)) {
      place_ = Place::type;
    } else if (name == "shape" && !std::exchange(has_shape_, true)) {
      place_ = Place::shape_value;
    } else if (name == "data_offsets" && !std::exchange(has_offsets_, true)) {
      place_ = Place::offsets_value;
    } else {
      return fail(in_tensor() + "the key '" + name + "', which is unknown or there twice");
    }
    return true;
  }

  bool string(std::string& text) {
    if (place_ == Place::type) {
      header_.tensors.back().type = text;
      place_ = Place::tensor;
    } else if (place_ == Place::metadata_text) {
      header_.metadata[metadata_key_] = text;
      place_ = Place::metadata;
    } else {
      return refuse("a text");
    }
    return true;
  }

  bool start_array(std::size_t) {
    if (place_ == Place::shape_value) {
      place_ = Place::shape;
    } else if (place_ == Place::offsets_value) {
      place_ = Place::offsets;
      offsets_.clear();
    } else {
      return refuse("a list");
    }
    return true;
  }

  bool number_unsigned(std::uint64_t value) {
    if (place_ == Place::shape) {
      if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
        return fail(in_tensor() + "the extent " + std::to_string(value) + ", which is too large");
      header_.tensors.back().shape.push_back(static_cast<std::int64_t>(value));
      return true;
    }
    if (place_ == Place::offsets && offsets_.size() < 2) {
      offsets_.push_back(value);
      return true;
    }
    return refuse("the number " + std::to_string(value));
  }

  bool end_array() {
    if (place_ == Place::offsets) {
      if (offsets_.size() != 2) return fail(in_tensor() + "data_offsets that are not two numbers");
      header_.tensors.back().begin = offsets_[0];
      header_.tensors.back().end = offsets_[1];
    }
    place_ = Place::tensor;
    return true;
  }

  bool end_object() {
    if (place_ == Place::tensor && !(has_type_ && has_shape_ && has_offsets_))
      return fail(in_tensor() + "no " +
                  (!has_type_ ? "dtype" : (!has_shape_ ? "shape" : "data_offsets")));
    place_ = place_ == Place::file ? Place::start : Place::file;
    return true;
  }

  bool null() { return refuse("null"); }
  bool boolean(bool value) { return refuse(value ? "true" : "false"); }
  bool number_integer(std::int64_t value) { return refuse("the number " + std::to_string(value)); }
  bool number_float(double, const std::string& text) { return refuse("the number " + text); }
  bool binary(std::vector<std::uint8_t>&) { return refuse("binary data"); }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) {
    error_position_ = position > 0 ? position - 1 : 0;  // the parser counts from one
    return false;
  }

  SafetensorsHeader& header() { return header_; }
  const std::string& trouble() const { return trouble_; }
  std::size_t error_position() const { return error_position_; }

 private:
  enum class Place {
    start,           // before and after the outermost object
    file,            // in it
    tensor_value,    // a tensor's object comes next
    tensor,          // in it
    type,            // the text of dtype comes next
    shape_value,     // the list of shape comes next
    shape,           // in it
    offsets_value,   // the list of data_offsets comes next
    offsets,         // in it
    metadata_value,  // the object of the metadata comes next
    metadata,        // in it
    metadata_text    // the text of a metadata key comes next
  };

  bool start_entry(const std::string& name) {
    if (!names_.insert(name).second) return fail("the name '" + name + "' twice");
    if (name == "__metadata__") {
      place_ = Place::metadata_value;
      return true;
    }
    header_.tensors.push_back({});
    header_.tensors.back().name = name;
    has_type_ = has_shape_ = has_offsets_ = false;
    place_ = Place::tensor_value;
    return true;
  }

  bool fail(std::string trouble) {
    trouble_ = "the header has " + std::move(trouble);
    return false;
  }

  bool refuse(const std::string& what) {
    switch (place_) {
      case Place::metadata_value:
        return fail(what + " for __metadata__, expected an object");
      case Place::metadata:
      case Place::metadata_text:
        return fail(what + " for the metadata '" + metadata_key_ + "', expected a text");
      case Place::start:
      case Place::file:
        return fail(what + ", expected an object");
      default:
        return fail(in_tensor() + what + " where it may not stand");
    }
  }

  std::string in_tensor() const { return "for the tensor '" + header_.tensors.back().name + "' "; }

  SafetensorsHeader header_;
  std::set<std::string> names_;
  Place place_ = Place::start;
  std::string metadata_key_;
  std::vector<std::uint64_t> offsets_;
  bool has_type_ = false;
  bool has_shape_ = false;
  bool has_offsets_ = false;
  std::string trouble_;
  std::size_t error_position_ = 0;
};

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view text, const std::string& path,
                                           std::uint64_t offset) {
  // The parser would also accept a byte order mark or spaces.
  if (text.empty() || text.front() != '{')
    throw IoError(path, offset, "'{', with which a safetensors header begins");
  // The parser takes a NUL for the end of the text, whatever follows it.
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos)
    throw IoError(path, offset + nul, "the JSON text of the header to go on, not a NUL");
  HeaderReader reader;
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &reader)) {
    if (!reader.trouble().empty()) throw IoError(path, reader.trouble());
    throw IoError(path, offset + reader.error_position(), "the JSON text of the header to go on");
  }
  return std::move(reader.header());
}

}  // namespace idl::io
