// SPDX-License-Identifier: MIT
#include <cmath>
#include <string>
#include <utility>

#include "host/backend_of.hpp"
#include "host/options/validate.hpp"
#include "idl/error.hpp"
#include "idl/recurrent.hpp"
#include "kernels/backend.hpp"

namespace idl {
namespace {

ModelShape cell_shape(const RecurrentShape& shape) {
  check_number("ImplicitRnn: inputs", shape.inputs, ranges::k_model_size);
  check_number("ImplicitRnn: states", shape.states, ranges::k_model_size);
  check_number("ImplicitRnn: hidden", shape.hidden, ranges::k_model_size);
  check_number("ImplicitRnn: outputs", shape.outputs,
               {.lowest = 0, .highest = ranges::k_model_size.highest});
  return {.states = shape.states, .inputs = shape.inputs + shape.hidden, .outputs = shape.hidden};
}

}  // namespace

template <class T>
ImplicitRnn<T>::ImplicitRnn(Context& context, const RecurrentShape& shape,
                            const ModelOptions& options, std::uint64_t seed)
    : shape_(shape), cell_(context, cell_shape(shape), options, seed), head_(context, 0, 0) {
  if (shape.outputs == 0) return;
  head_ = Matrix<T>(context, shape.outputs, shape.hidden + 1);
  // The numbers of the cell are another sequence of this seed.
  constexpr std::uint64_t k_sequence = 1;
  backend_of(context)->run_in_order(
      {FillRandom<T>{.A = head_.view().columns(0, shape.hidden),
                     .seed = seed,
                     .sequence = k_sequence,
                     .scale = 1.0 / std::sqrt(static_cast<double>(shape.hidden))},
       Fill<T>{.Y = head_.view().columns(shape.hidden, 1)}});
  context.synchronize();
}

template <class T>
ImplicitRnn<T>::ImplicitRnn(Context& context, ImplicitModel<T> cell, index_t inputs,
                            std::optional<ConstMatrixView<T>> head)
    : shape_{.inputs = inputs,
             .states = cell.shape().states,
             .hidden = cell.shape().outputs,
             .outputs = head ? head->rows : 0},
      cell_(std::move(cell)),
      head_(context, 0, 0) {
  (void)cell_shape(shape_);
  IDL_CHECK(inputs + shape_.hidden == cell_.shape().inputs,
            "ImplicitRnn: the cell has " + std::to_string(cell_.shape().inputs) +
                " inputs, expected " + std::to_string(inputs) + " of x and " +
                std::to_string(shape_.hidden) + " of h, as many as it has outputs");
  if (!head) return;
  IDL_CHECK(head->cols == shape_.hidden + 1 && head->rows > 0,
            "ImplicitRnn: the head is " + std::to_string(head->rows) + "x" +
                std::to_string(head->cols) + ", expected 1 or more rows and " +
                std::to_string(shape_.hidden + 1) + " columns");
  head_ = Matrix<T>(context, head->rows, head->cols);
  copy<T>(context, *head, head_);
  context.synchronize();
}

template <class T>
ImplicitRnn<T> ImplicitRnn<T>::clone(Context& context) const {
  ImplicitRnn result(context, cell_.clone(context), shape_.inputs);
  result.shape_ = shape_;
  if (shape_.outputs > 0) result.head_ = head_.clone(context);
  return result;
}

template class ImplicitRnn<float>;
template class ImplicitRnn<double>;

}  // namespace idl
