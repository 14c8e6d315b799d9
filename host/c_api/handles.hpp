// SPDX-License-Identifier: MIT
#pragma once

#include <new>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "idl/c_api.h"
#include "idl/context.hpp"
#include "idl/data_format.hpp"
#include "idl/error.hpp"
#include "idl/model.hpp"
#include "idl/optimizer.hpp"

/// What the opaque handles of the C interface are.

struct idl_context {
  idl::Context context;
  bool batch_invariant = false;  ///< of all solves with it
  idl::SolveReport report{};     ///< of the last prediction, whose memory the next one uses
};

struct idl_model {
  std::variant<idl::ImplicitModel<float>, idl::ImplicitModel<double>> model;
  idl::DataFormat data{};  ///< what the file said that it was loaded from
};

namespace idl::c_api {

/// Ends a call that gave its answers as IDL_STATUS_NOT_CONVERGED.
class NotConverged : public Error {
 public:
  using Error::Error;
};

/// The text that idl_last_error() gives on this thread.
std::string& last_error();

/// Runs `body`; turns an exception into a status and remembers its text.
template <class Body>
idl_status guarded(Body&& body) noexcept {
  const auto failed = [](idl_status status, const char* text) {
    try {
      last_error() = text;
    } catch (...) {  // no memory for the text: the status still tells
    }
    return status;
  };
  try {
    std::forward<Body>(body)();
    return IDL_STATUS_OK;
  } catch (const InvalidArgument& error) {
    return failed(IDL_STATUS_INVALID_ARGUMENT, error.what());
  } catch (const NotFinite& error) {
    return failed(IDL_STATUS_NOT_FINITE, error.what());
  } catch (const NotConverged& error) {
    return failed(IDL_STATUS_NOT_CONVERGED, error.what());
  } catch (const NotSupported& error) {
    return failed(IDL_STATUS_NOT_SUPPORTED, error.what());
  } catch (const DeviceError& error) {
    return failed(IDL_STATUS_DEVICE_ERROR, error.what());
  } catch (const OutOfMemory& error) {
    return failed(IDL_STATUS_OUT_OF_MEMORY, error.what());
  } catch (const std::bad_alloc&) {
    return failed(IDL_STATUS_OUT_OF_MEMORY, "out of memory on cpu");
  } catch (const IoError& error) {
    return failed(IDL_STATUS_IO_ERROR, error.what());
  } catch (const Error& error) {
    return failed(IDL_STATUS_ERROR, error.what());
  } catch (...) {
    return failed(IDL_STATUS_ERROR, "an error inside the library that it did not expect");
  }
}

/// Throws InvalidArgument for a null pointer that must not be one.
inline void require(const void* pointer, const char* name) {
  IDL_CHECK(pointer != nullptr, std::string(name) + " is a null pointer");
}

/// What these options say; nullptr: nothing. @throws InvalidArgument for what is out of its range
SolverOptions solver_options(const idl_solver_options* options);
LoadOptions load_options(const idl_load_options* options);
/// Of the solves with a context, the adjoint's tolerances by options of their own where there are.
SolverOptions solver_options(const idl_context& context, const idl_solver_options* solver,
                             const idl_solver_options* adjoint);
/// @throws InvalidArgument (names, an alpha or kappa where there is none)
ModelOptions model_options(const idl_model_settings& settings);
/// With a learning rate of 1, which each step multiplies by its own.
OptimizerOptions optimizer_options(const idl_trainer_settings& settings);
/// @throws InvalidArgument
void check_learning_rate(double learning_rate);
/// @throws InvalidArgument, since C lets any number pass for an enumeration
void check_precision(std::int32_t precision);

}  // namespace idl::c_api
