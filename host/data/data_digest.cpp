// SPDX-License-Identifier: MIT
#include "host/data/data_digest.hpp"

#include <zlib.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <span>
#include <variant>

namespace idl {

template <>
struct detail::Inside<Dataset> {
  static const Dataset::Features& features(const Dataset& data) { return data.features_; }
  static std::span<const double> targets(const Dataset& data) { return data.targets_.values; }
};

namespace {

class Crc {
 public:
  template <class Value>
  void add(std::span<const Value> values) {
    // Parts that follow each other are told apart.
    const std::uint64_t bytes = values.size_bytes();
    add_bytes(&bytes, sizeof bytes);
    add_bytes(values.data(), values.size_bytes());
  }
  std::uint32_t value() const { return static_cast<std::uint32_t>(crc_); }

 private:
  void add_bytes(const void* bytes, std::size_t count) {
    if (count > 0) crc_ = ::crc32_z(crc_, static_cast<const Bytef*>(bytes), count);
  }

  uLong crc_ = ::crc32_z(0, nullptr, 0);
};

}  // namespace

std::string digest_of(const Dataset& data) {
  using Inside = detail::Inside<Dataset>;
  Crc crc;
  const std::array<std::int64_t, 3> sizes = {data.size(), data.features(), data.outputs()};
  crc.add(std::span<const std::int64_t>(sizes));
  std::visit(
      [&crc](const auto& features) {
        if constexpr (requires { features.size(); }) crc.add(std::span(features));
      },
      Inside::features(data));
  crc.add(data.labels());
  crc.add(Inside::targets(data));
  crc.add(data.lengths());
  constexpr std::size_t k_digits = 8;
  std::array<char, k_digits> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + k_digits, crc.value(), 16).ptr;
  const std::string text(digits.data(), end);
  return std::string(k_digits - text.size(), '0') + text;
}

}  // namespace idl
