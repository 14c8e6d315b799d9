// SPDX-License-Identifier: MIT
// Sparse and low-rank models never make an array of n² elements, not even of bits.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "idl/batch_pass.hpp"
#include "idl/model_description.hpp"
#include "idl/optimizer.hpp"
#include "idl/sparsify.hpp"
#include "tests/host/random_values.hpp"
#include "tests/io/files.hpp"

namespace idl::test {
namespace {

constexpr index_t k_states = 65536;
constexpr index_t k_in_row = 3;

/// The most memory that this process has had so far, in MiB.
long peak_mib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stol(line.substr(6)) / 1024;
  return -1;
}

CsrMatrix<float> random_csr(Context& context, index_t rows, index_t cols, float scale) {
  CsrArrays<float> arrays = {
      .rows = rows, .cols = cols, .row_offsets = {0}, .col_indices = {}, .values = {}};
  RandomValues random(7);
  for (index_t i = 0; i < rows; ++i) {
    const auto step = static_cast<std::int32_t>(cols / k_in_row);
    for (std::int32_t k = 0; k < k_in_row; ++k) {
      arrays.col_indices.push_back(k * step +
                                   static_cast<std::int32_t>(random.integer(0, step - 1)));
      arrays.values.push_back(scale * static_cast<float>(random.unit() - 0.5));
    }
    arrays.row_offsets.push_back(static_cast<std::int64_t>(arrays.values.size()));
  }
  return {context, arrays};
}

/// A step of training; 0 if it went well.
int train(Context& context, ImplicitModel<float>& model) {
  Optimizer<float> optimizer(context, model, OptimizerOptions{});
  BatchPass<float> pass(context, model, 4);
  const std::vector<float> U(30 * 4, 0.5F);
  const std::vector<float> dY(10 * 4, 0.1F);
  upload<float>(context, U, pass.U());
  if (!pass.forward().all_converged()) return 1;
  upload<float>(context, dY, pass.dY());
  if (!pass.backward().all_converged()) return 2;
  optimizer.step(context, model, pass.dM());
  return 0;
}

/// A step of training, and all that is done with a model; status 0 if it went well.
int live_sparse(const std::filesystem::path& folder) {
  Context context({.device = Device::cpu(), .threads = 1});
  const ModelMatrices<float> matrices = {.A = random_csr(context, k_states, k_states, 0.5F),
                                         .B = random_csr(context, k_states, 30, 0.5F),
                                         .C = random_csr(context, 10, k_states, 0.5F),
                                         .D = random_csr(context, 10, 30, 0.5F)};
  ImplicitModel<float> model(context, matrices);
  if (const int status = train(context, model); status != 0) return status;
  const auto smaller = sparsify(context, compact(context, model), {.density = 2e-5});
  save_model(context, smaller, folder / "model.safetensors");
  const auto examined = examine_model(folder / "model.safetensors");
  if (!examined.well_posedness.well_posed()) return 3;
  const auto loaded = load_model<float>(context, folder / "model.safetensors");
  return loaded.csr("A").nnz == smaller.csr("A").nnz ? 0 : 4;
}

/// The same of a low-rank model.
int live_low_rank(const std::filesystem::path& folder) {
  Context context({.device = Device::cpu(), .threads = 1});
  ImplicitModel<float> model(context, {.states = k_states, .inputs = 30, .outputs = 10},
                             {.rank = 2});
  if (const int status = train(context, model); status != 0) return status;
  save_model(context, model, folder / "model.safetensors");
  const auto examined = examine_model(folder / "model.safetensors");
  if (!examined.well_posedness.well_posed()) return 3;
  const auto loaded = load_model<float>(context, folder / "model.safetensors");
  return download(context, loaded.L()) == download(context, std::as_const(model).L()) ? 0 : 4;
}

/// In a process of its own, whose memory is measured.
void expect_little_memory(int (*live)(const std::filesystem::path&)) {
  const TemporaryFolder folder;
  const long before = peak_mib();
  ASSERT_GT(before, 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const int status = live(folder.path());
    // n² bits are 512 MiB, n² floats 16 GiB.
    _exit(status != 0 ? status : peak_mib() < before + 400 ? 0 : 100);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0) << "100: it took more than 400 MiB";
}

TEST(SparseMemory, OfAWholeLifeIsFarBelowNSquared) { expect_little_memory(live_sparse); }
TEST(SparseMemory, OfAWholeLifeIsFarBelowNSquaredWhereAIsOfLowRank) {
  expect_little_memory(live_low_rank);
}

}  // namespace
}  // namespace idl::test
