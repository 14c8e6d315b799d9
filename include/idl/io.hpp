// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "idl/error.hpp"
#include "idl/export.hpp"

/// Files, host side only. Every reader treats its file as hostile: sizes are checked before
/// anything is allocated, and errors (IoError) name the file, the offset and what was expected
/// there. Every writer writes a temporary file beside the target, syncs it and renames it, so that
/// the target is either the old file or the whole new one.
namespace idl::io {

/// The element types of Array: IEEE floats, signed integers, bytes; little-endian in files.
enum class DataType : std::uint8_t { f32, f64, i32, i64, u8 };

/// Bytes per element.
IDL_EXPORT std::size_t size_of(DataType type);

/// A dense array on the host in row-major (C) order.
struct Array {
  DataType type = DataType::f32;    ///< of the elements
  std::vector<std::int64_t> shape;  ///< lengths of the dimensions, slowest first; none for a scalar
  std::vector<std::byte> bytes;     ///< size()·size_of(type) of them, in the host's byte order

  /// Number of elements.
  IDL_EXPORT std::int64_t size() const;
  /// The elements converted to T (float, double, std::int32_t, std::int64_t or std::uint8_t).
  /// @throws InvalidArgument where a value does not fit an integral T.
  template <class T>
  IDL_EXPORT std::vector<T> as() const;
  /// An array of these values. @throws InvalidArgument where their number does not fit the shape
  template <class T>
  IDL_EXPORT static Array from(std::vector<std::int64_t> shape, std::span<const T> values);
};

/// The content of a safetensors file: named tensors and textual metadata.
struct Safetensors {
  std::map<std::string, Array> tensors;         ///< by name
  std::map<std::string, std::string> metadata;  ///< the header's __metadata__
  /// Tensors whose elements no Array can hold (F8_E4M3, I16, ...): name and type. Not written.
  std::map<std::string, std::string> unread;

  /// Whether there is a tensor of this name, read or not.
  bool contains(const std::string& name) const {
    return tensors.contains(name) || unread.contains(name);
  }
  /// @throws IoError naming the file where the tensor is missing or was not read.
  IDL_EXPORT const Array& at(const std::string& name) const;
  std::string path;  ///< where it was read from, for errors
};

/// Reads F32, F64, F16, BF16 (both widened to f32), I32, I64, U8 and BOOL (as u8) tensors; of
/// others only the names.
/// @throws IoError for a truncated file, a header that is no JSON, overlapping or missing bytes, a
/// tensor whose offsets do not fit its shape; where the file is of another format that is known, it
/// is named.
IDL_EXPORT Safetensors read_safetensors(const std::filesystem::path& path);
/// Writes tensors with wide elements first and then in the order of their names, so that each is
/// aligned to its elements; the header is padded to 8 bytes. Python's safetensors does the same.
/// @throws IoError, InvalidArgument (bytes that do not fit the shape, names that are not UTF-8)
IDL_EXPORT void write_safetensors(const std::filesystem::path& path, const Safetensors& content);

/// Reads .npy versions 1 to 3, C or Fortran order (returned as C order), little-endian f4, f8, i4,
/// i8, u1. @throws IoError
IDL_EXPORT Array read_npy(const std::filesystem::path& path);
/// All that precedes the elements in a .npy file of this type and shape, padded to 64 bytes; the
/// elements follow in C order, little-endian.
/// @throws InvalidArgument (a negative extent, more than 64 extents)
IDL_EXPORT std::string npy_header(DataType type, std::span<const std::int64_t> shape);
/// Writes .npy in C order. @throws IoError, InvalidArgument (bytes that do not fit the shape)
IDL_EXPORT void write_npy(const std::filesystem::path& path, const Array& array);

/// Reads an IDX file of unsigned bytes, plain or gzip (told apart by content, not by name).
/// The array has type u8. @throws IoError
IDL_EXPORT Array read_idx(const std::filesystem::path& path);

/// Replaces `path` by `bytes` as every writer here does: temporary file, fsync, rename.
IDL_EXPORT void write_file_atomically(const std::filesystem::path& path,
                                      std::span<const std::byte> bytes);

}  // namespace idl::io
