// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <cstring>
#include <nlohmann/json.hpp>
#include <tuple>

#include "host/io/atomic_file.hpp"
#include "host/io/binary_file.hpp"
#include "host/io/checked_size.hpp"
#include "host/io/foreign_format.hpp"
#include "host/io/half_precision.hpp"
#include "host/io/json_object.hpp"
#include "host/io/safetensors_header.hpp"
#include "idl/io.hpp"
#include "kernels/base/bfloat16.hpp"

/// The format: 8 bytes header length N (little-endian), N bytes of JSON, the tensors' bytes.
/// https://huggingface.co/docs/safetensors
namespace idl::io {
namespace {

constexpr std::uint64_t k_length_bytes = 8;
constexpr std::uint64_t k_longest_json = 100'000'000;  // the reference implementation's limit

struct FileType {
  const char* name;
  std::uint64_t bytes;
  DataType type;
  float (*widen)(std::uint16_t) = nullptr;  ///< of a type of 16 bits that becomes float
};

float widen_bf16(std::uint16_t bits) { return to_float(BFloat16{bits}); }

constexpr std::array k_file_types = {
    FileType{"F32", 4, DataType::f32},
    FileType{"F64", 8, DataType::f64},
    FileType{"F16", 2, DataType::f32, &widen_f16},
    FileType{"BF16", 2, DataType::f32, &widen_bf16},
    FileType{"I32", 4, DataType::i32},
    FileType{"I64", 8, DataType::i64},
    FileType{"U8", 1, DataType::u8},
    FileType{"BOOL", 1, DataType::u8},
};

const char* type_name(DataType type) {
  const auto* const found =
      std::find_if(k_file_types.begin(), k_file_types.end(),
                   [type](const FileType& candidate) { return candidate.type == type; });
  return found->name;  // every DataType is in the list, its own name first
}

/// Nothing for a type that no Array can hold.
const FileType* find_type(const TensorEntry& entry) {
  const auto* const found =
      std::find_if(k_file_types.begin(), k_file_types.end(),
                   [&](const FileType& candidate) { return entry.type == candidate.name; });
  return found == k_file_types.end() ? nullptr : found;
}

SafetensorsHeader read_header(const BinaryFile& file, std::uint64_t& data_begin) {
  std::array<std::byte, k_length_bytes> length_bytes{};
  file.read(0, length_bytes, "the header's length");
  std::uint64_t length = 0;
  std::memcpy(&length, length_bytes.data(), sizeof length);
  const std::uint64_t most = std::min(file.size() - k_length_bytes, k_longest_json);
  if (length > most)
    throw IoError(
        file.path(), 0,
        "a header length of at most " + std::to_string(most) + ", not " + std::to_string(length));
  std::string text(static_cast<std::size_t>(length), '\0');
  file.read(k_length_bytes, std::as_writable_bytes(std::span(text)), "the header");
  data_begin = k_length_bytes + length;
  return parse_safetensors_header(text, file.path(), k_length_bytes);
}

/// One tensor must begin at `position`, where the one before it ends, and have the length that its
/// shape and type ask for.
void check_entry(const TensorEntry& entry, std::uint64_t position, const BinaryFile& file,
                 std::uint64_t data_begin) {
  const std::string tensor = "the tensor '" + entry.name + "'";
  const auto count = element_count(entry.shape);
  const FileType* const type = find_type(entry);
  // Of a type that is not known only the place can be checked.
  const std::uint64_t between = entry.end < entry.begin ? 0 : entry.end - entry.begin;
  const auto bytes = type == nullptr ? between
                     : count         ? checked_product(*count, type->bytes)
                                     : std::nullopt;
  const std::string offsets =
      "[" + std::to_string(entry.begin) + ", " + std::to_string(entry.end) + "]";
  const std::uint64_t available = file.size() - data_begin;
  if (!bytes)
    throw IoError(file.path(), tensor + " has the impossible shape " + shape_text(entry.shape));
  if (entry.begin != position)
    throw IoError(file.path(), data_begin + position,
                  tensor + " to begin there, but its data_offsets are " + offsets);
  if (entry.end < entry.begin || entry.end - entry.begin != *bytes)
    throw IoError(file.path(), tensor + " has the data_offsets " + offsets + ", but the type " +
                                   entry.type + " and the shape " + shape_text(entry.shape) +
                                   " take " + byte_text(*bytes));
  if (entry.end > available)
    throw IoError(
        file.path(), file.size(),
        "another " + byte_text(entry.end - available) + " of " + tensor + ", but the file ends");
}

/// The tensors must follow one another without holes or overlap and fill the file. As in the
/// reference implementation.
void check_layout(std::vector<TensorEntry>& tensors, const BinaryFile& file,
                  std::uint64_t data_begin) {
  std::sort(tensors.begin(), tensors.end(), [](const TensorEntry& a, const TensorEntry& b) {
    return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
  });
  std::uint64_t position = 0;
  for (const TensorEntry& entry : tensors) {
    check_entry(entry, position, file, data_begin);
    position = entry.end;
  }
  const std::uint64_t available = file.size() - data_begin;
  if (position != available)
    throw IoError(file.path(), data_begin + position,
                  "the end of the file, but " + byte_text(available - position) +
                      " more that belong to no tensor");
}

std::vector<std::byte> widened(std::span<const std::byte> halves, float (*widen)(std::uint16_t)) {
  std::vector<std::byte> bytes;
  resize_or_throw(bytes, 2 * halves.size());
  for (std::size_t i = 0; i < halves.size() / 2; ++i) {
    std::uint16_t half = 0;
    std::memcpy(&half, halves.data() + 2 * i, sizeof half);
    const float value = widen(half);
    std::memcpy(bytes.data() + 4 * i, &value, sizeof value);
  }
  return bytes;
}

Array read_tensor(const TensorEntry& entry, const FileType& type, const BinaryFile& file,
                  std::uint64_t data_begin) {
  Array array{.type = type.type, .shape = entry.shape, .bytes = {}};
  resize_or_throw(array.bytes, entry.end - entry.begin);
  file.read(data_begin + entry.begin, array.bytes, "the tensor '" + entry.name + "'");
  if (type.widen != nullptr) array.bytes = widened(array.bytes, type.widen);
  return array;
}

/// A tensor to be written, with its place in the file.
struct Placed {
  const std::string* name;
  const Array* array;
  std::uint64_t begin;
};

/// Wide elements first, then by name: so every tensor is aligned to its elements, for readers that
/// map the file into memory.
std::vector<Placed> place(const Safetensors& content) {
  std::vector<Placed> tensors;
  for (const auto& [name, array] : content.tensors) {
    const auto bytes =
        checked_product(static_cast<std::uint64_t>(array.size()), size_of(array.type));
    IDL_CHECK(name != "__metadata__", "a tensor cannot be called __metadata__");
    IDL_CHECK(bytes && *bytes == array.bytes.size(),
              "the tensor '" + name + "' of shape " + shape_text(array.shape) + " has " +
                  std::to_string(array.bytes.size()) + " bytes");
    tensors.push_back({&name, &array, 0});
  }
  std::stable_sort(tensors.begin(), tensors.end(), [](const Placed& a, const Placed& b) {
    return size_of(a.array->type) > size_of(b.array->type);
  });
  std::uint64_t position = 0;
  for (Placed& tensor : tensors) {
    tensor.begin = position;
    position += tensor.array->bytes.size();
  }
  return tensors;
}

/// "[2,3]".
template <class Numbers>
std::string list_text(const Numbers& numbers) {
  std::string text = "[";
  for (const auto number : numbers) text += (text.size() == 1 ? "" : ",") + std::to_string(number);
  return text + "]";
}

std::string header_text(const Safetensors& content, const std::vector<Placed>& tensors) {
  std::string text;
  try {
    JsonObject header;
    if (!content.metadata.empty()) {
      JsonObject metadata;
      for (const auto& [key, value] : content.metadata) metadata.add(key, value);
      header.add_text("__metadata__", metadata.text());
    }
    for (const Placed& tensor : tensors) {
      const std::uint64_t end = tensor.begin + tensor.array->bytes.size();
      JsonObject entry;
      entry.add("dtype", type_name(tensor.array->type));
      entry.add_text("shape", list_text(tensor.array->shape));
      entry.add_text("data_offsets", list_text(std::array{tensor.begin, end}));
      header.add_text(*tensor.name, entry.text());
    }
    text = header.text();
  } catch (const nlohmann::json::exception&) {
    detail::throw_invalid_argument("a name or a metadata text is not valid UTF-8");
  }
  text.append((8 - text.size() % 8) % 8, ' ');
  IDL_CHECK(text.size() <= k_longest_json,
            "names and metadata make a header of " + std::to_string(text.size()) +
                " bytes, more than the " + std::to_string(k_longest_json) + " that readers accept");
  return text;
}

}  // namespace

const Array& Safetensors::at(const std::string& name) const {
  const auto found = tensors.find(name);
  if (found != tensors.end()) return found->second;
  const auto other = unread.find(name);
  if (other != unread.end())
    throw IoError(path, "the tensor '" + name + "' has the type '" + other->second +
                            "', expected F32, F64, F16, BF16, I32, I64, U8 or BOOL");
  throw IoError(path, "has no tensor '" + name + "'");
}

Safetensors read_safetensors(const std::filesystem::path& path) {
  const BinaryFile file(path);
  refuse_foreign_format(file);
  std::uint64_t data_begin = 0;
  SafetensorsHeader header = read_header(file, data_begin);
  check_layout(header.tensors, file, data_begin);

  Safetensors content;
  content.path = path.string();
  content.metadata = std::move(header.metadata);
  for (const TensorEntry& entry : header.tensors)
    if (const FileType* const type = find_type(entry))
      content.tensors.emplace(entry.name, read_tensor(entry, *type, file, data_begin));
    else
      content.unread.emplace(entry.name, entry.type);
  return content;
}

void write_safetensors(const std::filesystem::path& path, const Safetensors& content) {
  const std::vector<Placed> tensors = place(content);
  const std::string header = header_text(content, tensors);
  const std::uint64_t length = header.size();

  AtomicFile file(path);
  file.write(std::as_bytes(std::span(&length, 1)));
  file.write(std::as_bytes(std::span(header)));
  for (const Placed& tensor : tensors) file.write(tensor.array->bytes);
  file.commit();
}

}  // namespace idl::io
