// SPDX-License-Identifier: MIT
#include "host/cli/weights_file.hpp"

#include "tests/cli/mat_reader.hpp"
#include "tests/io/files.hpp"

namespace idl::cli {
namespace {

using test::dense_values_of;
using test::MatReader;
using test::TemporaryFolder;
using test::values_of;

using Values = std::vector<double>;

// Column-major; the rows of A are within the ball of the usual kappa.
const Values k_A = {0, 0.5, 0, -0.25, 0, 0.125, 0, 0, 0};
const Values k_B = {1, 2, 3, 4, 5, 6};
const Values k_C = {0, 7, 0, 0, 0, 9};
const Values k_D = {-1, 0, 0, 0};

Matrix<double> dense(Context& context, index_t rows, index_t cols, const Values& values) {
  return Matrix<double>::from_host(context, rows, cols, values);
}
CsrMatrix<double> sparse(Context& context, index_t rows, index_t cols, const Values& values) {
  return CsrMatrix<double>::from_dense(context, dense(context, rows, cols, values));
}

TEST(WeightsFile, HasSparseMatricesForThoseInCompressedRows) {
  const TemporaryFolder folder;
  Context context(Device::cpu());
  ModelMatrices<double> matrices = {.A = sparse(context, 3, 3, k_A),
                                    .B = dense(context, 3, 2, k_B),
                                    .C = sparse(context, 2, 3, k_C)};
  matrices.D = sparse(context, 2, 2, k_D);
  write_weights(context, ImplicitModel<double>(context, matrices), folder / "weights.mat");
  const MatReader reader(folder / "weights.mat");
  EXPECT_EQ(reader.count(), 8U);
  EXPECT_EQ(dense_values_of(*reader.read("A")), k_A);
  EXPECT_EQ(values_of<double>(*reader.read("B")), k_B);
  EXPECT_EQ(dense_values_of(*reader.read("C")), k_C);
  EXPECT_EQ(dense_values_of(*reader.read("D")), k_D);
  EXPECT_EQ(values_of<double>(*reader.read("kappa")), Values{0.95});
}

TEST(WeightsFile, HasTheFactorsOfALowRankA) {
  const TemporaryFolder folder;
  Context context(Device::cpu());
  const Values L = {0.1, 0.2, 0.3};
  const Values R = {0.3, 0.2, 0.1};
  const ModelMatrices<double> matrices = {
      .A = LowRankMatrix<double>{.L = dense(context, 3, 1, L), .R = dense(context, 3, 1, R)},
      .B = dense(context, 3, 2, k_B),
      .C = dense(context, 2, 3, k_C),
      .D = dense(context, 2, 2, k_D)};
  write_weights(context, ImplicitModel<double>(context, matrices), folder / "weights.mat");
  const MatReader reader(folder / "weights.mat");
  EXPECT_EQ(reader.count(), 9U);
  EXPECT_EQ(values_of<double>(*reader.read("L")), L);
  EXPECT_EQ(values_of<double>(*reader.read("R")), R);
}

TEST(WeightsFile, HasADOfZerosWhereTheModelHasNone) {
  const TemporaryFolder folder;
  Context context(Device::cpu());
  ModelOptions options;
  options.no_D = true;
  const ModelMatrices<double> thin = {.A = sparse(context, 3, 3, k_A),
                                      .B = dense(context, 3, 2, k_B),
                                      .C = dense(context, 2, 3, k_C)};
  write_weights(context, ImplicitModel<double>(context, thin, options), folder / "sparse.mat");
  const ModelMatrices<double> full = {.A = dense(context, 3, 3, k_A),
                                      .B = dense(context, 3, 2, k_B),
                                      .C = dense(context, 2, 3, k_C)};
  write_weights(context, ImplicitModel<double>(context, full, options), folder / "dense.mat");
  EXPECT_EQ(values_of<double>(*MatReader(folder / "dense.mat").read("A")), k_A);
  for (const char* name : {"sparse.mat", "dense.mat"}) {
    const auto D = MatReader(folder / name).read("D");
    EXPECT_EQ(D->dims[0], 2U);
    EXPECT_EQ(values_of<double>(*D), Values(4, 0.0));
  }
}

}  // namespace
}  // namespace idl::cli
