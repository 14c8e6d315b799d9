// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "idl/context.hpp"
#include "idl/data_format.hpp"
#include "idl/export.hpp"
#include "idl/matrix.hpp"

namespace idl {

/// Writes the features of sample `index`, in [0, size), to a column of features() elements. Called
/// from a thread of the trainer's, for one sample at a time, in any order and again in each epoch;
/// what it throws comes out of fit() and evaluate().
template <class T>
using SampleReader = std::function<void(index_t index, std::span<T> column)>;

/// Samples on the host, each with a label (classification) or with targets (regression). Features
/// are bytes (divided by 255 on use), floats, doubles, or whatever a function reads; sample k is
/// the column U(:,k).
class IDL_EXPORT Dataset {
 public:
  /// What each sample is to be told as: a label in [0, classes).
  struct Labels {
    std::vector<std::int32_t> of_samples;  ///< one each
    index_t classes = 0;                   ///< >= 1
  };
  /// What each sample is to be told as: numbers.
  struct Targets {
    std::vector<double> values;  ///< of one sample after the other
    index_t per_sample = 0;      ///< >= 1
  };

  /// features.size() == samples·features_per_sample; labels.size() == samples; labels in
  /// [0, classes). Values are used as they are. @throws InvalidArgument
  static Dataset from_values(std::vector<float> features, std::vector<std::int32_t> labels,
                             index_t features_per_sample, index_t classes);
  /// The same in double.
  template <std::same_as<double> T>
  static Dataset from_values(std::vector<T> features, std::vector<std::int32_t> labels,
                             index_t features_per_sample, index_t classes) {
    return from_doubles(std::move(features), Labels{std::move(labels), classes},
                        features_per_sample);
  }
  /// Feature value = byte/255, as torchvision's ToTensor. @throws InvalidArgument
  static Dataset from_bytes(std::vector<std::uint8_t> features, std::vector<std::int32_t> labels,
                            index_t features_per_sample, index_t classes);
  /// For regression: targets.values.size() == samples·targets.per_sample. @throws InvalidArgument
  static Dataset from_values(std::vector<float> features, Targets targets,
                             index_t features_per_sample);
  /// The same in double.
  template <std::same_as<double> T>
  static Dataset from_values(std::vector<T> features, Targets targets,
                             index_t features_per_sample) {
    return from_doubles(std::move(features), std::move(targets), features_per_sample);
  }
  /// Of the columns of U (p×m), which are copied from wherever they are. @throws InvalidArgument
  template <class T>
  static Dataset from_matrix(Context& context, ConstMatrixView<T> U, Labels labels) {
    return from_values(download(context, U), std::move(labels.of_samples), U.rows, labels.classes);
  }
  /// Of the columns of U (p×m) and the targets Y (q×m). @throws InvalidArgument
  template <class T>
  static Dataset from_matrix(Context& context, ConstMatrixView<T> U,
                             std::type_identity_t<ConstMatrixView<T>> Y) {
    const std::vector<T> targets = download(context, Y);
    return from_values(download(context, U), Targets{{targets.begin(), targets.end()}, Y.rows},
                       U.rows);
  }
  /// Of samples that do not fit into memory: only their labels are kept. @throws InvalidArgument
  template <class T>
  static Dataset from_function(SampleReader<T> read, Labels labels, index_t features_per_sample);
  /// The same for regression.
  template <class T>
  static Dataset from_function(SampleReader<T> read, Targets targets, index_t features_per_sample);

  /// Number of samples.
  index_t size() const { return size_; }
  /// Features of a sample: the model's inputs p.
  index_t features() const { return features_per_sample_; }
  /// The model's outputs q: classes, or targets of a sample.
  index_t outputs() const { return has_targets() ? targets_.per_sample : labels_.classes; }
  /// Whether the samples have targets, and no labels.
  bool has_targets() const { return targets_.per_sample > 0; }
  /// Number of classes; 0 where the samples have targets.
  index_t classes() const { return labels_.classes; }
  /// The class of each sample, in [0, classes()); empty where the samples have targets.
  std::span<const std::int32_t> labels() const { return labels_.of_samples; }

  /// Says that samples are sequences, how many of whose first steps count: of each sample as many
  /// as this, at least 1. What its features hold after them is not looked at by recurrent models.
  /// @throws InvalidArgument (another number of lengths than of samples, a length below 1)
  void set_lengths(std::vector<std::int32_t> lengths);
  /// The steps of each sample; empty where all of them count.
  std::span<const std::int32_t> lengths() const { return lengths_; }

  /// Writes sample `index` to `column`, which has features() elements, scaled. T is float or
  /// double; bytes are divided in T, or in double where features are scaled.
  /// @throws InvalidArgument (no such sample, a column of another size), what a SampleReader throws
  template <class T>
  void copy_sample(index_t index, std::span<T> column) const;
  /// Writes what the outputs are to be for sample `index` to `column`, which has outputs()
  /// elements: its targets, scaled, or one for its class and zero for the others.
  /// @throws InvalidArgument (no such sample, a column of another size)
  template <class T>
  void copy_target(index_t index, std::span<T> column) const;

  /// The first `count` samples, 0 to size(). @throws InvalidArgument for other numbers
  Dataset first(index_t count) const;
  /// These samples, in this order. @throws InvalidArgument
  Dataset select(std::span<const index_t> samples) const;

  /// From now on samples are scaled on their way into a model, in double; scalings before are
  /// replaced.
  /// @throws InvalidArgument (sizes that are not features() and outputs(), scales that are not
  /// positive, targets' scaling for labels)
  void set_scaling(Scaling features, Scaling targets = {});
  /// A copy of which that is so.
  Dataset scaled(Scaling features, Scaling targets = {}) const;
  /// How features are scaled.
  const Scaling& feature_scaling() const { return feature_scaling_; }
  /// How targets are scaled.
  const Scaling& target_scaling() const { return target_scaling_; }
  /// Mean over all entries of (target − mean of its column)², of targets as copy_target gives them:
  /// the squared error of the best constant answer. 0 for labels.
  double target_variance() const;

 private:
  using Features = std::variant<std::vector<float>, std::vector<double>, std::vector<std::uint8_t>,
                                SampleReader<float>, SampleReader<double>>;

  static Dataset from_doubles(std::vector<double> features, Labels labels,
                              index_t features_per_sample);
  static Dataset from_doubles(std::vector<double> features, Targets targets,
                              index_t features_per_sample);
  Dataset(Features features, Labels labels, index_t features_per_sample);
  Dataset(Features features, Targets targets, index_t features_per_sample);
  friend IDL_EXPORT Scaling standard_scaling_of_features(const Dataset& data);
  friend IDL_EXPORT Scaling standard_scaling_of_targets(const Dataset& data);
  friend struct detail::Inside<Dataset>;
  void check_features() const;
  template <class T>
  void copy_unscaled(index_t index, std::span<T> column) const;
  void copy_unscaled_target(index_t index, std::span<double> column) const;

  Features features_;
  Labels labels_;
  Targets targets_;
  index_t size_ = 0;
  index_t features_per_sample_ = 0;
  std::vector<std::int32_t> lengths_;
  Scaling feature_scaling_;
  Scaling target_scaling_;
};

/// The scaling after which each feature has mean 0 and standard deviation 1 (that of the whole, not
/// of a sample of it) over the samples as they are without scaling. A feature that is constant up
/// to rounding keeps scale 1, so that it becomes 0. @throws InvalidArgument without samples
IDL_EXPORT Scaling standard_scaling_of_features(const Dataset& data);
/// The same of the targets. @throws InvalidArgument for labels
IDL_EXPORT Scaling standard_scaling_of_targets(const Dataset& data);

/// Reads samples as rows, a .npy file of shape (samples, features), and a label for each, a .npy
/// file of whole numbers from 0 on, of shape (samples). float32 stays float, all else is double.
/// @throws IoError (unreadable, other shapes, no samples, numbers that are not finite: sample and
/// feature are named; labels that are negative or not whole, numbers that do not fit each other)
IDL_EXPORT Dataset read_labelled_npy(const std::filesystem::path& samples,
                                     const std::filesystem::path& labels);
/// The same with a target for each, of shape (samples) or (samples, targets). @throws IoError
IDL_EXPORT Dataset read_npy_with_targets(const std::filesystem::path& samples,
                                         const std::filesystem::path& targets);

/// What read_mnist gives.
struct DatasetPair {
  Dataset train;     ///< to train on
  Dataset test;      ///< to evaluate on
  std::string name;  ///< the folder's name
};

/// Reads MNIST or Fashion-MNIST from a folder that holds train-images-idx3-ubyte,
/// train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte (or, as some archives
/// have them, train-images.idx3-ubyte, ...), each plain or with ".gz".
/// @throws IoError (missing or corrupt file, counts that do not match, labels above 9)
IDL_EXPORT DatasetPair read_mnist(const std::filesystem::path& folder);

/// Reads one file of the binary version of CIFAR-10: up to 10000 records of a label (one byte, 0 to
/// 9) and an image (3072 bytes: the red, the green, the blue plane, each 32×32 row by row). Sample
/// k is U(:,k) of 3072 features, byte/255, in the order of the bytes; torchvision's ToTensor gives
/// the same, flattened. https://www.cs.toronto.edu/~kriz/cifar.html
/// @throws IoError (missing, empty or too large file, a part of a record, a label above 9),
///         OutOfMemory
IDL_EXPORT Dataset read_cifar10_file(const std::filesystem::path& path);

/// The training set (data_batch_1.bin to data_batch_5.bin, one after the other) or the test set
/// (test_batch.bin) of CIFAR-10 in a folder. @throws as read_cifar10_file
IDL_EXPORT Dataset read_cifar10(const std::filesystem::path& folder, bool train);

/// Both. @throws as read_cifar10_file
IDL_EXPORT DatasetPair read_cifar10(const std::filesystem::path& folder);

/// Reads whichever data set a folder holds: CIFAR-10 where data_batch_1.bin or test_batch.bin is
/// there, otherwise (Fashion-)MNIST. Also where it lies below: raw, MNIST/raw, FashionMNIST/raw (as
/// torchvision has them) or cifar-10-batches-bin. @throws IoError, OutOfMemory
IDL_EXPORT DatasetPair read_dataset(const std::filesystem::path& folder);

/// The order in which epoch `epoch` visits `size` samples: a permutation that depends on (seed,
/// epoch, size) alone, the same on every machine (Fisher-Yates with Philox). Without shuffling
/// 0, 1, 2, ....
/// @throws InvalidArgument (size or epoch below 0 or above 2³¹ − 1)
IDL_EXPORT std::vector<std::int32_t> epoch_order(std::uint64_t seed, std::int64_t epoch,
                                                 index_t size, bool shuffle);

}  // namespace idl
