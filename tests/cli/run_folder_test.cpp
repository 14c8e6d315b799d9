// SPDX-License-Identifier: MIT
// Folders that trainings choose, commands that they print, and what they show in which terminal.
#include <pty.h>
#include <sys/ioctl.h>

#include <array>

#include "host/cli/arguments.hpp"
#include "tests/cli/png.hpp"
#include "tests/cli/program.hpp"

namespace idl::test {
namespace {

namespace fs = std::filesystem;

class Runs : public testing::Test {
 protected:
  void SetUp() override { write_tiny_mnist(data_); }

  /// A training as text for a shell.
  std::string training(const std::string& more) const {
    return std::string(IDL_PROGRAM) + " train --hidden 3 --epochs 1 --device cpu --data " +
           data_.path().string() + " " + more;
  }

  TemporaryFolder data_;
  TemporaryFolder folder_;
};

TEST_F(Runs, ThatStartInTheSameSecondGetAFolderEach) {
  const ProgramResult result = run_shell(
      folder_.path(), "for seed in 1 2 3 4; do " + training("--quiet --seed $seed & done; wait"));
  EXPECT_EQ(result.out + result.err, "");
  int folders = 0;
  for (const auto& entry : fs::directory_iterator(folder_ / "runs")) {
    EXPECT_TRUE(fs::exists(entry.path() / "weights.mat")) << entry.path();
    ++folders;
  }
  EXPECT_EQ(folders, 4);
}

TEST_F(Runs, ThatAreRefusedLeaveNoFolder) {
  for (const std::string flags : {"--init nowhere", "--precision f16", "--activation silu"})
    expect_refusal(run_shell(folder_.path(), training(flags)));
  EXPECT_EQ(folder_.count(), 0);
}

TEST_F(Runs, ThatAreStoppedPrintACommandThatGoesOnWithThem) {
  const std::string out = (folder_ / "it's a \"run\" of $HOME").string();
  const TemporaryFolder output;
  const RunningProgram program(
      output, {"train", "--hidden", "3", "--device", "cpu", "--data", data_.path().string(),
               "--out", out, "--epochs", "1000000"});
  const auto has_begun = [&] {
    return fs::exists(program.out()) &&
           read_text(program.out()).find("run folder") != std::string::npos;
  };
  while (!has_begun()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  program.signal(SIGINT);  // twice at once, as timeout does
  std::this_thread::sleep_for(std::chrono::milliseconds(1));
  program.signal(SIGINT);
  const ProgramResult stopped = program.wait();
  ASSERT_EQ(stopped.status, 130) << stopped.err;
  const std::string before = "go on with: ";
  const std::size_t place = stopped.out.find(before);
  ASSERT_NE(place, std::string::npos) << stopped.out;
  std::string command = stopped.out.substr(place + before.size());
  command.erase(command.find('\n'));
  // One epoch at least is done, or the rest of the first is done now.
  const ProgramResult resumed = run_shell("/", command + " --epochs 1");
  EXPECT_EQ(resumed.status, 0) << command << "\n" << resumed.err;
  EXPECT_NE(resumed.out.find("resuming"), std::string::npos) << resumed.out;
}

TEST_F(Runs, OnAMachineWithoutFontsWriteInTheirPicturesAllTheSame) {
  folder_.file("none.conf", "<?xml version=\"1.0\"?><fontconfig></fontconfig>\n");
  const ProgramResult result =
      run_shell(folder_.path(), "FONTCONFIG_FILE=$PWD/none.conf " + training("--quiet --out run"));
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.out + result.err, "");
  const auto is_ink = [](Pixel pixel) { return pixel[0] < 127; };
  // The titles are above the row 50.
  for (const char* name : {"run/spy.png", "run/training_curves.png", "run/row_sums.png"})
    EXPECT_GT(Png(read_text(folder_ / name)).count_if(0, 400, 20, 50, is_ink), 200) << name;
}

TEST_F(Runs, ThatAreQuietShowNothingButErrors) {
  const std::string out = (folder_ / "run").string();
  const std::vector<std::string> arguments = {"train",
                                              "--data",
                                              data_.path().string(),
                                              "--out",
                                              out,
                                              "--overwrite",
                                              "--epochs",
                                              "1",
                                              "--hidden",
                                              "3",
                                              "--device",
                                              "cpu",
                                              "--max-iterations",
                                              "1"};
  const ProgramResult loud = run_program(arguments);
  EXPECT_NE(loud.err.find("did not converge"), std::string::npos) << "there is nothing to suppress";
  std::vector<std::string> quiet = arguments;
  quiet.emplace_back("--quiet");
  const ProgramResult result = run_program(quiet);
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.out + result.err, "");
  quiet.emplace_back("--lr=-1");
  expect_refusal(run_program(quiet), {"--lr"});
}

/// All that a training shows in a terminal of 100 columns.
std::string shown_in_terminal(const std::vector<std::string>& arguments, const char* terminal) {
  int master = -1;
  const winsize size{.ws_row = 24, .ws_col = 100, .ws_xpixel = 0, .ws_ypixel = 0};
  const pid_t process = ::forkpty(&master, nullptr, nullptr, &size);
  if (process == 0) {
    if (terminal == nullptr)
      ::unsetenv("TERM");
    else
      ::setenv("TERM", terminal, 1);
    std::vector<char*> argv = {const_cast<char*>("idl")};
    for (const std::string& argument : arguments)
      argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    ::execv(IDL_PROGRAM, argv.data());
    ::_exit(127);
  }
  std::string text;
  std::array<char, 4096> buffer{};
  for (ssize_t count = 0; (count = ::read(master, buffer.data(), buffer.size())) > 0;)
    text.append(buffer.data(), static_cast<std::size_t>(count));
  int status = 0;
  ::waitpid(process, &status, 0);
  ::close(master);
  EXPECT_EQ(status, 0) << text;
  return text;
}

TEST_F(Runs, AreDrawnOnlyOnTerminalsThatCanRedrawALine) {
  const auto shown = [&](const char* terminal) {
    const TemporaryFolder out;
    return shown_in_terminal(
        {"train", "--data", data_.path().string(), "--out", (out / "run").string(), "--epochs", "2",
         "--hidden", "3", "--device", "cpu"},
        terminal);
  };
  EXPECT_NE(shown("xterm").find("\033[K"), std::string::npos);
  for (const char* terminal : {"dumb", "", static_cast<const char*>(nullptr)}) {
    const std::string text = shown(terminal);
    EXPECT_EQ(text.find('\033'), std::string::npos) << text;
    EXPECT_NE(text.find("epoch 2/2"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace idl::test
