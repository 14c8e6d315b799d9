// SPDX-License-Identifier: MIT
#include "host/model/non_finite.hpp"

#include <algorithm>
#include <cmath>

#include "host/backend_of.hpp"
#include "kernels/backend.hpp"

namespace idl {
namespace {

/// The largest absolute value is not finite where some entry is not.
template <class T>
bool all_finite(Context& context, ConstMatrixView<T> M) {
  Vector<T> norms(context, M.cols);
  Vector<T> largest(context, 1);
  backend_of(context)->run_in_order(
      {ColumnNorms<T>{.X = M, .norms = norms, .kind = NormKind::inf},
       Reduce<T>{.x = norms, .result = largest, .kind = ReduceKind::max}});
  return std::isfinite(download(context, largest).front());
}

}  // namespace

template <class T>
std::string non_finite_tensors(Context& context, ConstMatrixView<T> M, const std::string& prefix,
                               const ParameterLayout& layout) {
  std::string text;
  if (all_finite(context, M)) return text;
  for (const ParameterTensor& tensor : layout.tensors) {
    const std::vector<T> values = download(context, tensor.of(M));
    const auto count =
        std::count_if(values.begin(), values.end(), [](T value) { return !std::isfinite(value); });
    if (count > 0)
      text += (text.empty() ? "" : ", ") + std::to_string(count) + " of " +
              std::to_string(values.size()) + " entries of " + prefix + tensor.name;
  }
  return text;
}

template std::string non_finite_tensors(Context&, ConstMatrixView<float>, const std::string&,
                                        const ParameterLayout&);
template std::string non_finite_tensors(Context&, ConstMatrixView<double>, const std::string&,
                                        const ParameterLayout&);

}  // namespace idl
