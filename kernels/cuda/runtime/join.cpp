// SPDX-License-Identifier: MIT
#include <utility>

#include "kernels/cuda/runtime/capture.hpp"
#include "kernels/cuda/runtime/device_guard.hpp"
#include "kernels/cuda/runtime/graph.hpp"

namespace idl::cuda {
namespace {

using Recordables = std::vector<std::shared_ptr<RecordableProgram>>;

/// Programs as one graph. It keeps them, since they own what its nodes refer to.
class RecordedRun final : public RecordableProgram {
 public:
  RecordedRun(const ProgramEnvironment& home, Recordables parts)
      : RecordableProgram(sequence_of({parts.begin(), parts.end()})),
        home_(home),
        parts_(std::move(parts)) {
    home_.place.products.begin_preparation();
    RecordedRun::prepare();
    const cudaStream_t stream = home_.capture_stream;
    exec_ = instantiate_unless_empty(capture(stream, [&] { RecordedRun::enqueue(stream); }),
                                     home_.pool);
  }
  /// A graph is not destroyed while it runs.
  ~RecordedRun() override {
    const DeviceGuard guard(home_.device, std::nothrow);
    report_failure(cudaStreamSynchronize(home_.stream), "cudaStreamSynchronize");
    exec_.reset();
  }

  void launch() override {
    const DeviceGuard guard(home_.device);
    launch_graph(exec_, home_.stream, home_.pool);
  }
  void prepare() override {
    for (const auto& part : parts_) part->prepare();
  }
  void enqueue(cudaStream_t stream) const override {
    for (const auto& part : parts_) part->enqueue(stream);
  }
  LoopStrategy strategy() const override { return strategy_of({parts_.begin(), parts_.end()}); }

 private:
  ProgramEnvironment home_;
  Recordables parts_;
  GraphExec exec_;
};

/// Pieces of the programs that were joined. It keeps these, which may own what the pieces work on.
class JoinedPrograms final : public ProgramsInOrder {
 public:
  JoinedPrograms(Programs pieces, Programs given)
      : ProgramsInOrder(std::move(pieces)), given_(std::move(given)) {}
  LoopStrategy strategy() const override { return strategy_of(given_); }

 private:
  Programs given_;
};

/// Programs in order, taken apart.
void append_parts(Programs& all, const Programs& given) {
  for (const auto& part : given) {
    if (const auto* several = dynamic_cast<const ProgramsInOrder*>(part.get())) {
      append_parts(all, several->parts());
    } else {
      all.push_back(part);
    }
  }
}

}  // namespace

std::unique_ptr<Program> join_programs(const ProgramEnvironment& home, Programs given) {
  Programs parts;
  append_parts(parts, given);
  Programs pieces;
  Recordables run;
  const auto end_run = [&] {
    if (run.size() == 1) pieces.push_back(std::move(run[0]));
    if (run.size() > 1) pieces.push_back(std::make_shared<RecordedRun>(home, std::move(run)));
    run.clear();
  };
  for (std::shared_ptr<Program>& part : parts) {
    if (auto recordable = std::dynamic_pointer_cast<RecordableProgram>(part)) {
      run.push_back(std::move(recordable));
    } else {
      end_run();
      pieces.push_back(std::move(part));
    }
  }
  end_run();
  return std::make_unique<JoinedPrograms>(std::move(pieces), std::move(given));
}

}  // namespace idl::cuda
