// SPDX-License-Identifier: MIT
// Full disks, file size limits, missing rights, folders in the place of files, missing data: one
// line, status 2, nothing half-written, and a run that can be gone on with once there is a remedy.
#include <fcntl.h>
#include <grp.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdint>
#include <set>

#include "host/io/atomic_file.hpp"
#include "tests/faults/fault_test.hpp"

namespace idl::test {
namespace {

namespace fs = std::filesystem;

/// A file system in memory of some size; not usable where the test may not mount one.
class SmallDisk {
 public:
  SmallDisk(const fs::path& folder, int kibibytes) : folder_(folder) {
    fs::create_directories(folder);
    mounted_ = ::mount("idl-test", folder_.c_str(), "tmpfs", 0, size(kibibytes).c_str()) == 0;
  }
  ~SmallDisk() {
    if (mounted_) ::umount2(folder_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  bool usable() const { return mounted_; }
  void grow(int kibibytes) const { remount(MS_REMOUNT, size(kibibytes)); }
  void forbid_writing() const { remount(MS_REMOUNT | MS_RDONLY, ""); }
  void allow_writing() const { remount(MS_REMOUNT, ""); }

 private:
  static std::string size(int kibibytes) { return "size=" + std::to_string(kibibytes) + "k"; }
  void remount(unsigned long flags, const std::string& options) const {
    EXPECT_EQ(::mount("idl-test", folder_.c_str(), "tmpfs", flags, options.c_str()), 0) << errno;
  }

  fs::path folder_;
  bool mounted_;
};

class DiskFaults : public FaultTest {
 protected:
  /// Runs idl, changed by `prepare` in the child just before.
  template <class Prepare>
  ProgramResult run_prepared(const std::vector<std::string>& arguments, Prepare&& prepare) const {
    const TemporaryFolder output;
    const fs::path out = output / "stdout.txt";
    const fs::path err = output / "stderr.txt";
    const pid_t process = ::fork();
    if (process == 0) {
      const int flags = O_WRONLY | O_CREAT | O_TRUNC;
      ::dup2(::open(out.c_str(), flags, 0644), STDOUT_FILENO);
      ::dup2(::open(err.c_str(), flags, 0644), STDERR_FILENO);
      std::vector<char*> argv = {const_cast<char*>("idl")};
      for (const std::string& argument : arguments)
        argv.push_back(const_cast<char*>(argument.c_str()));
      argv.push_back(nullptr);
      // By descriptor: the user that `prepare` changes to may not get at the name.
      const int program = ::open(IDL_PROGRAM, O_RDONLY | O_CLOEXEC);
      if (prepare()) ::fexecve(program, argv.data(), environ);
      ::_exit(127);
    }
    int status = 0;
    ::waitpid(process, &status, 0);
    return {.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
            .out = read_text(out),
            .err = read_text(err)};
  }

  /// Runs idl as a user whom access rights bind.
  ProgramResult run_without_rights(const std::vector<std::string>& arguments) const {
    return run_prepared(arguments, [] {
      constexpr uid_t k_nobody = 65534;
      if (::geteuid() != 0) return true;
      return ::setgroups(0, nullptr) == 0 && ::setgid(k_nobody) == 0 && ::setuid(k_nobody) == 0;
    });
  }

  /// Everybody may look at the data and into the folder of the runs.
  void let_others_in() const {
    for (const TemporaryFolder* folder : {&data_, &folder_})
      fs::permissions(folder->path(), fs::perms{0755});
  }

  /// While `path` has the access rights `mode`, the call is refused and nothing changes.
  void expect_refused_with_mode(const fs::path& path, unsigned mode,
                                const std::vector<std::string>& arguments,
                                const std::vector<std::string>& parts) const {
    SCOPED_TRACE(path);
    const fs::perms before = fs::status(path).permissions();
    fs::permissions(path, fs::perms{mode});
    const ProgramResult result = run_without_rights(arguments);
    fs::permissions(path, before);
    expect_refusal(result, parts);
  }
};

TEST_F(DiskFaults, AFullDiskIsRefusedAtWhateverFileItIsFull) {
  const fs::path disk = folder_ / "disk";
  run_ = disk / "run";
  {
    const SmallDisk probe(disk, 64);
    if (!probe.usable()) GTEST_SKIP() << "this test may not mount a file system";
  }
  int refused = 0;
  // A page is the least that a file takes; a whole run takes fewer than 200 KiB.
  for (const int kibibytes : {4, 8, 12, 16, 24, 32, 48, 72, 96, 112, 200}) {
    SCOPED_TRACE(std::to_string(kibibytes) + " KiB");
    const SmallDisk small(disk, kibibytes);
    const ProgramResult result = run_program(training(run_));
    if (result.status != 0) {
      expect_refusal(result, {run_.string(), "No space left on device"});
      ++refused;
    }
    small.grow(1024);
    expect_intact_and_resumable("the disk was full");
  }
  EXPECT_GE(refused, 6);
  EXPECT_LT(refused, 11);
}

TEST_F(DiskFaults, AFileSizeLimitIsRefusedAtWhateverFileItHits) {
  std::set<std::uintmax_t> sizes;
  for (const auto& entry : fs::directory_iterator(reference_)) sizes.insert(entry.file_size());
  const auto train_within = [&](std::uintmax_t bytes) {
    fs::remove_all(run_);
    return run_prepared(training(run_), [&] {
      const rlimit limit{.rlim_cur = bytes, .rlim_max = RLIM_INFINITY};
      // The program itself sees to it that the signal SIGXFSZ does not end it.
      return ::setrlimit(RLIMIT_FSIZE, &limit) == 0;
    });
  };
  for (const std::uintmax_t size : sizes) {
    SCOPED_TRACE(std::to_string(size - 1) + " bytes");
    expect_refusal(train_within(size - 1), {run_.string(), "File too large"});
    expect_intact_and_resumable("a file was too large");
  }
  EXPECT_EQ(train_within(*sizes.rbegin()).status, 0);
}

TEST_F(DiskFaults, AReportThatIsTooLargeLeavesNoOutputWithoutIt) {
  const std::vector<float> values(20 * 16, 0.5F);
  io::write_npy(folder_ / "U.npy", io::Array::from<float>({20, 16}, values));
  const std::vector<std::string> arguments = {"predict",
                                              "--model",
                                              (reference_ / "best.safetensors").string(),
                                              "--input",
                                              (folder_ / "U.npy").string(),
                                              "--output",
                                              (folder_ / "Y.npy").string(),
                                              "--report",
                                              (folder_ / "report.json").string(),
                                              "--device",
                                              "cpu"};
  const ProgramResult result = run_prepared(arguments, [&] {
    // Y takes 928 bytes, the report some 4000.
    const rlimit limit{.rlim_cur = 2000, .rlim_max = RLIM_INFINITY};
    return ::setrlimit(RLIMIT_FSIZE, &limit) == 0;
  });
  expect_refusal(result, {"report.json", "File too large"});
  EXPECT_EQ(folder_.count(), 2) << "the undisturbed run and U.npy";
}

TEST_F(DiskFaults, AFileSystemThatIsReadOnlyLeavesTheRunAsItIs) {
  const fs::path disk = folder_ / "disk";
  const SmallDisk medium(disk, 1024);
  if (!medium.usable()) GTEST_SKIP() << "this test may not mount a file system";
  run_ = disk / "run";
  medium.forbid_writing();
  expect_refusal(run_program(training(run_)), {run_.string(), "Read-only file system"});
  medium.allow_writing();
  begin_with_finished_run();
  medium.forbid_writing();
  expect_refusal(run_program(resumption(run_)), {run_.string(), "Read-only file system"});
  std::vector<std::string> overwriting = training(run_);
  overwriting.emplace_back("--overwrite");
  expect_refusal(run_program(overwriting), {run_.string(), "Read-only file system"});
  EXPECT_EQ(to_text(check_finished(run_, reference_)), "");
  medium.allow_writing();
  expect_intact_and_resumable("the file system was read-only");
}

TEST_F(DiskFaults, MissingRightsAreRefusedAndChangeNothing) {
  let_others_in();
  begin_with_finished_run();
  const ProgramResult allowed =
      run_without_rights({"info", "--model", (run_ / "last.safetensors").string()});
  if (allowed.status != 0) GTEST_SKIP() << "idl does not start for another user: " << allowed.err;
  const std::vector<std::string> fresh = training(folder_ / "fresh");
  const std::string denied = "Permission denied";
  expect_refused_with_mode(folder_.path(), 0555, fresh, {"fresh", denied});
  expect_refused_with_mode(run_, 0555, resumption(run_), {run_.string(), denied});
  expect_refused_with_mode(run_, 0, resumption(run_), {run_.string(), denied});
  expect_refused_with_mode(folder_.path(), 0, resumption(run_), {run_.string(), denied});
  fs::permissions(run_, fs::perms{0777});
  for (const char* name : {"config.json", "checkpoint.safetensors"})
    expect_refused_with_mode(run_ / name, 0, resumption(run_), {name, denied});
  expect_refused_with_mode(run_ / "metrics.jsonl", 0444, resumption(run_),
                           {"metrics.jsonl", denied});
  fs::permissions(folder_.path(), fs::perms{0777});
  for (const char* name : {"train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"})
    expect_refused_with_mode(data_ / name, 0, fresh, {name, denied});
  expect_refused_with_mode(data_.path(), 0, fresh, {data_.path().string()});
  EXPECT_FALSE(fs::exists(folder_ / "fresh"));
  expect_intact_and_resumable("rights were missing");
}

TEST_F(DiskFaults, FoldersInThePlaceOfFilesAreRefused) {
  for (const std::string name : {"metrics.jsonl", "best.safetensors", "last.safetensors",
                                 "weights.mat", "training_curves.png", "spy.png", "row_sums.png"}) {
    SCOPED_TRACE(name);
    fs::remove_all(run_);
    fs::create_directories(run_ / name / "something");
    expect_refusal(run_program(training(run_)), {(run_ / name).string()});
    fs::remove_all(run_ / name);
    expect_intact_and_resumable("there was a folder");
  }
  for (const std::string name : {"config.json", "checkpoint.safetensors"}) {
    SCOPED_TRACE(name);
    fs::remove_all(run_);
    fs::create_directories(run_ / name / "something");
    expect_refusal(run_program(training(run_)), {run_.string()});
    expect_refusal(run_program(resumption(run_)), {(run_ / "config.json").string()});
    std::vector<std::string> overwriting = training(run_);
    overwriting.emplace_back("--overwrite");
    expect_refusal(run_program(overwriting), {(run_ / name).string()});
    EXPECT_TRUE(fs::exists(run_ / name / "something"));
  }
}

TEST_F(DiskFaults, AFileInThePlaceOfTheRunFolderIsRefused) {
  const fs::path file = folder_.file("file", "somebody's text");
  expect_refusal(run_program(training(file)), {file.string()});
  expect_refusal(run_program(training(file / "run")), {file.string()});
  expect_refusal(run_program(resumption(file)), {file.string()});
  EXPECT_EQ(read_text(file), "somebody's text");
}

TEST_F(DiskFaults, DataThatAreGoneAreRefusedUntilTheyAreBack) {
  begin_with_finished_run();
  const fs::path images = data_ / "train-images-idx3-ubyte";
  fs::rename(images, data_ / "hidden");
  expect_refusal(run_program(resumption(run_)), {"train-images-idx3-ubyte"});
  fs::rename(data_ / "hidden", images);
  std::vector<std::string> elsewhere = resumption(run_);
  elsewhere.insert(elsewhere.end(), {"--data", (folder_ / "nowhere").string()});
  expect_refusal(run_program(elsewhere), {(folder_ / "nowhere").string()});
  EXPECT_EQ(to_text(check_finished(run_, reference_)), "");
  expect_intact_and_resumable("the data were gone");
}

TEST_F(DiskFaults, AnswersThatCannotBePrintedAreNoSuccess) {
  const auto to_full_output = [] {
    return ::dup2(::open("/dev/full", O_WRONLY), STDOUT_FILENO) == STDOUT_FILENO;
  };
  const std::string model = (reference_ / "last.safetensors").string();
  expect_refusal(run_prepared({"info", "--model", model}, to_full_output), {"standard output"});
  expect_refusal(
      run_prepared({"evaluate", "--model", model, "--data", data_.path().string(), "--json"},
                   to_full_output),
      {"standard output"});
  // A training's answer is its folder.
  EXPECT_EQ(run_prepared(training(run_), to_full_output).status, 0);
  EXPECT_EQ(to_text(check_finished(run_, reference_)), "");
}

TEST_F(DiskFaults, TwoTrainingsCannotWorkInOneFolder) {
  const TemporaryFolder output;
  const RunningProgram first(output, tiny_training(data_.path(), run_, 100'000, 0));
  for (int i = 0; i < 3000 && !fs::exists(run_ / "checkpoint.safetensors"); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  std::vector<std::string> overwriting = training(run_);
  overwriting.emplace_back("--overwrite");
  expect_refusal(run_program(resumption(run_)), {"another training is at work", run_.string()});
  expect_refusal(run_program(overwriting), {"another training is at work", run_.string()});
  first.signal(SIGTERM);
  const ProgramResult result = first.wait();
  EXPECT_EQ(result.status, 128 + SIGTERM) << result.err;
  EXPECT_TRUE(fs::exists(run_ / "checkpoint.safetensors"));
}

TEST_F(DiskFaults, OnlyTemporaryFilesWithoutAWriterAreSweptAway) {
  fs::create_directory(run_);
  io::AtomicFile under_way(run_ / "notes");
  const fs::path leftover = run_ / ".idl-4711-0.tmp";
  const fs::path foreign = run_ / ".idl-notes.txt";
  for (const fs::path& path : {leftover, foreign}) std::ofstream(path) << "something";
  EXPECT_EQ(run_program(training(run_)).status, 0);
  EXPECT_FALSE(fs::exists(leftover));
  EXPECT_TRUE(fs::exists(foreign));
  under_way.commit();
  EXPECT_TRUE(fs::exists(run_ / "notes"));
}

}  // namespace
}  // namespace idl::test
