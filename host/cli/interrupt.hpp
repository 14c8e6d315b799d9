// SPDX-License-Identifier: MIT
#pragma once

namespace idl::cli {

/// From now on the first SIGINT or SIGTERM is only remembered; a second one ends the program.
void remember_interrupts();
/// The signal that came, or 0.
int interrupt_received();

}  // namespace idl::cli
