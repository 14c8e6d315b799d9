// SPDX-License-Identifier: MIT
// The tensors of a model by name.
#include <algorithm>
#include <string>
#include <string_view>

#include "host/c_api/arrays.hpp"
#include "host/c_api/handles.hpp"
#include "host/c_api/structs.hpp"

namespace idl::c_api {
namespace {

/// All parameters, or the tensor of this name.
template <class View>
View tensor_in(const ParameterLayout& layout, std::string_view name, View M) {
  return name == "M" ? M : layout.at(name).of(M);
}

idl_tensor describe(const ParameterTensor& tensor, index_t rows_of_M) {
  idl_tensor told = {};
  told.name = tensor.name.c_str();
  told.rows = tensor.rows;
  told.cols = tensor.cols;
  told.offset = tensor.row + tensor.col * rows_of_M;
  told.ld = tensor.ld == 0 ? rows_of_M : tensor.ld;
  told.kind = tensor.is_vector ? IDL_TENSOR_CSR_VALUES : IDL_TENSOR_DENSE;
  return told;
}

const ParameterLayout& layout_of(const idl_model& model) {
  return std::visit([](const auto& typed) -> const ParameterLayout& { return typed.layout(); },
                    model.model);
}

}  // namespace
}  // namespace idl::c_api

using idl::c_api::guarded;
using idl::c_api::require;

idl_status idl_model_parameters(const idl_model* model, int64_t* rows, int64_t* cols) {
  return guarded([&] {
    require(model, "model");
    const idl::ParameterLayout& layout = idl::c_api::layout_of(*model);
    if (rows != nullptr) *rows = layout.rows;
    if (cols != nullptr) *cols = layout.cols;
  });
}

idl_status idl_model_tensor_count(const idl_model* model, int64_t* count) {
  return guarded([&] {
    require(model, "model");
    require(count, "count");
    *count = static_cast<int64_t>(idl::c_api::layout_of(*model).tensors.size());
  });
}

idl_status idl_model_tensor(const idl_model* model, int64_t index, idl_tensor* tensor) {
  return guarded([&] {
    require(model, "model");
    require(tensor, "tensor");
    const idl::ParameterLayout& layout = idl::c_api::layout_of(*model);
    const auto count = static_cast<int64_t>(layout.tensors.size());
    IDL_CHECK(index >= 0 && index < count, "index is " + std::to_string(index) +
                                               ", the model has " + std::to_string(count) +
                                               " tensors");
    idl::c_api::write_struct(
        idl::c_api::describe(layout.tensors[static_cast<std::size_t>(index)], layout.rows), tensor,
        "idl_tensor");
  });
}

idl_status idl_model_read(idl_context* context, const idl_model* model, const char* name,
                          void* values, int64_t ld, idl_memory memory) {
  return guarded([&] {
    require(context, "context");
    require(model, "model");
    require(name, "name");
    const idl::c_api::Arrays arrays(context->context, memory);
    const auto read = [&]<class T>(const idl::ImplicitModel<T>& typed) {
      const auto tensor = idl::c_api::tensor_in(typed.layout(), name, typed.M());
      if (tensor.rows == 0 || tensor.cols == 0) return;
      arrays.get(tensor, arrays.out<T>({"values", "ld"}, values, tensor.rows, tensor.cols, ld));
      context->context.synchronize();
    };
    std::visit(read, model->model);
  });
}

idl_status idl_model_write(idl_context* context, idl_model* model, const char* name,
                           const void* values, int64_t ld, idl_memory memory) {
  return guarded([&] {
    require(context, "context");
    require(model, "model");
    require(name, "name");
    const idl::c_api::Arrays arrays(context->context, memory);
    const auto write = [&]<class T>(idl::ImplicitModel<T>& typed) {
      const auto tensor = idl::c_api::tensor_in(typed.layout(), name, typed.M());
      if (tensor.rows == 0 || tensor.cols == 0) return;
      arrays.put(arrays.in<T>({"values", "ld"}, values, tensor.rows, tensor.cols, ld), tensor);
      context->context.synchronize();
    };
    std::visit(write, model->model);
  });
}

idl_status idl_model_read_pattern(idl_context* context, const idl_model* model, const char* matrix,
                                  int64_t* entries, int64_t* row_offsets, int32_t* col_indices) {
  return guarded([&] {
    require(context, "context");
    require(model, "model");
    require(matrix, "matrix");
    const auto read = [&](const auto& typed) {
      const auto csr = typed.csr(matrix);
      if (entries != nullptr) *entries = csr.nnz;
      if (row_offsets == nullptr && col_indices == nullptr) return;
      const auto arrays = idl::download(context->context, csr);
      if (row_offsets != nullptr) std::ranges::copy(arrays.row_offsets, row_offsets);
      if (col_indices != nullptr) std::ranges::copy(arrays.col_indices, col_indices);
    };
    std::visit(read, model->model);
  });
}

idl_status idl_model_project(idl_context* context, idl_model* model) {
  return guarded([&] {
    require(context, "context");
    require(model, "model");
    std::visit([&](auto& typed) { typed.project(context->context); }, model->model);
  });
}

idl_status idl_model_set_kappa(idl_context* context, idl_model* model, double kappa) {
  return guarded([&] {
    require(context, "context");
    require(model, "model");
    std::visit([&](auto& typed) { typed.set_kappa(context->context, kappa); }, model->model);
  });
}
