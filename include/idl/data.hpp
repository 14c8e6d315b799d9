// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "idl/export.hpp"
#include "idl/matrix.hpp"

namespace idl {

/// Labelled samples on the host: features as bytes (scaled on use) or as floats, one sample after
/// the other; sample k is the column U(:,k).
class IDL_EXPORT Dataset {
 public:
  /// features.size() == samples·features_per_sample; labels.size() == samples; labels in
  /// [0, classes). Values are used as they are. @throws InvalidArgument
  static Dataset from_values(std::vector<float> features, std::vector<std::int32_t> labels,
                             index_t features_per_sample, index_t classes);
  /// Feature value = byte/255, as torchvision's ToTensor. @throws InvalidArgument
  static Dataset from_bytes(std::vector<std::uint8_t> features, std::vector<std::int32_t> labels,
                            index_t features_per_sample, index_t classes);

  /// Number of samples.
  index_t size() const { return static_cast<index_t>(labels_.size()); }
  /// Features of a sample: the model's inputs p.
  index_t features() const { return features_per_sample_; }
  /// Number of classes: the model's outputs q.
  index_t classes() const { return classes_; }
  /// The class of each sample, in [0, classes()).
  std::span<const std::int32_t> labels() const { return labels_; }

  /// Writes sample `index` to `column`, which has features() elements. T is float or double; bytes
  /// are divided in T.
  template <class T>
  void copy_sample(index_t index, std::span<T> column) const;

  /// The first `count` samples.
  Dataset first(index_t count) const;

 private:
  std::vector<float> values_;
  std::vector<std::uint8_t> bytes_;  // used instead of values_ where not empty
  std::vector<std::int32_t> labels_;
  index_t features_per_sample_ = 0;
  index_t classes_ = 0;
};

/// What read_mnist gives.
struct DatasetPair {
  Dataset train;     ///< to train on
  Dataset test;      ///< to evaluate on
  std::string name;  ///< the folder's name
};

/// Reads MNIST or Fashion-MNIST from a folder that holds train-images-idx3-ubyte,
/// train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, each plain or with
/// ".gz". @throws IoError (missing or corrupt file, counts that do not match, labels above 9)
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
/// there, otherwise (Fashion-)MNIST. @throws IoError, OutOfMemory
IDL_EXPORT DatasetPair read_dataset(const std::filesystem::path& folder);

/// The order in which epoch `epoch` visits `size` samples: a permutation that depends on (seed,
/// epoch, size) alone, the same on every machine (Fisher-Yates with Philox). Without shuffling
/// 0, 1, 2, ....
IDL_EXPORT std::vector<std::int32_t> epoch_order(std::uint64_t seed, std::int64_t epoch,
                                                 index_t size, bool shuffle);

}  // namespace idl
