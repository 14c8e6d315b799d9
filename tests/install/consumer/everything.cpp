// SPDX-License-Identifier: MIT
// Names every function of the public headers that is not inline: linking fails where the shared
// library does not export one.
#include <idl/idl.hpp>

namespace {

int g_named = 0;

/// Keeps one address where the compiler must write it, so that the linker has to find it.
template <class Function>
void keep(Function function) {
  volatile Function kept = function;
  static_cast<void>(kept);
  ++g_named;
}

template <class... Functions>
void name(Functions... functions) {
  (keep(functions), ...);
}

template <class T>
using Const = idl::ConstMatrixView<T>;

template <class T>
void name_matrices() {
  using namespace idl;
  name(&Matrix<T>::zeros, &Matrix<T>::from_host, &Matrix<T>::clone, &Vector<T>::from_host,
       &Vector<T>::clone, &CsrMatrix<T>::from_dense, &CsrMatrix<T>::clone,
       &CsrMatrix<T>::transposed, &transposed<T>,
       static_cast<CsrArrays<T> (*)(Context&, ConstCsrView<T>)>(&download<T>),
       static_cast<void (*)(Context&, std::span<const T>, MatrixView<T>)>(&upload<T>),
       static_cast<void (*)(Context&, std::span<const T>, VectorView<T>)>(&upload<T>),
       static_cast<std::vector<T> (*)(Context&, Const<T>)>(&download<T>),
       static_cast<std::vector<T> (*)(Context&, VectorView<const T>)>(&download<T>),
       static_cast<void (*)(Context&, Const<T>, MatrixView<T>)>(&copy<T>),
       static_cast<void (*)(Context&, Const<T>, VectorView<const std::int32_t>, MatrixView<T>,
                            VectorView<T>, VectorView<T>)>(&softmax_cross_entropy<T>),
       static_cast<void (*)(Context&, Const<T>, Const<T>, MatrixView<T>, VectorView<T>)>(
           &squared_error<T>),
       static_cast<WellPosednessReport (*)(Context&, Const<T>, const Activation&)>(
           &examine_well_posedness<T>),
       static_cast<WellPosednessReport (*)(Context&, ConstCsrView<T>, const Activation&)>(
           &examine_well_posedness<T>),
       static_cast<WellPosednessReport (*)(Context&, ConstMatrixView<T>, ConstMatrixView<T>,
                                           const Activation&)>(&examine_well_posedness<T>),
       &project<T>, &Dataset::copy_sample<T>, &Dataset::copy_target<T>, &Scaling::apply<T>,
       &Scaling::undo<T>,
       static_cast<Dataset (*)(SampleReader<T>, Dataset::Labels, index_t)>(
           &Dataset::from_function<T>),
       static_cast<Dataset (*)(SampleReader<T>, Dataset::Targets, index_t)>(
           &Dataset::from_function<T>),
       static_cast<Dataset (*)(Context&, Const<T>, Dataset::Labels)>(&Dataset::from_matrix<T>),
       static_cast<Dataset (*)(Context&, Const<T>, Const<T>)>(&Dataset::from_matrix<T>),
       &io::Array::as<T>, &io::Array::from<T>, &load_described_model<T>);
}

/// What there is of models with and without recurrence.
template <class Model, class T>
void name_of_kind() {
  using namespace idl;
  name(static_cast<void (*)(Context&, const Model&, const std::filesystem::path&, std::int64_t,
                            const DataFormat&)>(&save_model),
       static_cast<Evaluation (*)(Context&, const Model&, const Dataset&, LossKind, index_t,
                                  const SolverOptions&)>(&evaluate),
       static_cast<Evaluation (*)(Context&, const Model&, const Dataset&, const CustomLoss<T>&,
                                  index_t, const SolverOptions&)>(&evaluate));
}

template <class T>
void name_models() {
  using namespace idl;
  using Pass = BatchPass<T>;
  name(&ImplicitModel<T>::layout, &ImplicitModel<T>::project, &ImplicitModel<T>::predict,
       &ImplicitModel<T>::predict_into, &ImplicitModel<T>::clone, &ImplicitModel<T>::borrow,
       &ImplicitModel<T>::set_kappa, &load_model<T>, &load_any_model<T>, &load_rnn<T>, &on_host<T>,
       &cascade<T>, &parallel_sum<T>, &rescaled<T>, &Optimizer<T>::take_left_out,
       &Trainer<T>::resume, &Trainer<T>::fit);
  name_of_kind<ImplicitModel<T>, T>();
  name_of_kind<ImplicitRnn<T>, T>();
  name(static_cast<void (Optimizer<T>::*)(Context&, ImplicitModel<T>&, Const<T>, double)>(
           &Optimizer<T>::step),
       static_cast<void (Optimizer<T>::*)(Context&, ImplicitRnn<T>&, Const<T>, Const<T>, double)>(
           &Optimizer<T>::step));
  name(&ImplicitModel<T>::csr, &ImplicitModel<T>::is_sparse, &sparsify<T>, &compact<T>,
       &pruning_bound<T>, &remove_dead<T>, &low_rank_approximation<T>);
  using Solve = SolveReport (Pass::*)();
  using SolveInto = void (Pass::*)(SolveReport&);
  name(static_cast<Solve>(&Pass::forward), static_cast<SolveInto>(&Pass::forward),
       static_cast<Solve>(&Pass::backward), static_cast<SolveInto>(&Pass::backward));
  name(&Pass::samples, &Pass::U, &Pass::start_from, &Pass::restore, &Pass::forward_async, &Pass::X,
       &Pass::Y, &Pass::dY, &Pass::backward_async, &Pass::V, &Pass::dM, &Pass::dU,
       &Pass::fetch_forward_outcome, &Pass::fetch_backward_outcome, &Pass::Pending::get);
}

template <class T>
void name_recurrent_models() {
  using namespace idl;
  using Pass = RecurrentPass<T>;
  using Solve = RecurrentReport (Pass::*)();
  using SolveInto = void (Pass::*)(RecurrentReport&);
  using SolveBack = SolveReport (Pass::*)();
  using SolveBackInto = void (Pass::*)(SolveReport&);
  name(static_cast<Solve>(&Pass::forward), static_cast<SolveInto>(&Pass::forward),
       static_cast<SolveBack>(&Pass::backward), static_cast<SolveBackInto>(&Pass::backward));
  name(&Pass::sequences, &Pass::steps, &Pass::x, &Pass::h0, &Pass::set_lengths,
       &Pass::forward_async, &Pass::outputs, &Pass::last, &Pass::Y, &Pass::d_outputs, &Pass::d_last,
       &Pass::dY, &Pass::backward_async, &Pass::dM, &Pass::d_head, &Pass::dx, &Pass::dh0,
       &ImplicitRnn<T>::clone);
}

template <class T>
void name_integers() {
  using namespace idl;
  name(&Vector<T>::from_host, &Vector<T>::clone,
       static_cast<void (*)(Context&, std::span<const T>, VectorView<T>)>(&upload<T>),
       static_cast<std::vector<T> (*)(Context&, VectorView<const T>)>(&download<T>));
}

void name_files() {
  using namespace idl::io;
  name(&size_of, &Array::size, &Array::as<std::int32_t>, &Array::as<std::int64_t>,
       &Array::as<std::uint8_t>, &Array::from<std::int32_t>, &Array::from<std::int64_t>,
       &Array::from<std::uint8_t>, &Safetensors::at, &read_safetensors, &write_safetensors,
       &read_npy, &npy_header, &write_npy, &read_idx, &write_file_atomically);
}

void name_devices_and_texts() {
  using namespace idl;
  name(&version, &parse_device, &cuda_devices, &best_device, &describe, &lipschitz_constant,
       static_cast<bool (*)(ActivationKind)>(&has_alpha),
       static_cast<bool (*)(const Activation&)>(&has_alpha), &register_activation,
       static_cast<ActivationReport (*)(const CustomActivation&, double)>(&check_activation),
       &parse_activation, &parse_sweep, &parse_acceleration, &parse_precision, &parse_sparsify_rule,
       &parse_sparsify_target, &all_activations, &parse_loss, &parse_optimizer, &parse_schedule,
       &parse_well_posedness, &detail::throw_invalid_argument);
  name(static_cast<std::string (*)(Device)>(&to_string),
       static_cast<std::string_view (*)(ActivationKind)>(&to_string),
       static_cast<std::string_view (*)(const Activation&)>(&to_string),
       static_cast<std::string_view (*)(SolveStatus)>(&to_string),
       static_cast<std::string_view (*)(Sweep)>(&to_string),
       static_cast<std::string_view (*)(Acceleration)>(&to_string),
       static_cast<std::string_view (*)(Precision)>(&to_string),
       static_cast<std::string_view (*)(LossKind)>(&to_string),
       static_cast<std::string_view (*)(OptimizerKind)>(&to_string),
       static_cast<std::string_view (*)(ScheduleKind)>(&to_string),
       static_cast<std::string_view (*)(WellPosednessKind)>(&to_string),
       static_cast<std::string_view (*)(SparsifyRule)>(&to_string),
       static_cast<std::string_view (*)(SparsifyTarget)>(&to_string));
  name(static_cast<std::string (*)(const Assumption&)>(&to_text),
       static_cast<std::string (*)(const ConstraintDistance&, const WellPosedness&)>(&to_text));
  name(&Context::describe, &Context::device, &Context::stream, &Context::synchronize,
       &Context::wait_for, &Context::record_for, &Context::memory, &Context::log,
       &SolveReport::all_converged, &SolveReport::count, &SolveReport::max_iterations_used,
       &SolveReport::mean_iterations, &SolveReport::worst_error_bound,
       &SolveReport::total_fallbacks, &SolveReport::total_low_precision_iterations,
       &Schedule::factor, &RecurrentReport::stability);
  name(static_cast<Dataset (*)(std::vector<float>, std::vector<std::int32_t>, index_t, index_t)>(
           &Dataset::from_values),
       static_cast<Dataset (*)(std::vector<float>, Dataset::Targets, index_t)>(
           &Dataset::from_values),
       static_cast<Dataset (*)(std::vector<double>, std::vector<std::int32_t>, index_t, index_t)>(
           &Dataset::from_values<double>),
       static_cast<Dataset (*)(std::vector<double>, Dataset::Targets, index_t)>(
           &Dataset::from_values<double>),
       &Dataset::from_bytes, &Dataset::first, &Dataset::select, &Dataset::set_scaling,
       &Dataset::set_lengths, &Dataset::scaled, &Dataset::target_variance,
       &standard_scaling_of_features, &standard_scaling_of_targets, &read_labelled_npy,
       &read_npy_with_targets, &read_mnist, &epoch_order);
  name(&ModelDescription::layout, &examine_model);
}

}  // namespace

int main() {
  name_matrices<float>();
  name_matrices<double>();
  name_models<float>();
  name_recurrent_models<float>();
  name_models<double>();
  name_recurrent_models<double>();
  name_integers<std::int32_t>();
  name_integers<std::int64_t>();
  name_integers<std::uint8_t>();
  name_files();
  name_devices_and_texts();
  // What has no address: constructors, and exceptions that must be caught across the border.
  idl::Context context(idl::Device::cpu());
  const idl::Vector<std::int32_t> labels(context, 1);
  const idl::Vector<std::uint8_t> bytes(context, 1);
  try {
    const idl::Matrix<float> impossible(context, -1, 1);
  } catch (const idl::InvalidArgument&) {
    return g_named > 100 && labels.size() == bytes.size() ? 0 : 1;
  }
  return 1;
}
