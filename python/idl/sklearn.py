# SPDX-License-Identifier: MIT
"""Estimators for scikit-learn."""
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from idl import _library as c
from idl.numpy import Model, refuse_masked
from idl.solver import SolverOptions

# The same answer for a sample whatever others are predicted with it.
PREDICTING = SolverOptions(batch_invariant=True)


class _ImplicitEstimator(BaseEstimator):
    def __init__(self, n_states=50, *, kappa=0.95, activation="relu", bias=True, epochs=100,
                 batch_size=32, learning_rate=5e-3, weight_decay=0.0, dtype="float32",
                 device="auto", random_state=None):
        self.n_states = n_states
        self.kappa = kappa
        self.activation = activation
        self.bias = bias
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.dtype = dtype
        self.device = device
        self.random_state = random_state

    def _train(self, X, targets, outputs):
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        n_states = c.whole("n_states", self.n_states, 1, c.MOST)
        self.model_ = Model(n_states, X.shape[1], outputs, kappa=self.kappa,
                            activation=self.activation, bias=self.bias, dtype=self.dtype,
                            device=self.device, seed=seed)
        self.history_ = self.model_.train(X, targets, epochs=self.epochs, seed=seed,
                                          batch_size=self.batch_size,
                                          learning_rate=self.learning_rate,
                                          optimizer="adam" if self.weight_decay == 0 else "adamw",
                                          weight_decay=self.weight_decay)

    def _outputs(self, X):
        check_is_fitted(self)
        X = _validated(self, X, reset=False)
        return _finite(self.model_.predict(X, PREDICTING).astype(np.float64))


def _validated(estimator, X, *y, **options):
    for name, array in zip("Xy", (X, *y)):
        refuse_masked(name, array)
    return validate_data(estimator, X, *y, **options)


def _finite(outputs):
    """The outputs, of which NaN would pass for an answer: argmax takes it for the largest."""
    wrong = np.flatnonzero(~np.isfinite(outputs).all(axis=1))
    if len(wrong) > 0:
        raise ValueError(f"the outputs for {len(wrong)} of {len(outputs)} samples are not finite, the "
                         f"first is sample {wrong[0]}: features are too large, or the model diverges")
    return outputs


class ImplicitClassifier(ClassifierMixin, _ImplicitEstimator):
    """An implicit model trained on the softmax cross-entropy by Adam (AdamW with weight_decay).

    Features should have a similar scale (StandardScaler). `model_` is the idl.Model, `history_` the
    loss and accuracy of each epoch, `classes_` the labels in the order of the outputs.
    """

    def fit(self, X, y):
        """X (samples, features), y (samples,) labels of any kind."""
        X, y = _validated(self, X, y)
        check_classification_targets(y)
        self.classes_, numbers = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y holds one class, {self.classes_[0]!r}; at least two are needed")
        self._train(X, numbers, len(self.classes_))
        return self

    def decision_function(self, X):
        """The outputs Y (samples, classes); of two classes their difference (samples,)."""
        outputs = self._outputs(X)
        return outputs[:, 1] - outputs[:, 0] if len(self.classes_) == 2 else outputs

    def predict_proba(self, X):
        """softmax(Y), (samples, classes)."""
        outputs = self._outputs(X)
        weights = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        return weights / weights.sum(axis=1, keepdims=True)

    def predict(self, X):
        """The label of the largest output of each sample."""
        numbers = self._outputs(X).argmax(axis=1)
        return self.classes_[numbers]


class ImplicitRegressor(RegressorMixin, _ImplicitEstimator):
    """An implicit model trained on the squared error of standardised targets by Adam.

    Features should have a similar scale (StandardScaler); targets may have any. `model_` is the
    idl.Model, `history_` the loss of each epoch, in squared standard deviations.
    """

    def fit(self, X, y):
        """X (samples, features), y (samples,) or (samples, targets)."""
        X, y = _validated(self, X, y, multi_output=True, y_numeric=True)
        targets = np.asarray(y, dtype=np.float64).reshape(len(X), -1)
        with np.errstate(over="ignore", invalid="ignore"):
            mean, deviation = targets.mean(axis=0), targets.std(axis=0)
        constant = (targets == targets[0]).all(axis=0)
        # Squares leave the range of numbers far in front of the targets themselves.
        wrong = np.flatnonzero(~np.isfinite(deviation) | ((deviation == 0) & ~constant))
        if len(wrong) > 0:
            raise ValueError(f"y has the standard deviation {deviation[wrong[0]]} in column {wrong[0]}, "
                             "which is out of the range of float64; scale the targets")
        self.target_mean_ = mean
        self.target_scale_ = np.where(constant, 1.0, deviation)
        self.one_target_ = np.ndim(y) == 1
        self._train(X, (targets - self.target_mean_) / self.target_scale_, targets.shape[1])
        return self

    def predict(self, X):
        """(samples,) or (samples, targets), as y was."""
        with np.errstate(over="ignore"):
            outputs = _finite(self._outputs(X) * self.target_scale_ + self.target_mean_)
        return outputs[:, 0] if self.one_target_ else outputs

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = True
        return tags
