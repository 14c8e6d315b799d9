// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "idl/csr_matrix.hpp"
#include "idl/matrix.hpp"

namespace idl {

/// The memory of one operand: `cols` pieces of `height` bytes, `pitch` bytes apart.
struct Region {
  const char* name = "";
  std::uintptr_t begin = 0;
  std::size_t height = 0;
  std::size_t pitch = 0;
  std::size_t cols = 0;
  bool written = false;
};

/// Whether two regions share a byte. Windows with one pitch (blocks of one matrix) are told apart
/// exactly; for different pitches only what is certain counts: a common first byte, or two
/// gapless regions that overlap.
bool overlap(const Region& a, const Region& b);

/// What validate() asks of the operands of one primitive; every failure is an InvalidArgument that
/// begins with the primitive's name.
class OperandChecks {
 public:
  OperandChecks(const char* primitive, Device device) : primitive_(primitive), device_(device) {}

  /// Sizes not negative, ld >= rows, data where there are elements, on the device; notes the memory
  /// for apart().
  template <class T>
  void input(const char* name, const ConstMatrixView<T>& view) {
    matrix(name, view.data, view.rows, view.cols, view.ld, view.device, sizeof(T), false);
  }
  template <class T>
  void output(const char* name, const MatrixView<T>& view) {
    matrix(name, view.data, view.rows, view.cols, view.ld, view.device, sizeof(T), true);
  }
  template <class T>
  void input(const char* name, const VectorView<const T>& view) {
    vector(name, view.data, view.size, view.device, sizeof(T), false);
  }
  template <class T>
  void output(const char* name, const VectorView<T>& view) {
    vector(name, view.data, view.size, view.device, sizeof(T), true);
  }
  template <class T>
  void input(const char* name, const ConstCsrView<T>& view) {
    csr(name, {view.row_offsets, view.col_indices, view.values}, view.rows, view.cols, view.nnz,
        view.device, {false, false, false}, sizeof(T));
  }
  /// `values_only`: the pattern is read, not written.
  template <class T>
  void output(const char* name, const CsrView<T>& view, bool values_only) {
    csr(name, {view.row_offsets, view.col_indices, view.values}, view.rows, view.cols,
        view.capacity, view.device, {!values_only, !values_only, true}, sizeof(T));
  }

  /// "B has 100 rows, op(A) has 300 columns" unless the two counts are equal.
  void equal(const char* name, index_t count, const char* unit, const char* other,
             index_t other_count, const char* other_unit) const;
  /// "Z is 3x4, X is 3x5" unless the shapes are equal.
  template <class View, class OtherView>
  void same_shape(const char* name, const View& view, const char* other,
                  const OtherView& other_view) const {
    if (view.rows != other_view.rows || view.cols != other_view.cols) {
      fail(std::string(name) + " is " + shape(view.rows, view.cols) + ", " + other + " is " +
           shape(other_view.rows, other_view.cols));
    }
  }
  /// The vector has one element per column (row) of the matrix.
  template <class V, class View>
  void per_column(const char* name, const V& vector, const char* matrix, const View& view) const {
    equal(name, vector.size, "elements", matrix, view.cols, "columns");
  }
  template <class V, class View>
  void per_row(const char* name, const V& vector, const char* matrix, const View& view) const {
    equal(name, vector.size, "elements", matrix, view.rows, "rows");
  }
  /// For results that are one number.
  template <class V>
  void one_element(const char* name, const V& vector) const {
    if (vector.size != 1) {
      fail(std::string(name) + " has " + std::to_string(vector.size) + " elements, expected 1");
    }
  }
  /// The count fits the 32-bit integers that hold it.
  void fits_int32(const char* name, index_t count, const char* unit) const;
  /// Throws InvalidArgument with the primitive's name and `text`.
  [[noreturn]] void fail(const std::string& text) const;

  /// No output shares memory with another operand, except the pair named here.
  void apart(const char* may_share = "", const char* may_share_with = "") const;

  static std::string shape(index_t rows, index_t cols);

 private:
  void matrix(const char* name, const void* data, index_t rows, index_t cols, index_t ld,
              Device device, std::size_t element_size, bool written);
  void vector(const char* name, const void* data, index_t size, Device device,
              std::size_t element_size, bool written, const char* part = "");
  void csr(const char* name, std::array<const void*, 3> arrays, index_t rows, index_t cols,
           index_t entries, Device device, std::array<bool, 3> written, std::size_t element_size);
  void on_device(const char* name, Device device) const;
  void note(const Region& region);

  const char* primitive_;
  Device device_;
  std::array<Region, 16> regions_{};
  std::size_t count_ = 0;
};

}  // namespace idl
