// SPDX-License-Identifier: MIT
// The C interface gives what the C++ one gives, bit for bit, and refuses what is wrong.
#include "idl/c_api.h"

#include "host/train/training_step.hpp"
#include "idl/recurrent.hpp"
#include "tests/host/c_api_fixture.hpp"
#include "tests/io/files.hpp"

namespace idl::test {
namespace {

constexpr std::int64_t k_n = 5;
constexpr std::int64_t k_p = 4;
constexpr std::int64_t k_q = 3;
constexpr std::int64_t k_m = 6;

template <class C>
using CApiTest = CApiFixture<C>;
TYPED_TEST_SUITE(CApiTest, AllCases, CaseNames);

TYPED_TEST(CApiTest, PredictsOnHostMemoryWhatCppPredicts) {
  using T = typename TypeParam::Scalar;
  const std::vector<T> U = this->inputs();
  const auto expected = this->cpp_model().predict(
      this->context(), Matrix<T>::from_host(this->context(), k_p, k_m, U));
  // Columns of U, Y and X with gaps, which stay as they are.
  constexpr std::int64_t k_ldu = k_p + 2, k_ldy = k_q + 1, k_ldx = k_n + 3;
  const T gap = T(-7);
  std::vector<T> spaced(k_ldu * k_m, gap), Y(k_ldy * k_m, gap), X(k_ldx * k_m, gap);
  for (std::size_t j = 0; j < k_m; ++j)
    std::copy_n(U.begin() + static_cast<std::ptrdiff_t>(j * k_p), k_p,
                spaced.begin() + static_cast<std::ptrdiff_t>(j * k_ldu));
  std::vector<idl_sample_report> reports(k_m);
  ASSERT_EQ(
      idl_model_predict(this->c_context_.get(), this->c_model_.get(), k_m, spaced.data(), k_ldu,
                        Y.data(), k_ldy, X.data(), k_ldx, IDL_MEMORY_HOST, nullptr, reports.data()),
      IDL_STATUS_OK)
      << idl_last_error();
  const std::vector<T> expected_Y = this->fetch(expected.Y);
  for (std::size_t j = 0; j < k_m; ++j) {
    for (std::size_t i = 0; i < k_q; ++i) EXPECT_EQ(Y[i + j * k_ldy], expected_Y[i + j * k_q]);
    EXPECT_EQ(Y[k_q + j * k_ldy], gap);
    EXPECT_EQ(X[k_n + j * k_ldx], gap);
    EXPECT_EQ(reports[j].status, IDL_SOLVE_CONVERGED);
    EXPECT_EQ(reports[j].iterations, expected.report.iterations[j]);
    EXPECT_EQ(reports[j].error_bound, expected.report.error_bound[j]);
  }
}

TYPED_TEST(CApiTest, SolvesByTheMethodThatIsAskedFor) {
  using T = typename TypeParam::Scalar;
  struct Request {
    std::int32_t field;
    Sweep sweep;
    Acceleration acceleration;
  };
  const std::vector<T> U = this->inputs();
  for (const Request& request : {Request{0, Sweep::automatic, Acceleration::automatic},
                                 Request{1, Sweep::gauss_seidel, Acceleration::anderson},
                                 Request{-1, Sweep::jacobi, Acceleration::none}}) {
    const auto expected = this->cpp_model().predict(
        this->context(), Matrix<T>::from_host(this->context(), k_p, k_m, U),
        {.sweep = request.sweep, .acceleration = request.acceleration});
    idl_solver_options options = {};
    options.anderson = request.field;
    options.gauss_seidel = request.field;
    std::vector<T> Y(k_q * k_m);
    std::vector<idl_sample_report> reports(k_m);
    ASSERT_EQ(
        idl_model_predict(this->c_context_.get(), this->c_model_.get(), k_m, U.data(), k_p,
                          Y.data(), k_q, nullptr, 0, IDL_MEMORY_HOST, &options, reports.data()),
        IDL_STATUS_OK)
        << idl_last_error();
    EXPECT_EQ(Y, this->fetch(expected.Y));
    for (std::size_t j = 0; j < k_m; ++j) {
      EXPECT_EQ(reports[j].iterations, expected.report.iterations[j]);
      EXPECT_EQ(reports[j].fallbacks, expected.report.fallbacks[j]);
    }
  }
}

TYPED_TEST(CApiTest, PredictsOnDeviceMemoryWithoutACopy) {
  using T = typename TypeParam::Scalar;
  const auto U = Matrix<T>::from_host(this->context(), k_p, k_m, this->inputs());
  const auto expected = this->cpp_model().predict(this->context(), U);
  Matrix<T> Y(this->context(), k_q, k_m);
  this->context().synchronize();  // two contexts: what one wrote the other reads
  ASSERT_EQ(idl_model_predict(this->c_context_.get(), this->c_model_.get(), k_m, U.data(), U.ld(),
                              Y.data(), Y.ld(), nullptr, 0, IDL_MEMORY_DEVICE, nullptr, nullptr),
            IDL_STATUS_OK)
      << idl_last_error();
  EXPECT_EQ(this->fetch(Y), this->fetch(expected.Y));
}

TEST(CApi, TakesTheNumberOfThreads) {
  idl_context* context = nullptr;
  EXPECT_EQ(idl_context_create_with_threads("cpu", nullptr, 2, &context), IDL_STATUS_OK);
  EXPECT_NE(context, nullptr);
  idl_context_destroy(context);
  for (const int threads : {-1, 257}) {
    EXPECT_EQ(idl_context_create_with_threads("cpu", nullptr, threads, &context),
              IDL_STATUS_INVALID_ARGUMENT);
    EXPECT_EQ(context, nullptr);
    EXPECT_TRUE(holds(idl_last_error(), {"threads is " + std::to_string(threads), "256"}));
  }
}

TYPED_TEST(CApiTest, TrainsAsCppTrains) {
  using T = typename TypeParam::Scalar;
  std::vector<T> U = this->inputs();
  std::vector<std::int32_t> labels = {0, 1, 2, 0, 1, 2};
  ImplicitModel<T> model = this->cpp_model();
  Optimizer<T> optimizer(this->context(), model, {.learning_rate = 1e-2});
  TrainingStep<T> step(this->context(), model, k_m, LossKind::softmax_cross_entropy, {}, true);
  idl_trainer* made = nullptr;
  ASSERT_EQ(
      idl_trainer_create(this->c_context_.get(), this->c_model_.get(), k_m, 1e-2, nullptr, &made),
      IDL_STATUS_OK)
      << idl_last_error();
  const Handle<idl_trainer> trainer(made);
  for (int k = 0; k < 3; ++k) {
    step.launch({.U = U.data(), .labels = labels.data(), .target = nullptr, .samples = k_m});
    const BatchFigures figures = step.fetch().get(this->context());
    optimizer.step(this->context(), model, step.dM());
    double loss = 0.0;
    double accuracy = -1.0;
    ASSERT_EQ(idl_trainer_step(trainer.get(), U.data(), k_p, labels.data(), IDL_MEMORY_HOST, &loss,
                               &accuracy),
              IDL_STATUS_OK)
        << idl_last_error();
    EXPECT_NEAR(loss, figures.loss_sum / k_m, 1e-6 * loss);
    EXPECT_NEAR(accuracy, figures.correct / k_m, 1e-12);
  }
  const TemporaryFolder folder;
  const std::string path = (folder / "trained.safetensors").string();
  ASSERT_EQ(idl_model_save(this->c_context_.get(), this->c_model_.get(), path.c_str()),
            IDL_STATUS_OK);
  const auto loaded = load_model<T>(this->context(), path);
  EXPECT_EQ(download<T>(this->context(), loaded.M()),
            download<T>(this->context(), std::as_const(model).M()));
}

TYPED_TEST(CApiTest, RefusesAFileOfARecurrentModel) {
  using T = typename TypeParam::Scalar;
  const TemporaryFolder folder;
  const std::string path = (folder / "rnn.safetensors").string();
  save_model(this->context(),
             ImplicitRnn<T>(this->context(), {.inputs = 2, .states = 5, .hidden = 3, .outputs = 2}),
             path);
  idl_model* none = nullptr;
  const idl_precision precision = sizeof(T) == 8 ? IDL_FLOAT64 : IDL_FLOAT32;
  EXPECT_EQ(idl_model_load(this->c_context_.get(), path.c_str(), precision, &none),
            IDL_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(none, nullptr);
  EXPECT_TRUE(holds(idl_last_error(), {path, "is a recurrent model (hidden 3)"}));
}

TYPED_TEST(CApiTest, TrainsOnDeviceMemoryAsOnTheHosts) {
  using T = typename TypeParam::Scalar;
  const std::vector<T> U = this->inputs();
  const std::vector<std::int32_t> labels = {2, 1, 0, 0, 2, 1};
  const auto device_U = Matrix<T>::from_host(this->context(), k_p, k_m, U);
  const auto device_labels = Vector<std::int32_t>::from_host(this->context(), labels);
  this->context().synchronize();  // two contexts: what one wrote the other reads
  const TemporaryFolder folder;
  const auto trained = [&](const char* name, auto step) {
    const Handle<idl_model> model(this->make_model());
    idl_trainer* made = nullptr;
    EXPECT_EQ(idl_trainer_create(this->c_context_.get(), model.get(), k_m, 1e-2, nullptr, &made),
              IDL_STATUS_OK)
        << idl_last_error();
    const Handle<idl_trainer> trainer(made);
    double loss = 0.0;
    for (int k = 0; k < 3; ++k) {
      EXPECT_EQ(step(trainer.get(), k < 2 ? nullptr : &loss), IDL_STATUS_OK) << idl_last_error();
    }
    const std::string path = (folder / name).string();
    EXPECT_EQ(idl_model_save(this->c_context_.get(), model.get(), path.c_str()), IDL_STATUS_OK);
    return std::pair(loss, read_text(path));
  };
  const auto of_host = trained("host.safetensors", [&](idl_trainer* trainer, double* loss) {
    return idl_trainer_step(trainer, U.data(), k_p, labels.data(), IDL_MEMORY_HOST, loss, nullptr);
  });
  const auto of_device = trained("device.safetensors", [&](idl_trainer* trainer, double* loss) {
    return idl_trainer_step(trainer, device_U.data(), device_U.ld(), device_labels.data(),
                            IDL_MEMORY_DEVICE, loss, nullptr);
  });
  EXPECT_GT(of_host.first, 0.0);
  EXPECT_EQ(of_device.first, of_host.first);
  EXPECT_EQ(of_device.second, of_host.second);
}

TYPED_TEST(CApiTest, SamplesThatDoNotConvergeAreTold) {
  using T = typename TypeParam::Scalar;
  std::vector<T> U = this->inputs();
  U[2 * k_p] = std::numeric_limits<T>::quiet_NaN();
  std::vector<T> Y(k_q * k_m, T(-7));
  std::vector<idl_sample_report> reports(k_m);
  const auto predict = [&](idl_sample_report* told) {
    return idl_model_predict(this->c_context_.get(), this->c_model_.get(), k_m, U.data(), k_p,
                             Y.data(), k_q, nullptr, 0, IDL_MEMORY_HOST, nullptr, told);
  };
  EXPECT_EQ(predict(reports.data()), IDL_STATUS_OK);
  EXPECT_EQ(reports[2].status, IDL_SOLVE_DIVERGED);
  EXPECT_EQ(reports[1].status, IDL_SOLVE_CONVERGED);
  const std::vector<T> with_reports = Y;
  Y.assign(Y.size(), T(-7));
  EXPECT_EQ(predict(nullptr), IDL_STATUS_NOT_CONVERGED);
  EXPECT_TRUE(holds(idl_last_error(), {"1 of 6 samples did not converge, the first is sample 2"}));
  EXPECT_TRUE(same_bits(Y, with_reports));
  U[2 * k_p] = T(0);
  EXPECT_EQ(predict(nullptr), IDL_STATUS_OK);
}

TYPED_TEST(CApiTest, ASampleThatIsNotFiniteDoesNotSpoilTheModel) {
  using T = typename TypeParam::Scalar;
  const std::vector<T> good = this->inputs();
  std::vector<T> bad = good;
  bad[4 * k_p + 1] = std::numeric_limits<T>::infinity();
  const std::vector<std::int32_t> labels = {0, 1, 2, 0, 1, 2};
  const TemporaryFolder folder;
  const auto saved = [&](const char* name) {
    const std::string path = (folder / name).string();
    EXPECT_EQ(idl_model_save(this->c_context_.get(), this->c_model_.get(), path.c_str()),
              IDL_STATUS_OK)
        << idl_last_error();
    return read_text(path);
  };
  idl_trainer* made = nullptr;
  ASSERT_EQ(
      idl_trainer_create(this->c_context_.get(), this->c_model_.get(), k_m, 1e-2, nullptr, &made),
      IDL_STATUS_OK);
  const Handle<idl_trainer> trainer(made);
  const auto step = [&](const std::vector<T>& U, double* loss, double* accuracy) {
    return idl_trainer_step(trainer.get(), U.data(), k_p, labels.data(), IDL_MEMORY_HOST, loss,
                            accuracy);
  };
  const std::string before = saved("before.safetensors");
  double loss = 0.0, accuracy = -1.0;
  EXPECT_EQ(step(bad, &loss, &accuracy), IDL_STATUS_NOT_FINITE);
  EXPECT_TRUE(holds(idl_last_error(), {"the loss of 1 of 6 samples", "the first is sample 4"}));
  EXPECT_FALSE(std::isfinite(loss));
  EXPECT_LE(accuracy, 5.0 / 6.0);
  EXPECT_EQ(saved("after.safetensors"), before);

  // Without figures the call does not wait; the next one that does tells.
  EXPECT_EQ(step(bad, nullptr, nullptr), IDL_STATUS_OK);
  EXPECT_EQ(step(good, &loss, nullptr), IDL_STATUS_NOT_FINITE);
  EXPECT_TRUE(holds(idl_last_error(), {"gradients of this step or of one before"}));
  EXPECT_TRUE(std::isfinite(loss));
  EXPECT_EQ(step(good, &loss, nullptr), IDL_STATUS_OK);
  EXPECT_NE(saved("trained.safetensors"), before);
}

TYPED_TEST(CApiTest, LoadsWhatItSaves) {
  const TemporaryFolder folder;
  const std::string path = (folder / "model.safetensors").string();
  ASSERT_EQ(idl_model_save(this->c_context_.get(), this->c_model_.get(), path.c_str()),
            IDL_STATUS_OK);
  idl_model* loaded = nullptr;
  ASSERT_EQ(idl_model_load(this->c_context_.get(), path.c_str(), this->k_precision, &loaded),
            IDL_STATUS_OK)
      << idl_last_error();
  const Handle<idl_model> owner(loaded);
  std::int64_t n = 0, p = 0, q = 0;
  idl_precision precision{};
  ASSERT_EQ(idl_model_sizes(loaded, &n, &p, &q, &precision), IDL_STATUS_OK);
  EXPECT_EQ(n, k_n);
  EXPECT_EQ(p, k_p);
  EXPECT_EQ(q, k_q);
  EXPECT_EQ(precision, this->k_precision);
}

TYPED_TEST(CApiTest, LoadsAFileWithWhatTheCallerKnowsOfIt) {
  using T = typename TypeParam::Scalar;
  const TemporaryFolder folder;
  const std::string path = (folder / "model.safetensors").string();
  io::Safetensors file;
  const std::vector<T> A = {0, 3, 0, 0}, B = {1, 2, 3, 4}, C = {5, 6};
  file.tensors["module.A"] = io::Array::from<T>({2, 2}, A);
  file.tensors["module.B"] = io::Array::from<T>({2, 2}, B);
  file.tensors["module.C"] = io::Array::from<T>({1, 2}, C);
  io::write_safetensors(path, file);
  const double alpha = 0.5, kappa = 0.9;
  idl_model* model = nullptr;
  const auto load = [&](const idl_load_options& options) {
    return idl_model_load_with(this->c_context_.get(), path.c_str(), this->k_precision, &options,
                               &model);
  };
  idl_load_options options = {};
  options.activation = "leaky_relu";
  options.alpha = &alpha;
  options.well_posedness = "strictly_upper_triangular";
  options.bias = 1;
  options.no_D = 1;
  options.prefix = "module";
  ASSERT_EQ(load(options), IDL_STATUS_OK) << idl_last_error();
  const Handle<idl_model> owner(model);
  // By hand: x2 = φ(3·(-2) + 4) = -1, x1 = φ(3·(-1) + 1·(-2) + 2) = -1.5, y = 5·(-1.5) + 6·(-1).
  const T U = T(-2);
  T Y = 0;
  ASSERT_EQ(idl_model_predict(this->c_context_.get(), model, 1, &U, 1, &Y, 1, nullptr, 0,
                              IDL_MEMORY_HOST, nullptr, nullptr),
            IDL_STATUS_OK)
      << idl_last_error();
  EXPECT_NEAR(static_cast<double>(Y), -13.5, 1e-4);

  const auto refused = [&](idl_status status, const char* part) {
    EXPECT_EQ(load(options), status);
    EXPECT_EQ(model, nullptr);
    EXPECT_NE(std::string(idl_last_error()).find(part), std::string::npos) << idl_last_error();
  };
  options.kappa = &kappa;
  refused(IDL_STATUS_INVALID_ARGUMENT, "only inf_norm_ball has a kappa");
  options.well_posedness = "inf_norm_ball";
  refused(IDL_STATUS_IO_ERROR, "|A|_inf is 3");
  options.bias = 2;
  refused(IDL_STATUS_INVALID_ARGUMENT, "bias is 2");
  options.activation = "rellu";
  refused(IDL_STATUS_INVALID_ARGUMENT, "rellu");
}

TYPED_TEST(CApiTest, RefusesWhatIsWrongAndSaysWhy) {
  using T = typename TypeParam::Scalar;
  idl_context* context = this->c_context_.get();
  const idl_model* model = this->c_model_.get();
  const std::vector<T> U = this->inputs();
  std::vector<T> Y(k_q * k_m, T(-7));
  const auto predict = [&](std::int64_t m, const void* inputs, std::int64_t ldu, std::int64_t ldy,
                           int memory) {
    return idl_model_predict(context, model, m, inputs, ldu, Y.data(), ldy, nullptr, 0,
                             static_cast<idl_memory>(memory), nullptr, nullptr);
  };
  const auto refused = [](idl_status status, const char* part) {
    EXPECT_EQ(status, IDL_STATUS_INVALID_ARGUMENT);
    EXPECT_NE(std::string(idl_last_error()).find(part), std::string::npos) << idl_last_error();
  };
  refused(predict(-1, U.data(), k_p, k_q, IDL_MEMORY_HOST), "m is -1");
  refused(predict(k_m, nullptr, k_p, k_q, IDL_MEMORY_HOST), "U");
  refused(predict(k_m, U.data(), k_p - 1, k_q, IDL_MEMORY_HOST), "ldu is 3");
  refused(predict(k_m, U.data(), k_p, k_q - 1, IDL_MEMORY_HOST), "ldy is 2");
  refused(predict(k_m, U.data(), k_p, k_q, 7), "memory is 7");
  EXPECT_EQ(Y, std::vector<T>(k_q * k_m, T(-7)));

  idl_model* none = nullptr;
  const auto seven = static_cast<idl_precision>(7);
  refused(idl_model_create(context, seven, k_n, k_p, k_q, "relu", 0.95, 0, 3, &none),
          "precision is 7");
  refused(idl_model_create(context, IDL_FLOAT32, k_n, k_p, k_q, "step", 0.95, 0, 3, &none), "step");
  refused(idl_model_create(context, IDL_FLOAT32, 0, k_p, k_q, "relu", 0.95, 0, 3, &none), "0");
  refused(idl_model_create(context, IDL_FLOAT32, k_n, k_p, k_q, "relu", 1.5, 0, 3, &none), "1.5");
  EXPECT_EQ(idl_model_load(context, "/nowhere/model.safetensors", IDL_FLOAT32, &none),
            IDL_STATUS_IO_ERROR);
  EXPECT_NE(std::string(idl_last_error()).find("/nowhere"), std::string::npos);
  EXPECT_EQ(none, nullptr);
}

}  // namespace
}  // namespace idl::test
