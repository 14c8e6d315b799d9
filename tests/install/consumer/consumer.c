/* SPDX-License-Identifier: MIT */
/* A user's program in C. */
#include <idl/c_api.h>
#include <stddef.h>
#include <stdio.h>

int main(void) {
  const double U[4] = {1.0, -2.0, 0.5, 0.25};
  double Y[2] = {0.0, 0.0};
  idl_sample_report reports[2];
  idl_context* context = NULL;
  idl_model* model = NULL;
  int good = idl_context_create("cpu", NULL, &context) == IDL_STATUS_OK &&
             idl_model_create(context, IDL_FLOAT64, 3, 2, 1, "relu", 0.95, 0, 0, &model) ==
                 IDL_STATUS_OK &&
             idl_model_predict(context, model, 2, U, 2, Y, 1, NULL, 0, IDL_MEMORY_HOST, NULL,
                               reports) == IDL_STATUS_OK &&
             reports[0].status == IDL_SOLVE_CONVERGED && reports[1].status == IDL_SOLVE_CONVERGED;
  printf("%s: Y = %g %g%s\n", idl_version(), Y[0], Y[1], idl_last_error());
  idl_model_destroy(model);
  idl_context_destroy(context);
  return good ? 0 : 1;
}
