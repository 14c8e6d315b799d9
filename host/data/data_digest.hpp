// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "idl/data.hpp"

namespace idl {

/// What tells a data set from one of which a number is another: the CRC-32 of sizes, features as
/// they are kept, labels or targets and lengths, in eight hexadecimal digits. Of samples that a
/// function reads the features do not count, as reading them may take as long as an epoch; nor do
/// scalings.
std::string digest_of(const Dataset& data);

/// By which a training knows the numbers with which it began.
struct DataDigests {
  std::string train;
  std::string test;  ///< empty: there are no test data
};

/// @param test  nullptr: there are none
inline DataDigests digests_of(const Dataset& train, const Dataset* test) {
  return {digest_of(train), test == nullptr ? std::string() : digest_of(*test)};
}

}  // namespace idl
