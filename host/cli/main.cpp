// SPDX-License-Identifier: MIT
// The program idl: train, evaluate, predict, sparsify, plot, info.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <exception>
#include <iostream>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "host/cli/arguments.hpp"
#include "host/cli/command.hpp"
#include "host/cli/help_formatter.hpp"
#include "host/cli/interrupt.hpp"
#include "idl/error.hpp"
#include "idl/version.hpp"

namespace {

using namespace idl::cli;

std::string version_text() {
  const idl::CudaDevices& gpus = idl::cuda_devices();
  std::string text = std::string("idl ") + idl::version() + "\n";
  text += gpus.count > 0 ? "GPU: " + idl::describe(idl::Device::cuda(0))
                         : "GPU: none (" + gpus.reason + ")";
  return text + "\n" + idl::describe(idl::Device::cpu());
}

/// What the caller has closed stays unusable, but no file that is opened takes its number: the
/// lines that go to it would be written there.
void reserve_standard_streams() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(descriptor, F_GETFD) < 0)
      static_cast<void>(::open(
          "/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY));  // the lowest free
}

/// One line on standard error, whatever the text: names of files may hold any bytes.
int fail(int status, std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  std::cerr << "idl: " << text << std::endl;
  return status;
}

int run(const std::vector<std::string>& arguments) {
  CLI::App app(
      "Trains, evaluates and runs implicit models X = phi(AX+BU), Y = CX+DU,\n"
      "with a certificate for every answer.",
      "idl");
  app.formatter(std::make_shared<HelpFormatter>());
  app.require_subcommand(1);
  app.footer(
      "Exit status: 0 success; 1 the device failed, or a training met numbers that are\n"
      "not finite; 2 wrong input; 3 predict or evaluate did its work, but some sample\n"
      "did not converge or is not finite; 128+N stopped by signal N: train leaves a\n"
      "checkpoint.");
  app.set_version_flag("--version", version_text, "Show the version and the devices found");
  int status = k_success;
  add_train(app, program_word(arguments[0]), status);
  add_evaluate(app, status);
  add_predict(app, status);
  add_sparsify(app, status);
  add_plot(app, status);
  add_info(app, status);
  check_arguments(app, arguments);
  try {
    // From the last to the second: the parser takes them from the end.
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend() - 1));
  } catch (const CLI::Success& help) {  // --help, --version
    const int exit_status = app.exit(help);
    flush_answer();
    return exit_status;
  } catch (const CLI::ParseError&) {
    return fail(k_bad_input, "the flags contradict each other");
  }
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  reserve_standard_streams();
  clean_up_at_interrupts();
  // A file beyond the limit of `ulimit -f` is an error of write(), not the end of the process.
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    std::vector<std::string> arguments(argv, argv + argc);
    if (arguments.empty()) arguments.emplace_back("idl");
    return run(arguments);
  } catch (const idl::InvalidArgument& error) {
    return fail(k_bad_input, error.what());
  } catch (const idl::IoError& error) {
    return fail(k_bad_input, error.what());
  } catch (const idl::NotSupported& error) {
    return fail(k_bad_input, error.what());
  } catch (const idl::OutOfMemory& error) {  // sizes that this machine cannot hold
    return fail(k_bad_input, error.what());
  } catch (const std::bad_alloc&) {
    return fail(k_bad_input, "out of memory");
  } catch (const idl::Error& error) {
    return fail(k_failure, error.what());
  } catch (const std::exception&) {
    return fail(k_failure, "an error inside the program that it did not expect");
  }
}
