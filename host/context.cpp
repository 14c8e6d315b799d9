// SPDX-License-Identifier: MIT
#include "idl/context.hpp"

#include <cstdio>
#include <utility>

#include "host/backend_of.hpp"
#include "kernels/backend.hpp"

namespace idl {

Context::Context() : Context(ContextOptions{}) {}

Context::Context(Device device)
    : Context(ContextOptions{.device = device, .stream = nullptr, .log = {}, .threads = 0}) {}

Context::Context(const ContextOptions& options)
    : Context(std::make_unique<State>(
          State{.backend = make_backend(options.device, options.stream, options.threads),
                .log = options.log,
                .every_solve_warning = options.every_solve_warning})) {}

Context::Context(std::unique_ptr<State> state) : state_(std::move(state)) {}

Context::~Context() = default;
Context::Context(Context&&) noexcept = default;
Context& Context::operator=(Context&&) noexcept = default;

Device Context::device() const { return state_->backend->device(); }

std::string Context::describe() const { return state_->backend->describe(); }

CUstream_st* Context::stream() const { return state_->backend->stream(); }

void Context::synchronize() { state_->backend->synchronize(); }

void Context::wait_for(CUstream_st* stream) { state_->backend->wait_for(stream); }

void Context::record_for(CUstream_st* stream) { state_->backend->record_for(stream); }

MemoryStatistics Context::memory() const { return state_->backend->memory(); }

void Context::log(Severity severity, std::string_view text) const {
  if (state_->log) {
    state_->log(severity, text);
  } else if (severity != Severity::info) {
    const char* kind = severity == Severity::warning ? "warning" : "error";
    std::fprintf(stderr, "idl: %s: %.*s\n", kind, static_cast<int>(text.size()), text.data());
  }
}

}  // namespace idl
