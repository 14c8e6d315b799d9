// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <limits>
#include <numeric>

#include "tests/host/device_test.hpp"

/// Matrices, vectors, views and contexts.
namespace idl::test {
namespace {

template <class C>
class MatrixTest : public DeviceTest<C> {
 protected:
  using Scalar = typename C::Scalar;
  static std::vector<Scalar> counted(index_t count) {
    std::vector<Scalar> values(static_cast<std::size_t>(count));
    std::iota(values.begin(), values.end(), Scalar(1));
    return values;
  }
};
TYPED_TEST_SUITE(MatrixTest, AllCases, CaseNames);

TYPED_TEST(MatrixTest, GivesBackWhatWasUploaded) {
  using T = typename TypeParam::Scalar;
  for (const auto& [rows, cols] :
       {std::pair<index_t, index_t>{1, 1}, {3, 5}, {31, 2}, {33, 7}, {1000, 3}, {1, 1000}}) {
    const std::vector<T> values = this->counted(rows * cols);
    const auto A = Matrix<T>::from_host(this->context(), rows, cols, values);
    EXPECT_EQ(A.rows(), rows);
    EXPECT_EQ(A.cols(), cols);
    EXPECT_GE(A.ld(), rows);
    EXPECT_EQ(A.device(), this->device());
    EXPECT_EQ(download(this->context(), A), values);
  }
}

TYPED_TEST(MatrixTest, KnowsItsElementsWhereverTheyComeFromAndGo) {
  using T = typename TypeParam::Scalar;
  Context& context = this->context();
  const std::vector<T> values = this->counted(6);
  std::vector<T> changing = values;
  Matrix<T> A(context, 2, 3), B(context, 2, 3);
  Vector<T> x(context, 6);
  upload(context, values, A);
  upload(context, changing, A.view());
  upload(context, std::span(changing), A);
  upload(context, std::span(values), x);
  upload(context, changing, x.view());
  copy(context, A, B);
  copy(context, A.view(), B.view());
  copy(context, std::as_const(A).view(), B);
  EXPECT_EQ(download(context, B), values);
  EXPECT_EQ(download(context, B.view()), values);
  EXPECT_EQ(download(context, x.view()), values);
  EXPECT_EQ(download(context, x), values);
  Vector<T> losses(context, 3);
  Matrix<T> gradient(context, 2, 3);
  squared_error(context, B, A, gradient, losses);
  EXPECT_EQ(download(context, gradient), std::vector<T>(6, T(0)));
  const Matrix<T> Y = Matrix<T>::zeros(context, 2, 3);
  const auto labels = Vector<std::int32_t>::from_host(context, std::vector<std::int32_t>{0, 1, 0});
  softmax_cross_entropy(context, Y, labels, B, losses, {});
  softmax_cross_entropy(context, Y.view(), labels, B.view(), losses, {});
  // By hand: (softmax − onehot)/m with softmax = (1/2, 1/2) and m = 3.
  const T sixth = T(0.5) / T(3);
  EXPECT_LE(max_difference(this->fetch_double(B), {-sixth, sixth, sixth, -sixth, -sixth, sixth}),
            1e-7);
}

TYPED_TEST(MatrixTest, OfAnotherShapeIsRefusedByTheNameThatTheCallerGaveIt) {
  using T = typename TypeParam::Scalar;
  Matrix<T> A(this->context(), 2, 3), B(this->context(), 3, 2);
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] { copy(this->context(), A, B); }),
                    {"copy: source is 2x3, destination is 3x2"}));
}

TYPED_TEST(MatrixTest, WithoutElementsIsFine) {
  using T = typename TypeParam::Scalar;
  for (const auto& [rows, cols] : {std::pair<index_t, index_t>{0, 0}, {0, 5}, {5, 0}}) {
    const auto A = Matrix<T>::zeros(this->context(), rows, cols);
    EXPECT_EQ(A.rows(), rows);
    EXPECT_EQ(A.cols(), cols);
    EXPECT_TRUE(download(this->context(), A).empty());
    const auto copied = A.clone(this->context());
    EXPECT_EQ(copied.rows(), rows);
    EXPECT_EQ(copied.cols(), cols);
  }
}

TYPED_TEST(MatrixTest, OfZerosHoldsZeros) {
  using T = typename TypeParam::Scalar;
  const auto A = Matrix<T>::zeros(this->context(), 37, 5);
  EXPECT_EQ(download(this->context(), A), std::vector<T>(37 * 5, T(0)));
}

TYPED_TEST(MatrixTest, IsClonedIntoMemoryOfItsOwn) {
  using T = typename TypeParam::Scalar;
  auto A = Matrix<T>::from_host(this->context(), 5, 4, this->counted(20));
  const auto B = A.clone(this->context());
  EXPECT_NE(B.data(), A.data());
  upload<T>(this->context(), std::vector<T>(20, T(-1)), A.view());
  EXPECT_EQ(download(this->context(), B), this->counted(20));
}

TYPED_TEST(MatrixTest, IsClonedToAndFromTheHost) {
  using T = typename TypeParam::Scalar;
  Context cpu(Device::cpu());
  const auto A = Matrix<T>::from_host(this->context(), 33, 4, this->counted(132));
  const auto on_cpu = A.clone(cpu);
  EXPECT_EQ(on_cpu.device(), Device::cpu());
  EXPECT_EQ(download(cpu, on_cpu), this->counted(132));
  const auto back = on_cpu.clone(this->context());
  EXPECT_EQ(back.device(), this->device());
  EXPECT_EQ(download(this->context(), back), this->counted(132));
}

TYPED_TEST(MatrixTest, ThatWasMovedFromIsEmptyAndItsMemoryLivesOn) {
  using T = typename TypeParam::Scalar;
  auto A = Matrix<T>::from_host(this->context(), 3, 2, this->counted(6));
  T* const data = A.data();
  Matrix<T> B = std::move(A);
  EXPECT_EQ(B.data(), data);
  EXPECT_EQ(A.data(), nullptr);  // NOLINT(bugprone-use-after-move): the state after a move
  EXPECT_THROW((void)A.clone(this->context()), InvalidArgument);
  Matrix<T> C(this->context(), 4, 4);
  C = std::move(B);
  EXPECT_EQ(C.data(), data);
  EXPECT_EQ(C.rows(), 3);
  EXPECT_EQ(download(this->context(), C), this->counted(6));
}

TYPED_TEST(MatrixTest, OutlivesItsContext) {
  using T = typename TypeParam::Scalar;
  Matrix<T> A;
  {
    Context other(this->device());
    A = Matrix<T>::from_host(other, 3, 2, this->counted(6));
  }
  EXPECT_EQ(download(this->context(), A.clone(this->context())), this->counted(6));
}

TYPED_TEST(MatrixTest, HasWindowsThatAreReadAndWritten) {
  using T = typename TypeParam::Scalar;
  auto A = Matrix<T>::from_host(this->context(), 4, 3, this->counted(12));
  EXPECT_EQ(this->fetch(A.view().block(1, 1, 2, 2)), (std::vector<T>{6, 7, 10, 11}));
  EXPECT_EQ(this->fetch(A.view().columns(2, 1)), (std::vector<T>{9, 10, 11, 12}));
  EXPECT_EQ(this->fetch(A.view().row_range(3, 1)), (std::vector<T>{4, 8, 12}));
  EXPECT_EQ(this->fetch(A.view().block(4, 3, 0, 0)), std::vector<T>{});
  upload<T>(this->context(), std::vector<T>{-1, -2, -3, -4}, A.view().block(2, 0, 2, 2));
  EXPECT_EQ(download(this->context(), A),
            (std::vector<T>{1, 2, -1, -2, 5, 6, -3, -4, 9, 10, 11, 12}));
  const auto B = Matrix<T>::from_host(this->context(), 2, 3, std::vector<T>(6, T(7)));
  copy<T>(this->context(), B.view(), A.view().row_range(0, 2));
  EXPECT_EQ(download(this->context(), A),
            (std::vector<T>{7, 7, -1, -2, 7, 7, -3, -4, 7, 7, 11, 12}));
}

TYPED_TEST(MatrixTest, HasNoWindowsBeyondItsEdges) {
  using T = typename TypeParam::Scalar;
  const auto A = Matrix<T>::zeros(this->context(), 4, 3);
  EXPECT_THROW((void)A.view().block(0, 0, 5, 1), InvalidArgument);
  EXPECT_THROW((void)A.view().block(3, 0, 2, 1), InvalidArgument);
  EXPECT_THROW((void)A.view().block(-1, 0, 1, 1), InvalidArgument);
  EXPECT_THROW((void)A.view().columns(1, 3), InvalidArgument);
  EXPECT_THROW((void)A.view().columns(1, -1), InvalidArgument);
  EXPECT_THROW((void)A.view().row_range(4, 1), InvalidArgument);
  constexpr index_t k_most = std::numeric_limits<index_t>::max();
  EXPECT_THROW((void)A.view().block(1, 0, k_most, 1), InvalidArgument);
  EXPECT_THROW((void)A.view().columns(k_most, k_most), InvalidArgument);
}

TYPED_TEST(MatrixTest, OfANegativeSizeIsRefusedWithTheSize) {
  using T = typename TypeParam::Scalar;
  EXPECT_TRUE(
      holds(text_of<InvalidArgument>([&] { Matrix<T>(this->context(), -1, 3); }), {"-1x3"}));
  EXPECT_TRUE(
      holds(text_of<InvalidArgument>([&] { Matrix<T>(this->context(), 3, -2); }), {"3x-2"}));
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] { Vector<T>(this->context(), -5); }), {"-5"}));
}

TYPED_TEST(MatrixTest, ThatCannotBeAddressedIsRefused) {
  using T = typename TypeParam::Scalar;
  constexpr index_t k_huge = index_t(1) << 62;
  EXPECT_THROW(Matrix<T>(this->context(), k_huge, 1), InvalidArgument);
  EXPECT_THROW(Matrix<T>(this->context(), 1, k_huge), InvalidArgument);
  EXPECT_THROW(Matrix<T>(this->context(), index_t(1) << 40, index_t(1) << 40), InvalidArgument);
  EXPECT_THROW(Matrix<T>(this->context(), std::numeric_limits<index_t>::max(), 2), InvalidArgument);
  EXPECT_THROW(Vector<T>(this->context(), k_huge), InvalidArgument);
}

TYPED_TEST(MatrixTest, LargerThanTheMemoryIsToldWithTheNumbers) {
  using T = typename TypeParam::Scalar;
  // 2^46 elements, 256 TiB and more; padding may add to that.
  const auto bytes = (std::size_t(1) << 46) * sizeof(T);
  try {
    Matrix<T>(this->context(), index_t(1) << 23, index_t(1) << 23);
    FAIL() << "there is memory for 2^46 elements";
  } catch (const OutOfMemory& error) {
    EXPECT_GE(error.requested(), bytes);
    EXPECT_LT(error.available(), bytes);
    EXPECT_TRUE(
        holds(error.what(), {to_string(this->device()), std::to_string(error.requested())}));
  }
  // Nothing is broken afterwards.
  const auto A = Matrix<T>::from_host(this->context(), 2, 2, this->counted(4));
  EXPECT_EQ(download(this->context(), A), this->counted(4));
}

TYPED_TEST(MatrixTest, TakesNeitherTooFewNorTooManyValues) {
  using T = typename TypeParam::Scalar;
  auto A = Matrix<T>::zeros(this->context(), 3, 2);
  const std::vector<T> values = this->counted(5);
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] { upload<T>(this->context(), values, A.view()); }),
                    {"5", "3x2"}));
  EXPECT_THROW(Matrix<T>::from_host(this->context(), 2, 2, values), InvalidArgument);
  Vector<T> v(this->context(), 4);
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] { upload<T>(this->context(), values, v.view()); }),
                    {"5", "4"}));
}

TYPED_TEST(MatrixTest, IsCopiedToTheSameShapeOnly) {
  using T = typename TypeParam::Scalar;
  const auto A = Matrix<T>::zeros(this->context(), 3, 2);
  auto B = Matrix<T>::zeros(this->context(), 2, 3);
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] { copy<T>(this->context(), A.view(), B.view()); }),
                    {"3x2", "2x3"}));
}

TYPED_TEST(MatrixTest, OfAnotherDeviceIsRefusedWithBothDevices) {
  using T = typename TypeParam::Scalar;
  const auto A = Matrix<T>::zeros(this->context(), 2, 2);
  ConstMatrixView<T> elsewhere = A.view();
  elsewhere.device = Device::cuda(7);
  EXPECT_TRUE(
      holds(text_of<InvalidArgument>([&] { (void)download<T>(this->context(), elsewhere); }),
            {"cuda:7", to_string(this->device())}));
}

TYPED_TEST(MatrixTest, VectorsHoldEveryElementType) {
  using T = typename TypeParam::Scalar;
  Context& context = this->context();
  const auto check = [&](const auto& values) {
    using E = typename std::decay_t<decltype(values)>::value_type;
    const auto vector = Vector<E>::from_host(context, values);
    EXPECT_EQ(vector.size(), static_cast<index_t>(values.size()));
    EXPECT_EQ(download(context, vector), values);
    EXPECT_EQ(download<E>(context, vector.view().range(1, 2)),
              std::vector<E>(values.begin() + 1, values.begin() + 3));
    EXPECT_THROW((void)vector.view().range(2, 2), InvalidArgument);
    EXPECT_THROW((void)vector.view().range(2, std::numeric_limits<index_t>::max()),
                 InvalidArgument);
    auto changing = vector.clone(context);
    upload<E>(context, std::vector<E>(3, E(0)), changing.view());
    EXPECT_EQ(download(context, vector), values);
    Context cpu(Device::cpu());
    EXPECT_EQ(download(context, vector.clone(cpu).clone(context)), values);
  };
  check(std::vector<T>{1, 2, 3});
  check(std::vector<std::int32_t>{-1, 2, 1 << 30});
  check(std::vector<std::int64_t>{-1, 2, std::int64_t{1} << 62});
  check(std::vector<std::uint8_t>{0, 128, 255});
}

template <class C>
class ContextTest : public DeviceTest<C> {};
TYPED_TEST_SUITE(ContextTest, AllCases, CaseNames);

TYPED_TEST(ContextTest, SaysWhereItIs) {
  EXPECT_EQ(this->context().device(), this->device());
  EXPECT_EQ(this->context().stream() == nullptr, TypeParam::k_device == DeviceKind::cpu);
  EXPECT_FALSE(describe(this->device()).empty());
}

TYPED_TEST(ContextTest, IsMovedWithItsWork) {
  using T = typename TypeParam::Scalar;
  Context first(this->device());
  const auto A = Matrix<T>::zeros(first, 3, 3);
  Context second = std::move(first);
  EXPECT_EQ(download(second, A), std::vector<T>(9, T(0)));
  second.synchronize();
}

TYPED_TEST(ContextTest, HandsItsMessagesToTheCallback) {
  std::vector<std::pair<Severity, std::string>> messages;
  const Context context(
      {.device = this->device(), .log = [&](Severity severity, std::string_view text) {
         messages.emplace_back(severity, text);
       }});
  context.log(Severity::info, "one");
  context.log(Severity::error, "two");
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[0], std::pair(Severity::info, std::string("one")));
  EXPECT_EQ(messages[1], std::pair(Severity::error, std::string("two")));
}

TYPED_TEST(ContextTest, WithoutACallbackWarnsOnStandardError) {
  const Context context(this->device());
  testing::internal::CaptureStderr();
  context.log(Severity::info, "nothing");
  context.log(Severity::warning, "something");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "idl: warning: something\n");
}

TEST(Devices, ThatDoNotExistAreNotSupported) {
  EXPECT_THROW(Context(Device::cuda(cuda_devices().count)), NotSupported);
  EXPECT_THROW(Context(Device::cuda(-1)), NotSupported);
  EXPECT_THROW((void)describe(Device::cuda(cuda_devices().count)), NotSupported);
}

TEST(Devices, GiveAReasonWhereThereIsNoGpu) {
  EXPECT_EQ(cuda_devices().count == 0, !cuda_devices().reason.empty());
  EXPECT_EQ(best_device(), cuda_devices().count == 0 ? Device::cpu() : Device::cuda(0));
}

}  // namespace
}  // namespace idl::test
