// SPDX-License-Identifier: MIT
#include "host/cli/interrupt.hpp"

#include <csignal>

namespace idl::cli {
namespace {

volatile std::sig_atomic_t g_received = 0;

void remember(int signal) { g_received = signal; }

}  // namespace

void remember_interrupts() {
  struct sigaction action {};
  action.sa_handler = remember;
  // The handler serves once: after it the signal does what it does by default.
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

int interrupt_received() { return g_received; }

}  // namespace idl::cli
