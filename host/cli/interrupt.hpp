// SPDX-License-Identifier: MIT
#pragma once

namespace idl::cli {

/// From now on SIGINT, SIGTERM and SIGHUP, unless they were ignored, end the program without
/// leaving unfinished files.
void clean_up_at_interrupts();
/// From now on SIGINT, SIGTERM and SIGHUP are only remembered, unless they were ignored; a SIGINT
/// half a second after the first one ends the program.
void remember_interrupts();
/// The signal that came first, or 0.
int interrupt_received();

}  // namespace idl::cli
