// SPDX-License-Identifier: MIT
// Every allocation of the library fails once, in turn: what comes out is an error that says so,
// nothing is leaked, and what was there before goes on working.
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "host/sparsify/prune.hpp"
#include "idl/c_api.h"
#include "idl/dlpack.hpp"
#include "idl/trainer.hpp"
#include "tests/allocation/failing_allocator.hpp"
#include "tests/host/device_test.hpp"
#include "tests/io/files.hpp"
#include "tests/training/synthetic_data.hpp"

namespace idl::test {
namespace {

template <class C>
class Allocation : public DeviceTest<C> {
 protected:
  using Element = typename C::Scalar;

  ImplicitModel<Element> model() {
    return ImplicitModel<Element>(this->context(), {.states = 5, .inputs = 4, .outputs = 3}, {}, 3);
  }
  Matrix<Element> inputs(index_t samples = 6) {
    RandomValues random(1);
    return this->matrix(4, samples, random.uniforms(4 * samples, -1.0, 1.0));
  }
};
TYPED_TEST_SUITE(Allocation, FloatCases, CaseNames);

TYPED_TEST(Allocation, OfAContextMayFail) {
  fail_at_every_allocation([&] { Context context(this->device()); });
}

TYPED_TEST(Allocation, OfAModelMayFail) {
  fail_at_every_allocation([&] { this->model(); });
}

TYPED_TEST(Allocation, OfAPredictionMayFail) {
  using T = typename TypeParam::Scalar;
  const ImplicitModel<T> model = this->model();
  const Matrix<T> U = this->inputs();
  const auto predict = [&] { return model.predict(this->context(), U); };
  const std::vector<T> expected = this->fetch(predict().Y);
  const auto check = [&] { ASSERT_EQ(this->fetch(predict().Y), expected); };
  fail_at_every_allocation([&] { static_cast<void>(predict()); }, check);
  fail_at_every_allocation(
      [&] {
        Context fresh(this->device());
        static_cast<void>(model.predict(fresh, U));
      },
      check);
}

TYPED_TEST(Allocation, OfAFirstPredictionThatFailsLeavesTheContextAsGoodAsNew) {
  using T = typename TypeParam::Scalar;
  const ImplicitModel<T> model = this->model();
  const Matrix<T> U = this->inputs();
  const Matrix<T> X0 = Matrix<T>::zeros(this->context(), 5, 6);
  const auto predict = [&](Context& context) { return model.predict(context, U, {}, X0.view()); };
  const std::vector<T> expected = this->fetch(predict(this->context()).Y);
  bool failed = true;
  for (std::int64_t number = 1; failed; ++number) {
    Context fresh(this->device());
    std::string text;
    failed = run_with_failure([&] { static_cast<void>(predict(fresh)); }, number, text);
    ASSERT_EQ(text, "") << "allocation " << number;
    ASSERT_EQ(this->fetch(predict(fresh).Y), expected) << "allocation " << number;
  }
}

TYPED_TEST(Allocation, OfAStartThatFailsLeavesThePassToStartFromZero) {
  using T = typename TypeParam::Scalar;
  const ImplicitModel<T> model = this->model();
  RandomValues random(2);
  const Matrix<T> X0 = this->matrix(5, 6, random.uniforms(30, 0.0, 1.0));
  BatchPass<T> pass(this->context(), model, 6, {.backward = false});
  copy<T>(this->context(), this->inputs(), pass.U());
  static_cast<void>(pass.forward());
  const std::vector<T> from_zero = this->fetch(pass.X());
  pass.start_from(X0.view());
  static_cast<void>(pass.forward());
  const std::vector<T> from_X0 = this->fetch(pass.X());
  ASSERT_NE(from_zero, from_X0);
  bool failed = true;
  for (std::int64_t number = 1; failed; ++number) {
    pass.start_from(std::nullopt);
    std::string text;
    failed = run_with_failure([&] { pass.start_from(X0.view()); }, number, text);
    ASSERT_EQ(text, "") << "allocation " << number;
    static_cast<void>(pass.forward());
    ASSERT_EQ(this->fetch(pass.X()), failed ? from_zero : from_X0) << "allocation " << number;
  }
}

template <class C>
class NoAllocation : public Allocation<C> {
 protected:
  /// Of `action`, by whichever thread, once it has been done.
  template <class Action>
  std::int64_t allocations_of(Action&& action) {
    action();
    const std::int64_t before = all_allocations();
    action();
    return all_allocations() - before;
  }
};
TYPED_TEST_SUITE(NoAllocation, CpuCases, CaseNames);

TYPED_TEST(NoAllocation, OfAPassThatRunsAgain) {
  using T = typename TypeParam::Scalar;
  const ImplicitModel<T> model = this->model();
  for (const index_t m : {1, 2, 6, 40}) {
    BatchPass<T> pass(this->context(), model, m, {});
    copy<T>(this->context(), this->inputs(m), pass.U());
    SolveReport report;
    EXPECT_EQ(this->allocations_of([&] { pass.forward(report); }), 0) << m << " samples";
    EXPECT_TRUE(report.all_converged());
    EXPECT_EQ(report.status.size(), static_cast<std::size_t>(m));
    copy<T>(this->context(), pass.Y(), pass.dY());
    EXPECT_EQ(this->allocations_of([&] { pass.backward(report); }), 0) << m << " samples";
  }
}

TYPED_TEST(NoAllocation, OfARecurrentPassThatRunsAgain) {
  using T = typename TypeParam::Scalar;
  const ImplicitRnn<T> model(this->context(), {.inputs = 2, .states = 5, .hidden = 3});
  for (const index_t kept : {0, 2}) {
    RecurrentPass<T> pass(this->context(), model, 40, 4, {.recompute = kept});
    EXPECT_EQ(this->allocations_of([&] { pass.forward_async(); }), 0);
    EXPECT_EQ(this->allocations_of([&] { pass.backward_async(); }), 0);
  }
}

TYPED_TEST(NoAllocation, OfAPredictionOfAShapeThatIsKnown) {
  using T = typename TypeParam::Scalar;
  const ImplicitModel<T> model = this->model();
  SolveReport report;
  for (const index_t m : {1, 2, 6, 40}) {
    const Matrix<T> U = this->inputs(m);
    Matrix<T> Y(this->context(), 3, m), X(this->context(), 5, m);
    const Matrix<T> X0 = Matrix<T>::zeros(this->context(), 5, m);
    EXPECT_EQ(
        this->allocations_of([&] { model.predict_into(this->context(), U, Y, X.view(), report); }),
        0)
        << m << " samples";
    EXPECT_EQ(this->allocations_of([&] {
      model.predict_into(this->context(), U, Y, X.view(), report, {}, X0.view());
    }),
              0)
        << m << " samples, from a start";
  }
}

TEST(NoAllocationInC, OfAPredictionOfAShapeThatIsKnown) {
  idl_context* context = nullptr;
  idl_model* model = nullptr;
  ASSERT_EQ(idl_context_create("cpu", nullptr, &context), IDL_STATUS_OK);
  ASSERT_EQ(idl_model_create(context, IDL_FLOAT64, 5, 4, 2, "relu", 0.9, 0, 1, &model),
            IDL_STATUS_OK);
  const std::vector<double> U(5 * 3, 0.5);
  std::vector<double> Y(3 * 3), X(5 * 3);
  std::vector<idl_sample_report> reports(3);
  const auto predict = [&] {
    EXPECT_EQ(idl_model_predict(context, model, 3, U.data(), 5, Y.data(), 3, X.data(), 5,
                                IDL_MEMORY_HOST, nullptr, reports.data()),
              IDL_STATUS_OK);
  };
  predict();
  const std::int64_t before = all_allocations();
  predict();
  EXPECT_EQ(all_allocations(), before);
  idl_model_destroy(model);
  idl_context_destroy(context);
}

TEST(NoAllocationInC, OfAPassThatRunsAgain) {
  constexpr std::int64_t n = 5, p = 4, q = 3, m = 6;
  idl_context* context = nullptr;
  ASSERT_EQ(idl_context_create("cpu", nullptr, &context), IDL_STATUS_OK);
  for (const idl_precision precision : {IDL_FLOAT32, IDL_FLOAT64}) {
    idl_model* model = nullptr;
    idl_pass* pass = nullptr;
    idl_pass_settings settings = {};
    settings.struct_size = sizeof(settings);
    settings.input_gradient = 1;
    ASSERT_EQ(idl_model_create(context, precision, n, p, q, "relu", 0.9, 0, 1, &model),
              IDL_STATUS_OK);
    ASSERT_EQ(idl_pass_create(context, model, m, &settings, &pass), IDL_STATUS_OK);
    // Room for either precision.
    const std::vector<double> U(p * m, 0.5), X0(n * m, 0.0), dY(q * m, 0.25);
    std::vector<double> Y(q * m), X(n * m), dM((n + q) * (n + p)), dU(p * m);
    std::vector<idl_sample_report> reports(m);
    for (const void* start :
         {static_cast<const void*>(nullptr), static_cast<const void*>(X0.data())}) {
      const auto run = [&](idl_sample_report* told) {
        EXPECT_EQ(idl_pass_forward(pass, U.data(), p, start, n, Y.data(), q, X.data(), n,
                                   IDL_MEMORY_HOST, told),
                  IDL_STATUS_OK);
        EXPECT_EQ(idl_pass_restore(pass, U.data(), p, X.data(), n, IDL_MEMORY_HOST), IDL_STATUS_OK);
        EXPECT_EQ(idl_pass_backward(pass, dY.data(), q, dM.data(), n + q, dU.data(), p,
                                    IDL_MEMORY_HOST, told),
                  IDL_STATUS_OK);
      };
      run(reports.data());
      const std::int64_t before = all_allocations();
      run(reports.data());
      run(nullptr);
      EXPECT_EQ(all_allocations(), before);
    }
    idl_pass_destroy(pass);
    idl_model_destroy(model);
  }
  idl_context_destroy(context);
}

TYPED_TEST(Allocation, OfAPassMayFail) {
  using T = typename TypeParam::Scalar;
  const ImplicitModel<T> model = this->model();
  const Matrix<T> U = this->inputs();
  fail_at_every_allocation([&] {
    BatchPass<T> pass(this->context(), model, 6, {.backward = true, .input_gradient = true});
    copy<T>(this->context(), U, pass.U());
    static_cast<void>(pass.forward());
    copy<T>(this->context(), pass.Y(), pass.dY());
    static_cast<void>(pass.backward());
  });
}

TYPED_TEST(Allocation, OfARunningPassMayFail) {
  using T = typename TypeParam::Scalar;
  const ImplicitModel<T> model = this->model();
  BatchPass<T> pass(this->context(), model, 6, {.backward = false});
  copy<T>(this->context(), this->inputs(), pass.U());
  static_cast<void>(pass.forward());
  const std::vector<T> expected = this->fetch(pass.Y());
  const auto run = [&] {
    static_cast<void>(pass.forward());
    static_cast<void>(pass.fetch_forward_outcome().get());
  };
  fail_at_every_allocation(run, [&] {
    run();
    ASSERT_EQ(this->fetch(pass.Y()), expected);
  });
}

// Not of resuming one: the JSON library needs memory to destroy what it has parsed, and ends the
// process where there is none.
TYPED_TEST(Allocation, OfATrainingMayFailAndLeavesTheCheckpointBefore) {
  using T = typename TypeParam::Scalar;
  const Dataset data = make_dataset(8, 4, 3, 1);
  const Dataset test = make_dataset(4, 4, 3, 2);
  const TemporaryFolder folder;
  TrainerOptions options;
  options.epochs = 1;
  options.batch_size = 5;
  options.folder = folder.path();
  const auto train = [&] {
    ImplicitModel<T> model = this->model();
    Trainer<T>(this->context(), model, data, &test, options).fit();
  };
  train();
  const std::string expected = tensors_in(folder / "checkpoint.safetensors");
  const std::ptrdiff_t files = folder.count();
  fail_at_every_allocation(
      train,
      [&] {
        ASSERT_EQ(folder.count(), files) << "something half-written was left";
        ASSERT_TRUE(tensors_in(folder / "checkpoint.safetensors") == expected);
      },
      7);
}

TYPED_TEST(Allocation, OfPruningMayFailAndLeavesModelAndMomentsAsTheyWere) {
  using T = typename TypeParam::Scalar;
  ImplicitModel<T> model = this->model();
  Optimizer<T> optimizer(this->context(), model, {});
  const auto values = this->fetch(std::as_const(model).M());
  fail_at_every_allocation(
      [&] {
        ImplicitModel<T> pruned = model.clone(this->context());
        Optimizer<T> of_pruned(this->context(), pruned, {});
        try {
          prune(this->context(), pruned, of_pruned, SparsifyTarget::all_matrices, 0.5);
        } catch (const OutOfMemory&) {
          EXPECT_EQ(pruned.M().rows, model.M().rows);
          EXPECT_EQ(of_pruned.first_moment().rows, model.M().rows);
          throw;
        }
      },
      [&] { ASSERT_EQ(this->fetch(std::as_const(model).M()), values); });
}

TYPED_TEST(Allocation, OfSavingAndLoadingMayFailAndLeavesTheFileBefore) {
  using T = typename TypeParam::Scalar;
  const TemporaryFolder folder;
  const ImplicitModel<T> model = this->model();
  const auto path = folder / "model.safetensors";
  save_model(this->context(), model, path);
  const std::string bytes = read_text(path);
  fail_at_every_allocation([&] { save_model(this->context(), model, path); },
                           [&] {
                             ASSERT_EQ(folder.count(), 1);
                             ASSERT_TRUE(read_text(path) == bytes);
                           });
  fail_at_every_allocation([&] { load_model<T>(this->context(), path); });
}

TYPED_TEST(Allocation, OfADlpackTensorMayFail) {
  using T = typename TypeParam::Scalar;
  fail_at_every_allocation([&] {
    DLManagedTensor* tensor = to_dlpack(Matrix<T>::zeros(this->context(), 3, 2));
    static_cast<void>(from_dlpack<T>(tensor->dl_tensor));
    tensor->deleter(tensor);
  });
}

TYPED_TEST(Allocation, BehindTheCInterfaceIsAStatus) {
  const TemporaryFolder folder;
  const std::string path = (folder / "model.safetensors").string();
  const std::string device = to_string(this->device());
  const std::vector<float> U(12, 0.5F);
  const std::vector<std::int32_t> labels = {0, 1, 0};
  std::vector<float> Y(6);
  bool refused = false;
  const auto went_well = [&](idl_status status) {
    if (status == IDL_STATUS_OUT_OF_MEMORY) refused = true;
    if (status != IDL_STATUS_OK && status != IDL_STATUS_OUT_OF_MEMORY)
      throw Error("status " + std::to_string(status) + ": " + idl_last_error());
    return status == IDL_STATUS_OK;
  };
  fail_at_every_allocation([&] {
    idl_context* context = nullptr;
    idl_model* model = nullptr;
    idl_model* loaded = nullptr;
    idl_trainer* trainer = nullptr;
    if (went_well(idl_context_create(device.c_str(), nullptr, &context)) &&
        went_well(idl_model_create(context, IDL_FLOAT32, 5, 4, 2, "relu", 0.9, 0, 1, &model)) &&
        went_well(idl_model_save(context, model, path.c_str())) &&
        went_well(idl_model_load(context, path.c_str(), IDL_FLOAT32, &loaded)) &&
        went_well(idl_model_predict(context, loaded, 3, U.data(), 4, Y.data(), 2, nullptr, 0,
                                    IDL_MEMORY_HOST, nullptr, nullptr)) &&
        went_well(idl_trainer_create(context, model, 3, 1e-3, nullptr, &trainer))) {
      double loss = 0;
      went_well(
          idl_trainer_step(trainer, U.data(), 4, labels.data(), IDL_MEMORY_HOST, &loss, nullptr));
    }
    idl_trainer_destroy(trainer);
    idl_model_destroy(loaded);
    idl_model_destroy(model);
    idl_context_destroy(context);
  });
  EXPECT_TRUE(refused);
}

TEST(AllocationOfFiles, MayFail) {
  const TemporaryFolder folder;
  const std::string data = IDL_TEST_DATA "/io/";
  const io::Array array = io::read_npy(data + "c_order_f8.npy");
  const auto path = folder / "array.npy";
  fail_at_every_allocation([&] { io::write_npy(path, array); },
                           [&] { ASSERT_LE(folder.count(), 1); });
  for (const char* name : {"fortran_f8.npy", "c_order_f4.npy"})
    fail_at_every_allocation([&] { static_cast<void>(io::read_npy(data + name)); });
  for (const char* name : {"images.idx", "images.idx.gz"})
    fail_at_every_allocation([&] { static_cast<void>(io::read_idx(data + name)); });
  fail_at_every_allocation(
      [&] { static_cast<void>(io::read_safetensors(data + "types.safetensors")); });
}

}  // namespace
}  // namespace idl::test
