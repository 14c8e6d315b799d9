# SPDX-License-Identifier: MIT
"""Estimators for scikit-learn."""
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from idl.numpy import Model
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
        self.model_ = Model(self.n_states, X.shape[1], outputs, kappa=self.kappa,
                            activation=self.activation, bias=self.bias, dtype=self.dtype,
                            device=self.device, seed=seed)
        self.history_ = self.model_.train(X, targets, epochs=self.epochs, seed=seed,
                                          batch_size=min(self.batch_size, len(X)),
                                          learning_rate=self.learning_rate,
                                          optimizer="adamw" if self.weight_decay > 0 else "adam",
                                          weight_decay=self.weight_decay)

    def _outputs(self, X):
        check_is_fitted(self)
        X = validate_data(self, X, reset=False)
        return self.model_.predict(X, PREDICTING).astype(np.float64)


class ImplicitClassifier(ClassifierMixin, _ImplicitEstimator):
    """An implicit model trained on the softmax cross-entropy by Adam (AdamW with weight_decay).

    Features should have a similar scale (StandardScaler). `model_` is the idl.Model, `history_` the
    loss and accuracy of each epoch, `classes_` the labels in the order of the outputs.
    """

    def fit(self, X, y):
        """X (samples, features), y (samples,) labels of any kind."""
        X, y = validate_data(self, X, y)
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
        X, y = validate_data(self, X, y, multi_output=True, y_numeric=True)
        targets = np.asarray(y, dtype=np.float64).reshape(len(X), -1)
        self.target_mean_ = targets.mean(axis=0)
        deviation = targets.std(axis=0)
        self.target_scale_ = np.where(deviation > 0, deviation, 1.0)
        self.one_target_ = np.ndim(y) == 1
        self._train(X, (targets - self.target_mean_) / self.target_scale_, targets.shape[1])
        return self

    def predict(self, X):
        """(samples,) or (samples, targets), as y was."""
        outputs = self._outputs(X) * self.target_scale_ + self.target_mean_
        return outputs[:, 0] if self.one_target_ else outputs

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = True
        return tags
