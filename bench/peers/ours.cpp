// SPDX-License-Identifier: MIT
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "bench/peers/ours.hpp"
#include "idl/error.hpp"
#include "idl/version.hpp"

/// This library among the peers: the same cases, arguments, files and protocol (peer_session.py).
namespace idl::bench {
namespace {

struct Arguments {
  PeerCase peer_case;
  int repeat = 5;
  bool serve = false;
  std::string answer;
};

Arguments parse(int argc, char** argv) {
  std::map<std::string, std::string> values;
  Arguments arguments;
  for (int k = 1; k < argc; ++k) {
    const std::string flag = argv[k];
    if (flag == "--serve") {
      arguments.serve = true;
    } else if (flag.rfind("--", 0) == 0 && k + 1 < argc) {
      values[flag.substr(2)] = argv[++k];
    } else {
      throw InvalidArgument("argument '" + flag + "' is unknown or lacks its value");
    }
  }
  const auto take = [&](const char* name, auto assign) {
    const auto found = values.find(name);
    if (found == values.end()) return;
    assign(found->second);
    values.erase(found);
  };
  PeerCase& peer_case = arguments.peer_case;
  take("case", [&](const std::string& text) { peer_case.kind = text; });
  take("model", [&](const std::string& text) { peer_case.model = text; });
  take("inputs", [&](const std::string& text) { peer_case.inputs = text; });
  take("batch", [&](const std::string& text) { peer_case.batch = std::stoll(text); });
  take("steps", [&](const std::string& text) { peer_case.steps = std::stoll(text); });
  take("learning-rate",
       [&](const std::string& text) { peer_case.learning_rate = std::stod(text); });
  take("device", [&](const std::string& text) { peer_case.device = text; });
  take("precision", [&](const std::string& text) { peer_case.precision = text; });
  take("sweep", [&](const std::string& text) { peer_case.sweep = text; });
  take("acceleration", [&](const std::string& text) { peer_case.acceleration = text; });
  take("repeat", [&](const std::string& text) { arguments.repeat = std::stoi(text); });
  take("answer", [&](const std::string& text) { arguments.answer = text; });
  // How many threads there are, OMP_NUM_THREADS says.
  take("threads", [](const std::string&) {});
  if (!values.empty()) throw InvalidArgument("unknown argument --" + values.begin()->first);
  if (arguments.repeat < 1 || peer_case.steps < 1)
    throw InvalidArgument("--repeat and --steps must be at least 1");
  return arguments;
}

/// Seconds of one run, per step.
double seconds_of(PeerWork& work) {
  using Clock = std::chrono::steady_clock;
  work.restore();
  const auto begin = Clock::now();
  work.run();
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  return seconds / static_cast<double>(work.steps());
}

/// Untimed runs, as long as peer_session.py makes them.
void warm_up(PeerWork& work) {
  using Clock = std::chrono::steady_clock;
  const auto warm = Clock::now() + std::chrono::milliseconds(20);
  do {
    seconds_of(work);
  } while (Clock::now() < warm);
}

std::string to_json(const std::vector<double>& values) {
  std::string text = "[";
  for (const double value : values) {
    char number[32];
    std::snprintf(number, sizeof number, "%s%.9g", text.size() > 1 ? ", " : "", value);
    text += number;
  }
  return text + "]";
}

std::string about(const Arguments& arguments, const PeerWork& work) {
  return "\"name\": \"idl\", \"case\": \"" + arguments.peer_case.kind + "\", \"device\": \"" +
         work.device() + "\", \"versions\": {\"idl\": \"" + version() + "\"}";
}

void say(const std::string& fields) { std::cout << "{" << fields << "}" << std::endl; }

std::string run(PeerWork& work, int count) {
  std::vector<double> seconds;
  for (int k = 0; k < count; ++k) seconds.push_back(seconds_of(work));
  std::sort(seconds.begin(), seconds.end());
  return "\"seconds\": " + to_json(seconds) +
         ", \"median\": " + std::to_string(seconds[seconds.size() / 2]) +
         ", \"iterations\": " + std::to_string(work.iterations());
}

void write_answer(PeerWork& work, const std::string& path) {
  io::write_safetensors(path, work.answer());
}

void serve(PeerWork& work) {
  std::string line;
  while (std::getline(std::cin, line)) {
    const std::size_t space = line.find(' ');
    const std::string command = line.substr(0, space);
    const std::string rest = space == std::string::npos ? "" : line.substr(space + 1);
    if (command == "run") {
      warm_up(work);
      say(run(work, rest.empty() ? 1 : std::max(1, std::stoi(rest))));
    } else if (command == "answer") {
      write_answer(work, rest);
      say("\"answer\": \"" + rest + "\"");
    } else if (command == "quit") {
      return;
    } else {
      say("\"error\": \"unknown command\"");
    }
  }
}

void run_program(const Arguments& arguments) {
  const auto work = make_peer_work(arguments.peer_case);
  for (int k = 0; k < 3; ++k) seconds_of(*work);
  if (arguments.serve) {
    say("\"ready\": true, " + about(arguments, *work));
    serve(*work);
    return;
  }
  const std::string figures = run(*work, arguments.repeat);
  if (!arguments.answer.empty()) write_answer(*work, arguments.answer);
  say(about(arguments, *work) + ", " + figures);
}

}  // namespace
}  // namespace idl::bench

int main(int argc, char** argv) {
  try {
    idl::bench::run_program(idl::bench::parse(argc, argv));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_ours: %s\n", error.what());
    return 2;
  }
}
