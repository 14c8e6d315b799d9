// SPDX-License-Identifier: MIT
// What several threads may do at once: a Context each, and one model, one data set and one folder
// between them. The thread sanitizer watches these tests; without it they compare bits.
#include <gtest/gtest.h>

#include <atomic>
#include <exception>
#include <functional>
#include <latch>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "idl/c_api.h"
#include "idl/dlpack.hpp"
#include "idl/io.hpp"
#include "idl/trainer.hpp"
#include "tests/host/device_test.hpp"
#include "tests/io/files.hpp"
#include "tests/training/synthetic_data.hpp"

namespace idl::test {
namespace {

constexpr int k_threads = 4;

/// body(0), ..., body(threads - 1), each on a thread of its own, all of which begin together.
void in_threads(int threads, const std::function<void(int)>& body) {
  std::latch start(threads);
  std::vector<std::thread> running;
  for (int k = 0; k < threads; ++k)
    running.emplace_back([&start, &body, k] {
      start.arrive_and_wait();
      try {
        body(k);
      } catch (const std::exception& error) {
        ADD_FAILURE() << "thread " << k << " threw: " << error.what();
      }
    });
  for (std::thread& thread : running) thread.join();
}

template <class C>
class Concurrency : public DeviceTest<C> {
 protected:
  using Element = typename C::Scalar;

  static constexpr ModelShape k_shape{.states = 20, .inputs = 6, .outputs = 3};
  /// Few where a GPU may be an emulation, which takes its time.
  static constexpr int k_rounds = C::k_device == DeviceKind::cpu ? 10 : 2;

  ImplicitModel<Element> model() {
    return ImplicitModel<Element>(this->context(), k_shape, {.bias = true}, 11);
  }
  static std::vector<Element> inputs(int thread, index_t samples) {
    RandomValues random(static_cast<std::uint64_t>(thread) + 1);
    const std::vector<double> values = random.uniforms(k_shape.inputs * samples, -1.0, 1.0);
    return {values.begin(), values.end()};
  }
  static std::vector<Element> predict(Context& context, const ImplicitModel<Element>& model,
                                      int thread) {
    const index_t samples = 5 + thread;
    const auto U =
        Matrix<Element>::from_host(context, k_shape.inputs, samples, inputs(thread, samples));
    return download<Element>(context, model.predict(context, U.view()).Y.view());
  }
};

TYPED_TEST_SUITE(Concurrency, FloatCases, CaseNames);

// As a process of its own, this test is the first to touch what the process makes once.
TYPED_TEST(Concurrency, LetsThreadsAskForDevicesAndMakeContextsAtOnce) {
  in_threads(k_threads, [&](int) {
    EXPECT_EQ(parse_device(to_string(this->device())), this->device());
    EXPECT_GE(cuda_devices().count, 0);
    EXPECT_FALSE(describe(this->device()).empty());
    Context context(this->device());
    const auto ones = Matrix<float>::from_host(context, 2, 2, std::vector<float>(4, 1.0F));
    EXPECT_EQ(download<float>(context, ones.view()), std::vector<float>(4, 1.0F));
  });
}

TYPED_TEST(Concurrency, GivesTheSameBitsWhenThreadsPredictWithOneModel) {
  using T = typename TypeParam::Scalar;
  const ImplicitModel<T> model = this->model();
  std::vector<std::vector<T>> expected;
  for (int k = 0; k < k_threads; ++k) expected.push_back(this->predict(this->context(), model, k));
  in_threads(k_threads, [&](int k) {
    Context context(this->device());
    for (int round = 0; round < TestFixture::k_rounds; ++round)
      EXPECT_TRUE(
          same_bits(this->predict(context, model, k), expected[static_cast<std::size_t>(k)]));
  });
}

TYPED_TEST(Concurrency, GivesTheSameBitsWhenThreadsRunPassesOfOneModel) {
  using T = typename TypeParam::Scalar;
  const ImplicitModel<T> model = this->model();
  const auto gradient = [&](Context& context, int thread) {
    BatchPass<T> pass(context, model, 7, {.backward = true, .input_gradient = true});
    upload<T>(context, this->inputs(thread, 7), pass.U());
    static_cast<void>(pass.forward());
    copy<T>(context, pass.Y(), pass.dY());
    static_cast<void>(pass.backward());
    return download<T>(context, pass.dM());
  };
  std::vector<std::vector<T>> expected;
  for (int k = 0; k < k_threads; ++k) expected.push_back(gradient(this->context(), k));
  in_threads(k_threads, [&](int k) {
    Context context(this->device());
    for (int round = 0; round < TestFixture::k_rounds; ++round)
      EXPECT_TRUE(same_bits(gradient(context, k), expected[static_cast<std::size_t>(k)]));
  });
}

TYPED_TEST(Concurrency, LetsThreadsEvaluateOneModelOnOneDataSet) {
  using T = typename TypeParam::Scalar;
  const ImplicitModel<T> model = this->model();
  const Dataset data = make_dataset(53, this->k_shape.inputs, this->k_shape.outputs, 1);
  const auto run = [&](Context& context) {
    return evaluate(context, model, data, LossKind::squared_error, 10);
  };
  const Evaluation expected = run(this->context());
  in_threads(k_threads, [&](int) {
    Context context(this->device());
    for (int round = 0; round < TestFixture::k_rounds; ++round) {
      const Evaluation found = run(context);
      EXPECT_EQ(found.loss, expected.loss);
      EXPECT_EQ(found.accuracy, expected.accuracy);
      EXPECT_EQ(found.samples, 53);
    }
  });
}

TYPED_TEST(Concurrency, LetsThreadsSaveOneModelIntoOneFileThatOthersRead) {
  using T = typename TypeParam::Scalar;
  const TemporaryFolder folder;
  const auto path = folder / "model.safetensors";
  const ImplicitModel<T> model = this->model();
  save_model(this->context(), model, path);
  const std::string expected = read_text(path);
  in_threads(k_threads, [&](int k) {
    Context context(this->device());
    for (int round = 0; round < TestFixture::k_rounds; ++round) {
      if (k % 2 == 0) {
        save_model(context, model, path);
      } else {
        EXPECT_EQ(read_text(path), expected) << "a reader saw another file than the whole one";
        EXPECT_EQ(load_model<T>(context, path).shape(), model.shape());
      }
    }
  });
  EXPECT_EQ(read_text(path), expected);
  EXPECT_EQ(folder.count(), 1) << "a temporary file was left";
}

TYPED_TEST(Concurrency, GivesTheSameBitsWhenTwoTrainersRunAtOnce) {
  using T = typename TypeParam::Scalar;
  const Dataset train = make_dataset(44, this->k_shape.inputs, this->k_shape.outputs, 1);
  const Dataset test = make_dataset(20, this->k_shape.inputs, this->k_shape.outputs, 2);
  const TemporaryFolder folder;
  const auto trained = [&](int k, const std::string& name) {
    Context context(this->device());
    ImplicitModel<T> model(context, this->k_shape, {}, static_cast<std::uint64_t>(k));
    TrainerOptions options;
    options.epochs = 2;
    options.batch_size = 10;
    options.loss = k == 0 ? LossKind::softmax_cross_entropy : LossKind::squared_error;
    options.seed = static_cast<std::uint64_t>(k);
    options.folder = folder / name;
    options.checkpoint_interval = 3;
    EXPECT_EQ(Trainer<T>(context, model, train, &test, options).fit(), TrainingEnd::finished);
    return download<T>(context, std::as_const(model).M());
  };
  const std::vector<T> expected[2] = {trained(0, "first alone"), trained(1, "second alone")};
  in_threads(2, [&](int k) {
    EXPECT_TRUE(same_bits(trained(k, k == 0 ? "first" : "second"), expected[k]));
  });
  // (The checkpoint also holds the length of the metrics, which tell times.)
  for (const char* name : {"best.safetensors", "last.safetensors"})
    EXPECT_TRUE(read_text(folder / "first" / name) == read_text(folder / "first alone" / name));
}

TYPED_TEST(Concurrency, LetsAnotherThreadStopATraining) {
  using T = typename TypeParam::Scalar;
  const Dataset train = make_dataset(200, this->k_shape.inputs, this->k_shape.outputs, 1);
  ImplicitModel<T> model = this->model();
  std::atomic<std::int64_t> steps{0};
  std::atomic<bool> stop{false};
  TrainerOptions options;
  options.epochs = 1000000;
  options.batch_size = 10;
  options.on_step = [&](const StepMetrics& metrics) { steps = metrics.step; };
  options.stop_requested = [&] { return stop.load(); };
  std::thread stopper([&] {
    while (steps < 5) std::this_thread::yield();
    stop = true;
  });
  EXPECT_EQ(Trainer<T>(this->context(), model, train, nullptr, options).fit(),
            TrainingEnd::stopped);
  stopper.join();
  EXPECT_GE(steps, 5);
}

// One thread uses a Context at a time, but it need not always be the same.
TYPED_TEST(Concurrency, HandsAContextFromThreadToThread) {
  using T = typename TypeParam::Scalar;
  const ImplicitModel<T> model = this->model();
  const std::vector<T> expected = this->predict(this->context(), model, 0);
  for (int round = 0; round < 3; ++round)
    std::thread([&] {
      EXPECT_TRUE(same_bits(this->predict(this->context(), model, 0), expected));
    }).join();
}

TYPED_TEST(Concurrency, LetsMatricesEndOnOtherThreadsThanTheOneThatWorks) {
  using T = typename TypeParam::Scalar;
  const ImplicitModel<T> model = this->model();
  const std::vector<T> expected = this->predict(this->context(), model, 0);
  const std::size_t before = this->context().memory().bytes_in_use;
  for (int round = 0; round < 10; ++round) {
    auto matrix = std::make_unique<Matrix<T>>(Matrix<T>::zeros(this->context(), 30, 4));
    DLManagedTensor* tensor = to_dlpack(Matrix<T>::zeros(this->context(), 3, 40));
    std::thread other([&matrix, tensor] {
      matrix.reset();
      tensor->deleter(tensor);
    });
    EXPECT_TRUE(same_bits(this->predict(this->context(), model, 0), expected));
    other.join();
  }
  EXPECT_EQ(this->context().memory().bytes_in_use, before);
}

TYPED_TEST(Concurrency, CallsTheLogOnTheThreadThatUsesTheContext) {
  using T = typename TypeParam::Scalar;
  const ImplicitModel<T> model = this->model();
  std::mutex mutex;
  std::vector<std::pair<std::thread::id, std::string>> log;
  std::vector<std::thread::id> expected;
  in_threads(k_threads, [&](int k) {
    Context context(ContextOptions{.device = this->device(),
                                   .stream = nullptr,
                                   .log =
                                       [&](Severity severity, std::string_view text) {
                                         EXPECT_EQ(severity, Severity::warning);
                                         const std::lock_guard lock(mutex);
                                         log.emplace_back(std::this_thread::get_id(), text);
                                       },
                                   .every_solve_warning = true});
    SolverOptions one_iteration;
    one_iteration.forward.max_iterations = 1;
    const auto U = Matrix<T>::from_host(context, this->k_shape.inputs, 5, this->inputs(k, 5));
    for (int round = 0; round < 3; ++round)
      static_cast<void>(model.predict(context, U.view(), one_iteration));
    const std::lock_guard lock(mutex);
    for (int round = 0; round < 3; ++round) expected.push_back(std::this_thread::get_id());
  });
  std::vector<std::thread::id> found;
  for (const auto& [thread, text] : log) {
    EXPECT_TRUE(holds(text, {"predict", "5 of 5", "did not converge"}));
    found.push_back(thread);
  }
  std::sort(found.begin(), found.end());
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(found, expected);
}

TYPED_TEST(Concurrency, KeepsTheCInterfacesLastErrorPerThread) {
  const std::string device = to_string(this->device());
  const std::string before = idl_last_error();  // other tests may have run on this thread
  std::latch all_failed(k_threads);
  in_threads(k_threads, [&](int k) {
    EXPECT_STREQ(idl_last_error(), "") << "a new thread has no error";
    idl_context* context = nullptr;
    ASSERT_EQ(idl_context_create(device.c_str(), nullptr, &context), IDL_STATUS_OK);
    const std::string name = "no such activation " + std::to_string(k);
    idl_model* model = nullptr;
    EXPECT_EQ(idl_model_create(context, IDL_FLOAT32, 4, 3, 2, name.c_str(), 0.5, 0, 0, &model),
              IDL_STATUS_INVALID_ARGUMENT);
    EXPECT_EQ(model, nullptr);
    all_failed.arrive_and_wait();
    EXPECT_TRUE(holds(idl_last_error(), {name}));
    idl_context_destroy(context);
  });
  EXPECT_EQ(idl_last_error(), before);
}

TYPED_TEST(Concurrency, LetsThreadsPredictWithOneModelOfTheCInterface) {
  const std::string device = to_string(this->device());
  idl_context* context = nullptr;
  idl_model* model = nullptr;
  ASSERT_EQ(idl_context_create(device.c_str(), nullptr, &context), IDL_STATUS_OK);
  ASSERT_EQ(idl_model_create(context, IDL_FLOAT32, 20, 6, 3, "relu", 0.9, 1, 5, &model),
            IDL_STATUS_OK);
  const std::vector<float> U(static_cast<std::size_t>(6) * 8, 0.25F);
  const auto predict = [&](idl_context* its_context) {
    std::vector<float> Y(static_cast<std::size_t>(3) * 8);
    EXPECT_EQ(idl_model_predict(its_context, model, 8, U.data(), 6, Y.data(), 3, nullptr, 0,
                                IDL_MEMORY_HOST, nullptr, nullptr),
              IDL_STATUS_OK);
    return Y;
  };
  const std::vector<float> expected = predict(context);
  in_threads(k_threads, [&](int) {
    idl_context* its_context = nullptr;
    ASSERT_EQ(idl_context_create(device.c_str(), nullptr, &its_context), IDL_STATUS_OK);
    for (int round = 0; round < 5; ++round) EXPECT_TRUE(same_bits(predict(its_context), expected));
    idl_context_destroy(its_context);
  });
  idl_model_destroy(model);
  idl_context_destroy(context);
}

// Large enough for each of these to work with several threads of its own.
TEST(ConcurrencyOnTheCpu, GivesTheSameBitsWhenThreadsShareTheCores) {
  constexpr index_t k_samples = 300;
  Context context(Device::cpu());
  const ImplicitModel<float> model(context, {.states = 300, .inputs = 50, .outputs = 10}, {}, 1);
  RandomValues random(3);
  const std::vector<double> values = random.uniforms(50 * k_samples, -1.0, 1.0);
  const std::vector<float> rounded(values.begin(), values.end());
  const auto gradient = [&](Context& its_context) {
    BatchPass<float> pass(its_context, model, k_samples, {.backward = true});
    upload<float>(its_context, rounded, pass.U());
    static_cast<void>(pass.forward());
    copy<float>(its_context, pass.Y(), pass.dY());
    static_cast<void>(pass.backward());
    return download<float>(its_context, pass.dM());
  };
  const std::vector<float> expected = gradient(context);
  in_threads(k_threads, [&](int) {
    Context its_context(Device::cpu());
    for (int round = 0; round < 3; ++round) EXPECT_TRUE(same_bits(gradient(its_context), expected));
  });
}

}  // namespace
}  // namespace idl::test
