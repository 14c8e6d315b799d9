/* SPDX-License-Identifier: MIT */
/*
 * A loss and an optimiser of one's own: the parameters are an array of this program's, passes give
 * the gradient of any loss, and gradient descent with projection makes it small. Then a trainer of
 * the library goes on with the same model.
 *
 *   cc train_in_c.c -lidl_cuda -lm
 */
#include <idl/c_api.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { STATES = 8, INPUTS = 2, OUTPUTS = 1, SAMPLES = 64 };
enum { ROWS = STATES + OUTPUTS, COLS = STATES + INPUTS };

static void tell(void* data, idl_severity severity, const char* text) {
  (void)data;
  fprintf(stderr, "libidl_cuda: %s: %s\n", severity == IDL_SEVERITY_ERROR ? "error" : "note", text);
}

static void check(idl_status status) {
  if (status == IDL_STATUS_OK) return;
  fprintf(stderr, "train_in_c: %s (idl_status %d)\n", idl_last_error(), (int)status);
  exit(1);
}

/* Mean of log(cosh(y - t)), and its gradient by y. */
static double log_cosh(const float* Y, const float* target, float* dY) {
  double loss = 0.0;
  for (int j = 0; j < SAMPLES; ++j) {
    const double r = (double)Y[j] - (double)target[j];
    loss += (fabs(r) + log1p(exp(-2.0 * fabs(r))) - log(2.0)) / SAMPLES;
    dY[j] = (float)(tanh(r) / SAMPLES);
  }
  return loss;
}

static double uniform(void) {
  static unsigned state = 1;
  state = state * 1664525U + 1013904223U;
  return (double)(state >> 8) / 8388608.0 - 1.0;
}

int main(void) {
  static float U[SAMPLES * INPUTS], target[SAMPLES], Y[SAMPLES], dY[SAMPLES];
  static float M[ROWS * COLS], dM[ROWS * COLS];
  idl_context_settings context_settings = {.struct_size = sizeof context_settings, .device = "cpu"};
  idl_model_settings settings = {.struct_size = sizeof settings,
                                 .states = STATES,
                                 .inputs = INPUTS,
                                 .outputs = OUTPUTS,
                                 .activation = "tanh",
                                 .kappa = 0.9};
  const double learning_rate = 0.01;
  idl_trainer_settings trainer_settings = {.struct_size = sizeof trainer_settings,
                                           .samples = SAMPLES,
                                           .loss = IDL_LOSS_SQUARED_ERROR,
                                           .learning_rate = &learning_rate};
  idl_context* context = NULL;
  idl_model* model = NULL;
  idl_pass* pass = NULL;
  idl_trainer* trainer = NULL;
  double loss = 0.0, first = 0.0, error = 0.0;

  for (int j = 0; j < SAMPLES; ++j) {
    U[2 * j] = (float)uniform();
    U[2 * j + 1] = (float)uniform();
    target[j] = sinf(2.0F * U[2 * j]) - 0.5F * U[2 * j + 1];
  }
  for (int k = 0; k < ROWS * COLS; ++k) M[k] = 0.5F * (float)uniform();

  context_settings.log = tell;
  check(idl_context_create_with(&context_settings, &context));
  check(idl_model_borrow(context, &settings, M, ROWS, IDL_MEMORY_HOST, &model));
  check(idl_model_project(context, model));
  check(idl_pass_create(context, model, SAMPLES, NULL, &pass));
  for (int step = 0; step < 200; ++step) {
    check(idl_pass_forward(pass, U, INPUTS, NULL, 0, Y, OUTPUTS, NULL, 0, IDL_MEMORY_HOST, NULL));
    loss = log_cosh(Y, target, dY);
    if (step == 0) first = loss;
    check(idl_pass_backward(pass, dY, OUTPUTS, dM, ROWS, NULL, 0, IDL_MEMORY_HOST, NULL));
    for (int k = 0; k < ROWS * COLS; ++k) M[k] -= 0.5F * dM[k];
    check(idl_model_project(context, model));
  }
  printf("own loss and optimiser: %.4f -> %.4f\n", first, loss);

  check(idl_trainer_create_with(context, model, &trainer_settings, &trainer));
  for (int step = 0; step < 200; ++step)
    check(idl_trainer_step_towards(trainer, U, INPUTS, target, OUTPUTS, IDL_MEMORY_HOST, &error));
  printf("a trainer after it: mean squared error %.5f\n", error);

  idl_trainer_destroy(trainer);
  idl_pass_destroy(pass);
  idl_model_destroy(model);
  idl_context_destroy(context);
  return loss < 0.1 * first && error < 0.01 ? 0 : 1;
}
