// SPDX-License-Identifier: MIT
#include "host/cli/mat_file.hpp"

#include <sys/resource.h>

#include <cmath>
#include <csignal>
#include <numeric>
#include <vector>

#include "tests/cli/mat_reader.hpp"
#include "tests/io/files.hpp"

namespace idl::cli {
namespace {

using test::expect_error;
using test::MatReader;
using test::read_text;
using test::TemporaryFolder;
using test::values_of;

TEST(MatFile, MatioReadsWhatWasWritten) {
  const TemporaryFolder folder;
  const std::vector<float> floats = {1, -2, 0.1F, HUGE_VALF, 1e-45F, -0.0F};
  std::vector<double> doubles(300);
  std::iota(doubles.begin(), doubles.end(), -7.25);
  const std::vector<MatVariable> variables = {{"A", MatMatrix<float>{2, 3, floats}},
                                              {"B_1", MatMatrix<double>{30, 10, doubles}},
                                              {"kappa", 0.95},
                                              {"activation", "leaky_relu"},
                                              {"none", MatMatrix<double>{0, 5, {}}},
                                              {"blank", ""}};
  write_mat(folder / "weights.mat", variables);
  EXPECT_EQ(folder.count(), 1);

  const MatReader reader(folder / "weights.mat");
  EXPECT_EQ(reader.count(), variables.size());
  const auto A = reader.read("A");
  EXPECT_EQ(A->class_type, MAT_C_SINGLE);
  EXPECT_EQ(A->dims[0], 2U);
  EXPECT_EQ(A->dims[1], 3U);
  EXPECT_EQ(values_of<float>(*A), floats);
  EXPECT_EQ(A->compression, MAT_COMPRESSION_ZLIB);
  const auto B = reader.read("B_1");
  EXPECT_EQ(B->class_type, MAT_C_DOUBLE);
  EXPECT_EQ(B->dims[0], 30U);
  EXPECT_EQ(values_of<double>(*B), doubles);
  const auto kappa = reader.read("kappa");
  EXPECT_EQ(kappa->class_type, MAT_C_DOUBLE);
  EXPECT_EQ(values_of<double>(*kappa), (std::vector<double>{0.95}));
  const auto none = reader.read("none");
  EXPECT_EQ(none->dims[0], 0U);
  EXPECT_EQ(none->dims[1], 5U);
  EXPECT_EQ(reader.read("blank")->dims[1], 0U);
}

TEST(MatFile, SparseMatricesAreCompressedColumnsOfDoubles) {
  const TemporaryFolder folder;
  // [0 1.5 0; 2 0 0.1], transposed; and one of 4 columns without entries.
  const CsrArrays<float> A = {3, 2, {0, 1, 2, 3}, {1, 0, 1}, {2, 1.5F, 0.1F}};
  const CsrArrays<double> none = {4, 5, {0, 0, 0, 0, 0}, {}, {}};
  write_mat(folder / "f.mat",
            std::vector<MatVariable>{
                {"A", MatSparse<float>{A}}, {"none", MatSparse<double>{none}}, {"after", 1.0}});
  const MatReader reader(folder / "f.mat");
  const auto read = reader.read("A");
  ASSERT_EQ(read->class_type, MAT_C_SPARSE);
  EXPECT_EQ(read->dims[0], 2U);
  EXPECT_EQ(read->dims[1], 3U);
  const auto& sparse = *static_cast<const mat_sparse_t*>(read->data);
  ASSERT_EQ(sparse.ndata, 3U);
  ASSERT_EQ(sparse.njc, 4U);
  EXPECT_EQ(std::vector<std::int64_t>(sparse.jc, sparse.jc + 4), A.row_offsets);
  EXPECT_EQ(std::vector<std::int32_t>(sparse.ir, sparse.ir + 3), A.col_indices);
  const auto* const values = static_cast<const double*>(sparse.data);
  EXPECT_EQ(std::vector<double>(values, values + 3), (std::vector<double>{2, 1.5, 0.1F}));
  EXPECT_EQ(reader.read("none")->dims[0], 5U);
  EXPECT_EQ(reader.read("none")->dims[1], 4U);
  EXPECT_EQ(values_of<double>(*reader.read("after")), (std::vector<double>{1}));
}

TEST(MatFile, TextsAreRowsOfUtf16) {
  const TemporaryFolder folder;
  // One, two, three and four bytes of UTF-8; the last needs two units of UTF-16.
  write_mat(folder / "f.mat", std::vector<MatVariable>{{"text", "a\u03ba\u221e\U0001D6FF"}});
  const auto text = MatReader(folder / "f.mat").read("text");
  EXPECT_EQ(text->class_type, MAT_C_CHAR);
  EXPECT_EQ(text->dims[0], 1U);
  EXPECT_EQ(values_of<char16_t>(*text),
            (std::vector<char16_t>{'a', 0x03BA, 0x221E, 0xD835, 0xDEFF}));
}

TEST(MatFile, SameVariablesGiveTheSameBytes) {
  const TemporaryFolder folder;
  const std::vector<MatVariable> variables = {{"x", 1.0}, {"y", "text"}};
  write_mat(folder / "first", variables);
  write_mat(folder / "second", variables);
  EXPECT_EQ(read_text(folder / "first"), read_text(folder / "second"));
  EXPECT_EQ(read_text(folder / "first").substr(0, 20), "MATLAB 5.0 MAT-file,");
}

TEST(MatFile, WritesAFileWithoutVariables) {
  const TemporaryFolder folder;
  write_mat(folder / "f.mat", {});
  EXPECT_EQ(MatReader(folder / "f.mat").count(), 0U);
}

TEST(MatFile, RefusesWhatMatlabWouldNotTake) {
  const TemporaryFolder folder;
  const auto refuse = [&](std::vector<MatVariable> variables, const std::string& part) {
    expect_error<InvalidArgument>([&] { write_mat(folder / "f", variables); }, {part});
  };
  const std::vector<double> three = {1, 2, 3};
  refuse({{"", 1.0}}, "''");
  refuse({{"1a", 1.0}}, "'1a'");
  refuse({{"_a", 1.0}}, "'_a'");
  refuse({{"a.b", 1.0}}, "'a.b'");
  refuse({{std::string(64, 'a'), 1.0}}, "aaa");
  refuse({{"a", 1.0}, {"a", 2.0}}, "two variables called a");
  refuse({{"a", MatMatrix<double>{2, 2, three}}}, "a is 2x2 and has 3 values");
  refuse({{"a", MatMatrix<double>{-1, -3, three}}}, "-1x-3");
  const CsrArrays<double> short_of_one = {2, 2, {0, 1, 3}, {0, 1}, {1, 2}};
  refuse({{"a", MatSparse<double>{short_of_one}}}, "a has 2 values");
  refuse({{"a", MatMatrix<double>{index_t{1} << 31, 0, {}}}}, "2147483648x0");
  for (const char* text :
       {"\xff", "\x80", "\xc3", "\xc3(", "\xe2\x82", "\xc0\x80", "\xf5\x80\x80\x80"})
    refuse({{"a", std::string(text)}}, "not UTF-8");
  EXPECT_EQ(folder.count(), 0);
}

TEST(MatFile, LeavesTheOldFileWhereTheDiskIsFull) {
  const TemporaryFolder folder;
  folder.file("f.mat", "old");
  std::vector<double> noise(10000);  // does not compress to 4096 bytes
  for (std::size_t i = 0; i < noise.size(); ++i) noise[i] = std::sin(static_cast<double>(i * i));
  rlimit old{};
  getrlimit(RLIMIT_FSIZE, &old);
  rlimit limit = old;
  limit.rlim_cur = 4096;
  auto* const handler = std::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &limit);
  expect_error(
      [&] {
        write_mat(folder / "f.mat",
                  std::vector<MatVariable>{{"a", MatMatrix<double>{100, 100, noise}}});
      },
      {"f.mat", "File too large"});
  setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(read_text(folder / "f.mat"), "old");
  EXPECT_EQ(folder.count(), 1);
}

}  // namespace
}  // namespace idl::cli
