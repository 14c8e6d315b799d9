// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "idl/c_api.h"
#include "tests/host/device_test.hpp"
#include "tests/host/random_values.hpp"

/// A context and a model of the C interface beside those of C++, on the device of the case.
namespace idl::test {

struct DestroyHandle {
  void operator()(idl_context* context) const { idl_context_destroy(context); }
  void operator()(idl_model* model) const { idl_model_destroy(model); }
  void operator()(idl_pass* pass) const { idl_pass_destroy(pass); }
  void operator()(idl_optimizer* optimizer) const { idl_optimizer_destroy(optimizer); }
  void operator()(idl_trainer* trainer) const { idl_trainer_destroy(trainer); }
};
template <class Object>
using Handle = std::unique_ptr<Object, DestroyHandle>;

/// A struct of C whose size is set.
template <class Struct>
Struct sized() {
  Struct made = {};
  made.struct_size = sizeof(Struct);
  return made;
}

/// That a call was refused, with this in its text.
inline void expect_refused(idl_status status, const std::string& part,
                           idl_status expected = IDL_STATUS_INVALID_ARGUMENT) {
  EXPECT_EQ(status, expected) << part;
  EXPECT_TRUE(holds(idl_last_error(), {part}));
}

template <class C>
class CApiFixture : public DeviceTest<C> {
 protected:
  using Element = typename C::Scalar;
  static constexpr std::int64_t k_n = 5;
  static constexpr std::int64_t k_p = 4;
  static constexpr std::int64_t k_q = 3;
  static constexpr std::int64_t k_m = 6;
  static constexpr idl_precision k_precision =
      std::is_same_v<Element, double> ? IDL_FLOAT64 : IDL_FLOAT32;

  void SetUp() override {
    DeviceTest<C>::SetUp();
    if (this->IsSkipped()) return;
    idl_context* context = nullptr;
    ASSERT_EQ(idl_context_create(to_string(this->device()).c_str(), nullptr, &context),
              IDL_STATUS_OK);
    c_context_.reset(context);
    c_model_.reset(make_model());
  }

  /// A new handle: make(&handle) is a function of C that fills it.
  template <class Object, class Make>
  Handle<Object> made(const Make& make) {
    Object* object = nullptr;
    EXPECT_EQ(make(&object), IDL_STATUS_OK) << idl_last_error();
    return Handle<Object>(object);
  }
  idl_model* make_model() {
    idl_model* model = nullptr;
    EXPECT_EQ(
        idl_model_create(c_context_.get(), k_precision, k_n, k_p, k_q, "relu", 0.95, 0, 3, &model),
        IDL_STATUS_OK)
        << idl_last_error();
    return model;
  }
  /// With the parameters of make_model().
  ImplicitModel<Element> cpp_model() {
    return ImplicitModel<Element>(this->context(), {.states = k_n, .inputs = k_p, .outputs = k_q},
                                  {}, 3);
  }
  static idl_model_settings model_settings() {
    auto settings = sized<idl_model_settings>();
    settings.states = k_n;
    settings.inputs = k_p;
    settings.outputs = k_q;
    settings.precision = k_precision;
    return settings;
  }
  /// A view of column-major values with all of their entries.
  static idl_matrix dense(const std::vector<Element>& values, std::int64_t rows,
                          std::int64_t cols) {
    auto matrix = sized<idl_matrix>();
    matrix.rows = rows;
    matrix.cols = cols;
    matrix.values = values.data();
    return matrix;
  }
  static std::vector<Element> values(std::int64_t count, std::uint64_t seed) {
    const std::vector<double> drawn = RandomValues(seed).uniforms(count, -1.0, 1.0);
    return {drawn.begin(), drawn.end()};
  }
  static std::vector<Element> inputs() { return values(k_p * k_m, 1); }
  /// Of a model of C.
  std::vector<Element> parameters(const idl_model* model) {
    std::int64_t rows = 0, cols = 0;
    EXPECT_EQ(idl_model_parameters(model, &rows, &cols), IDL_STATUS_OK);
    std::vector<Element> M(static_cast<std::size_t>(rows * cols));
    EXPECT_EQ(idl_model_read(c_context_.get(), model, "M", M.data(), rows, IDL_MEMORY_HOST),
              IDL_STATUS_OK)
        << idl_last_error();
    return M;
  }

  Handle<idl_context> c_context_;
  Handle<idl_model> c_model_;
};

}  // namespace idl::test
