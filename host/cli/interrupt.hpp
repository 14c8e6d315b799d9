// SPDX-License-Identifier: MIT
#pragma once

namespace idl::cli {

/// From now on SIGINT, SIGTERM and SIGHUP are only remembered, unless they were ignored; a second
/// SIGINT ends the program. Files beyond the size limit become errors (SIGXFSZ is ignored).
void remember_interrupts();
/// The signal that came first, or 0.
int interrupt_received();

}  // namespace idl::cli
