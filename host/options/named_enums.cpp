// SPDX-License-Identifier: MIT
#include "host/options/named_enums.hpp"

namespace idl {

std::string_view to_string(SolveStatus status) { return k_named<SolveStatus>.name_of(status); }

std::string_view to_string(Sweep sweep) { return k_named<Sweep>.name_of(sweep); }
Sweep parse_sweep(std::string_view name) { return k_named<Sweep>.parse(name); }

std::string_view to_string(Acceleration acceleration) {
  return k_named<Acceleration>.name_of(acceleration);
}
Acceleration parse_acceleration(std::string_view name) { return k_named<Acceleration>.parse(name); }

std::string_view to_string(Precision precision) { return k_named<Precision>.name_of(precision); }
Precision parse_precision(std::string_view name) { return k_named<Precision>.parse(name); }

std::string_view to_string(WellPosednessKind kind) {
  return k_named<WellPosednessKind>.name_of(kind);
}
WellPosednessKind parse_well_posedness(std::string_view name) {
  return k_named<WellPosednessKind>.parse(name);
}

std::string_view to_string(LossKind kind) { return k_named<LossKind>.name_of(kind); }
LossKind parse_loss(std::string_view name) { return k_named<LossKind>.parse(name); }

std::string_view to_string(OptimizerKind kind) { return k_named<OptimizerKind>.name_of(kind); }
OptimizerKind parse_optimizer(std::string_view name) { return k_named<OptimizerKind>.parse(name); }

std::string_view to_string(ScheduleKind kind) { return k_named<ScheduleKind>.name_of(kind); }
ScheduleKind parse_schedule(std::string_view name) { return k_named<ScheduleKind>.parse(name); }

std::string_view to_string(SparsifyRule rule) { return k_named<SparsifyRule>.name_of(rule); }
SparsifyRule parse_sparsify_rule(std::string_view name) {
  return k_named<SparsifyRule>.parse(name);
}

std::string_view to_string(SparsifyTarget target) {
  return k_named<SparsifyTarget>.name_of(target);
}
SparsifyTarget parse_sparsify_target(std::string_view name) {
  return k_named<SparsifyTarget>.parse(name);
}

}  // namespace idl
