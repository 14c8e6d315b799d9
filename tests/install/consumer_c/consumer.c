/* SPDX-License-Identifier: MIT */
/* A user's program in C: makes a model, predicts, trains a step, saves and loads. */
#include <idl/c_api.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Whether a step of training and a way through a file go well. */
static int train_and_store(idl_context* context, idl_model* model, const double* U) {
  const char* path = "consumer_model.safetensors";
  const int32_t labels[2] = {0, 0};
  double loss = -1.0;
  idl_trainer* trainer = NULL;
  idl_model* loaded = NULL;
  int64_t states = 0;
  int good =
      idl_trainer_create(context, model, 2, 1e-3, NULL, &trainer) == IDL_STATUS_OK &&
      idl_trainer_step(trainer, U, 2, labels, IDL_MEMORY_HOST, &loss, NULL) == IDL_STATUS_OK &&
      loss >= 0.0 && idl_model_save(context, model, path) == IDL_STATUS_OK &&
      idl_model_load(context, path, IDL_FLOAT64, &loaded) == IDL_STATUS_OK &&
      idl_model_sizes(loaded, &states, NULL, NULL, NULL) == IDL_STATUS_OK && states == 3;
  idl_model_destroy(loaded);
  idl_trainer_destroy(trainer);
  remove(path);
  return good;
}

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
             reports[0].status == IDL_SOLVE_CONVERGED && reports[1].status == IDL_SOLVE_CONVERGED &&
             train_and_store(context, model, U);
  printf("%s: Y = %g %g%s\n", idl_version(), Y[0], Y[1], idl_last_error());
  idl_model_destroy(model);
  idl_context_destroy(context);
  return good ? 0 : 1;
}
