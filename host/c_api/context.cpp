// SPDX-License-Identifier: MIT
#include <string>

#include "host/c_api/handles.hpp"
#include "host/c_api/structs.hpp"
#include "idl/version.hpp"

namespace idl::c_api {

std::string& last_error() {
  thread_local std::string text;
  return text;
}

namespace {

LogCallback sink_of(const idl_context_settings& settings) {
  static_assert(static_cast<int>(Severity::warning) == IDL_SEVERITY_WARNING &&
                static_cast<int>(Severity::error) == IDL_SEVERITY_ERROR);
  if (settings.log == nullptr) return {};
  return [log = settings.log, data = settings.log_data](Severity severity, std::string_view text) {
    log(data, static_cast<idl_severity>(severity), std::string(text).c_str());
  };
}

void make_context(const idl_context_settings* given, idl_context** context) {
  require(context, "context");
  *context = nullptr;
  const auto settings = read_struct(given, "idl_context_settings");
  *context = new idl_context{
      Context(ContextOptions{
          .device = parse_device(settings.device == nullptr ? "auto" : settings.device),
          .stream = static_cast<CUstream_st*>(settings.stream),
          .log = sink_of(settings),
          .threads = settings.threads,
          .every_solve_warning = settings.every_solve_warning != 0}),
      settings.batch_invariant != 0};
}

}  // namespace
}  // namespace idl::c_api

using idl::c_api::guarded;
using idl::c_api::require;

const char* idl_version(void) { return idl::version(); }
int32_t idl_version_number(void) { return IDL_VERSION_NUMBER; }
const char* idl_last_error(void) { return idl::c_api::last_error().c_str(); }

idl_status idl_context_create(const char* device, void* stream, idl_context** context) {
  return idl_context_create_with_threads(device, stream, 0, context);
}

idl_status idl_context_create_with_threads(const char* device, void* stream, int32_t threads,
                                           idl_context** context) {
  return guarded([&] {
    require(device, "device");
    idl_context_settings settings = {};
    settings.struct_size = sizeof(settings);
    settings.device = device;
    settings.stream = stream;
    settings.threads = threads;
    idl::c_api::make_context(&settings, context);
  });
}

idl_status idl_context_create_with(const idl_context_settings* settings, idl_context** context) {
  return guarded([&] { idl::c_api::make_context(settings, context); });
}

void idl_context_destroy(idl_context* context) { delete context; }

int32_t idl_context_is_cuda(const idl_context* context) {
  return context != nullptr && context->context.device().kind == idl::DeviceKind::cuda ? 1 : 0;
}

idl_status idl_context_synchronize(idl_context* context) {
  return guarded([&] {
    require(context, "context");
    context->context.synchronize();
  });
}

idl_status idl_context_wait_for(idl_context* context, void* stream) {
  return guarded([&] {
    require(context, "context");
    context->context.wait_for(static_cast<CUstream_st*>(stream));
  });
}

idl_status idl_context_record_for(idl_context* context, void* stream) {
  return guarded([&] {
    require(context, "context");
    context->context.record_for(static_cast<CUstream_st*>(stream));
  });
}

idl_status idl_context_memory(const idl_context* context, int64_t* bytes, int64_t* allocations) {
  return guarded([&] {
    require(context, "context");
    const idl::MemoryStatistics memory = context->context.memory();
    if (bytes != nullptr) *bytes = static_cast<int64_t>(memory.bytes_in_use);
    if (allocations != nullptr) *allocations = static_cast<int64_t>(memory.allocations);
  });
}
