// SPDX-License-Identifier: MIT
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "host/backend_of.hpp"
#include "host/model/structure/low_rank.hpp"
#include "host/options/validate.hpp"
#include "host/sparse/row_levels.hpp"
#include "idl/error.hpp"
#include "kernels/backend.hpp"

namespace idl {
namespace {

template <class T>
index_t row_count(const ModelMatrix<T>& matrix) {
  return std::visit([](const auto& each) { return each.rows(); }, matrix);
}
template <class T>
index_t col_count(const ModelMatrix<T>& matrix) {
  return std::visit([](const auto& each) { return each.cols(); }, matrix);
}
template <class T>
bool is_csr(const ModelMatrix<T>& matrix) {
  return std::holds_alternative<CsrMatrix<T>>(matrix);
}

/// "3x4".
std::string text(index_t rows, index_t cols) {
  return std::to_string(rows) + "x" + std::to_string(cols);
}

/// The matrices of the formula that there are, in the order of the layout.
template <class T>
using Given = std::vector<std::pair<std::string, const ModelMatrix<T>*>>;

template <class T>
Given<T> given(const ModelMatrices<T>& matrices, const ModelOptions& options) {
  IDL_CHECK(matrices.D.has_value() != options.no_D,
            options.no_D ? "ImplicitModel: there is a D, but no_D is true"
                         : "ImplicitModel: there is no D, but no_D is false");
  Given<T> all = {{"A", &matrices.A}, {"B", &matrices.B}, {"C", &matrices.C}};
  if (matrices.D) all.emplace_back("D", &*matrices.D);
  return all;
}

template <class T>
void check_shapes(const Given<T>& all, Device device) {
  const index_t n = row_count(*all[0].second);
  const index_t p = col_count(*all[1].second);
  const index_t q = row_count(*all[2].second);
  const std::pair<index_t, index_t> expected[] = {{n, n}, {n, p}, {q, n}, {q, p}};
  for (std::size_t k = 0; k < all.size(); ++k) {
    const auto& [name, matrix] = all[k];
    IDL_CHECK(row_count(*matrix) == expected[k].first && col_count(*matrix) == expected[k].second,
              "ImplicitModel: " + name + " is " + text(row_count(*matrix), col_count(*matrix)) +
                  ", expected " + text(expected[k].first, expected[k].second) + " beside " +
                  (k == 0 ? "its rows" : "A " + text(n, n)));
    const Device at = std::visit([](const auto& each) { return each.device(); }, *matrix);
    IDL_CHECK(at == device, "ImplicitModel: " + name + " is on " + to_string(at) +
                                ", the context on " + to_string(device));
  }
}

/// The options with the rank of A = LRᵀ. @throws InvalidArgument
template <class T>
ModelOptions with_rank(ModelOptions options, const Given<T>& all) {
  for (const auto& [name, matrix] : all)
    IDL_CHECK(name == "A" || !std::holds_alternative<LowRankMatrix<T>>(*matrix),
              "ImplicitModel: " + name + " is L R^T, which only A may be");
  const auto* A = std::get_if<LowRankMatrix<T>>(all[0].second);
  const std::string wanted =
      options.rank ? "ImplicitModel: rank is " + std::to_string(*options.rank) : "";
  if (A == nullptr) {
    IDL_CHECK(!options.rank, wanted + ", but A is not L R^T");
    return options;
  }
  const std::string L = "L is " + text(A->L.rows(), A->L.cols());
  IDL_CHECK(A->L.cols() == A->R.cols(), "ImplicitModel: A is L R^T, but " + L + " and R is " +
                                            text(A->R.rows(), A->R.cols()) +
                                            ", expected as many columns");
  IDL_CHECK(A->L.device() == A->R.device(), "ImplicitModel: L is on " + to_string(A->L.device()) +
                                                ", R on " + to_string(A->R.device()));
  IDL_CHECK(!options.rank || *options.rank == A->L.cols(), wanted + ", but " + L);
  options.rank = A->L.cols();
  return options;
}

template <class T>
TensorStorage storage_of(Context& context, const std::string& name, const ModelMatrix<T>& matrix,
                         const ModelOptions& options) {
  TensorStorage storage = {.rows = row_count(matrix), .cols = col_count(matrix)};
  if (name == "A") storage.rank = options.rank;
  if (const auto* sparse = std::get_if<CsrMatrix<T>>(&matrix)) {
    const CsrArrays<T> arrays = download(context, *sparse);
    if (name == "A" && options.well_posedness.kind == WellPosednessKind::strictly_upper_triangular)
      if (const auto entry = first_on_or_below(arrays.row_offsets, arrays.col_indices))
        throw InvalidArgument("ImplicitModel: " + not_strictly_upper("A", *entry));
    storage.pattern =
        SparsePattern(context, arrays.rows, arrays.cols, arrays.row_offsets, arrays.col_indices);
  }
  return storage;
}

/// What the matrices store, tensor by tensor as the layout has them.
template <class T>
std::vector<ConstMatrixView<T>> values_of(const Given<T>& all) {
  std::vector<ConstMatrixView<T>> values;
  for (const auto& [name, matrix] : all) {
    if (const auto* sparse = std::get_if<CsrMatrix<T>>(matrix)) {
      const ConstCsrView<T> view = sparse->view();
      values.push_back({view.values, view.nnz, 1, view.nnz, view.device});
    } else if (const auto* product = std::get_if<LowRankMatrix<T>>(matrix)) {
      values.push_back(product->L);
      values.push_back(product->R);
    } else {
      values.push_back(std::get<Matrix<T>>(*matrix));
    }
  }
  return values;
}

}  // namespace

template <class T>
ImplicitModel<T> detail::Inside<ImplicitModel<T>>::of_matrices(Context& context,
                                                               const ModelMatrices<T>& matrices,
                                                               const ModelOptions& asked) {
  const Given<T> all = given(matrices, asked);
  const ModelOptions options = with_rank(asked, all);
  check_shapes(all, context.device());
  const ModelShape shape = {.states = row_count(matrices.A),
                            .inputs = col_count(matrices.B) - (options.bias ? 1 : 0),
                            .outputs = row_count(matrices.C)};
  validate(shape);
  validate(options);
  bool sparse = false;
  for (const auto& [name, matrix] : all) sparse = sparse || is_csr(*matrix);
  std::shared_ptr<const Structure<T>> structure;
  if (sparse) {
    std::vector<TensorStorage> tensors;
    for (const auto& [name, matrix] : all)
      tensors.push_back(storage_of(context, name, *matrix, options));
    if (options.rank)
      structure = std::make_shared<LowRankStructure<T>>(context, std::move(tensors));
    else
      structure =
          std::make_shared<CsrStructure<T>>(std::move(tensors), options.well_posedness.kind);
  } else {
    structure = make_structure<T>(context, shape, options);
  }
  const ParameterLayout& layout = structure->layout();
  Matrix<T> memory(context, layout.rows, layout.cols);
  ImplicitModel<T> model = make(std::move(memory), std::move(structure), shape, options);
  const std::vector<ConstMatrixView<T>> values = values_of(all);
  for (std::size_t k = 0; k < values.size(); ++k)
    copy<T>(context, values[k], model.layout().tensors[k].of(model.M()));
  return model;
}

template ImplicitModel<float> detail::Inside<ImplicitModel<float>>::of_matrices(
    Context&, const ModelMatrices<float>&, const ModelOptions&);
template ImplicitModel<double> detail::Inside<ImplicitModel<double>>::of_matrices(
    Context&, const ModelMatrices<double>&, const ModelOptions&);

}  // namespace idl
