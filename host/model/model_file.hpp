// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "host/model/recurrent_tensors.hpp"
#include "idl/io.hpp"
#include "idl/model.hpp"
#include "idl/parameters.hpp"
#include "idl/recurrent.hpp"

/// How a model lies in a safetensors file; shared by model files and training checkpoints.
namespace idl {

/// Adds the tensors of the layout, row-major, taken from contiguous column-major M, to `file`, each
/// name preceded by `prefix`.
template <class T>
void put_tensors(io::Safetensors& file, const std::string& prefix, std::span<const T> M,
                 const ParameterLayout& layout);

/// The inverse of put_tensors: M contiguous and column-major, zero where the layout has no tensor.
/// @throws IoError where a tensor is missing, has another shape or is not finite
template <class T>
std::vector<T> take_tensors(const io::Safetensors& file, const std::string& prefix,
                            const ParameterLayout& layout);

/// "B[0, 2]", or of a vector "b[0]".
std::string entry_name(const std::string& name, const ParameterTensor& tensor, index_t i,
                       index_t j);
/// "B[0, 0] is 1e+300, ..." or "... is not finite": what is amiss with a number of a file that is
/// not finite in the precision in which it is read.
std::string not_finite_text(const std::string& entry, double in_file);

/// @throws IoError where a tensor of the layout is missing or has another shape
void check_tensors(const io::Safetensors& file, const std::string& prefix,
                   const ParameterLayout& layout);

/// Of one matrix of this name.
inline ParameterLayout layout_alone(const std::string& name, index_t rows, index_t cols) {
  return {rows, cols, {{name, 0, 0, rows, cols}}};
}

/// Adds the patterns of matrices in compressed rows, and what a reader needs of their sizes.
template <class T>
void put_patterns(Context& context, io::Safetensors& file, const ImplicitModel<T>& model,
                  const std::string& prefix = "");
template <class T>
void put_patterns(Context& context, io::Safetensors& file, const ImplicitRnn<T>& model) {
  put_patterns(context, file, model.cell(), cell_prefix(model.shape()));
}

/// Which entries of a matrix the file has that the model does not store, or the other way round;
/// "" where they are the same.
template <class T>
std::string other_patterns(Context& context, const io::Safetensors& file, const std::string& prefix,
                           const ImplicitModel<T>& model);
/// @throws InvalidArgument where there are such
template <class T>
void check_patterns(Context& context, const io::Safetensors& file, const std::string& prefix,
                    const ImplicitModel<T>& model);

/// The metadata that describe a model.
template <class T>
std::map<std::string, std::string> model_metadata(const ImplicitModel<T>& model, std::int64_t step);
template <class T>
std::map<std::string, std::string> model_metadata(const ImplicitRnn<T>& model, std::int64_t step);

/// "A (3, 3), B (3, 2)": the tensors whose names begin with `prefix`, at most 12 of them.
std::string tensor_list(const io::Safetensors& file, const std::string& prefix);

/// A tensor of two dimensions whose elements are floating-point numbers.
/// @throws IoError where there is none of this name
const io::Array& parameter_matrix(const io::Safetensors& file, const std::string& name);
/// The same of any number of dimensions.
const io::Array& parameter_array(const io::Safetensors& file, const std::string& name);

}  // namespace idl
