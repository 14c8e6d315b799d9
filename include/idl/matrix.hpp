// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "idl/device.hpp"
#include "idl/error.hpp"
#include "idl/export.hpp"

/// Column-major matrices. One column is one sample, so a p×m matrix is byte for byte the
/// batch-first, row-major (m, p) array of NumPy and PyTorch, as long as ld == rows.
namespace idl {

class Context;

/// Rows, columns and leading dimensions: 64 bits, signed so that differences are safe.
using index_t = std::int64_t;

/// A read-only window on a column-major matrix: element (i, j) is data[i + j*ld]. Borrows.
template <class T>
struct ConstMatrixView {
  const T* data = nullptr;  ///< element (0, 0)
  index_t rows = 0;         ///< number of rows
  index_t cols = 0;         ///< number of columns, that is, of samples
  index_t ld = 0;           ///< elements from one column to the next, >= rows
  Device device;            ///< where `data` lies

  /// The row_count×col_count window whose first element is (row, col). @throws InvalidArgument
  ConstMatrixView block(index_t row, index_t col, index_t row_count, index_t col_count) const {
    IDL_CHECK(row >= 0 && col >= 0 && row_count >= 0 && col_count >= 0 && row_count <= rows &&
                  row <= rows - row_count && col_count <= cols && col <= cols - col_count,
              "block: the block reaches outside the matrix");
    return {data + row + col * ld, row_count, col_count, ld, device};
  }
  /// Columns [first, first + count).
  ConstMatrixView columns(index_t first, index_t count) const {
    return block(0, first, rows, count);
  }
  /// Rows [first, first + count).
  ConstMatrixView row_range(index_t first, index_t count) const {
    return block(first, 0, count, cols);
  }
};

/// A writable window on a column-major matrix. Borrows; does not propagate constness, as a pointer.
template <class T>
struct MatrixView {
  T* data = nullptr;  ///< element (0, 0)
  index_t rows = 0;   ///< number of rows
  index_t cols = 0;   ///< number of columns, that is, of samples
  index_t ld = 0;     ///< elements from one column to the next, >= rows
  Device device;      ///< where `data` lies

  /// The row_count×col_count window whose first element is (row, col). @throws InvalidArgument
  MatrixView block(index_t row, index_t col, index_t row_count, index_t col_count) const {
    IDL_CHECK(row >= 0 && col >= 0 && row_count >= 0 && col_count >= 0 && row_count <= rows &&
                  row <= rows - row_count && col_count <= cols && col <= cols - col_count,
              "block: the block reaches outside the matrix");
    return {data + row + col * ld, row_count, col_count, ld, device};
  }
  /// Columns [first, first + count).
  MatrixView columns(index_t first, index_t count) const { return block(0, first, rows, count); }
  /// Rows [first, first + count).
  MatrixView row_range(index_t first, index_t count) const { return block(first, 0, count, cols); }

  /// The read-only form.
  operator ConstMatrixView<T>() const { return {data, rows, cols, ld, device}; }
};

/// A window on contiguous elements; VectorView<const T> is the read-only form.
template <class T>
struct VectorView {
  T* data = nullptr;  ///< element 0
  index_t size = 0;   ///< number of elements
  Device device;      ///< where `data` lies

  /// Elements [first, first + count). @throws InvalidArgument
  VectorView range(index_t first, index_t count) const {
    IDL_CHECK(first >= 0 && count >= 0 && count <= size && first <= size - count,
              "range: the range reaches outside the vector");
    return {data + first, count, device};
  }
  /// The read-only form.
  // A template, since nvcc warns about a conversion of a type to itself even where it is excluded.
  template <class U>
    requires(std::is_same_v<U, const T> && !std::is_const_v<T>)
  operator VectorView<U>() const { return {data, size, device}; }
};

/// Memory on a device, released in the order of the Context with which it was made. Move-only.
class IDL_EXPORT DeviceMemory {
 public:
  DeviceMemory() = default;
  /// Uninitialised. @throws OutOfMemory
  DeviceMemory(Context& context, std::size_t bytes);
  ~DeviceMemory();
  /// Moves; the source is then empty.
  DeviceMemory(DeviceMemory&& other) noexcept
      : owner_(std::move(other.owner_)),
        data_(std::exchange(other.data_, nullptr)),
        bytes_(std::exchange(other.bytes_, 0)) {}
  /// As the move constructor; releases what was held before.
  DeviceMemory& operator=(DeviceMemory&& other) noexcept;
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  /// An address on the device; nullptr where there are no bytes.
  void* data() const { return data_; }
  /// Size in bytes.
  std::size_t bytes() const { return bytes_; }

 private:
  friend struct detail::Inside<DeviceMemory>;

  std::shared_ptr<void> owner_;  // will release it
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

/// Owns a column-major matrix on a device. T is float or double. Elements are uninitialised unless
/// asked for; the leading dimension is padded as the device likes it.
template <class T>
class IDL_EXPORT Matrix {
 public:
  Matrix() = default;
  /// @throws InvalidArgument (negative size, or more bytes than can be addressed), OutOfMemory
  Matrix(Context& context, index_t rows, index_t cols);
  /// All elements zero. @throws as the constructor
  static Matrix zeros(Context& context, index_t rows, index_t cols);
  /// From contiguous column-major host data (that is, a batch-first row-major array). Synchronous
  /// with respect to `values`. @throws InvalidArgument (another number of values than rows·cols),
  /// and as the constructor
  static Matrix from_host(Context& context, index_t rows, index_t cols, std::span<const T> values);

  /// A copy on the context's device, which may be another; copying is explicit to keep it from
  /// happening by accident. @throws OutOfMemory
  Matrix clone(Context& context) const;

  /// Number of rows.
  index_t rows() const { return rows_; }
  /// Number of columns.
  index_t cols() const { return cols_; }
  /// Elements from one column to the next, >= rows().
  index_t ld() const { return ld_; }
  /// Where the elements lie.
  Device device() const { return device_; }
  /// Element (0, 0), an address on the device.
  T* data() const { return static_cast<T*>(memory_.data()); }

  /// The whole matrix, writable. Borrows.
  MatrixView<T> view() { return {data(), rows_, cols_, ld_, device_}; }
  /// The whole matrix, read-only. Borrows.
  ConstMatrixView<T> view() const { return {data(), rows_, cols_, ld_, device_}; }
  /// As view().
  operator MatrixView<T>() { return view(); }
  /// As view() const.
  operator ConstMatrixView<T>() const { return view(); }

 private:
  DeviceMemory memory_;
  index_t rows_ = 0;
  index_t cols_ = 0;
  index_t ld_ = 0;
  Device device_;
};

extern template class Matrix<float>;
extern template class Matrix<double>;

/// Owns contiguous elements on a device. T is float, double, std::int32_t, std::int64_t or
/// std::uint8_t.
template <class T>
class IDL_EXPORT Vector {
 public:
  Vector() = default;
  /// Uninitialised. @throws InvalidArgument, OutOfMemory
  Vector(Context& context, index_t size);
  /// A copy of host values. Returns when `values` may be changed. @throws OutOfMemory
  static Vector from_host(Context& context, std::span<const T> values);

  /// A copy on the context's device, which may be another. @throws OutOfMemory
  Vector clone(Context& context) const;

  /// Number of elements.
  index_t size() const { return size_; }
  /// Where the elements lie.
  Device device() const { return device_; }
  /// Element 0, an address on the device.
  T* data() const { return static_cast<T*>(memory_.data()); }
  /// All elements, writable. Borrows.
  VectorView<T> view() { return {data(), size_, device_}; }
  /// All elements, read-only. Borrows.
  VectorView<const T> view() const { return {data(), size_, device_}; }
  /// As view().
  operator VectorView<T>() { return view(); }
  /// As view() const.
  operator VectorView<const T>() const { return view(); }

 private:
  DeviceMemory memory_;
  index_t size_ = 0;
  Device device_;
};

extern template class Vector<float>;
extern template class Vector<double>;
extern template class Vector<std::int32_t>;
extern template class Vector<std::int64_t>;
extern template class Vector<std::uint8_t>;

/// Copies contiguous column-major host values into `destination`, whose element type is T; a
/// std::vector, an array or a std::span of T gives them. Returns when `values` may be changed.
/// @throws InvalidArgument if values.size() != rows*cols or the device is another one.
template <class T>
IDL_EXPORT void upload(Context& context, std::type_identity_t<std::span<const T>> values,
                       MatrixView<T> destination);
/// The same for a vector.
template <class T>
IDL_EXPORT void upload(Context& context, std::type_identity_t<std::span<const T>> values,
                       VectorView<T> destination);
/// The same for a whole matrix.
template <class T>
void upload(Context& context, std::type_identity_t<std::span<const T>> values,
            Matrix<T>& destination) {
  upload<T>(context, values, destination.view());
}
/// The same for a whole vector.
template <class T>
void upload(Context& context, std::type_identity_t<std::span<const T>> values,
            Vector<T>& destination) {
  upload<T>(context, values, destination.view());
}

/// The elements, contiguous and column-major, on the host. Waits for the work before it.
template <class T>
IDL_EXPORT std::vector<T> download(Context& context, ConstMatrixView<T> source);
/// The same for a vector.
template <class T>
IDL_EXPORT std::vector<T> download(Context& context, VectorView<const T> source);
/// The same for a writable window.
template <class T>
std::vector<T> download(Context& context, MatrixView<T> source) {
  return download<T>(context, ConstMatrixView<T>(source));
}
/// The same for a writable window on a vector.
template <class T>
  requires(!std::is_const_v<T>)
std::vector<T> download(Context& context, VectorView<T> source) {
  return download<T>(context, VectorView<const T>(source));
}
/// The same for a whole matrix.
template <class T>
std::vector<T> download(Context& context, const Matrix<T>& source) {
  return download<T>(context, source.view());
}
/// The same for a whole vector.
template <class T>
std::vector<T> download(Context& context, const Vector<T>& source) {
  return download<T>(context, source.view());
}

/// destination <- source, same shape, same device, in stream order.
/// @throws InvalidArgument (shapes, devices, memory that overlaps)
template <class T>
IDL_EXPORT void copy(Context& context, std::type_identity_t<ConstMatrixView<T>> source,
                     MatrixView<T> destination);
/// The same into a whole matrix.
template <class T>
void copy(Context& context, std::type_identity_t<ConstMatrixView<T>> source,
          Matrix<T>& destination) {
  copy<T>(context, source, destination.view());
}

}  // namespace idl
