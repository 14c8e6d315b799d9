// SPDX-License-Identifier: MIT
// Every allocation of device memory, and of page-locked memory for transfers, fails once, in turn:
// what comes out is OutOfMemory, nothing stays allocated, and what was there before goes on
// working. (Memory of the host: tests/allocation.)
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "idl/idl.hpp"
#include "kernels/cuda/runtime/pool.hpp"
#include "tests/host/random_values.hpp"
#include "tests/io/files.hpp"
#include "tests/training/synthetic_data.hpp"

namespace idl::test {
namespace {

/// Runs `action` with its `number`-th allocation failing. Whether that allocation came.
bool fails_with_allocation(std::int64_t number, const std::function<void()>& action) {
  cuda::allocations_to_failure = number;
  try {
    action();
  } catch (const OutOfMemory&) {
    EXPECT_LE(cuda::allocations_to_failure.load(), 0);
    return true;
  } catch (...) {
    cuda::allocations_to_failure = 0;
    throw;
  }
  return cuda::allocations_to_failure.exchange(0) <= 0;
}

class DeviceAllocation : public testing::Test {
 protected:
  /// Runs `action` again and again, with one more allocation granted each time, until none fails;
  /// `check` after every failure. Returns how many allocations there are.
  std::int64_t fail_at_every_allocation(
      const std::function<void()>& action, const std::function<void()>& check = [] {}) {
    constexpr std::int64_t k_most = 10000;
    action();  // what the context keeps for itself is there from now on
    for (std::int64_t number = 1; number < k_most; ++number) {
      const std::size_t before = context_.memory().bytes_in_use;
      const bool failed = fails_with_allocation(number, action);
      EXPECT_EQ(context_.memory().bytes_in_use, before) << "leaked at allocation " << number;
      if (HasFailure()) return number;
      if (!failed) return number - 1;
      check();
      if (HasFailure()) return number;
    }
    ADD_FAILURE() << "there are more than " << k_most << " allocations";
    return k_most;
  }

  ImplicitModel<float> model() {
    return ImplicitModel<float>(context_, {.states = 5, .inputs = 4, .outputs = 3}, {}, 3);
  }
  Matrix<float> inputs() {
    RandomValues random(1);
    std::vector<float> values;
    for (const double value : random.uniforms(4 * 6, -1.0, 1.0))
      values.push_back(static_cast<float>(value));
    return Matrix<float>::from_host(context_, 4, 6, values);
  }

  Context context_{Device::cuda(0)};
};

TEST_F(DeviceAllocation, OfAContextMayFail) {
  std::int64_t number = 1;
  while (fails_with_allocation(number, [] { Context context(Device::cuda(0)); })) ++number;
  EXPECT_GT(number, 1);
}

TEST_F(DeviceAllocation, OfAModelMayFail) {
  EXPECT_GE(fail_at_every_allocation([&] { model(); }), 1);
}

TEST_F(DeviceAllocation, OfAPredictionMayFail) {
  const ImplicitModel<float> kept = model();
  const Matrix<float> U = inputs();
  const auto predict = [&] { return download(context_, kept.predict(context_, U).Y); };
  const std::vector<float> expected = predict();
  const auto check = [&] { ASSERT_EQ(predict(), expected); };
  EXPECT_EQ(fail_at_every_allocation([&] { predict(); }, check), 2);  // Y and X
  // The first one of a context prepares for those after it.
  bool failed = true;
  std::int64_t number = 0;
  while (failed) {
    Context fresh(Device::cuda(0));
    const auto first = [&] { return download(fresh, kept.predict(fresh, U).Y); };
    failed = fails_with_allocation(++number, [&] { first(); });
    ASSERT_EQ(first(), expected) << "after allocation " << number;
  }
  EXPECT_GT(number, 5);
}

TEST_F(DeviceAllocation, OfAPassMayFail) {
  const ImplicitModel<float> kept = model();
  const Matrix<float> U = inputs();
  const std::int64_t count = fail_at_every_allocation([&] {
    BatchPass<float> pass(context_, kept, 6, {.backward = true, .input_gradient = true});
    copy<float>(context_, U, pass.U());
    static_cast<void>(pass.forward());
    copy<float>(context_, pass.Y(), pass.dY());
    static_cast<void>(pass.backward());
  });
  EXPECT_GT(count, 10);
}

TEST_F(DeviceAllocation, NoneIsMadeByARunningPass) {
  const ImplicitModel<float> kept = model();
  BatchPass<float> pass(context_, kept, 6, {.backward = true});
  copy<float>(context_, inputs(), pass.U());
  static_cast<void>(pass.forward());
  copy<float>(context_, pass.Y(), pass.dY());
  static_cast<void>(pass.backward());
  EXPECT_FALSE(fails_with_allocation(1, [&] {
    pass.forward_async();
    pass.backward_async();
  }));
}

TEST_F(DeviceAllocation, OfATrainingMayFailAndLeavesTheCheckpointBefore) {
  const Dataset data = make_dataset(8, 4, 3, 1);
  const Dataset test = make_dataset(4, 4, 3, 2);
  const TemporaryFolder folder;
  TrainerOptions options;
  options.epochs = 1;
  options.batch_size = 5;
  options.folder = folder.path();
  const auto train = [&] {
    ImplicitModel<float> trained = model();
    Trainer<float>(context_, trained, data, &test, options).fit();
  };
  train();
  const std::string checkpoint = tensors_in(folder / "checkpoint.safetensors");
  const std::ptrdiff_t files = folder.count();
  const auto check = [&] {
    ASSERT_EQ(folder.count(), files) << "something half-written was left";
    ASSERT_TRUE(tensors_in(folder / "checkpoint.safetensors") == checkpoint);
  };
  EXPECT_GT(fail_at_every_allocation(train, check), 20);
}

TEST_F(DeviceAllocation, OfLoadingAModelMayFail) {
  const TemporaryFolder folder;
  save_model(context_, model(), folder / "model.safetensors");
  EXPECT_GE(
      fail_at_every_allocation([&] { load_model<float>(context_, folder / "model.safetensors"); }),
      1);
}

}  // namespace
}  // namespace idl::test
