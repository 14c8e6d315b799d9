# SPDX-License-Identifier: MIT
"""The estimators are scikit-learn's."""
import sys
import unittest
import warnings

try:
    import numpy as np
    import sklearn.utils.estimator_checks as checks
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
except ImportError:
    sys.exit(77)

from idl.sklearn import ImplicitClassifier, ImplicitRegressor


class Estimators(unittest.TestCase):
    def test_they_pass_scikit_learns_own_checks(self):
        for estimator in (ImplicitClassifier(20, epochs=60), ImplicitRegressor(20, epochs=60)):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                results = checks.check_estimator(estimator, on_fail=None)
            failed = [(result["check_name"], result["exception"]) for result in results
                      if result["status"] == "failed"]
            self.assertEqual(failed, [])
            self.assertGreater(len(results), 40)

    def test_a_classifier_stands_in_a_pipeline_and_a_search(self):
        X = np.random.default_rng(0).uniform(0, 100, (200, 2))
        y = np.where((X[:, 0] > 50) == (X[:, 1] > 50), "same", "other")
        search = GridSearchCV(make_pipeline(StandardScaler(), ImplicitClassifier(random_state=0)),
                              {"implicitclassifier__n_states": [2, 20]}, cv=2).fit(X, y)
        self.assertGreater(search.score(X, y), 0.9)
        proba = search.predict_proba(X)
        np.testing.assert_allclose(proba.sum(axis=1), 1)
        np.testing.assert_array_equal(search.classes_[proba.argmax(axis=1)], search.predict(X))

    def test_targets_of_any_scale_are_learned(self):
        X = np.random.default_rng(0).standard_normal((200, 2))
        y = np.stack([1e4 + 1e3 * np.abs(X[:, 0]), 1e-3 * X[:, 1]], axis=1)
        model = ImplicitRegressor(random_state=0).fit(X, y)
        self.assertGreater(model.score(X, y), 0.95)
        self.assertEqual(model.predict(X[:3]).shape, (3, 2))

    def test_one_class_is_refused(self):
        with self.assertRaisesRegex(ValueError, "one class"):
            ImplicitClassifier().fit([[0.0], [1.0]], ["a", "a"])

    def test_masked_entries_are_refused(self):
        X, y = np.random.default_rng(0).random((8, 2)), np.arange(8) % 2
        masked = np.ma.array(X, mask=X == X[3, 1])
        for estimator in (ImplicitClassifier(epochs=1), ImplicitRegressor(epochs=1)):
            estimator.fit(X, y)
            for name, call in (("X", lambda: estimator.fit(masked, y)),
                               ("X", lambda: estimator.predict(masked)),
                               ("y", lambda: estimator.fit(X, np.ma.array(y, mask=y == 1)))):
                with self.assertRaisesRegex(ValueError, f"^{name} is masked at "):
                    call()

    def test_outputs_that_are_not_finite_are_no_answers(self):
        X = np.random.default_rng(0).standard_normal((40, 2))
        y = np.where(X[:, 0] > 0, "a", "b")
        wrong = X.copy()
        wrong[3:5] = 1e300
        classifier = ImplicitClassifier(5, epochs=1).fit(X, y)
        regressor = ImplicitRegressor(5, epochs=1).fit(X, 1e-3 * X[:, 0])
        large = ImplicitRegressor(5, epochs=1, dtype="float64").fit(X, 1e150 * X[:, 0])
        for call in (classifier.predict, classifier.predict_proba, classifier.decision_function,
                     lambda X: classifier.score(X, y), regressor.predict,
                     lambda X: regressor.score(X, X[:, 0]), large.predict):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with self.assertRaisesRegex(ValueError, "2 of 40 .* the first is sample 3"):
                    call(wrong)
            call(X)

    def test_targets_whose_deviation_is_out_of_range_are_refused(self):
        X = np.random.default_rng(0).standard_normal((40, 2))
        for scale in (1e300, 1e-300):
            y = np.stack([X[:, 0], scale * X[:, 1]], axis=1)
            with self.subTest(scale), self.assertRaisesRegex(ValueError, "in column 1, .*scale"):
                ImplicitRegressor(5, epochs=1).fit(X, y)
        constant = ImplicitRegressor(5, epochs=1).fit(X, np.full(40, 0.1))
        self.assertEqual(constant.target_scale_, [1.0])

    def test_parameters_that_no_model_or_training_has_are_refused_by_name(self):
        X = np.random.default_rng(0).standard_normal((40, 2))
        for name, wrong in {"n_states": (2**64 + 5, 0, 5.5), "batch_size": (-1, 0, 2.5),
                            "epochs": (-1, 1.5), "weight_decay": (-1, "a"),
                            "learning_rate": (-1, "a"), "bias": (2, None)}.items():
            for value in wrong:
                for estimator in (ImplicitClassifier, ImplicitRegressor):
                    with self.subTest(name, value=value), self.assertRaisesRegex(ValueError, name):
                        estimator(**{"epochs": 1, name: value}).fit(X, (X[:, 0] > 0).astype(int))


if __name__ == "__main__":
    sys.exit(unittest.main())
