// SPDX-License-Identifier: MIT
#include "tests/faults/traced_program.hpp"

#include <linux/limits.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace idl::test {

#if defined(__x86_64__)

namespace {

namespace fs = std::filesystem;

enum class Names { descriptor, path, path_at };

struct KnownCall {
  long number;
  const char* name;
  Names names;
  bool changes;
};

/// openat changes something only with O_CREAT or for writing, which is looked up.
constexpr std::array k_known_calls = {
    KnownCall{SYS_openat, "openat", Names::path_at, false},
    KnownCall{SYS_read, "read", Names::descriptor, false},
    KnownCall{SYS_pread64, "pread64", Names::descriptor, false},
    KnownCall{SYS_write, "write", Names::descriptor, true},
    KnownCall{SYS_writev, "writev", Names::descriptor, true},
    KnownCall{SYS_pwrite64, "pwrite64", Names::descriptor, true},
    KnownCall{SYS_fsync, "fsync", Names::descriptor, true},
    KnownCall{SYS_ftruncate, "ftruncate", Names::descriptor, true},
    KnownCall{SYS_close, "close", Names::descriptor, true},
    KnownCall{SYS_rename, "rename", Names::path, true},
    KnownCall{SYS_renameat2, "renameat2", Names::path_at, true},
    KnownCall{SYS_mkdir, "mkdir", Names::path, true},
    KnownCall{SYS_unlink, "unlink", Names::path, true},
    KnownCall{SYS_unlinkat, "unlinkat", Names::path_at, true},
};

/// The child's text at `address`, which lies on its stack or heap.
std::string text_at(pid_t process, unsigned long long address) {
  std::string text;
  while (text.size() < PATH_MAX) {
    errno = 0;
    const long word = ::ptrace(PTRACE_PEEKDATA, process, address + text.size(), nullptr);
    if (errno != 0) break;
    for (std::size_t i = 0; i < sizeof word; ++i) {
      const char c = reinterpret_cast<const char*>(&word)[i];
      if (c == '\0') return text;
      text.push_back(c);
    }
  }
  return text;
}

fs::path open_path(pid_t process, unsigned long long descriptor) {
  std::error_code error;
  return fs::read_symlink(
      "/proc/" + std::to_string(process) + "/fd/" + std::to_string(static_cast<int>(descriptor)),
      error);
}

bool lies_below(const fs::path& path, const fs::path& folder) {
  const std::string text = path.string();
  const std::string prefix = folder.string();
  return text == prefix || text.rfind(prefix + "/", 0) == 0;
}

class Tracer {
 public:
  Tracer(pid_t process, const fs::path& folder, const Judge& judge)
      : process_(process), folder_(folder), judge_(judge) {}

  /// Follows the child to its end and returns its wait status.
  int follow() {
    int status = 0;
    wait(status);  // the stop after exec
    ::ptrace(PTRACE_SETOPTIONS, process_, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
    long signal = 0;
    while (true) {
      if (::ptrace(PTRACE_SYSCALL, process_, nullptr, signal) != 0 && errno != ESRCH)
        throw std::system_error(errno, std::generic_category(), "ptrace");
      wait(status);
      if (!WIFSTOPPED(status)) return status;
      signal = 0;
      if (WSTOPSIG(status) == (SIGTRAP | 0x80))
        at_call();
      else
        signal = WSTOPSIG(status);
    }
  }

 private:
  void wait(int& status) const {
    if (::waitpid(process_, &status, 0) != process_)
      throw std::system_error(errno, std::generic_category(), "waitpid");
  }

  void at_call() {
    user_regs_struct registers{};
    ::ptrace(PTRACE_GETREGS, process_, nullptr, &registers);
    entering_ = !entering_;
    if (entering_) {
      error_ = judge(registers);
      if (error_ == 0) return;
      registers.orig_rax = static_cast<unsigned long long>(-1);  // no call has this number
    } else {
      if (error_ == 0) return;
      registers.rax = static_cast<unsigned long long>(-error_);
    }
    ::ptrace(PTRACE_SETREGS, process_, nullptr, &registers);
  }

  /// The error that the call shall have.
  int judge(const user_regs_struct& registers) {
    for (const KnownCall& known : k_known_calls) {
      if (static_cast<unsigned long long>(known.number) != registers.orig_rax) continue;
      FileCall call{.name = known.name, .path = {}, .changes = known.changes};
      if (known.names == Names::descriptor)
        call.path = open_path(process_, registers.rdi);
      else
        call.path = text_at(process_, known.names == Names::path ? registers.rdi : registers.rsi);
      if (known.number == SYS_openat)
        call.changes = (registers.rdx & (O_CREAT | O_WRONLY | O_RDWR)) != 0;
      if (!lies_below(call.path, folder_)) return 0;
      const Verdict verdict = judge_(call);
      if (verdict.kill) ::kill(process_, SIGKILL);
      return verdict.error;
    }
    return 0;
  }

  pid_t process_;
  const fs::path& folder_;
  const Judge& judge_;
  bool entering_ = false;
  int error_ = 0;
};

[[noreturn]] void run_child(const std::vector<std::string>& arguments, const fs::path& out,
                            const fs::path& err) {
  const int flags = O_WRONLY | O_CREAT | O_TRUNC;
  ::dup2(::open(out.c_str(), flags, 0644), STDOUT_FILENO);
  ::dup2(::open(err.c_str(), flags, 0644), STDERR_FILENO);
  // The leak checker of the address sanitizer is a tracer itself, and there can be only one.
  const char* sanitizer = ::getenv("ASAN_OPTIONS");
  ::setenv("ASAN_OPTIONS",
           (std::string(sanitizer != nullptr ? sanitizer : "") + ":detect_leaks=0").c_str(), 1);
  std::vector<char*> argv = {const_cast<char*>("idl")};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0) ::execv(IDL_PROGRAM, argv.data());
  ::_exit(127);
}

}  // namespace

ProgramResult run_traced(const std::vector<std::string>& arguments, const fs::path& folder,
                         const Judge& judge) {
  const TemporaryFolder output;
  const fs::path out = output / "stdout.txt";
  const fs::path err = output / "stderr.txt";
  const pid_t process = ::fork();
  if (process == 0) run_child(arguments, out, err);
  const int status = Tracer(process, folder, judge).follow();
  return {.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
          .out = read_text(out),
          .err = read_text(err)};
}

bool can_trace() {
  const pid_t process = ::fork();
  if (process == 0) {
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(1);
    ::raise(SIGSTOP);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(process, &status, 0);
  if (!WIFSTOPPED(status)) return false;
  user_regs_struct registers{};
  const bool readable = ::ptrace(PTRACE_GETREGS, process, nullptr, &registers) == 0;
  ::kill(process, SIGKILL);
  ::waitpid(process, &status, 0);
  return readable;
}

#else  // the registers of other processors have other names

ProgramResult run_traced(const std::vector<std::string>&, const std::filesystem::path&,
                         const Judge&) {
  return {};
}

bool can_trace() { return false; }

#endif

}  // namespace idl::test
