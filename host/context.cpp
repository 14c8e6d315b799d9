// SPDX-License-Identifier: MIT
#include "idl/context.hpp"

#include <cstdio>
#include <utility>

#include "kernels/backend.hpp"

namespace idl {

Context::Context() : Context(ContextOptions{}) {}

Context::Context(Device device)
    : Context(ContextOptions{.device = device, .stream = nullptr, .log = {}, .threads = 0}) {}

Context::Context(const ContextOptions& options)
    : backend_(make_backend(options.device, options.stream, options.threads)), log_(options.log) {}

Context::Context(std::shared_ptr<Backend> backend, LogCallback log)
    : backend_(std::move(backend)), log_(std::move(log)) {}

Context::~Context() = default;
Context::Context(Context&&) noexcept = default;
Context& Context::operator=(Context&&) noexcept = default;

Device Context::device() const { return backend_->device(); }

CUstream_st* Context::stream() const { return backend_->stream(); }

void Context::synchronize() { backend_->synchronize(); }

void Context::wait_for(CUstream_st* stream) { backend_->wait_for(stream); }

void Context::record_for(CUstream_st* stream) { backend_->record_for(stream); }

MemoryStatistics Context::memory() const { return backend_->memory(); }

void Context::log(Severity severity, std::string_view text) const {
  if (log_) {
    log_(severity, text);
  } else if (severity != Severity::info) {
    const char* kind = severity == Severity::warning ? "warning" : "error";
    std::fprintf(stderr, "idl: %s: %.*s\n", kind, static_cast<int>(text.size()), text.data());
  }
}

}  // namespace idl
