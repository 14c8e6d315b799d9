// SPDX-License-Identifier: MIT
#include "kernels/custom_activation.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <mutex>
#include <string>

#include "idl/error.hpp"
#include "kernels/base/number_range.hpp"
#include "kernels/math/activations.hpp"

namespace idl {
namespace {

/// Activations stay where they are, with their names as strings.
struct KnownActivations {
  struct Entry {
    std::string name;
    CustomActivation custom;
  };
  std::mutex mutex;
  std::deque<Entry> entries;

  Entry* find(std::string_view name) {
    const auto found = std::find_if(entries.begin(), entries.end(),
                                    [name](const Entry& entry) { return entry.name == name; });
    return found == entries.end() ? nullptr : &*found;
  }
};

KnownActivations& known() {
  static KnownActivations* const all = new KnownActivations;  // outlives whatever holds a pointer
  return *all;
}

std::string called(std::string_view name) { return "activation '" + std::string(name) + "'"; }

void check_name(std::string_view name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  IDL_CHECK(!name.empty() && std::all_of(name.begin(), name.end(), fits),
            called(name) + ": a name is made of letters, digits and _");
  IDL_CHECK(k_named<ActivationKind>.find(name) == nullptr && name != "custom",
            called(name) + ": the library has an activation of this name");
}

template <class T>
bool has_loops(const ActivationLoops<T>& loops) {
  const auto is_there = [](ActivationLoop<T> loop) { return loop != nullptr; };
  return std::all_of(loops.value.begin(), loops.value.end(), is_there) &&
         std::all_of(loops.derivative.begin(), loops.derivative.end(), is_there);
}

/// Whether two have one formula, as far as some values tell.
bool agree(const CustomActivation& a, const CustomActivation& b) {
  if (a.has_alpha != b.has_alpha || a.usual_alpha != b.usual_alpha || a.at_zero != b.at_zero ||
      a.lipschitz(a.usual_alpha) != b.lipschitz(b.usual_alpha))
    return false;
  // They may be compiled differently.
  const auto same = [](double of_a, double of_b) {
    return std::abs(of_a - of_b) <= 1e-12 * (1.0 + std::abs(of_a)) ||
           (std::isnan(of_a) && std::isnan(of_b)) || of_a == of_b;
  };
  constexpr double k_between = 0.1234375;  // no kink lies on a multiple of it that is not 0
  for (int k = -400; k <= 400; ++k) {
    const double x = k * k_between;
    for (const double alpha : {a.usual_alpha, 0.375, 2.5}) {
      if (alpha != a.usual_alpha && !a.has_alpha) continue;
      if (!same(a.lipschitz(alpha), b.lipschitz(alpha)) ||
          !same(one_entry(a.double_loops.value[0], alpha, x),
                one_entry(b.double_loops.value[0], alpha, x)) ||
          !same(one_entry(a.double_loops.derivative[0], alpha, x),
                one_entry(b.double_loops.derivative[0], alpha, x)))
        return false;
    }
  }
  return true;
}

/// Those that were there stay, but for solves of fewer states.
template <class T>
void add_kernels(ActivationKernels<T>& to, const ActivationKernels<T>& from) {
  if (to.value == nullptr) to = from;
  if (to.solve.most_rows < from.solve.most_rows) to.solve = from.solve;
}

}  // namespace

const CustomActivation& custom_of(const Activation& activation) {
  IDL_CHECK(
      activation.custom != nullptr,
      "activation: its kind is custom, but there is none; custom_activation<Phi>() makes one");
  return *activation.custom;
}

double checked_lipschitz(const CustomActivation& custom, double alpha) {
  const double L = custom.lipschitz(alpha);
  IDL_CHECK(std::isfinite(L) && L >= 0.0, called(custom.name) + ": its Lipschitz constant is " +
                                              number_text(L) +
                                              ", it has to be a finite number >= 0");
  return L;
}

const CustomActivation* find_custom_activation(std::string_view name) {
  const std::lock_guard lock(known().mutex);
  const auto* entry = known().find(name);
  return entry == nullptr ? nullptr : &entry->custom;
}

Activation register_activation(const CustomActivation& custom, double alpha) {
  check_name(custom.name);
  IDL_CHECK(custom.lipschitz != nullptr && has_loops(custom.float_loops) &&
                has_loops(custom.double_loops),
            called(custom.name) + ": its loops on the CPU or its Lipschitz constant are missing");
  check_number(called(custom.name) + ": alpha", alpha, NumberRange{});
  checked_lipschitz(custom, alpha);
  const std::lock_guard lock(known().mutex);
  auto* entry = known().find(custom.name);
  if (entry == nullptr) {
    known().entries.push_back({std::string(custom.name), custom});
    entry = &known().entries.back();
    entry->custom.name = entry->name;
  } else {
    IDL_CHECK(
        agree(entry->custom, custom),
        called(custom.name) + ": another activation of this name, with other values, is known");
    add_kernels(entry->custom.float_kernels, custom.float_kernels);
    add_kernels(entry->custom.double_kernels, custom.double_kernels);
  }
  return {ActivationKind::custom, alpha, &entry->custom};
}

}  // namespace idl
