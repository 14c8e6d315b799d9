// SPDX-License-Identifier: MIT
// What only CUDA can show: streams, graphs, its memory. Loops are in cuda_loop_test.cpp; the
// primitives are tested for every device in the files of their names.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <stop_token>
#include <thread>
#include <vector>

#include "host/backend_of.hpp"
#include "idl/context.hpp"
#include "idl/device.hpp"
#include "idl/error.hpp"
#include "idl/matrix.hpp"
#include "kernels/backend.hpp"
#include "tests/kernels/cuda_fixture.hpp"

namespace idl {
namespace {

TEST(CudaDevices, SayWhyThereIsNone) {
  const CudaDevices& devices = cuda_devices();
  EXPECT_GE(devices.count, 0);
  EXPECT_EQ(devices.count == 0, !devices.reason.empty()) << devices.reason;
}

TEST_F(CudaBackendTest, WorkOnABorrowedStreamIsInItsOrder) {
  constexpr index_t k_size = 1000;
  Context guest(ContextOptions{.device = Device::cuda(), .stream = context().stream(), .log = {}});
  ASSERT_EQ(guest.stream(), context().stream());
  Matrix<float> X(context(), k_size, k_size);
  Matrix<float> Y(guest, k_size, k_size);
  for (int round = 1; round <= 20; ++round) {
    backend().run(Fill<float>{.Y = X, .value = static_cast<float>(round)});
    backend_of(guest)->run(CopyMatrix<float>{.X = X, .Y = Y});
    backend().run(Fill<float>{.Y = X, .value = -1.0F});
    const std::vector<float> values = download(guest, Y);
    ASSERT_EQ(values.front(), static_cast<float>(round));
    ASSERT_EQ(values.back(), static_cast<float>(round));
  }
}

TEST_F(CudaBackendTest, TwoStreamsWaitForEachOtherWhereAsked) {
  constexpr index_t k_size = 2000;
  Context other(Device::cuda());
  ASSERT_NE(other.stream(), context().stream());
  Matrix<float> X = filled(k_size, k_size, 0.0F);
  Matrix<float> Y(other, k_size, k_size);
  for (int round = 1; round <= 10; ++round) {
    // Long enough for the other stream to overtake if it did not wait.
    for (int i = 0; i < 50; ++i) backend().run(Fill<float>{.Y = X, .value = -1.0F});
    backend().run(Fill<float>{.Y = X, .value = static_cast<float>(round)});
    backend_of(other)->wait_for(context().stream());
    backend_of(other)->run(CopyMatrix<float>{.X = X, .Y = Y});
    backend_of(other)->record_for(context().stream());
    backend().run(Fill<float>{.Y = X, .value = -2.0F});
    const std::vector<float> values = download(other, Y);
    ASSERT_EQ(values.front(), static_cast<float>(round));
    ASSERT_EQ(values.back(), static_cast<float>(round));
  }
}

TEST_F(CudaBackendTest, MatricesOfTheCallerAreWrappedWhereverTheyStart) {
  // 5x3 windows at every offset from 16 bytes, with an odd leading dimension.
  constexpr index_t k_rows = 5;
  constexpr index_t k_cols = 3;
  constexpr index_t k_ld = 7;
  void* memory = backend().allocate(1024);
  for (index_t offset = 0; offset < 5; ++offset) {
    auto* start = static_cast<float*>(memory) + offset;
    const MatrixView<float> X = {start, k_rows, k_cols, k_ld, Device::cuda()};
    const MatrixView<float> Y = {start + 64, k_rows, k_cols, k_ld, Device::cuda()};
    std::vector<float> values(static_cast<std::size_t>(k_rows * k_cols));
    std::iota(values.begin(), values.end(), 1.0F);
    upload<float>(context(), values, X);
    backend().run(CopyMatrix<float>{.X = X, .Y = Y});
    backend().run(AddScaled<float>{.X = X, .Y = Y, .alpha = 2.0F});
    std::vector<float> expected = values;
    for (float& value : expected) value *= 3.0F;
    EXPECT_EQ(download<float>(context(), Y), expected) << "offset " << offset;
  }
  backend().release(memory, 1024);
}

TEST_F(CudaBackendTest, TheDefaultStreamIsRefused) {
  for (const std::uintptr_t address : {std::uintptr_t{1}, std::uintptr_t{2}}) {
    // cudaStreamLegacy and cudaStreamPerThread.
    auto* stream = reinterpret_cast<CUstream_st*>(address);
    EXPECT_THROW(Context(ContextOptions{.device = Device::cuda(), .stream = stream, .log = {}}),
                 InvalidArgument);
  }
}

TEST_F(CudaBackendTest, ProgramsOutliveTheirContext) {
  Matrix<float> X = filled(3, 3, 1.0F);
  Matrix<float> Y = filled(3, 3, 0.0F);
  std::unique_ptr<Program> program;
  {
    Context short_lived(
        ContextOptions{.device = Device::cuda(), .stream = context().stream(), .log = {}});
    program = backend_of(short_lived)->compile({CopyMatrix<float>{.X = X, .Y = Y}});
  }
  program->launch();
  EXPECT_EQ(download(context(), Y), download(context(), X));
}

TEST_F(CudaBackendTest, AnEmptyProgramDoesNothing) {
  backend().compile(Sequence{})->launch();
  Matrix<float> empty(context(), 0, 5);
  backend().compile({Fill<float>{.Y = empty}})->launch();
  context().synchronize();
}

TEST_F(CudaBackendTest, ReadBacksKeepWhatTheySaw) {
  Matrix<float> X = filled(4, 1, 1.0F);
  const std::unique_ptr<ReadBack> first = backend().read_back(X.data(), 4 * sizeof(float));
  backend().run(Fill<float>{.Y = X, .value = 2.0F});
  const std::unique_ptr<ReadBack> second = backend().read_back(X.data(), 4 * sizeof(float));
  EXPECT_EQ(static_cast<const float*>(first->wait())[3], 1.0F);
  EXPECT_EQ(static_cast<const float*>(second->wait())[3], 2.0F);
  EXPECT_EQ(static_cast<const float*>(first->wait())[0], 1.0F);
}

TEST_F(CudaBackendTest, TransfersMoveTheirPiecesOnly) {
  constexpr std::size_t k_pitch = 48;
  constexpr std::size_t k_width = 20;
  constexpr std::size_t k_height = 3;
  void* memory = backend().allocate(k_pitch * k_height);
  std::vector<std::uint8_t> source(k_pitch * k_height);
  std::iota(source.begin(), source.end(), std::uint8_t{0});
  const std::vector<std::uint8_t> zeros(source.size(), 0);
  backend().upload({memory, zeros.size(), zeros.data(), zeros.size(), zeros.size(), 1});
  backend().upload({memory, k_pitch, source.data(), k_width, k_width, k_height});
  std::vector<std::uint8_t> all(source.size());
  backend().download({all.data(), all.size(), memory, all.size(), all.size(), 1});
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::size_t in_piece = i % k_pitch;
    const std::size_t piece = i / k_pitch;
    const int expected = in_piece < k_width ? source[piece * k_width + in_piece] : 0;
    ASSERT_EQ(all[i], expected) << "byte " << i;
  }
  backend().release(memory, k_pitch * k_height);
}

TEST_F(CudaBackendTest, ContextsComeAndGoWhileOthersCapture) {
  const Matrix<float> A = filled(64, 64, 0.5F);
  Matrix<float> C = filled(64, 64, 0.0F);
  context().synchronize();
  const std::jthread others([](const std::stop_token& end) {
    while (!end.stop_requested()) Context(Device::cuda()).synchronize();
  });
  for (int round = 0; round < 50; ++round) {
    backend().compile({Gemm<float>{.A = A, .B = A, .C = C}, Fill<float>{.Y = C}})->launch();
  }
  context().synchronize();
}

TEST_F(CudaBackendTest, AProductMayBeTheFirstThatAThreadAsksOfCuda) {
  const Matrix<float> A = filled(8, 8, 0.5F);
  Matrix<float> C = filled(8, 8, 0.0F);
  context().synchronize();
  std::jthread([&] { backend().run(Gemm<float>{.A = A, .B = A, .C = C}); }).join();
  EXPECT_EQ(download(context(), C), std::vector<float>(64, 2.0F));
}

TEST_F(CudaBackendTest, MemoryThatIsNotThereIsAnErrorThatPasses) {
  constexpr std::size_t k_petabyte = std::size_t{1} << 50U;
  try {
    backend().release(backend().allocate(k_petabyte), k_petabyte);
    FAIL() << "a petabyte was allocated";
  } catch (const OutOfMemory& error) {
    EXPECT_EQ(error.requested(), k_petabyte);
    EXPECT_GT(error.available(), 0U);
    EXPECT_LT(error.available(), k_petabyte);
  }
  EXPECT_EQ(download(context(), filled(2, 2, 5.0F)), std::vector<float>(4, 5.0F));
}

}  // namespace
}  // namespace idl
