// SPDX-License-Identifier: MIT
// kill_loop [--kills N] [--seed S] [--program IDL] [--keep]: starts a tiny training again and
// again, kills it with SIGKILL at random moments, and checks what it leaves behind. After some
// kills the training is resumed to its end, which must be that of a training nobody disturbed.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "tests/cli/program.hpp"
#include "tests/faults/tiny_training.hpp"

namespace idl::test {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;

struct Options {
  int kills = 50;
  std::uint64_t seed = 1;
  std::string program = IDL_PROGRAM;
  bool keep = false;
};

[[noreturn]] void give_up(const std::string& text) {
  std::cerr << "kill_loop: " << text << std::endl;
  std::exit(1);
}

/// Counts the changes of files in a folder, as the kernel reports them.
class FolderWatch {
 public:
  explicit FolderWatch(const fs::path& folder) : descriptor_(::inotify_init1(IN_NONBLOCK)) {
    if (descriptor_ < 0 ||
        ::inotify_add_watch(descriptor_, folder.c_str(),
                            IN_CREATE | IN_MODIFY | IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE) < 0)
      give_up("cannot watch " + folder.string());
  }
  ~FolderWatch() { ::close(descriptor_); }
  FolderWatch(const FolderWatch&) = delete;
  FolderWatch& operator=(const FolderWatch&) = delete;

  /// Changes seen so far, after waiting for more, two milliseconds at most.
  int count() {
    pollfd ready{.fd = descriptor_, .events = POLLIN, .revents = 0};
    ::poll(&ready, 1, 2);
    alignas(inotify_event) std::array<char, 4096> buffer{};
    for (ssize_t length = 0; (length = ::read(descriptor_, buffer.data(), buffer.size())) > 0;)
      for (ssize_t at = 0; at < length; ++count_) {
        const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
        at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
      }
    return count_;
  }

 private:
  int descriptor_;
  int count_ = 0;
};

/// The program, with its output in the file `output`.
class Child {
 public:
  Child(const std::string& program, const std::vector<std::string>& arguments,
        const fs::path& output) {
    process_ = ::fork();
    if (process_ != 0) return;
    const int descriptor = ::open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    ::dup2(descriptor, STDOUT_FILENO);
    ::dup2(descriptor, STDERR_FILENO);
    std::vector<char*> argv = {const_cast<char*>("idl")};
    for (const std::string& argument : arguments)
      argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    ::execv(program.c_str(), argv.data());
    ::_exit(127);
  }
  bool ended() {
    if (!ended_) ended_ = ::waitpid(process_, &status_, WNOHANG) == process_;
    return ended_;
  }
  void wait() {
    if (!ended_) ::waitpid(process_, &status_, 0);
    ended_ = true;
  }
  void kill() {
    if (!ended()) ::kill(process_, SIGKILL);
    wait();
  }
  bool killed() const { return WIFSIGNALED(status_) && WTERMSIG(status_) == SIGKILL; }
  bool succeeded() const { return WIFEXITED(status_) && WEXITSTATUS(status_) == 0; }

 private:
  pid_t process_ = -1;
  int status_ = 0;
  bool ended_ = false;
};

class KillLoop {
 public:
  explicit KillLoop(const Options& options) : options_(options), random_(options.seed) {
    write_tiny_mnist(data_);
    run_to_end(tiny_training(data_.path(), reference_));
    // The duration is that of a second run: the first may have had to load the program.
    fs::remove_all(reference_);
    fs::create_directory(reference_);
    FolderWatch changes(reference_);
    const Clock::time_point start = Clock::now();
    run_to_end(tiny_training(data_.path(), reference_));
    duration_ = std::chrono::duration_cast<microseconds>(Clock::now() - start);
    changes_ = changes.count();
    run_to_end(tiny_training(data_.path(), other_, 1, 0, k_other_seed));
  }

  void run() {
    for (int round = 0; kills_ < options_.kills; ++round) run_round(round % 3 == 2);
    std::cout << "kill_loop: seed " << options_.seed << ", " << kills_ << " kills in " << rounds_
              << " runs of " << duration_.count() / 1000 << " ms and " << changes_
              << " changes of files; " << in_writes_ << " kills left a temporary file, "
              << before_checkpoint_ << " came before a first checkpoint, " << too_late_
              << " came too late; all runs ended with the bits of an undisturbed one" << std::endl;
    // A loop that never hits a file under way would prove nothing about them.
    if (kills_ >= 50 && in_writes_ == 0) give_up("no kill fell into the writing of a file");
  }

 private:
  static constexpr int k_other_seed = 9;

  int random(int least, int most) {
    return std::uniform_int_distribution<int>(least, most)(random_);
  }

  void run_to_end(const std::vector<std::string>& arguments) {
    Child child(options_.program, arguments, output_);
    child.wait();
    if (!child.succeeded()) fail("idl " + arguments[0] + " did not succeed");
  }

  /// One training from its beginning, perhaps in the place of another one, to its end.
  void run_round(bool overwrites) {
    fs::remove_all(run_);
    if (overwrites)
      fs::copy(other_, run_);
    else
      fs::create_directory(run_);
    ++rounds_;
    const int kills = random(1, 9);
    std::int64_t steps = 0;
    for (int k = 0; k < kills && kills_ < options_.kills; ++k) {
      if (!disturb()) break;
      ++kills_;
      check(steps);
    }
    run_to_end(next_arguments());
    complain(check_finished(run_, reference_));
  }

  /// What a person would call next, after looking into the folder.
  std::vector<std::string> next_arguments() const {
    std::vector<std::string> arguments = tiny_training(data_.path(), run_);
    if (holds_other_run())
      arguments.emplace_back("--overwrite");
    else if (fs::exists(run_ / "config.json"))
      arguments = resumption(run_);
    return arguments;
  }

  bool holds_other_run() const {
    if (!fs::exists(run_ / "config.json")) return false;
    const auto config = nlohmann::json::parse(read_text(run_ / "config.json"));
    return config.at("settings").at("seed") == k_other_seed;
  }

  /// Starts the program and kills it; false if it had ended by then.
  bool disturb() {
    const std::vector<std::string> arguments = next_arguments();
    FolderWatch watch(run_);
    const int mode = random(0, 9);
    // Drawn in any case, so that the sequence does not depend on timing.
    const microseconds delay(random(0, static_cast<int>(duration_.count())));
    const int change = random(1, changes_);
    const microseconds afterwards(random(0, 400));
    Child child(options_.program, arguments, output_);
    if (mode == 0) {  // at once
      std::this_thread::sleep_for(delay / 100);
    } else if (mode <= 4) {
      std::this_thread::sleep_for(delay);
    } else {  // in the middle of what happens to files
      while (watch.count() < change && !child.ended()) {
      }
      const Clock::time_point end = Clock::now() + afterwards;
      while (Clock::now() < end) {
      }
    }
    child.kill();
    if (child.killed()) return true;
    if (!child.succeeded()) fail("idl " + arguments[0] + " failed before it was killed");
    ++too_late_;
    return false;
  }

  /// After a kill: what is there is whole, and nothing got lost.
  void check(std::int64_t& steps) {
    if (!temporary_files(run_).empty()) ++in_writes_;
    if (holds_other_run()) return;
    complain(check_interrupted(run_, reference_));
    const std::int64_t now = checkpoint_steps(run_);
    if (now == 0) ++before_checkpoint_;
    if (now < steps) fail("the checkpoint went back by " + std::to_string(steps - now) + " steps");
    steps = now;
    if (now > 0 && kills_ % 5 == 0)
      run_to_end({"info", "--model", (run_ / "checkpoint.safetensors").string()});
  }

  void complain(const Complaints& complaints) {
    if (!complaints.empty()) fail(to_text(complaints));
  }

  [[noreturn]] void fail(const std::string& text) {
    std::string where;
    if (options_.keep) {
      where = (fs::temp_directory_path() / ("kill_loop-" + std::to_string(::getpid()))).string();
      fs::copy(work_.path(), where, fs::copy_options::recursive);
      where = "; kept in " + where;
    }
    const std::string output = fs::exists(output_) ? read_text(output_) : "";
    std::error_code ignored;  // give_up leaves without destructors
    fs::remove_all(work_.path(), ignored);
    fs::remove_all(data_.path(), ignored);
    give_up("after kill " + std::to_string(kills_) + " of seed " + std::to_string(options_.seed) +
            where + ":\n" + text + "\nidl wrote: " + output);
  }

  Options options_;
  std::mt19937_64 random_;
  TemporaryFolder data_;
  TemporaryFolder work_;
  fs::path reference_ = work_ / "undisturbed";
  fs::path other_ = work_ / "other";
  fs::path run_ = work_ / "run";
  fs::path output_ = work_ / "output.txt";
  microseconds duration_{};
  int changes_ = 0;
  int kills_ = 0;
  int rounds_ = 0;
  int in_writes_ = 0;
  int before_checkpoint_ = 0;
  int too_late_ = 0;
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag == "--keep") {
      options.keep = true;
      continue;
    }
    if (i + 1 == argc) give_up("usage: kill_loop [--kills N] [--seed S] [--program IDL] [--keep]");
    const std::string value = argv[++i];
    if (flag == "--kills")
      options.kills = std::stoi(value);
    else if (flag == "--seed")
      options.seed = std::stoull(value);
    else if (flag == "--program")
      options.program = value;
    else
      give_up("unknown flag " + flag);
  }
  return options;
}

}  // namespace
}  // namespace idl::test

int main(int argc, char** argv) {
  try {
    idl::test::KillLoop(idl::test::parse(argc, argv)).run();
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "kill_loop: " << error.what() << std::endl;
    return 1;
  }
}
