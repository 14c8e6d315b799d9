// SPDX-License-Identifier: MIT
// A user's program: public headers and the installed library, nothing else.
#include <cstdio>
#include <idl/idl.hpp>
#include <vector>

int main() {
  idl::Context context(idl::Device::cpu());
  const idl::ImplicitModel<double> model(context, {.states = 3, .inputs = 2, .outputs = 1});
  const std::vector<double> values = {1.0, -2.0, 0.5, 0.25};
  const auto U = idl::Matrix<double>::from_host(context, 2, 2, values);
  const auto prediction = model.predict(context, U.view());
  std::printf("%s: Y is %lld x %lld\n", idl::to_string(context.device()).c_str(),
              static_cast<long long>(prediction.Y.rows()),
              static_cast<long long>(prediction.Y.cols()));
  return prediction.Y.rows() == 1 && prediction.Y.cols() == 2 ? 0 : 1;
}
