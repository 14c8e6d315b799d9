// SPDX-License-Identifier: MIT
#include "host/cli/interrupt.hpp"

#include <csignal>
#include <ctime>

#include "host/io/atomic_file.hpp"

namespace idl::cli {
namespace {

volatile std::sig_atomic_t g_received = 0;

/// A Ctrl-C comes twice at once where a program repeats it: timeout signals its child and then the
/// group that the child belongs to. Later than this it is a person who will not wait.
constexpr long k_repeated_ns = 500'000'000;
timespec g_first{};

void remember(int signal) {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  if (g_received == 0) {
    g_received = signal;
    g_first = now;
  } else if (signal == SIGINT) {
    const long passed =
        (now.tv_sec - g_first.tv_sec) * 1'000'000'000 + (now.tv_nsec - g_first.tv_nsec);
    if (passed < k_repeated_ns) return;
    // It is blocked until this function returns, and ends the process then.
    ::signal(SIGINT, SIG_DFL);
    raise(SIGINT);
  }
}

void clean_up(int signal) {
  io::unlink_temporaries();
  ::signal(signal, SIG_DFL);
  raise(signal);
}

/// A signal that whoever started the program ignores (nohup, a shell's background job) stays
/// ignored.
void handle_interrupts(void (*by)(int)) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction action {};
    if (sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN) continue;
    action = {};
    action.sa_handler = by;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(signal, &action, nullptr);
  }
}

}  // namespace

void clean_up_at_interrupts() { handle_interrupts(clean_up); }

void remember_interrupts() { handle_interrupts(remember); }

int interrupt_received() { return g_received; }

}  // namespace idl::cli
