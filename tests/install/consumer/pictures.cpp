// SPDX-License-Identifier: MIT
// A user's program that draws: the installed library of pictures, and no header of cairo's.
#include <cstdio>
#include <filesystem>
#include <idl/idl.hpp>
#include <idl/pictures.hpp>
#include <vector>

int main() {
  idl::Context context(idl::Device::cpu());
  const idl::ImplicitModel<double> model(context, {.states = 30, .inputs = 4, .outputs = 2});
  idl::pictures::write_model_pictures(context, model, "spy.png", "row_sums.png");
  idl::pictures::write_run_pictures(context, model, ".");
  std::vector<idl::EpochMetrics> epochs(2);
  epochs[0].epoch = 1;
  epochs[1].epoch = 2;
  idl::pictures::write_training_curves_png("curves.png",
                                           idl::pictures::training_curves("Two epochs", epochs));
  idl::pictures::Confusion confusion(2, {"no", "yes"});
  confusion.add(0, 0);
  confusion.add(1, 0);
  idl::pictures::write_confusion_png("confusion.png", confusion);
  for (const char* name :
       {"spy.png", "row_sums.png", "training_curves.png", "curves.png", "confusion.png"}) {
    if (std::filesystem::file_size(name) > 1000) continue;
    std::printf("%s is too small\n", name);
    return 1;
  }
  return confusion.accuracy() == 0.5 ? 0 : 1;
}
