#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs the examples of the build on small inputs made on the fly, and looks at what they print.
# Ends with 77 (skipped) where there is no Python to make the inputs.
#   examples.sh EXAMPLES_BUILD_FOLDER LIBRARY
set -euo pipefail

examples=$1 library=$2
here=$(cd "$(dirname "$0")" && pwd)
python=${IDL_TEST_PYTHON:-python3}
command -v "$python" >/dev/null || {
  echo "there is no $python" >&2
  exit 77
}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() {
  echo "examples.sh: $1" >&2
  exit 1
}
"$python" "$here/make_inputs.py" "$folder"

echo "== first_program"
"$examples/first_program" | tee "$folder/out"
[[ $(grep -cE '^sample [0-4]: converged after [0-9]+ iterations, \|x - x\*\| <= [0-9.e-]+$' \
  "$folder/out") -eq 5 ]] || fail "first_program: expected five converged samples"

echo "== custom_activation"
"$examples/custom_activation" "$folder/own.safetensors" | tee "$folder/out"
grep -q '^my_silu: steepest at 2.399[0-9]*, where |slope| is 1.09984; 0 kinks$' "$folder/out" ||
  fail "custom_activation: SiLU was not examined"
grep -q '^soft_threshold: .*; 2 kinks$' "$folder/out" || fail "custom_activation: no kinks found"
grep -q '^refused: .*my_silu has Lipschitz constant 1.09984.*choose kappa below 0.909' "$folder/out" ||
  fail "custom_activation: SiLU was not refused"
[[ $(grep -cE '^(my_silu|soft_threshold), sample [0-2]: .*, converged after ' "$folder/out") -eq 9 ]] ||
  fail "custom_activation: expected nine converged samples"
grep -q '^loaded: the same answers$' "$folder/out" || fail "custom_activation: the file is not the model"

echo "== research"
"$examples/research" | tee "$folder/out"
read -r clean attacked < <(sed -nE 's/^(step 400: accuracy|accuracy under attack:) ([0-9.]+).*/\2/p' \
  "$folder/out" | paste -sd' ')
awk -v a="$clean" -v b="$attacked" 'BEGIN { exit !(a > 0.8 && b < a - 0.05) }' ||
  fail "research: it has not learned, or an attack has no effect: $clean, $attacked"

echo "== predict"
"$examples/predict" "$folder/model.safetensors" "$folder/U.npy" "$folder/Y.npy" | tee "$folder/out"
[[ $(grep -c ': converged after ' "$folder/out") -eq 5 ]] ||
  fail "predict: expected five converged samples"
# 5 samples of 3 outputs in float32 after a header of 128 bytes.
[[ $(stat -c %s "$folder/Y.npy") -eq $((128 + 5 * 3 * 4)) ]] || fail "predict: Y.npy has another size"
if "$examples/predict" "$folder/U.npy" "$folder/U.npy" 2>"$folder/err"; then
  fail "predict: a .npy file was taken for a model"
fi
grep -q "^predict: $folder/U.npy: " "$folder/err" || fail "predict: no clear error"

echo "== train_mnist"
"$examples/train_mnist" "$folder" "$folder/run" 3 20 | tee "$folder/out"
[[ $(grep -cE '^epoch [123]: loss ' "$folder/out") -eq 3 ]] || fail "train: expected three epochs"
grep -q 'well posed: true$' "$folder/out" || fail "train: the model is not well posed"
for file in metrics.jsonl best.safetensors last.safetensors checkpoint.safetensors; do
  [[ -s $folder/run/$file ]] || fail "train: $file was not written"
done

if "$examples/train_mnist" "$folder/run" "$folder/none" 2>"$folder/err"; then
  fail "train_mnist: trained without data"
fi
grep -qF "$folder/run/train-images-idx3-ubyte: does not exist" "$folder/err" ||
  fail "train_mnist: no word of what is missing"

echo "== train_cifar10"
cifar=$folder/cifar-10-batches-bin
"$examples/train_cifar10" "$cifar" "$folder/colour" 1 12 | tee "$folder/out"
grep -qE '^epoch 1: 1 steps, loss [0-9.]+, test accuracy ' "$folder/out" || fail "cifar: no epoch"
"$examples/train_cifar10" "$cifar" "$folder/grey" --grey --flip 2 12 | tee "$folder/out"
grep -qE '^epoch 2: 4 steps, loss [0-9.]+, test accuracy ' "$folder/out" ||
  fail "train_cifar10: pictures and mirror images are two steps an epoch"
(($(stat -c %s "$folder/colour/last.safetensors") > 2 * $(stat -c %s "$folder/grey/last.safetensors"))) ||
  fail "train_cifar10: grey pictures have as many inputs as coloured ones"
if "$examples/train_cifar10" "$folder/nowhere" "$folder/none" 2>"$folder/err"; then
  fail "train_cifar10: trained without data"
fi
grep -qE 'nowhere: .*data_batch_1.bin to data_batch_5.bin, test_batch.bin' "$folder/err" ||
  fail "train_cifar10: no word of what is missing"

echo "== stacking"
"$examples/stacking" 12 | tee "$folder/out"
for what in 'cascade: 60' 'sum: 40'; do
  grep -qE "^$what states, .*, well posed: yes, " "$folder/out" || fail "stacking: no $what states"
done
awk '/^(in sequence|cascade)/ { sub(/.*accuracy /, ""); if ($1 + 0 < 0.6) bad = 1 } END { exit bad }' \
  "$folder/out" || fail "stacking: it has not learned"

echo "== sparse_fashion_mnist"
"$examples/sparse_fashion_mnist" "$folder" "$folder/sparse" 4 20 0.2 | tee "$folder/out"
grep -qE '^pruned at once: accuracy [0-9.e-]+, states moved by at most [0-9.e-]+, outputs by at most [0-9.e-]+$' \
  "$folder/out" || fail "sparse: no bound"
grep -q '^  A: 80 of 400 entries$' "$folder/out" || fail "sparse: A was not pruned to its density"
grep -qE '^loaded: outputs of 100 samples differ by at most [0-9.e-]+, ' "$folder/out" ||
  fail "sparse: the saved model was not loaded"

echo "== argmax"
"$examples/argmax" 3 200 | tee "$folder/out"
grep -q '; solves that did not converge: 0$' "$folder/out" || fail "argmax: some solve did not converge"
[[ $(grep -cE '^10{0,5} +[0-9.]+ +[0-9.]+ +0$' "$folder/out") -eq 6 ]] ||
  fail "argmax: expected the accuracy at six scales"

echo "== spiky_series"
"$examples/spiky_series" 1 2000 "$folder" | tee "$folder/out"
grep -q '; solves that did not converge: 0$' "$folder/out" ||
  fail "spiky_series: some solve did not converge"
for what in 'this model' 'linear, 59 values' 'noise alone'; do
  grep -qE "^$what +[0-9.e-]+ +[0-9.e-]+ +[0-9.e-]+$" "$folder/out" || fail "spiky_series: no $what"
done
# 2000·7/10 − 59 windows of 59 numbers in float64 after a header of 128 bytes.
[[ $(stat -c %s "$folder/train_X.npy") -eq $((128 + 1341 * 59 * 8)) ]] ||
  fail "spiky_series: train_X.npy has another size"

if [[ $library == *.so* ]] && "$python" -c 'import numpy' 2>/dev/null; then
  echo "== predict_with_ctypes.py"
  "$python" "$here/../../examples/predict_with_ctypes.py" --library "$library" --device cpu \
    "$folder/model.safetensors" "$folder/U.npy" | tee "$folder/out"
  [[ $(grep -c ': converged after ' "$folder/out") -eq 5 ]] ||
    fail "predict_with_ctypes.py: expected five converged samples"
  grep -q '^ten steps of training: loss ' "$folder/out" || fail "predict_with_ctypes.py: no training"
else
  echo "predict_with_ctypes.py was left out: no numpy, or a static library"
fi
