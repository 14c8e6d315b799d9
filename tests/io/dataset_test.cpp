// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "idl/context.hpp"
#include "idl/data.hpp"
#include "idl/io.hpp"
#include "tests/io/files.hpp"

namespace idl {
namespace {

using test::big_endian;
using test::expect_error;
using test::TemporaryFolder;

TEST(Dataset, ScalesBytesInTheTypeOfTheColumn) {
  const Dataset data = Dataset::from_bytes({0, 1, 255, 51, 100, 200}, {2, 0}, 3, 3);
  EXPECT_EQ(data.size(), 2);
  EXPECT_EQ(data.features(), 3);
  EXPECT_EQ(data.classes(), 3);
  EXPECT_EQ(data.labels()[0], 2);
  std::vector<float> floats(3);
  data.copy_sample<float>(0, floats);
  EXPECT_EQ(floats, (std::vector<float>{0, 1.0F / 255.0F, 1}));
  std::vector<double> doubles(3);
  data.copy_sample<double>(1, doubles);
  EXPECT_EQ(doubles, (std::vector<double>{51.0 / 255.0, 100.0 / 255.0, 200.0 / 255.0}));
}

TEST(Dataset, UsesFloatsAsTheyAre) {
  const Dataset data = Dataset::from_values({0.1F, -2, 3, 4}, {0, 0}, 2, 1);
  std::vector<double> column(2);
  data.copy_sample<double>(0, column);
  EXPECT_EQ(column, (std::vector<double>{static_cast<double>(0.1F), -2}));
}

TEST(Dataset, FirstKeepsTheFirstSamples) {
  std::vector<float> column(2);
  const Dataset bytes = Dataset::from_bytes({0, 0, 255, 255, 0, 0}, {1, 2, 3}, 2, 4).first(2);
  EXPECT_EQ(bytes.size(), 2);
  EXPECT_EQ(bytes.labels().back(), 2);
  bytes.copy_sample<float>(1, column);
  EXPECT_EQ(column, (std::vector<float>{1, 1}));
  const Dataset values = Dataset::from_values({1, 2, 3, 4}, {0, 1}, 2, 2).first(1);
  values.copy_sample<float>(0, column);
  EXPECT_EQ(column, (std::vector<float>{1, 2}));
  EXPECT_EQ(values.first(0).size(), 0);
  expect_error<InvalidArgument>([&] { values.first(2); }, {"first 2", "of 1"});
  expect_error<InvalidArgument>([&] { values.first(-1); }, {"first -1"});
}

TEST(Dataset, RefusesWhatDoesNotFitTogether) {
  expect_error<InvalidArgument>(
      [] {
        Dataset::from_bytes({1, 2, 3}, {0}, 2, 1);
      },
      {"1 samples of 2 features", "3 values"});
  expect_error<InvalidArgument>(
      [] {
        Dataset::from_values({1, 2}, {0, 1}, 2, 2);
      },
      {"2 samples of 2 features", "2 values"});
  expect_error<InvalidArgument>(
      [] {
        Dataset::from_bytes({1, 2}, {0, 3}, 1, 3);
      },
      {"label 1 is 3", "0 to 2"});
  expect_error<InvalidArgument>([] { Dataset::from_bytes({1}, {-1}, 1, 3); }, {"label 0 is -1"});
  expect_error<InvalidArgument>([] { Dataset::from_bytes({}, {}, 0, 3); }, {"0 features"});
  expect_error<InvalidArgument>([] { Dataset::from_bytes({}, {}, 1, 0); }, {"0 classes"});
}

TEST(Dataset, RefusesSamplesAndColumnsThatAreNotThere) {
  const Dataset data = Dataset::from_bytes({1, 2}, {0}, 2, 1);
  std::vector<float> column(3);
  expect_error<InvalidArgument>([&] { data.copy_sample<float>(0, column); }, {"2", "3"});
  column.resize(2);
  expect_error<InvalidArgument>([&] { data.copy_sample<float>(1, column); }, {"no sample 1"});
  expect_error<InvalidArgument>([&] { data.copy_sample<float>(-1, column); }, {"no sample -1"});
}

TEST(Dataset, KeepsDoublesAndScalesThemOnTheirWay) {
  const double third = 1.0 / 3.0;
  const Dataset data =
      Dataset::from_values(std::vector<double>{third, 10, -third, 20}, {1, 0}, 2, 2);
  std::vector<double> column(2);
  data.copy_sample<double>(0, column);
  EXPECT_EQ(column, (std::vector<double>{third, 10}));
  const Dataset scaled = data.scaled({{third, 4}, {2, 3}});
  scaled.copy_sample<double>(1, column);
  EXPECT_EQ(column, (std::vector<double>{(-third - third) / 2, (20.0 - 4) / 3}));
  std::vector<float> narrow(2);
  scaled.copy_sample<float>(1, narrow);
  EXPECT_EQ(narrow[0], static_cast<float>((-third - third) / 2));
  EXPECT_EQ(scaled.first(1).feature_scaling().scale, (std::vector<double>{2, 3}));
  expect_error<InvalidArgument>([&] { data.scaled({{1}, {1}}); }, {"1 means", "expected 2"});
  expect_error<InvalidArgument>([&] { data.scaled({{1, 1}, {1, 0}}); }, {"feature 1", "positive"});
  expect_error<InvalidArgument>([&] { data.scaled({}, {{1, 1}, {1, 1}}); }, {"labels"});
}

TEST(Dataset, HasTargetsInPlaceOfLabels) {
  const Dataset data =
      Dataset::from_values({1, 2, 3}, Dataset::Targets{{1, 10, 3, 30, 8, 20}, 2}, 1);
  EXPECT_TRUE(data.has_targets());
  EXPECT_EQ(data.size(), 3);
  EXPECT_EQ(data.outputs(), 2);
  EXPECT_EQ(data.classes(), 0);
  EXPECT_TRUE(data.labels().empty());
  std::vector<double> column(2);
  data.copy_target<double>(2, column);
  EXPECT_EQ(column, (std::vector<double>{8, 20}));
  // Means 4 and 20: (9 + 1 + 16 + 100 + 100 + 0)/6; scaled by 1 and 10, (26 + 2)/6.
  EXPECT_DOUBLE_EQ(data.target_variance(), 226.0 / 6);
  const Dataset scaled = data.scaled({}, {{4, 20}, {1, 10}});
  EXPECT_DOUBLE_EQ(scaled.target_variance(), 28.0 / 6);
  scaled.copy_target<double>(1, column);
  EXPECT_EQ(column, (std::vector<double>{-1, 1}));
  const std::vector<index_t> chosen = {2, 0, 2};
  const Dataset some = data.select(chosen);
  some.copy_target<double>(1, column);
  EXPECT_EQ(column, (std::vector<double>{1, 10}));
  std::vector<float> feature(1);
  some.copy_sample<float>(2, feature);
  EXPECT_EQ(feature[0], 3.0F);
  const std::vector<index_t> beyond = {3};
  expect_error<InvalidArgument>([&] { data.select(beyond); }, {"no sample 3", "of 3"});
  expect_error<InvalidArgument>(
      [] {
        Dataset::from_values({1, 2}, Dataset::Targets{{1, 2, 3}, 2}, 1);
      },
      {"2 targets", "3"});
  expect_error<InvalidArgument>(
      [] {
        Dataset::from_values({1}, Dataset::Targets{{1}, 0}, 1);
      },
      {"0 targets"});
}

TEST(Dataset, ReadsSamplesFromAFunctionEachTime) {
  int calls = 0;
  const auto read = [&](index_t index, std::span<double> column) {
    ++calls;
    column[0] = static_cast<double>(index) + 0.25;
    column[1] = -1;
  };
  const Dataset data = Dataset::from_function<double>(read, Dataset::Labels{{0, 1, 0}, 2}, 2);
  const std::vector<index_t> chosen = {2, 1};
  std::vector<float> column(2);
  data.select(chosen).copy_sample<float>(0, column);
  EXPECT_EQ(column, (std::vector<float>{2.25F, -1}));
  EXPECT_EQ(calls, 1);
  const Scaling scaling = standard_scaling_of_features(data);
  EXPECT_DOUBLE_EQ(scaling.mean[0], 1.25);
  EXPECT_DOUBLE_EQ(scaling.scale[0], std::sqrt(2.0 / 3));
  expect_error<InvalidArgument>(
      [] {
        Dataset::from_function<float>(nullptr, Dataset::Labels{{0}, 1}, 2);
      },
      {"no function"});
}

TEST(Dataset, IsMadeOfTheColumnsOfMatrices) {
  Context context(Device::cpu());
  const std::vector<double> values = {1, 2, 3, 4, 5, 6};
  const auto U = Matrix<double>::from_host(context, 3, 2, values);
  const Dataset labelled = Dataset::from_matrix<double>(context, U.view(), {{1, 0}, 2});
  std::vector<double> column(3);
  labelled.copy_sample<double>(1, column);
  EXPECT_EQ(column, (std::vector<double>{4, 5, 6}));
  const auto Y = Matrix<double>::from_host(context, 1, 2, std::vector<double>{7, 8});
  const Dataset measured = Dataset::from_matrix<double>(context, U.view(), Y.view());
  std::vector<double> target(1);
  measured.copy_target<double>(1, target);
  EXPECT_EQ(target[0], 8);
}

TEST(Scaling, OfAStandardHasMeanZeroAndDeviationOneAndLeavesConstantsAtZero) {
  std::vector<double> values;
  for (int k = 0; k < 1000; ++k) values.insert(values.end(), {0.1, 1e6 + k % 2, 3.0 * (k % 10)});
  const Dataset data =
      Dataset::from_values(std::move(values), std::vector<std::int32_t>(1000, 0), 3, 1);
  const Scaling scaling = standard_scaling_of_features(data);
  EXPECT_EQ(scaling.scale[0], 1.0);  // 0.1 added a thousand times is no sum of exact numbers
  EXPECT_NEAR(scaling.scale[1], 0.5, 1e-9);
  EXPECT_NEAR(scaling.scale[2], 3 * std::sqrt(8.25), 1e-12);
  std::vector<double> column(3);
  const Dataset scaled = data.scaled(scaling);
  scaled.copy_sample<double>(1, column);
  EXPECT_NEAR(column[0], 0.0, 1e-12);
  EXPECT_NEAR(column[1], 1.0, 1e-6);
  scaling.undo<double>(column);
  EXPECT_NEAR(column[1], 1e6 + 1, 1e-9 * 1e6);
  EXPECT_EQ(standard_scaling_of_features(scaled), scaling);
  expect_error<InvalidArgument>([&] { scaling.apply<double>(std::span(column).first(2)); },
                                {"3 means", "2 values"});
}

TEST(Scaling, MakesWhatIsConstantZero) {
  for (const double value : {123456789012345678.0, 1e20, 1e300, -0.1}) {
    for (const std::size_t samples : {7U, 1000U}) {
      const Dataset data = Dataset::from_values(std::vector(samples, value),
                                                std::vector<std::int32_t>(samples, 0), 1, 1);
      std::vector<double> column(1);
      data.scaled(standard_scaling_of_features(data)).copy_sample<double>(3, column);
      EXPECT_EQ(column[0], 0.0) << value;
      const Dataset of_targets = Dataset::from_values(
          std::vector(samples, 1.0), Dataset::Targets{std::vector(samples, value), 1}, 1);
      EXPECT_EQ(of_targets.target_variance(), 0.0) << value;
    }
  }
}

TEST(Scaling, OfNumbersWhoseSquaresLeaveDouble) {
  for (const double unit : {1e200, 1e-170, 1e-300}) {
    const Dataset data = Dataset::from_values(std::vector{1 * unit, 2 * unit, 3 * unit, 4 * unit},
                                              std::vector<std::int32_t>(4, 0), 1, 1);
    const Scaling scaling = standard_scaling_of_features(data);
    EXPECT_NEAR(scaling.mean[0], 2.5 * unit, 1e-15 * unit);
    EXPECT_NEAR(scaling.scale[0], std::sqrt(1.25) * unit, 1e-15 * unit);
  }
}

TEST(NpyDataset, ReadsSamplesWithLabelsOrTargets) {
  const TemporaryFolder folder;
  const auto write = [&]<class T>(const char* name, std::vector<std::int64_t> shape,
                                  const std::vector<T>& values) {
    io::write_npy(folder / name, io::Array::from<T>(std::move(shape), values));
    return folder / name;
  };
  const auto X = write("X.npy", {3, 2}, std::vector<double>{1, 2, 3, 4, 5, 1.0 / 3});
  const auto y = write("y.npy", {3}, std::vector<std::int64_t>{0, 2, 1});
  const auto Y = write("Y.npy", {3, 1}, std::vector<float>{0.5F, 1, 2});
  const Dataset labelled = read_labelled_npy(X, y);
  EXPECT_EQ(labelled.classes(), 3);
  std::vector<double> column(2);
  labelled.copy_sample<double>(2, column);
  EXPECT_EQ(column[1], 1.0 / 3);
  EXPECT_EQ(read_npy_with_targets(X, Y).outputs(), 1);
  EXPECT_TRUE(read_npy_with_targets(X, y).has_targets());
  const auto refused = [&](const auto& values, std::initializer_list<std::string> parts) {
    const auto size = static_cast<std::int64_t>(values.size());
    expect_error([&] { read_labelled_npy(X, write("bad.npy", {size}, values)); }, parts);
  };
  refused(std::vector<double>{0, 0.5, 1}, {"bad.npy", "label 1 is 0.5", "whole"});
  refused(std::vector<std::int32_t>{0, -1, 1}, {"label 1 is -1"});
  refused(std::vector<std::int32_t>{0, 1, 1, 1}, {"4 samples", "X.npy has 3"});
  const auto two = write("two.npy", {2}, std::vector<float>{1, 2});
  const auto spoiled =
      write("nan.npy", {2, 2}, std::vector<float>{1, 2, 3, std::numeric_limits<float>::infinity()});
  expect_error([&] { read_npy_with_targets(spoiled, two); },
               {"nan.npy", "sample 1, feature 1 is inf"});
  expect_error([&] { read_labelled_npy(y, y); }, {"(samples, features)"});
  expect_error(
      [&] {
        read_labelled_npy(write("none.npy", {0, 2}, std::vector<float>{}), y);
      },
      {"none.npy", "no samples"});
}

std::string images(std::uint32_t count, std::uint32_t rows, std::uint32_t cols) {
  std::string pixels(std::size_t{count} * rows * cols, '\0');
  std::iota(pixels.begin(), pixels.end(), '\0');
  return std::string("\0\0\x08\3", 4) + big_endian(count, 4) + big_endian(rows, 4) +
         big_endian(cols, 4) + pixels;
}

std::string labels(const std::string& values) {
  return std::string("\0\0\x08\1", 4) + big_endian(values.size(), 4) + values;
}

/// A small data set: 3 training and 2 test images of 2×2 pixels.
void fill(const TemporaryFolder& folder) {
  folder.file("train-images-idx3-ubyte", images(3, 2, 2));
  folder.file("train-labels-idx1-ubyte", labels(std::string("\5\0\x09", 3)));
  folder.file("t10k-images-idx3-ubyte", images(2, 2, 2));
  folder.file("t10k-labels-idx1-ubyte", labels("\1\2"));
}

TEST(Mnist, ReadsAFolder) {
  const TemporaryFolder folder;
  fill(folder);
  const DatasetPair pair = read_mnist(folder.path());
  EXPECT_EQ(pair.name, folder.path().filename());
  EXPECT_EQ(read_mnist(folder / "").name, folder.path().filename());
  EXPECT_EQ(pair.train.size(), 3);
  EXPECT_EQ(pair.test.size(), 2);
  EXPECT_EQ(pair.train.features(), 4);
  EXPECT_EQ(pair.train.classes(), 10);
  EXPECT_TRUE(std::ranges::equal(pair.train.labels(), std::vector<std::int32_t>{5, 0, 9}));
  std::vector<double> column(4);
  pair.train.copy_sample<double>(2, column);  // pixels 8 to 11, row by row
  EXPECT_EQ(column, (std::vector<double>{8 / 255.0, 9 / 255.0, 10 / 255.0, 11 / 255.0}));
}

TEST(Mnist, TakesNamesWithGzWhereThePlainOnesAreMissing) {
  const TemporaryFolder folder;
  fill(folder);
  std::filesystem::rename(folder / "train-images-idx3-ubyte",
                          folder / "train-images-idx3-ubyte.gz");
  EXPECT_EQ(read_mnist(folder.path()).train.size(), 3);
}

TEST(DataFolder, IsFoundWhereTorchvisionAndArchivesPutIt) {
  const TemporaryFolder folder;
  const auto raw = folder / "MNIST/raw";
  std::filesystem::create_directories(raw);
  fill(folder);
  for (const char* name : {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                           "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"})
    std::filesystem::rename(folder / name, raw / name);
  EXPECT_EQ(read_dataset(raw).name, "MNIST");
  EXPECT_EQ(read_dataset(folder / "MNIST").train.size(), 3);
  EXPECT_EQ(read_dataset(folder.path()).train.size(), 3);
  std::filesystem::rename(raw / "train-images-idx3-ubyte", raw / "train-images.idx3-ubyte");
  EXPECT_EQ(read_dataset(folder.path()).train.size(), 3);
  const auto bin = folder / "cifar-10-batches-bin";
  std::filesystem::create_directories(bin);
  folder.file("cifar-10-batches-bin/test_batch.bin", "");
  expect_error([&] { read_dataset(folder.path()); }, {"several data sets", "MNIST/raw"});
  expect_error([&] { read_dataset(bin); }, {"data_batch_1.bin"});
}

TEST(DataFolder, NamesThePythonVersionOfCifar10) {
  const TemporaryFolder folder;
  folder.file("data_batch_1", "pickle");
  expect_error([&] { read_dataset(folder.path()); }, {"Python version of CIFAR-10", "binary"});
}

TEST(Mnist, SaysWhatIsWrongWithAFolder) {
  const TemporaryFolder folder;
  const auto refuse = [&](std::initializer_list<std::string> parts) {
    expect_error([&] { read_mnist(folder.path()); }, parts);
    fill(folder);
  };
  refuse({"/train-images-idx3-ubyte: does not exist", "t10k-labels-idx1-ubyte"});
  folder.file("t10k-labels-idx1-ubyte", labels("\1\2\3"));
  refuse({"t10k-labels-idx1-ubyte", "3 labels", "t10k-images-idx3-ubyte has 2 images"});
  folder.file("train-labels-idx1-ubyte", labels("\1\x0a\3"));
  refuse({"train-labels-idx1-ubyte", "label 1 is 10", "0 to 9"});
  folder.file("t10k-images-idx3-ubyte", images(2, 3, 3));
  refuse({"of 4 pixels", "test images of 9"});
  folder.file("train-images-idx3-ubyte", labels("abc"));
  refuse({"train-images-idx3-ubyte", "1 dimensions, expected 3"});
  folder.file("train-images-idx3-ubyte", images(3, 2, 0));
  refuse({"train-images-idx3-ubyte", "no pixels"});
  expect_error([&] { read_mnist(folder / "none"); }, {"none", "no folder"});
  EXPECT_EQ(read_mnist(folder.path()).train.size(), 3);
}

TEST(EpochOrder, IsAPermutation) {
  for (const index_t size : {0, 1, 2, 3, 10, 1000, 60000}) {
    std::vector<std::int32_t> order = epoch_order(7, 3, size, true);
    std::sort(order.begin(), order.end());
    std::vector<std::int32_t> expected(static_cast<std::size_t>(size));
    std::iota(expected.begin(), expected.end(), 0);
    EXPECT_EQ(order, expected) << size;
  }
}

TEST(EpochOrder, CountsUpWithoutShuffling) {
  EXPECT_EQ(epoch_order(7, 3, 4, false), (std::vector<std::int32_t>{0, 1, 2, 3}));
}

TEST(EpochOrder, DependsOnSeedAndEpochAlone) {
  const auto order = epoch_order(7, 3, 100, true);
  EXPECT_EQ(epoch_order(7, 3, 100, true), order);
  EXPECT_NE(epoch_order(8, 3, 100, true), order);
  EXPECT_NE(epoch_order(7, 4, 100, true), order);
}

TEST(EpochOrder, GivesEveryPermutationEquallyOften) {
  // All 24 orders of 4 samples. Pearson's statistic has 23 degrees of freedom; it exceeds 52.6 once
  // in 2500 cases, and here the seeds are fixed.
  std::map<std::vector<std::int32_t>, int> counts;
  constexpr int k_draws = 24000;
  for (int epoch = 0; epoch < k_draws; ++epoch) ++counts[epoch_order(1, epoch, 4, true)];
  ASSERT_EQ(counts.size(), 24U);
  double statistic = 0;
  for (const auto& [order, count] : counts) statistic += (count - 1000.0) * (count - 1000.0) / 1000;
  EXPECT_LT(statistic, 52.6);
}

TEST(EpochOrder, RefusesSizesAndEpochsBelowZeroOrBeyondInt32) {
  expect_error<InvalidArgument>([] { epoch_order(1, 0, -1, true); }, {"-1"});
  expect_error<InvalidArgument>([] { epoch_order(1, 0, index_t{1} << 31, true); }, {"2147483648"});
  expect_error<InvalidArgument>([] { epoch_order(1, -1, 5, true); }, {"-1"});
}

}  // namespace
}  // namespace idl
