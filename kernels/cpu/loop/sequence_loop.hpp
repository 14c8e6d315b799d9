// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "kernels/cpu/loop/column_loop.hpp"
#include "kernels/recurrence.hpp"

/// Recurrent passes sequence by sequence.
///
/// Sequences never look at each other, so that
///     for each step: all sequences        is the same as        for each sequence: all steps.
/// Each thread works on some sequences at a time, in the slots of a column loop
/// (kernels/cpu/loop/column_slots.hpp): where the column of a step has stopped, that of the next
/// step is made from it and takes its slot. Threads meet twice per pass instead of several times
/// per step, what a step leaves for the next is in the cache of their core, and no sequence waits
/// for one whose step takes longer. The bits are those of step after step.
namespace idl::cpu {

/// Of a valid description, after steps_at_first(). Empty unless A, B, C and D are dense and small
/// enough to be kept packed.
template <class T>
std::unique_ptr<ColumnLoop> make_sequence_loop(const Recurrence<T>& pass, int threads);
/// The same of an adjoint, before which nothing comes.
template <class T>
std::unique_ptr<ColumnLoop> make_sequence_loop(const RecurrenceAdjoint<T>& pass, int threads);

}  // namespace idl::cpu
