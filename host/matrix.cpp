// SPDX-License-Identifier: MIT
#include "idl/matrix.hpp"

#include <limits>
#include <string>

#include "host/backend_of.hpp"
#include "host/transfer.hpp"
#include "idl/context.hpp"
#include "kernels/backend.hpp"
#include "kernels/operand_checks.hpp"

namespace idl {
namespace {

std::string shape(index_t rows, index_t cols) {
  return std::to_string(rows) + "x" + std::to_string(cols);
}

// Bytes of `count` columns of `ld` elements; throws where they cannot be addressed.
std::size_t byte_count(index_t ld, index_t count, std::size_t element_size, const char* what) {
  constexpr auto k_most = static_cast<std::uint64_t>(std::numeric_limits<std::ptrdiff_t>::max());
  const auto height = static_cast<std::uint64_t>(ld);
  const auto width = static_cast<std::uint64_t>(count);
  IDL_CHECK(width == 0 || height <= k_most / element_size / width,
            std::string(what) + ": " + shape(ld, count) + " elements of " +
                std::to_string(element_size) + " bytes are more than can be addressed");
  return static_cast<std::size_t>(height * width * element_size);
}

void check_device(const char* what, Device context, Device operand) {
  IDL_CHECK(context == operand, std::string(what) + ": the operand is on " + to_string(operand) +
                                    ", the context on " + to_string(context));
}

template <class View>
void check_view(const char* what, const View& view) {
  IDL_CHECK(view.rows >= 0 && view.cols >= 0 && view.ld >= view.rows,
            std::string(what) + ": the matrix is " + shape(view.rows, view.cols) + " with ld " +
                std::to_string(view.ld));
  IDL_CHECK(view.data != nullptr || view.rows == 0 || view.cols == 0,
            std::string(what) + ": the matrix is " + shape(view.rows, view.cols) + " without data");
}

template <class View>
void check_vector(const char* what, const View& view) {
  IDL_CHECK(view.size >= 0 && (view.data != nullptr || view.size == 0),
            std::string(what) + ": the vector has size " + std::to_string(view.size) +
                (view.data == nullptr ? " and no data" : ""));
}

// Contiguous on the host.
template <class T>
Transfer to_host(const ConstMatrixView<T>& view, T* values) {
  return transfer_of<T>(view, {values, view.rows, view.cols, view.rows, Device::cpu()});
}

void require_memory(const DeviceMemory& memory) {
  IDL_CHECK(backend_of(memory) != nullptr, "clone: what is to be copied has been moved from");
}

/// A copy by `target` of what belongs to `source`: two backends have two orders of work. Whoever
/// writes or releases what is copied does so after it.
template <class Copy>
void in_order_of_both(Backend& source, Backend& target, const Copy& copy) {
  if (&source != &target) source.synchronize();
  copy();
  if (&source != &target) target.synchronize();
}

// Pitches are not used for one piece.
Transfer one_piece(void* destination, const void* source, std::size_t bytes) {
  return {destination, bytes, source, bytes, bytes, 1};
}

}  // namespace

DeviceMemory::DeviceMemory(Context& context, std::size_t bytes)
    : owner_(backend_of(context)), bytes_(bytes) {
  if (bytes_ > 0) data_ = backend_of(context)->allocate(bytes_);
}

DeviceMemory::~DeviceMemory() {
  if (data_ != nullptr) backend_of(*this)->release(data_, bytes_);
}

DeviceMemory& DeviceMemory::operator=(DeviceMemory&& other) noexcept {
  if (this != &other) {
    if (data_ != nullptr) backend_of(*this)->release(data_, bytes_);
    owner_ = std::move(other.owner_);
    data_ = std::exchange(other.data_, nullptr);
    bytes_ = std::exchange(other.bytes_, 0);
  }
  return *this;
}

template <class T>
Matrix<T>::Matrix(Context& context, index_t rows, index_t cols)
    : rows_(rows), cols_(cols), device_(context.device()) {
  IDL_CHECK(rows >= 0 && cols >= 0, "Matrix: the size " + shape(rows, cols) + " is negative");
  // Checked before the padding as well, whose arithmetic must not overflow.
  constexpr index_t k_most_rows = std::numeric_limits<index_t>::max() / 16;
  IDL_CHECK(rows <= k_most_rows, "Matrix: " + shape(rows, cols) + " cannot be addressed");
  ld_ = backend_of(context)->leading_dimension(rows, sizeof(T));
  const std::size_t bytes = rows == 0 ? 0 : byte_count(ld_, cols, sizeof(T), "Matrix");
  memory_ = DeviceMemory(context, bytes);
}

template <class T>
Matrix<T> Matrix<T>::zeros(Context& context, index_t rows, index_t cols) {
  Matrix matrix(context, rows, cols);
  backend_of(context)->run(Fill<T>{.Y = matrix.view(), .value = T(0)});
  return matrix;
}

template <class T>
Matrix<T> Matrix<T>::from_host(Context& context, index_t rows, index_t cols,
                               std::span<const T> values) {
  Matrix matrix(context, rows, cols);
  upload<T>(context, values, matrix.view());
  return matrix;
}

template <class T>
Matrix<T> Matrix<T>::clone(Context& context) const {
  Matrix result(context, rows_, cols_);
  Backend& target = *backend_of(context);
  if (rows_ == 0 || cols_ == 0) return result;
  require_memory(memory_);
  if (device_ == context.device()) {
    in_order_of_both(*backend_of(memory_), target,
                     [&] { target.run(CopyMatrix<T>{.X = view(), .Y = result.view()}); });
    return result;
  }
  std::vector<T> host(byte_count(rows_, cols_, sizeof(T), "clone") / sizeof(T));
  backend_of(memory_)->download(to_host(view(), host.data()));
  target.upload(transfer_of<T>(host.data(), result.view()));
  return result;
}

template class Matrix<float>;
template class Matrix<double>;

template <class T>
Vector<T>::Vector(Context& context, index_t size) : size_(size), device_(context.device()) {
  IDL_CHECK(size >= 0, "Vector: the size " + std::to_string(size) + " is negative");
  memory_ = DeviceMemory(context, byte_count(size, 1, sizeof(T), "Vector"));
}

template <class T>
Vector<T> Vector<T>::from_host(Context& context, std::span<const T> values) {
  Vector vector(context, static_cast<index_t>(values.size()));
  upload(context, values, vector.view());
  return vector;
}

template <class T>
Vector<T> Vector<T>::clone(Context& context) const {
  Vector result(context, size_);
  if (size_ == 0) return result;
  require_memory(memory_);
  Backend& source = *backend_of(memory_);
  Backend& target = *backend_of(context);
  const std::size_t bytes = memory_.bytes();
  if (device_ == context.device()) {
    in_order_of_both(source, target,
                     [&] { target.upload_async(one_piece(result.data(), data(), bytes)); });
    return result;
  }
  std::vector<T> host(static_cast<std::size_t>(size_));
  source.download(one_piece(host.data(), data(), bytes));
  target.upload(one_piece(result.data(), host.data(), bytes));
  return result;
}

template class Vector<float>;
template class Vector<double>;
template class Vector<std::int32_t>;
template class Vector<std::int64_t>;
template class Vector<std::uint8_t>;

template <class T>
void upload(Context& context, std::type_identity_t<std::span<const T>> values,
            MatrixView<T> destination) {
  check_view("upload", destination);
  check_device("upload", context.device(), destination.device);
  const std::size_t expected =
      byte_count(destination.rows, destination.cols, sizeof(T), "upload") / sizeof(T);
  IDL_CHECK(values.size() == expected, "upload: " + std::to_string(values.size()) +
                                           " values were given for a matrix of " +
                                           shape(destination.rows, destination.cols));
  if (expected > 0) backend_of(context)->upload(transfer_of<T>(values.data(), destination));
}

template <class T>
void upload(Context& context, std::type_identity_t<std::span<const T>> values,
            VectorView<T> destination) {
  check_vector("upload", destination);
  check_device("upload", context.device(), destination.device);
  IDL_CHECK(static_cast<index_t>(values.size()) == destination.size,
            "upload: " + std::to_string(values.size()) + " values were given for a vector of " +
                std::to_string(destination.size));
  if (values.empty()) return;
  backend_of(context)->upload(one_piece(destination.data, values.data(), values.size_bytes()));
}

template <class T>
std::vector<T> download(Context& context, ConstMatrixView<T> source) {
  check_view("download", source);
  check_device("download", context.device(), source.device);
  std::vector<T> values(byte_count(source.rows, source.cols, sizeof(T), "download") / sizeof(T));
  if (!values.empty()) backend_of(context)->download(to_host(source, values.data()));
  return values;
}

template <class T>
std::vector<T> download(Context& context, VectorView<const T> source) {
  check_vector("download", source);
  check_device("download", context.device(), source.device);
  std::vector<T> values(byte_count(source.size, 1, sizeof(T), "download") / sizeof(T));
  if (!values.empty()) {
    backend_of(context)->download(one_piece(values.data(), source.data, values.size() * sizeof(T)));
  }
  return values;
}

template <class T>
void copy(Context& context, std::type_identity_t<ConstMatrixView<T>> source,
          MatrixView<T> destination) {
  OperandChecks checks("copy", context.device());
  checks.input("source", source);
  checks.output("destination", destination);
  checks.same_shape("source", source, "destination", destination);
  checks.apart();
  backend_of(context)->run(CopyMatrix<T>{.X = source, .Y = destination});
}

template void upload(Context&, std::span<const float>, MatrixView<float>);
template void upload(Context&, std::span<const double>, MatrixView<double>);
template void upload(Context&, std::span<const float>, VectorView<float>);
template void upload(Context&, std::span<const double>, VectorView<double>);
template void upload(Context&, std::span<const std::int32_t>, VectorView<std::int32_t>);
template void upload(Context&, std::span<const std::int64_t>, VectorView<std::int64_t>);
template void upload(Context&, std::span<const std::uint8_t>, VectorView<std::uint8_t>);
template std::vector<float> download(Context&, ConstMatrixView<float>);
template std::vector<double> download(Context&, ConstMatrixView<double>);
template std::vector<float> download(Context&, VectorView<const float>);
template std::vector<double> download(Context&, VectorView<const double>);
template std::vector<std::int32_t> download(Context&, VectorView<const std::int32_t>);
template std::vector<std::int64_t> download(Context&, VectorView<const std::int64_t>);
template std::vector<std::uint8_t> download(Context&, VectorView<const std::uint8_t>);
template void copy(Context&, ConstMatrixView<float>, MatrixView<float>);
template void copy(Context&, ConstMatrixView<double>, MatrixView<double>);

}  // namespace idl
