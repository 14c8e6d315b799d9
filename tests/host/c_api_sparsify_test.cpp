// SPDX-License-Identifier: MIT
// What the C interface has of low rank and of pruning, against C++, whose tests have the oracles.
#include <algorithm>
#include <limits>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "host/sparsify/prune.hpp"
#include "host/train/training_step.hpp"
#include "idl/sparsify.hpp"
#include "tests/host/c_api_fixture.hpp"
#include "tests/io/files.hpp"

namespace idl::test {
namespace {

template <class C>
class CApiSparsify : public CApiFixture<C> {
 protected:
  using Element = typename C::Scalar;
  using Base = CApiFixture<C>;
  using Base::k_m, Base::k_n, Base::k_p, Base::k_q;

  Matrix<Element> matrix_of(const std::vector<Element>& values, index_t rows, index_t cols) {
    return Matrix<Element>::from_host(this->context(), rows, cols, values);
  }
  Handle<idl_model> sparse_model(double density) {
    auto settings = sized<idl_sparsify_settings>();
    settings.density = &density;
    return this->template made<idl_model>([&](idl_model** sparse) {
      return idl_model_sparsify(this->c_context_.get(), this->c_model_.get(), &settings, sparse);
    });
  }
  Handle<idl_trainer> trainer_of(idl_model* model, const char* frozen) {
    auto settings = sized<idl_trainer_settings>();
    settings.samples = k_m;
    settings.frozen = frozen;
    return this->template made<idl_trainer>([&](idl_trainer** trainer) {
      return idl_trainer_create_with(this->c_context_.get(), model, &settings, trainer);
    });
  }
  void step(idl_trainer* trainer) {
    const std::vector<Element> U = this->inputs();
    EXPECT_EQ(
        idl_trainer_step(trainer, U.data(), k_p, labels_.data(), IDL_MEMORY_HOST, nullptr, nullptr),
        IDL_STATUS_OK)
        << idl_last_error();
  }
  void cpp_step(ImplicitModel<Element>& model, Optimizer<Element>& optimizer) {
    std::vector<Element> U = this->inputs();
    TrainingStep<Element> step(this->context(), model, k_m, LossKind::softmax_cross_entropy, {},
                               true);
    step.launch({.U = U.data(), .labels = labels_.data(), .target = nullptr, .samples = k_m});
    optimizer.step(this->context(), model, step.dM());
    this->context().synchronize();
  }

  std::vector<std::int32_t> labels_ = {0, 1, 2, 0, 1, 2};
};
TYPED_TEST_SUITE(CApiSparsify, AllCases, CaseNames);

TYPED_TEST(CApiSparsify, ModelsOfLowRankAreDrawnMadeOfFactorsAndBorrowed) {
  using T = typename TypeParam::Scalar;
  constexpr auto n = TestFixture::k_n, p = TestFixture::k_p, q = TestFixture::k_q;
  const std::int64_t rank = 2;
  auto settings = this->model_settings();
  settings.rank = &rank;
  settings.seed = 7;
  const auto drawn = this->template made<idl_model>([&](idl_model** model) {
    return idl_model_create_with(this->c_context_.get(), &settings, model);
  });
  const ImplicitModel<T> expected(this->context(), {.states = n, .inputs = p, .outputs = q},
                                  {.rank = rank}, 7);
  const std::vector<T> M = this->parameters(drawn.get());
  EXPECT_EQ(M, this->fetch(expected.M()));
  auto told = sized<idl_model_settings>();
  ASSERT_EQ(idl_model_describe(drawn.get(), &told), IDL_STATUS_OK);
  ASSERT_NE(told.rank, nullptr);
  EXPECT_EQ(*told.rank, 2);
  ASSERT_EQ(idl_model_describe(this->c_model_.get(), &told), IDL_STATUS_OK);
  EXPECT_EQ(told.rank, nullptr);

  // Its parameters one after the other are the factors and the others again.
  const auto part = [&](std::size_t first, std::int64_t count) {
    const auto begin = M.begin() + static_cast<std::ptrdiff_t>(first);
    return std::vector<T>(begin, begin + count);
  };
  const std::vector<T> L = part(0, n * rank), R = part(10, n * rank), B = part(20, n * p),
                       C = part(40, q * n), D = part(55, q * p);
  const idl_matrix right = this->dense(R, n, rank), of_B = this->dense(B, n, p),
                   of_C = this->dense(C, q, n), of_D = this->dense(D, q, p);
  idl_matrix left = this->dense(L, n, rank);
  left.right = &right;
  const auto given = this->template made<idl_model>([&](idl_model** model) {
    return idl_model_create_of(this->c_context_.get(), &settings, &left, &of_B, &of_C, &of_D,
                               model);
  });
  EXPECT_EQ(this->parameters(given.get()), M);

  Vector<T> memory = Vector<T>::from_host(this->context(), M);
  this->context().synchronize();  // two contexts
  const auto rows = static_cast<std::int64_t>(M.size());
  const auto borrowed = this->template made<idl_model>([&](idl_model** model) {
    return idl_model_borrow(this->c_context_.get(), &settings, memory.data(), rows,
                            IDL_MEMORY_DEVICE, model);
  });
  const std::vector<T> U = this->inputs();
  const auto predict = [&](const idl_model* model) {
    std::vector<T> Y(static_cast<std::size_t>(q * TestFixture::k_m));
    EXPECT_EQ(idl_model_predict(this->c_context_.get(), model, TestFixture::k_m, U.data(), p,
                                Y.data(), q, nullptr, 0, IDL_MEMORY_HOST, nullptr, nullptr),
              IDL_STATUS_OK);
    return Y;
  };
  EXPECT_EQ(predict(borrowed.get()), predict(drawn.get()));

  idl_model* none = nullptr;
  const auto refused = [&](const idl_matrix& A, const char* part_of_text) {
    expect_refused(
        idl_model_create_of(this->c_context_.get(), &settings, &A, &of_B, &of_C, &of_D, &none),
        part_of_text);
  };
  idl_matrix wrong = right;
  left.right = &wrong;
  wrong.cols = 1;
  refused(left, "L is 5x2 and R is 5x1");
  wrong.struct_size = 8;
  wrong.values = nullptr;
  refused(left, "L is 5x2 and R is 0x0");
  wrong = right;
  wrong.right = &right;
  refused(left, "A.right.right is there");
  const std::vector<std::int64_t> offsets(n + 1, 0);
  wrong = right;
  wrong.row_offsets = offsets.data();
  refused(left, "A.right.row_offsets are there");
  refused(of_B, "rank is 2, but A is not L R^T");
  const std::int64_t negative = -1;
  settings.rank = &negative;
  expect_refused(idl_model_create_with(this->c_context_.get(), &settings, &none), "rank is -1");
  const std::int64_t no_room = std::int64_t{1} << 40U;
  settings.rank = &no_room;
  EXPECT_EQ(idl_model_create_with(this->c_context_.get(), &settings, &none),
            IDL_STATUS_OUT_OF_MEMORY)
      << idl_last_error();
  EXPECT_EQ(none, nullptr);
}

TYPED_TEST(CApiSparsify, PrunesCompactsReducesAndBoundsAsCppDoes) {
  using T = typename TypeParam::Scalar;
  constexpr auto p = TestFixture::k_p, m = TestFixture::k_m;
  const ImplicitModel<T> model = this->cpp_model();
  const auto sparse = this->sparse_model(0.2);
  const auto expected = sparsify(this->context(), model, {.density = 0.2});
  EXPECT_EQ(this->parameters(sparse.get()), this->fetch(expected.M()));
  auto by_threshold = sized<idl_sparsify_settings>();
  by_threshold.target = "A";
  by_threshold.by = "threshold";
  by_threshold.threshold = 0.1;
  const auto cut = this->template made<idl_model>([&](idl_model** made) {
    return idl_model_sparsify(this->c_context_.get(), this->c_model_.get(), &by_threshold, made);
  });
  const auto expected_cut = sparsify(
      this->context(), model,
      {.target = SparsifyTarget::state_matrix, .by = SparsifyRule::threshold, .threshold = 0.1});
  EXPECT_EQ(this->parameters(cut.get()), this->fetch(expected_cut.M()));

  const std::vector<T> U = this->inputs();
  std::vector<double> state(m), output(m);
  ASSERT_EQ(idl_model_pruning_bound(this->c_context_.get(), this->c_model_.get(), sparse.get(), m,
                                    U.data(), p, IDL_MEMORY_HOST, state.data(), output.data()),
            IDL_STATUS_OK)
      << idl_last_error();
  const PruningBound bound =
      pruning_bound<T>(this->context(), model, expected, this->matrix_of(U, p, m));
  EXPECT_EQ(state, bound.state);
  EXPECT_EQ(output, bound.output);

  std::vector<std::int64_t> states(TestFixture::k_n, -1), inputs(p, -1);
  const auto reduced = this->template made<idl_model>([&](idl_model** made) {
    return idl_model_remove_dead(this->c_context_.get(), sparse.get(), made, states.data(),
                                 inputs.data());
  });
  const auto left = remove_dead(this->context(), expected);
  ASSERT_LT(left.kept_states.size(), states.size()) << "nothing was dead";
  EXPECT_EQ(this->parameters(reduced.get()), this->fetch(left.model.M()));
  for (std::size_t k = 0; k < states.size(); ++k)
    EXPECT_EQ(states[k], k < left.kept_states.size() ? left.kept_states[k] : -1);
  for (std::size_t k = 0; k < inputs.size(); ++k)
    EXPECT_EQ(inputs[k], k < left.kept_inputs.size() ? left.kept_inputs[k] : -1);

  std::int64_t count = 0;
  std::vector<T> values = this->fetch(expected.M());
  values[0] = T(0);
  ASSERT_EQ(idl_model_write(this->c_context_.get(), sparse.get(), "M", values.data(),
                            static_cast<std::int64_t>(values.size()), IDL_MEMORY_HOST),
            IDL_STATUS_OK);
  const auto compacted = this->template made<idl_model>([&](idl_model** made) {
    return idl_model_compact(this->c_context_.get(), sparse.get(), made);
  });
  ASSERT_EQ(idl_model_parameters(compacted.get(), &count, nullptr), IDL_STATUS_OK);
  EXPECT_EQ(count, static_cast<std::int64_t>(values.size()) - 1);
}

TYPED_TEST(CApiSparsify, PutsFactorsInThePlaceOfAAsCppDoes) {
  double truncation = -1.0, error = -1.0;
  const auto made = this->template made<idl_model>([&](idl_model** low_rank) {
    return idl_model_low_rank(this->c_context_.get(), this->c_model_.get(), 2, low_rank,
                              &truncation, &error);
  });
  const auto expected = low_rank_approximation(this->context(), this->cpp_model(), 2);
  EXPECT_EQ(this->parameters(made.get()), this->fetch(expected.model.M()));
  EXPECT_EQ(truncation, expected.truncation);
  EXPECT_EQ(error, expected.error);
}

TYPED_TEST(CApiSparsify, ATrainerPrunesWithItsMomentsAndFreezesMatrices) {
  using T = typename TypeParam::Scalar;
  ImplicitModel<T> model = this->cpp_model();
  Optimizer<T> optimizer(this->context(), model, {.frozen = "D"});
  const auto before = this->fetch(std::as_const(model).D());
  const auto trainer = this->trainer_of(this->c_model_.get(), "D");
  for (const double density : {0.8, 0.4}) {
    this->step(trainer.get());
    ASSERT_EQ(idl_trainer_prune(trainer.get(), "A", density), IDL_STATUS_OK) << idl_last_error();
    this->cpp_step(model, optimizer);
    prune(this->context(), model, optimizer, SparsifyTarget::state_matrix, density);
  }
  this->step(trainer.get());
  this->cpp_step(model, optimizer);
  EXPECT_EQ(model.csr("A").nnz, 10);
  EXPECT_EQ(this->parameters(this->c_model_.get()), this->fetch(std::as_const(model).M()));
  EXPECT_EQ(this->fetch(std::as_const(model).D()), before);
}

TYPED_TEST(CApiSparsify, ATrainerTellsOnceOfAStepThatItLeftOutBeforeItPrunes) {
  using T = typename TypeParam::Scalar;
  const auto trainer = this->trainer_of(this->c_model_.get(), nullptr);
  const std::vector<T> before = this->parameters(this->c_model_.get());
  std::vector<T> U = this->inputs();
  U[0] = std::numeric_limits<T>::quiet_NaN();
  ASSERT_EQ(idl_trainer_step(trainer.get(), U.data(), TestFixture::k_p, this->labels_.data(),
                             IDL_MEMORY_HOST, nullptr, nullptr),
            IDL_STATUS_OK);
  expect_refused(idl_trainer_prune(trainer.get(), "A", 0.4), "is not finite",
                 IDL_STATUS_NOT_FINITE);
  EXPECT_EQ(this->parameters(this->c_model_.get()), before);
  EXPECT_EQ(idl_trainer_prune(trainer.get(), "A", 0.4), IDL_STATUS_OK) << idl_last_error();
  EXPECT_EQ(this->parameters(this->c_model_.get()).size(), before.size() - 15);
}

TYPED_TEST(CApiSparsify, RefusesWhatIsWrongAndSaysWhy) {
  using T = typename TypeParam::Scalar;
  idl_context* context = this->c_context_.get();
  idl_model* model = this->c_model_.get();
  idl_model* none = nullptr;
  const auto refused = [&](auto change, const char* part) {
    auto settings = sized<idl_sparsify_settings>();
    change(settings);
    expect_refused(idl_model_sparsify(context, model, &settings, &none), part);
    EXPECT_EQ(none, nullptr);
  };
  const double two = 2.0;
  refused([](auto& s) { s.by = "size"; }, "size");
  refused([](auto& s) { s.target = "B"; }, "'B'");
  refused([&](auto& s) { s.density = &two; }, "density is 2");
  refused([](auto& s) { s.threshold = -1.0; }, "threshold is -1");
  refused([](auto& s) { s.struct_size += 8; }, "idl_sparsify_settings");
  expect_refused(idl_model_sparsify(context, model, nullptr, nullptr), "sparse is a null pointer");
  expect_refused(idl_model_compact(context, nullptr, &none), "model is a null pointer");
  expect_refused(idl_model_low_rank(context, model, -2, &none, nullptr, nullptr), "rank is -2");

  const std::int64_t rank = 2;
  auto settings = this->model_settings();
  settings.rank = &rank;
  settings.precision = TestFixture::k_precision == IDL_FLOAT64 ? IDL_FLOAT32 : IDL_FLOAT64;
  const auto other = this->template made<idl_model>(
      [&](idl_model** made) { return idl_model_create_with(context, &settings, made); });
  expect_refused(idl_model_remove_dead(context, other.get(), &none, nullptr, nullptr),
                 "A is L R^T of rank 2");
  const std::vector<T> U = this->inputs();
  expect_refused(idl_model_pruning_bound(context, model, other.get(), TestFixture::k_m, U.data(),
                                         TestFixture::k_p, IDL_MEMORY_HOST, nullptr, nullptr),
                 "another precision");

  auto of_trainer = sized<idl_trainer_settings>();
  of_trainer.samples = TestFixture::k_m;
  of_trainer.frozen = "A,E";
  idl_trainer* no_trainer = nullptr;
  expect_refused(idl_trainer_create_with(context, model, &of_trainer, &no_trainer),
                 "'E' of frozen");
  const auto trainer = this->trainer_of(model, nullptr);
  expect_refused(idl_trainer_prune(trainer.get(), "A", 1.5), "density is 1.5");
  expect_refused(idl_trainer_prune(trainer.get(), "C", 0.5), "'C'");
}

TYPED_TEST(CApiSparsify, AFilesScalingIsToldWarnedOfAndKeptByWhatIsMadeOfItsModel) {
  using T = typename TypeParam::Scalar;
  const TemporaryFolder folder;
  const std::string first = (folder / "first").string();
  const std::string second = (folder / "second").string();
  std::vector<T> B(this->k_n * this->k_p, T(0.5));
  std::fill_n(B.begin(), this->k_n, T(0));  // of the first input, which goes nowhere
  const ImplicitModel<T> model(
      this->context(),
      ModelMatrices<T>{
          .A =
              this->matrix_of(std::vector<T>(this->k_n * this->k_n, T(0.01)), this->k_n, this->k_n),
          .B = this->matrix_of(B, this->k_n, this->k_p),
          .C = this->matrix_of(std::vector<T>(this->k_q * this->k_n, T(0.5)), this->k_q, this->k_n),
          .D = Matrix<T>::zeros(this->context(), this->k_q, this->k_p)},
      {});
  std::vector<double> means;
  std::vector<double> scales;
  for (index_t input = 0; input < this->k_p; ++input) {
    means.push_back(static_cast<double>(input));
    scales.push_back(0.5 + static_cast<double>(input));
  }
  DataFormat data;
  data.feature_scaling = {means, scales};
  save_model(this->context(), model, first, 3, data);

  const auto load = [&](const std::string& path) {
    return this->template made<idl_model>([&](idl_model** loaded) {
      return idl_model_load(this->c_context_.get(), path.c_str(), this->k_precision, loaded);
    });
  };
  const auto scaling = [&](const idl_model* of, std::int32_t targets) {
    std::int32_t scaled = -1;
    std::vector<double> mean(static_cast<std::size_t>(this->k_p), -1);
    std::vector<double> scale = mean;
    EXPECT_EQ(idl_model_scaling(of, targets, &scaled, mean.data(), scale.data()), IDL_STATUS_OK);
    return std::tuple(scaled, mean, scale);
  };
  const Handle<idl_model> loaded = load(first);
  EXPECT_EQ(scaling(loaded.get(), 0), std::tuple(1, means, scales));
  EXPECT_EQ(std::get<0>(scaling(loaded.get(), 1)), 0);
  EXPECT_EQ(std::get<0>(scaling(this->c_model_.get(), 0)), 0);
  EXPECT_EQ(idl_model_scaling(loaded.get(), 0, nullptr, nullptr, nullptr), IDL_STATUS_OK);
  ASSERT_EQ(idl_model_save(this->c_context_.get(), loaded.get(), second.c_str()), IDL_STATUS_OK);
  EXPECT_EQ(scaling(load(second).get(), 0), std::tuple(1, means, scales));

  std::vector<std::int64_t> kept(static_cast<std::size_t>(this->k_p));
  const auto reduced = this->template made<idl_model>([&](idl_model** made) {
    return idl_model_remove_dead(this->c_context_.get(), loaded.get(), made, nullptr, kept.data());
  });
  const auto [scaled, mean, scale] = scaling(reduced.get(), 0);
  EXPECT_EQ(scaled, 1);
  EXPECT_EQ(kept[0], 1) << "the first input is dead";
  EXPECT_EQ(mean[0], means[1]);
  EXPECT_EQ(scale[0], scales[1]);
  EXPECT_EQ(mean.back(), -1) << "more inputs than are left";
}

}  // namespace
}  // namespace idl::test
