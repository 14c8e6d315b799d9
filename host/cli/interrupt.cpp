// SPDX-License-Identifier: MIT
#include "host/cli/interrupt.hpp"

#include <csignal>

namespace idl::cli {
namespace {

volatile std::sig_atomic_t g_received = 0;

void remember(int signal) {
  if (g_received == 0) g_received = signal;
}

/// `flags` beside SA_RESTART. A signal that whoever started the program ignores (nohup, a shell's
/// background job) stays ignored.
void handle(int signal, unsigned flags) {
  struct sigaction action {};
  if (sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN) return;
  action = {};
  action.sa_handler = remember;
  action.sa_flags = static_cast<int>(flags | SA_RESTART);
  sigemptyset(&action.sa_mask);
  sigaction(signal, &action, nullptr);
}

}  // namespace

void remember_interrupts() {
  // A second Ctrl-C does what it does by default. The others come from programs, which repeat
  // themselves at once: timeout signals its child and then the group that the child belongs to.
  handle(SIGINT, SA_RESETHAND);
  handle(SIGTERM, 0);
  handle(SIGHUP, 0);
}

int interrupt_received() { return g_received; }

}  // namespace idl::cli
