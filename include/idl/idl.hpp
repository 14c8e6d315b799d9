// SPDX-License-Identifier: MIT
#pragma once

/// Everything that users need, in one include.
#include "idl/activation.hpp"
#include "idl/batch_pass.hpp"
#include "idl/context.hpp"
#include "idl/csr_matrix.hpp"
#include "idl/data.hpp"
#include "idl/device.hpp"
#include "idl/error.hpp"
#include "idl/io.hpp"
#include "idl/log.hpp"
#include "idl/loss.hpp"
#include "idl/matrix.hpp"
#include "idl/model.hpp"
#include "idl/optimizer.hpp"
#include "idl/parameters.hpp"
#include "idl/solver.hpp"
#include "idl/sparsify.hpp"
#include "idl/trainer.hpp"
#include "idl/version.hpp"
#include "idl/well_posedness.hpp"
