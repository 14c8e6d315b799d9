// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "kernels/program.hpp"
#include "kernels/recurrence.hpp"

namespace idl::cpu {

class CpuBackend;

/// A recurrent pass in blocks of sequences, which never look at each other: a thread takes a block
/// through all steps, so that a step finds in the cache of its core what the one before has left,
/// and threads meet once in a pass. Beside a large A, and of few sequences, it is one block, to
/// whose steps the threads come together. All solves of a thread share the working memory of one
/// ColumnLoop. The description is valid; empty where a ColumnLoop cannot run its solves.
template <class T>
std::unique_ptr<Program> compile_recurrent_blocks(CpuBackend& backend, const Recurrence<T>& pass,
                                                  int threads);
template <class T>
std::unique_ptr<Program> compile_recurrent_blocks(CpuBackend& backend,
                                                  const RecurrenceAdjoint<T>& pass, int threads);

}  // namespace idl::cpu
