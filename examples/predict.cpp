// SPDX-License-Identifier: MIT
// Predicts for the samples of a .npy file with a model file, and prints the certificate of each:
//   predict MODEL.safetensors U.npy [Y.npy]
#include <idl/idl.hpp>
#include <iostream>

int main(int argc, char** argv) try {
  if (argc < 3) {
    std::cerr << "usage: predict MODEL.safetensors U.npy [Y.npy]\n";
    return 2;
  }
  idl::Context context;  // the first GPU where there is one, the CPU otherwise
  const auto model = idl::load_model<float>(context, argv[1]);
  const idl::ModelShape& shape = model.shape();

  // An array of shape (samples, inputs), row by row, is the inputs×samples matrix U.
  const idl::io::Array array = idl::io::read_npy(argv[2]);
  if (array.shape.size() != 2 || array.shape[1] != shape.inputs)
    throw idl::InvalidArgument(std::string(argv[2]) + " must have the shape (samples, " +
                               std::to_string(shape.inputs) + ")");
  const std::int64_t samples = array.shape[0];
  const auto U = idl::Matrix<float>::from_host(context, shape.inputs, samples, array.as<float>());

  const auto prediction = model.predict(context, U);
  const idl::SolveReport& report = prediction.report;
  for (std::size_t j = 0; j < report.status.size(); ++j)
    std::cout << "sample " << j << ": " << to_string(report.status[j]) << " after "
              << report.iterations[j] << " iterations, |x - x*| <= " << report.error_bound[j]
              << "\n";
  if (argc > 3) {
    const std::vector<float> Y = download(context, prediction.Y);
    write_npy(argv[3], idl::io::Array::from<float>({samples, shape.outputs}, Y));
  }
  return report.all_converged() ? 0 : 1;
} catch (const idl::Error& error) {
  std::cerr << "predict: " << error.what() << "\n";
  return 1;
}
