# SPDX-License-Identifier: MIT
"""idl.numpy against loops in NumPy."""
import contextlib
import copy
import gc
import json
import os
import pathlib
import pickle
import signal
import sys
import tempfile
import threading
import time
import unittest
import unittest.mock
import warnings
import weakref

try:
    import numpy as np
except ImportError:
    sys.exit(77)

import idl
import idl.numpy
from idl import _handles


RECURRENT = pathlib.Path(__file__).parents[2] / "tests/data/golden/rnn.safetensors"


def add_tensors(path, arrays):
    """float64 arrays more in a safetensors file."""
    with open(path, "rb") as file:
        content = file.read()
    end = 8 + int.from_bytes(content[:8], "little")
    header, data = json.loads(content[8:end]), content[end:]
    for name, array in arrays.items():
        header[name] = {"dtype": "F64", "shape": array.shape,
                        "data_offsets": [len(data), len(data) + array.nbytes]}
        data += array.tobytes()
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text + data)


def solve(parameters, U, bias):
    """Y and X by 2000 iterations in float64."""
    A, B, C, D = (parameters[name].astype(np.float64) for name in "ABCD")
    U = np.hstack([U, np.ones((len(U), 1))]) if bias else np.asarray(U, np.float64)
    X = np.zeros((len(U), len(A)))
    for _ in range(2000):
        X = np.maximum(X @ A.T + U @ B.T, 0)
    return X @ C.T + U @ D.T, X


def draw(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape)


class Predicting(unittest.TestCase):
    def test_answers_are_those_of_the_iteration(self):
        for dtype, tolerance in ((np.float32, 1e-4), (np.float64, 1e-4)):
            for bias in (False, True):
                model = idl.Model(33, 7, 3, bias=bias, dtype=dtype, seed=5)
                for samples in (1, 31, 100):
                    U = draw(samples, 7)
                    Y, X = model.predict(U, return_states=True)
                    expected_Y, expected_X = solve(model.parameters(), U, bias)
                    self.assertEqual((Y.dtype, Y.shape), (dtype, (samples, 3)))
                    np.testing.assert_allclose(Y, expected_Y, atol=tolerance)
                    np.testing.assert_allclose(X, expected_X, atol=tolerance)
                    self.assertTrue(model.last_report.converged.all())
                    bound = model.last_report.error_bound + 1e-12
                    self.assertTrue((np.abs(X - expected_X).max(axis=1) <= bound).all())

    def test_no_samples_give_no_answers(self):
        model = idl.Model(5, 4, 2)
        self.assertEqual(model.predict(np.empty((0, 4))).shape, (0, 2))
        self.assertEqual(repr(model.last_report), "Report of no samples")

    def test_other_layouts_and_types_are_taken(self):
        model = idl.Model(5, 4, 2)
        U = draw(6, 4).astype(np.float32)
        expected = model.predict(U)
        for other in (np.asfortranarray(U), U[::-1][::-1], U.astype(np.float64), U.tolist()):
            np.testing.assert_array_equal(model.predict(other), expected)

    def test_a_sample_with_nan_is_told_and_harms_no_other(self):
        model = idl.Model(9, 4, 2)
        U = draw(5, 4)
        expected = model.predict(U)
        U[3, 1] = np.nan
        with self.assertLogs("idl", "WARNING"):
            Y = model.predict(U)
        self.assertEqual(model.last_report.status[3], "diverged")
        self.assertEqual(model.last_report.converged.tolist(), [True, True, True, False, True])
        np.testing.assert_array_equal(np.delete(Y, 3, 0), np.delete(expected, 3, 0))

    def test_options_of_the_solver_are_taken(self):
        model = idl.Model(9, 4, 2, seed=1)
        U = draw(5, 4)
        with self.assertLogs("idl", "WARNING"):
            model.predict(U, idl.SolverOptions(max_iterations=1))
        self.assertEqual(model.last_report.status, ["max_iterations"] * 5)
        self.assertEqual(model.last_report.iterations.tolist(), [1] * 5)

    def test_what_a_model_was_made_with_is_not_assigned(self):
        model = idl.Model(5, 3, 2, no_D=True, dtype=None)
        for name in ("n", "p", "q", "kappa", "activation", "bias", "no_D", "rank", "dtype"):
            with self.subTest(name), self.assertRaises(AttributeError):
                setattr(model, name, 2)
        self.assertEqual((model.n, model.no_D, model.rank, model.dtype), (5, True, None, np.float32))

    def test_threads_share_a_model(self):
        model = idl.Model(20, 4, 2)
        U = draw(50, 4)
        expected = model.predict(U)
        wrong = []
        threads = [threading.Thread(target=lambda: wrong.extend(
            1 for _ in range(10) if (model.predict(U) != expected).any())) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])


def succeeds_in_child(call):
    """Whether the call returns a truth in a forked child, within 20 seconds."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if call() else 2
        finally:
            os._exit(status)
    for _ in range(2000):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status == 0
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


class Forking(unittest.TestCase):
    def test_a_child_uses_a_model_that_another_thread_was_using(self):
        model, U = idl.Model(20, 4, 2), draw(50, 4)
        expected = model.predict(U)
        begun, end = threading.Event(), threading.Event()

        def hold():
            with model._lock:
                begun.set()
                end.wait()

        def same():
            return (model.predict(U) == expected).all()

        thread = threading.Thread(target=hold)
        thread.start()
        begun.wait()
        try:
            self.assertTrue(succeeds_in_child(same))
            self.assertTrue(succeeds_in_child(lambda: succeeds_in_child(same)))
            self.assertTrue(succeeds_in_child(
                lambda: model.train(U, np.arange(50) % 2, epochs=1)))
        finally:
            end.set()
            thread.join()
        self.assertTrue(same())

    def test_models_end_though_forks_know_of_them(self):
        model = idl.Model(5, 4, 2)
        self.assertIn(model, idl.numpy._models)
        reference = weakref.ref(model)
        del model
        self.assertIsNone(reference())


class Files(unittest.TestCase):
    def test_a_saved_model_is_the_same_when_it_is_loaded(self):
        model = idl.Model(9, 4, 2, kappa=0.7, activation="tanh", bias=True, dtype=np.float64)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "model.safetensors")
            model.save(path)
            loaded = idl.numpy.load(path, dtype=np.float64)
            U = draw(5, 4)
            np.testing.assert_array_equal(idl.numpy.predict(path, U), idl.numpy.load(path).predict(U))
        self.assertEqual((loaded.kappa, loaded.activation, loaded.bias), (0.7, "tanh", True))
        np.testing.assert_array_equal(loaded.predict(U), model.predict(U))

    def test_a_pickled_model_keeps_the_attributes_of_its_user(self):
        model = idl.Model(5, 3, 2)
        model.features = ["a", "b", "c"]
        for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model), copy.copy(model)):
            self.assertEqual(other.features, model.features)
            self.assertIsNot(other._handle, model._handle)

    def test_a_pickled_model_is_the_same(self):
        model = idl.Model(9, 4, 2, bias=True)
        copy = pickle.loads(pickle.dumps(model))
        np.testing.assert_array_equal(copy.predict(draw(5, 4)), model.predict(draw(5, 4)))

    def test_the_scaling_of_a_file_is_told_warned_of_and_saved_again(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "m.safetensors")
            idl.Model(5, 3, 2).save(path)
            self.assertIsNone(idl.Model.load(path).feature_scaling)
            mean, scale = np.array([1.0, 2.0, 3.0]), np.array([0.5, 0.25, 4.0])
            add_tensors(path, {"data.feature_mean": mean, "data.feature_scale": scale})
            for _ in range(2):
                with self.assertLogs("idl", "WARNING") as logs:
                    model = idl.Model.load(path)
                self.assertIn("trained on scaled data", logs.output[0])
                np.testing.assert_array_equal(model.feature_scaling, (mean, scale))
                self.assertIsNone(model.target_scaling)
                model.save(path)

    def test_a_missing_file_is_an_error_with_its_name(self):
        with self.assertRaisesRegex(OSError, "nowhere.safetensors"):
            idl.Model.load("nowhere.safetensors")

    def test_parameters_are_read_and_written_by_name(self):
        model = idl.Model(4, 3, 2)
        before = model.parameters()
        self.assertEqual({name: array.shape for name, array in before.items()},
                         {"A": (4, 4), "B": (4, 3), "C": (2, 4), "D": (2, 3)})
        model.set_parameters(B=2 * before["B"], A=np.eye(4))
        after = model.parameters()
        np.testing.assert_array_equal(after["B"], 2 * before["B"])
        np.testing.assert_allclose(after["A"], 0.95 * np.eye(4), rtol=1e-6)  # projected

    def test_parameters_that_are_not_finite_are_refused_and_change_nothing(self):
        model = idl.Model(4, 3, 2)
        before = model.parameters()
        with_nan = np.eye(4)
        with_nan[2, 1] = np.nan
        for text, values in {r"A\[2, 1\] is not finite as float32": {"A": with_nan},
                             r"B\[0, 0\] is not finite as float32": {
                                 "C": np.ones((2, 4)), "B": np.full((4, 3), 1e300)}}.items():
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                with self.subTest(text), self.assertRaisesRegex(idl.InvalidArgument, text):
                    model.set_parameters(**values)
        for name, array in model.parameters().items():
            np.testing.assert_array_equal(array, before[name])
        idl.Model(4, 3, 2, dtype=np.float64).set_parameters(B=np.full((4, 3), 1e300))

    def test_a_name_with_nul_is_no_file(self):
        model = idl.Model(4, 3, 2)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "model.safetensors")
            for call in (lambda: model.save(path + "\0x"), lambda: idl.Model.load(path + "\0x"),
                         lambda: idl.Model.load(pathlib.Path(path + "\0x")),
                         lambda: idl.Model.load(None)):
                with self.assertRaisesRegex(idl.InvalidArgument, "^path is .* no NUL"):
                    call()
            self.assertEqual(os.listdir(folder), [])
            model.save(os.fsencode(path))
            self.assertEqual(os.listdir(folder), ["model.safetensors"])


def product_of(parameters):
    return {**parameters, "A": parameters["L"] @ parameters["R"].T}


class LowRank(unittest.TestCase):
    def test_answers_are_those_of_the_product(self):
        model = idl.Model(33, 7, 3, rank=4, dtype=np.float64)
        self.assertEqual((model.rank, idl.Model(3, 2, 1).rank), (4, None))
        self.assertEqual(list(model.parameters()), ["L", "R", "B", "C", "D"])
        U = draw(9, 7)
        expected, _ = solve(product_of(model.parameters()), U, bias=False)
        np.testing.assert_allclose(model.predict(U), expected, atol=1e-4)
        self.assertEqual(pickle.loads(pickle.dumps(model)).rank, 4)

    def test_it_learns(self):
        U = draw(300, 4)
        labels = (U[:, 0] * U[:, 1] > 0).astype(int)
        model, history = idl.numpy.train(U, labels, n=30, bias=True, rank=3, epochs=30,
                                         batch_size=64, learning_rate=1e-2)
        self.assertEqual(model.rank, 3)
        self.assertLess(history[-1]["loss"], 0.5 * history[0]["loss"])

    def test_factors_take_the_place_of_A_up_to_a_bound(self):
        model = idl.Model(20, 4, 2, kappa=None, dtype=np.float64)
        A = model.parameters()["A"]
        for rank in (0, 3, 20):
            low_rank, error = model.low_rank(rank)
            parameters = product_of(low_rank.parameters())
            moved = np.abs(A - parameters["A"]).sum(axis=1).max()
            self.assertLessEqual(moved, error * (1 + 1e-12))
            self.assertAlmostEqual(moved, error, places=10)
            best = (np.linalg.svd(A, compute_uv=False)[rank:] ** 2).sum() ** 0.5
            self.assertLessEqual(np.linalg.norm(A - parameters["A"]), 1.01 * best + 1e-12)


class Pruning(unittest.TestCase):
    def setUp(self):
        self.model = idl.Model(12, 6, 2, dtype=np.float64)
        self.U = draw(8, 6)

    def dense(self, model):
        """Its matrices with their zeros."""
        found = {}
        for name, values in model.parameters().items():
            name = name.removesuffix(".values")
            offsets, columns = model.pattern(name)
            found[name] = np.zeros((len(offsets) - 1, {"A": 12, "B": 6, "C": 12, "D": 6}[name]))
            rows = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
            found[name][rows, columns] = values[:, 0]
        return found

    def test_the_largest_entries_stay(self):
        before = self.model.parameters()
        for by, options in (("magnitude", {"density": 0.25}), ("threshold", {"threshold": 0.05})):
            after = self.dense(self.model.sparsify(by=by, **options))
            for name, matrix in before.items():
                least = options.get("threshold", np.quantile(np.abs(matrix), 0.75))
                kept = np.where(np.abs(matrix) >= least, matrix, 0)
                np.testing.assert_array_equal(after[name], kept, f"{name} by {by}")
        only_A = self.model.sparsify(0.5, target="A")
        self.assertEqual(list(only_A.parameters()), ["A.values", "B", "C", "D"])
        self.assertEqual(len(only_A.parameters()["A.values"]), 72)

    def test_answers_move_by_no_more_than_the_bound(self):
        pruned = self.model.sparsify(0.3)
        state, output = self.model.pruning_bound(pruned, self.U)
        moved = np.abs(solve(self.model.parameters(), self.U, False)[0]
                       - solve(self.dense(pruned), self.U, False)[0]).max(axis=1)
        self.assertTrue((moved <= output).all() and (moved > 0).all())
        self.assertTrue(np.isfinite(state).all())

    def test_what_is_left_over_goes(self):
        pruned = self.model.sparsify(0.1)
        reduced, states, inputs = pruned.remove_dead()
        self.assertLess(reduced.n, 12)
        self.assertEqual((len(states), len(inputs)), (reduced.n, reduced.p))
        np.testing.assert_allclose(reduced.predict(self.U[:, inputs]), pruned.predict(self.U),
                                   atol=1e-6)
        values = pruned.parameters()["A.values"]
        values[:3] = 0
        pruned.set_parameters(**{"A.values": values})
        self.assertEqual(len(pruned.compact().parameters()["A.values"]), len(values) - 3)

    def test_a_trainer_prunes_and_freezes(self):
        trainer = idl.numpy.Trainer(self.model, learning_rate=1e-2, frozen="C")
        labels = np.arange(8) % 2
        C = self.model.parameters()["C"]
        for density in (0.8, 0.5, 0.25):
            trainer.step(self.U, labels)
            trainer.prune(density, "A")
        trainer.step(self.U, labels)
        after = self.model.parameters()
        self.assertEqual(len(after["A.values"]), 36)
        np.testing.assert_array_equal(after["C"], C)
        self.assertTrue(np.isfinite(self.model.predict(self.U)).all())

    def test_other_trainers_of_a_pruned_model_end(self):
        labels = np.arange(8) % 2
        first, second = (idl.numpy.Trainer(self.model) for _ in range(2))
        first.step(self.U, labels)
        second.step(self.U, labels)
        with self.assertRaisesRegex(idl.InvalidArgument, "density"):
            second.prune(2)
        first.step(self.U, labels)  # nothing was pruned
        second.prune(0.5)
        for call in (lambda: first.step(self.U, labels), lambda: first.prune(0.4)):
            with self.assertRaisesRegex(idl.InvalidArgument, "another trainer has pruned the model"):
                call()
        second.step(self.U, labels)
        before = self.model.parameters()["A.values"]
        idl.numpy.Trainer(self.model).step(self.U, labels)
        self.assertGreater(np.abs(self.model.parameters()["A.values"] - before).max(), 0)

    def test_a_bound_waits_for_the_trainer_of_the_other_model(self):
        pruned = self.model.sparsify(1.0)

        def train():
            trainer = idl.numpy.Trainer(pruned)
            for k in range(40):
                trainer.step(self.U, np.arange(8) % 2)
                trainer.prune(1 - 0.02 * k)

        thread = threading.Thread(target=train)
        thread.start()
        while thread.is_alive():
            state, _ = self.model.pruning_bound(pruned, self.U)
            self.assertEqual(len(state), 8)
        thread.join()

    def test_each_gets_a_clear_error(self):
        low_rank = idl.Model(12, 6, 2, rank=2)
        for text, call in {
                "density is 1.5": lambda: self.model.sparsify(1.5),
                "magnitude": lambda: self.model.sparsify(by="size"),
                "'B'": lambda: self.model.sparsify(target="B"),
                "A is L R.T of rank 2": low_rank.remove_dead,
                "of rank 2 already": lambda: low_rank.low_rank(1),
                "rank is -1": lambda: idl.Model(12, 6, 2, rank=-1),
                "another precision":
                    lambda: self.model.pruning_bound(low_rank, self.U),
                "no 'A' in compressed rows": lambda: self.model.pattern("A"),
                "'E' of frozen": lambda: self.model.train(self.U, np.arange(8) % 2, frozen="E"),
                "density is -1": lambda: idl.numpy.Trainer(self.model).prune(-1)}.items():
            with self.subTest(text), self.assertRaisesRegex(idl.InvalidArgument, text):
                call()


class Training(unittest.TestCase):
    def test_classes_are_learned(self):
        U = draw(300, 4)
        labels = (U[:, 0] * U[:, 1] > 0).astype(int)
        model, history = idl.numpy.train(U, labels, n=30, bias=True, epochs=30, batch_size=64,
                                         learning_rate=1e-2)
        self.assertEqual(len(history), 30)
        self.assertLess(history[-1]["loss"], 0.5 * history[0]["loss"])
        self.assertGreater(np.mean(model.predict(U).argmax(axis=1) == labels), 0.9)
        self.assertLessEqual(np.abs(model.parameters()["A"]).sum(axis=1).max(), 0.95 * (1 + 1e-6))

    def test_class_numbers_of_any_whole_type_are_classes(self):
        U, labels = draw(40, 3), np.arange(40) % 2
        expected = idl.numpy.train(U, labels, n=4, epochs=1)[1]
        for dtype in (np.uint8, np.uint64, np.int16, bool):
            model, history = idl.numpy.train(U, labels.astype(dtype), n=4, epochs=1)
            self.assertEqual((model.q, history), (2, expected))

    def test_targets_are_learned(self):
        U = draw(300, 3)
        targets = np.stack([np.abs(U[:, 0]), U[:, 1] - U[:, 2]], axis=1)
        model = idl.Model(20, 3, 2, bias=True, dtype=np.float64)
        history = model.train(U, targets, epochs=40, batch_size=50, learning_rate=1e-2)
        self.assertNotIn("accuracy", history[0])
        self.assertLess(np.mean((model.predict(U) - targets) ** 2), 0.02)

    def test_one_trainer_keeps_its_moments(self):
        # The first step of Adam moves each parameter by the learning rate, whatever the gradient's
        # size; a second by less where gradients turn round.
        U, labels = draw(8, 3), np.arange(8) % 2
        model = idl.Model(5, 3, 2, dtype=np.float64)
        trainer = idl.numpy.Trainer(model, learning_rate=1e-3)
        moved = []
        for target in (labels, 1 - labels):
            before = model.parameters()["D"]
            trainer.step(U, target)
            moved.append(np.median(np.abs(model.parameters()["D"] - before)))
        self.assertAlmostEqual(moved[0], 1e-3, places=6)
        self.assertLess(moved[1], 0.5e-3)

    def test_nan_in_training_is_an_error_and_loses_nothing(self):
        model = idl.Model(5, 3, 2)
        before = model.parameters()
        U = draw(8, 3)
        U[2, 0] = np.nan
        with self.assertRaises(idl.NotFinite), self.assertLogs("idl", "WARNING"):
            model.train(U, np.arange(8) % 2, epochs=1)
        for name, array in model.parameters().items():
            np.testing.assert_array_equal(array, before[name])


    def test_entries_of_the_gradient_that_are_not_finite_are_left_out_of_a_step(self):
        model = idl.Model(5, 3, 2)
        before, targets = model.parameters(), draw(8, 2)
        targets[3, 1] = np.nan
        with self.assertRaises(idl.NotFinite), self.assertLogs("idl", "WARNING"):
            idl.numpy.Trainer(model, labels=False).step(draw(8, 3), targets)
        moved = (model.parameters()["D"] != before["D"]).any(axis=1)
        self.assertEqual(moved.tolist(), [True, False])

    def test_matrices_to_freeze_are_a_list_or_a_text(self):
        frozen = []
        for names in ("A,D", ["A", "D"], ("A", "D")):
            model, U = idl.Model(5, 3, 2), draw(8, 3)
            before = model.parameters()
            model.train(U, np.arange(8) % 2, epochs=1, frozen=names)
            frozen.append([name for name, array in model.parameters().items()
                           if np.array_equal(array, before[name])])
        self.assertEqual(frozen, [["A", "D"]] * 3)
        for rank, names in ((None, "A,B,C,D"), (2, ["D", "L", "R", "B", "C"])):
            model = idl.Model(5, 3, 2, rank=rank)
            for either in (model, model.sparsify(0.5)) if rank is None else (model,):
                with self.assertRaisesRegex(idl.InvalidArgument, "leaves no matrix to train"):
                    idl.numpy.Trainer(either, frozen=names)

    def test_a_new_model_is_made_with_any_of_its_keywords(self):
        model, _ = idl.numpy.train(draw(8, 3), np.arange(8) % 2, n=5, epochs=1, no_D=True,
                                   activation="leaky_relu", alpha=0.2, threads=1, kappa=None,
                                   well_posedness="strictly_upper_triangular")
        self.assertEqual((model.no_D, model.kappa, np.tril(model.parameters()["A"]).any()),
                         (True, None, False))

    def test_a_trainer_is_neither_copied_nor_pickled(self):
        trainer = idl.numpy.Trainer(idl.Model(5, 3, 2))
        for call in (copy.copy, copy.deepcopy, pickle.dumps):
            with self.assertRaisesRegex(TypeError, "a Trainer is neither copied nor pickled"):
                call(trainer)


class Memory(unittest.TestCase):
    def test_arrays_that_are_not_aligned_are_taken(self):
        model = idl.Model(5, 3, 2, dtype=np.float64)
        U = np.random.default_rng(1).random((4, 3))
        shifted = np.frombuffer(b"\0" + U.tobytes(), offset=1).reshape(4, 3)
        self.assertFalse(shifted.flags.aligned)
        np.testing.assert_array_equal(model.predict(shifted), model.predict(U))
        D = np.frombuffer(b"\0" + np.arange(6.0).tobytes(), offset=1).reshape(2, 3)
        model.set_parameters(D=D)
        np.testing.assert_array_equal(model.parameters()["D"], D)

    def test_handles_in_a_cycle_are_freed_after_what_was_made_with_them(self):
        freed = []
        names = ("idl_context_destroy", "idl_model_destroy", "idl_trainer_destroy")

        def note(name):
            destroy = getattr(_handles.library, name)
            return lambda handle: (freed.append(name), destroy(handle))

        with contextlib.ExitStack() as stack:
            for name in names:
                stack.enter_context(unittest.mock.patch.object(_handles.library, name, note(name)))
            model = idl.Model(5, 3, 2)
            cycle = [model, idl.numpy.Trainer(model)]
            cycle.append(cycle)
            cycle[1].step(np.zeros((2, 3)), np.zeros(2, int))
            del model, cycle
            gc.collect()
        self.assertEqual(freed, [*reversed(names)])


class BadInput(unittest.TestCase):
    def test_each_gets_a_clear_error(self):
        model = idl.Model(5, 3, 2)
        U, labels = draw(8, 3), np.arange(8) % 2
        for text, call in {
                r"U has the shape \(8, 4\), expected \(samples, 3\)":
                    lambda: model.predict(draw(8, 4)),
                r"U has the shape \(3,\)": lambda: model.predict(draw(3)),
                "U has the type complex128": lambda: model.predict(U * 1j),
                r"U has the type <U1": lambda: model.predict([["a", "b", "c"]]),
                r"targets\[1\] is 2, expected 0 to 1": lambda: model.train(U[:2], [0, 2]),
                r"targets\[0\] is -1": lambda: model.train(U[:2], [-1, 0]),
                "targets has 7 rows, U has 8": lambda: model.train(U, labels[:7]),
                "U has no samples": lambda: model.train(U[:0], labels[:0]),
                r"targets has the shape \(8, 3\)": lambda: model.train(U, U),
                "expected class numbers": lambda: model.train(U, U, loss="softmax_cross_entropy"),
                "loss is 'hinge'": lambda: model.train(U, labels, loss="hinge"),
                "the model has no parameter 'E', it has A, B, C, D":
                    lambda: model.set_parameters(E=U),
                r"B has the shape \(8, 3\), expected \(5, 3\)": lambda: model.set_parameters(B=U),
                "dtype is float16": lambda: idl.Model(5, 3, 2, dtype=np.float16),
                "kappa is 0": lambda: idl.Model(5, 3, 2, kappa=0),
                "kappa": lambda: idl.Model(5, 3, 2, kappa=1.5),
                "activation: 'step' is none of .* sat;":
                    lambda: idl.Model(5, 3, 2, activation="step"),
                "is a recurrent model .*; `idl predict` and `idl evaluate` read it":
                    lambda: idl.Model.load(RECURRENT)}.items():
            with self.subTest(text), self.assertRaisesRegex(idl.InvalidArgument, text):
                call()
        with self.assertRaisesRegex(TypeError, "model is None, expected a Model"):
            idl.numpy.Trainer(None)

    def test_options_of_the_solver_have_one_range_each(self):
        model = idl.Model(5, 3, 2, dtype=np.float64)
        for name, wanted, wrong in (
                ("max_iterations", r"a whole number in \[1, 2147483647\]", (0, -3, 1.5, 2**40)),
                ("absolute_tolerance", r"a number in \(0, 3.4028235e\+38\]",
                 (0, -1, np.nan, np.inf, 1e39)),
                ("relative_tolerance", r"a number in \[0, 3.4028235e\+38\]", (-1, np.nan, 1e39))):
            for value in wrong:
                with self.subTest(name, value=value), self.assertRaisesRegex(
                        idl.InvalidArgument, f"^{name} is .*, expected {wanted}"):
                    model.predict(draw(2, 3), idl.SolverOptions(**{name: value}))

    def test_targets_that_are_no_class_numbers_are_told_so(self):
        model, U = idl.Model(5, 3, 2), draw(8, 3)
        for targets in (np.arange(8.0), ["a", "b"] * 4, np.array(["a", 1] * 4, dtype=object)):
            for options in ({}, {"loss": "softmax_cross_entropy"}):
                with self.assertRaisesRegex(idl.InvalidArgument, "^targets has .*, expected class "
                                                                 "numbers, which are integers"):
                    model.train(U, targets, **options)
        for text, targets in {r"targets\[1\] is -1, expected 0 to": [0, -1] * 4,
                              r"targets\[0\] is 18446744073709551615": np.full(8, 2**64 - 1),
                              "targets holds one class, 3; at least two": [3] * 8,
                              "targets has 0 rows, U has 8": np.empty(0, int),
                              "targets has .* class numbers": ["a"] * 8}.items():
            with self.subTest(text), self.assertRaisesRegex(idl.InvalidArgument, "^" + text):
                idl.numpy.train(U, targets)
        with self.assertRaisesRegex(idl.InvalidArgument, "U has no samples"):
            idl.numpy.train(U[:0], [])

    def test_masked_entries_are_refused(self):
        model, U, labels = idl.Model(5, 3, 2), draw(8, 3), np.arange(8) % 2
        masked, no_label = np.ma.array(U, mask=False), np.ma.array(labels, mask=labels == 1)
        np.testing.assert_array_equal(model.predict(masked), model.predict(U))
        masked[2, 1] = np.ma.masked
        trainer = idl.numpy.Trainer(model)
        for text, call in {
                r"U is masked at \[2, 1\]": lambda: model.predict(masked),
                "U is masked": lambda: model.train(masked, labels),
                "U is masked .*": lambda: idl.numpy.train(masked, labels),
                "U .*": lambda: trainer.step(masked, labels),
                r"targets is masked at \[1\]": lambda: model.train(U, no_label),
                "targets is masked": lambda: idl.numpy.train(U, no_label),
                "targets is masked .*": lambda: trainer.step(U, no_label),
                "B is masked": lambda: model.set_parameters(B=masked[:5])}.items():
            with self.subTest(text), self.assertRaisesRegex(idl.InvalidArgument, "^" + text):
                call()

    def test_numbers_and_texts_that_c_would_cut_are_refused_by_name(self):
        model, U, labels = idl.Model(5, 3, 2), draw(8, 3), np.arange(8) % 2

        def load(**options):
            return idl.Model.load("nowhere.safetensors", **options)

        for text, call in {
                "n is 18446744073709551621": lambda: idl.Model(2**64 + 5, 3, 2),
                r"n is -1, expected a whole number in \[1, 1099511627776\]":
                    lambda: idl.Model(-1, 3, 2),
                "p is 3.5": lambda: idl.Model(5, 3.5, 2),
                "q is '2'": lambda: idl.Model(5, 3, "2"),
                "seed is -1": lambda: idl.Model(5, 3, 2, seed=-1),
                "seed is 18446744073709551623": lambda: idl.Model(5, 3, 2, seed=2**64 + 7),
                "rank is 18446744073709551618": lambda: idl.Model(5, 3, 2, rank=2**64 + 2),
                "rank is 2.5": lambda: model.low_rank(2.5),
                "threads is 4294967297": lambda: idl.Model(5, 3, 2, threads=2**32 + 1),
                "bias is 4294967296, expected False or True":
                    lambda: idl.Model(5, 3, 2, bias=2**32),
                "bias is 5, expected None or True or False": lambda: load(bias=5),
                "project is 2": lambda: load(project=2),
                "kappa is '0.5', expected a number": lambda: idl.Model(5, 3, 2, kappa="0.5"),
                "max_iterations is 4294967297":
                    lambda: model.predict(U, idl.SolverOptions(max_iterations=2**32 + 1)),
                "max_iterations is 4294967296":
                    lambda: model.predict(U, idl.SolverOptions(max_iterations=2**32)),
                "certified is 2": lambda: model.predict(U, idl.SolverOptions(certified=2)),
                "anderson is 7": lambda: model.predict(U, idl.SolverOptions(anderson=7)),
                "solver is 5, expected idl.SolverOptions": lambda: model.predict(U, 5),
                "density is 'all'": lambda: model.sparsify("all"),
                "seed is -2": lambda: model.sparsify(by="random", seed=-2),
                "activation is 'relu.x00x'": lambda: idl.Model(5, 3, 2, activation="relu\0x"),
                "device is 'cpu.x00'": lambda: idl.Model(5, 3, 2, device="cpu\0"),
                "prefix is '.x00x'": lambda: load(prefix="\0x"),
                "target is 'A.x00'": lambda: model.sparsify(target="A\0"),
                "matrix is 'A.x00'": lambda: model.pattern("A\0"),
                "frozen is 'A.x00'": lambda: idl.numpy.Trainer(model, frozen="A\0"),
                "optimizer is 5": lambda: idl.numpy.Trainer(model, optimizer=5),
                "learning_rate is 'fast'": lambda: model.train(U, labels, learning_rate="fast")}.items():
            with self.subTest(text), self.assertRaisesRegex(idl.InvalidArgument, "^" + text):
                call()
        self.assertEqual(idl.Model(np.int64(5), 3, 2, bias=np.True_, seed=2**64 - 1).bias, True)

    def test_training_that_would_train_nothing_is_refused(self):
        model, U, labels = idl.Model(5, 3, 2), draw(8, 3), np.arange(8) % 2
        for text, options in {
                r"batch_size is -1, expected a whole number in \[1, ": {"batch_size": -1},
                "batch_size is 0": {"batch_size": 0}, "batch_size is 2.5": {"batch_size": 2.5},
                r"epochs is -1, expected a whole number in \[0, ": {"epochs": -1},
                "epochs is 1.5": {"epochs": 1.5}, "seed is -1": {"seed": -1}}.items():
            for train in (model.train, idl.numpy.train):
                with self.subTest(text), self.assertRaisesRegex(idl.InvalidArgument, "^" + text):
                    train(U, labels, **options)
        with self.assertRaisesRegex(idl.InvalidArgument, "targets has 1 rows, U has 8"):
            idl.numpy.train(U, 1.0)
        self.assertEqual(model.train(U, labels, epochs=0), [])

    def test_a_kappa_that_would_not_count_is_refused(self):
        for constraint in ("none", "strictly_upper_triangular"):
            with self.assertRaisesRegex(idl.InvalidArgument, f"kappa is 0.5, .*'{constraint}'"):
                idl.Model(5, 3, 2, kappa=0.5, well_posedness=constraint)
            for options in ({}, {"kappa": None}):
                self.assertIsNone(idl.Model(5, 3, 2, well_posedness=constraint, **options).kappa)
        with self.assertRaisesRegex(idl.InvalidArgument, "kappa is None, .*'inf_norm_ball'"):
            idl.Model(5, 3, 2, kappa=None, well_posedness="inf_norm_ball")


if __name__ == "__main__":
    sys.exit(unittest.main())
