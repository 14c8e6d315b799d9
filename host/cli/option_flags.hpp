// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <string_view>
#include <type_traits>

#include "host/options/option_table.hpp"

/// The options of the library as the program's commands set them.
namespace idl::cli {

/// Calls visit(flag, member, help, range) for each option of `owner` that has a flag and is chosen.
template <class Owner, class Visitor, class Chosen>
void for_each_flag_of(Owner& owner, Visitor&& visit, Chosen&& is_chosen) {
  for_each_option<std::remove_const_t<Owner>>([&](const auto& option) {
    if (!option.flag.empty() && is_chosen(option.flag))
      visit(option.flag, owner.*option.member, option.help, option.range);
  });
}
template <class Owner, class Visitor>
void for_each_flag_of(Owner& owner, Visitor&& visit) {
  for_each_flag_of(owner, visit, [](std::string_view) { return true; });
}

/// Chooses these flags.
template <class... Names>
constexpr auto one_of(Names... names) {
  return [=](std::string_view flag) { return ((flag == names) || ...); };
}

/// The same for all that a solve can be told, in the order of config.json; its tolerance is that of
/// solver.forward.
template <class Solver, class Visitor>
void for_each_solver_setting(Solver& solver, Visitor&& visit) {
  const auto first = one_of("tolerance", "relative-tolerance");
  for_each_flag_of(solver.forward, visit, first);
  for_each_flag_of(solver.forward, visit, std::not_fn(first));
  for_each_flag_of(solver, visit);
}

}  // namespace idl::cli
