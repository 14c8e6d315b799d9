// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "idl/context.hpp"
#include "idl/matrix.hpp"

/// What stands behind a Context and the memory made with it.
namespace idl {

class Backend;
class PassCache;

struct Context::State {
  std::shared_ptr<Backend> backend;
  LogCallback log;
  bool every_solve_warning = false;
  /// Solves with columns that did not converge, by what was solved.
  std::map<std::string, std::int64_t, std::less<>> solve_warnings{};
  std::shared_ptr<PassCache> passes{};  ///< none before the first prediction
};

template <>
struct detail::Inside<Context> {
  static Context::State& state(const Context& context) { return *context.state_; }
  /// Another one on the same backend, with the same log.
  static Context twin(const Context& context) {
    return Context(std::make_unique<Context::State>(
        Context::State{.backend = state(context).backend,
                       .log = state(context).log,
                       .every_solve_warning = state(context).every_solve_warning}));
  }
};

template <>
struct detail::Inside<DeviceMemory> {
  static Backend* backend(const DeviceMemory& memory) {
    return static_cast<Backend*>(memory.owner_.get());
  }
};

/// The primitives of the context's device; shared with the matrices made there.
inline const std::shared_ptr<Backend>& backend_of(const Context& context) {
  return detail::Inside<Context>::state(context).backend;
}

/// That which made the memory and will release it; nullptr where there is no memory.
inline Backend* backend_of(const DeviceMemory& memory) {
  return detail::Inside<DeviceMemory>::backend(memory);
}

}  // namespace idl
