# SPDX-License-Identifier: MIT
"""Gradients of idl.torch: of losses of any scale, and by ways that layers do not go."""
import io
import sys
import unittest
import warnings

try:
    import torch
    from torch.autograd import forward_ad
except ImportError:
    sys.exit(77)

import idl
import idl.torch
from idl.torch import ImplicitLayer

torch.set_num_threads(1)
operators = idl._torch_operators


def near_the_edge(dtype, **options):
    """A layer whose rows of A are on the edge of the ball, and that has large inputs."""
    draw = torch.Generator().manual_seed(0)
    layer = ImplicitLayer(40, 8, 3, dtype=dtype, **options)
    with torch.no_grad():
        layer.M.copy_(torch.randn(layer.M.shape, generator=draw) / 10)
        layer.A.mul_(10)
        layer.B.mul_(30)
    return layer.project_()


def gradients(layer, weights, scale=1, solve=None):
    """dM and dU of scale·sum(weights·Y)."""
    U = torch.randn(len(weights), 8, generator=torch.Generator().manual_seed(1)).to(layer.M.dtype)
    U.requires_grad_()
    Y = solve(layer.M, U, layer.settings, 3)[0] if solve else layer(U)
    return torch.autograd.grad((Y * (weights.to(Y.dtype) * scale)).sum(), [layer.M, U])


class Scales(unittest.TestCase):
    WEIGHTS = torch.randn(100, 3, generator=torch.Generator().manual_seed(2)) / 100

    def test_gradients_are_as_exact_whatever_the_loss_is_multiplied_by(self):
        tight = idl.SolverOptions(absolute_tolerance=1e-14, max_iterations=5000)
        expected = gradients(near_the_edge(torch.float64, solver=tight), self.WEIGHTS)
        layer = near_the_edge(torch.float32)
        for scale in (1e-30, 1e-6, 1e-3, 1, 1e5, 1e30):
            found = gradients(layer, self.WEIGHTS, scale)
            for ours, right in zip(found, expected):
                error = (ours.double() / scale - right).abs().max() / right.abs().max()
                self.assertLess(error.item(), 1e-4)

    def test_a_power_of_two_multiplies_gradients_bit_for_bit(self):
        layer = near_the_edge(torch.float32)
        expected = gradients(layer, self.WEIGHTS)
        for power in (-60, -1, 5, 16, 60):
            for solve in (None, operators.solve):
                found = gradients(layer, self.WEIGHTS, 2.0 ** power, solve)
                for ours, right in zip(found, expected):
                    self.assertTrue(torch.equal(ours, right * 2.0 ** power))

    def test_the_scale_is_a_normal_power_of_two(self):
        for dtype, values in ((torch.float32, (0, 1e-45, 1e-40, 1e-38, 0.01, 0.3, 3e38)),
                              (torch.float64, (0, 5e-324, 1e-310, 1e-300, 0.01, 1, 1e308))):
            numbers = torch.finfo(dtype)
            for value in values:
                finite = torch.tensor([[value / 3, 0], [-value, 0]], dtype=dtype)
                wrong = torch.tensor([[float("nan"), 0], [-value, float("inf")]], dtype=dtype)
                scale = operators._scale_there(wrong).item()
                self.assertEqual(operators._scale(wrong), scale)
                if value != 0:
                    self.assertEqual(operators._scale(finite) or 1, scale)
                self.assertTrue(numbers.tiny <= scale <= numbers.max)
                self.assertEqual(torch.frexp(torch.tensor(scale, dtype=dtype))[0].item(), 0.5)
                if 1e-36 < value < 1e36:
                    self.assertTrue(1 / 128 <= value / scale < 1 / 64)

    def test_a_sample_whose_gradient_is_not_finite_leaves_the_others_their_bits(self):
        layer = near_the_edge(torch.float32)
        zeros, wrong = self.WEIGHTS.clone(), self.WEIGHTS.clone()
        zeros[7], wrong[7] = 0, torch.tensor([float("nan"), float("inf"), 0])
        (_, expected), (_, found) = (gradients(layer, weights) for weights in (zeros, wrong))
        others = torch.arange(100) != 7
        self.assertTrue(torch.equal(found[others], expected[others]))
        self.assertFalse(found[7].isfinite().any())

    def test_gradients_of_zero_are_zero(self):
        for found in gradients(near_the_edge(torch.float32), torch.zeros(5, 3)):
            self.assertEqual(found.abs().max().item(), 0)


def forward_mode(layer, U):
    """Calls that would take tangents through the layer."""
    def dual(function, *tensors):
        with forward_ad.dual_level():
            return function(*(forward_ad.make_dual(tensor, torch.ones_like(tensor))
                              for tensor in tensors))

    V, weights = U.clone().requires_grad_(), torch.ones(len(U), layer.q)
    calls = {
        "an input": lambda: dual(layer, U),
        "parameters": lambda: dual(
            lambda M: torch.func.functional_call(layer, {"M": M}, U), layer.M.detach()),
        "jacobian": lambda: torch.autograd.functional.jacobian(layer, U, strategy="forward-mode",
                                                               vectorize=True),
        "jvp": lambda: torch.func.jvp(layer, (U,), (U,)),
        "jacfwd": lambda: torch.func.jacfwd(layer)(U)}
    if torch.is_grad_enabled():
        calls["a gradient"] = lambda: dual(
            lambda weights: torch.autograd.grad((layer(V) * weights).sum(), V), weights)
    if hasattr(torch.func, "linearize"):
        calls["linearize"] = lambda: torch.func.linearize(layer, U)
    return calls


class Refused(unittest.TestCase):
    def test_tangents_of_forward_mode_are_refused_also_where_nothing_asks_for_gradients(self):
        layer, U = ImplicitLayer(6, 4, 2), torch.randn(3, 4)
        for frozen, enabled in ((False, True), (True, True), (False, False)):
            layer.requires_grad_(not frozen)
            with torch.set_grad_enabled(enabled):
                for name, call in forward_mode(layer, U).items():
                    with self.subTest(name, frozen=frozen, enabled=enabled), self.assertRaisesRegex(
                            NotImplementedError, "ImplicitLayer: .* forward mode"):
                        call()
                with forward_ad.dual_level():  # of which this is no part
                    self.assertTrue(layer(U).isfinite().all())

    def test_transforms_and_batched_gradients_are_refused_with_a_way_out(self):
        layer, U = ImplicitLayer(6, 4, 2), torch.randn(3, 4)
        V = U.clone().requires_grad_()
        several, parameters = torch.ones(5, 3, 2), dict(layer.named_parameters())
        for name, call in {
                "vmap": lambda: torch.func.vmap(layer)(U),
                "grad": lambda: torch.func.grad(lambda U: layer(U).sum())(U),
                "grad of parameters": lambda: torch.func.grad(
                    lambda M: torch.func.functional_call(layer, M, U).sum())(parameters),
                "jacrev": lambda: torch.func.jacrev(layer)(U),
                "functionalize": lambda: torch.func.functionalize(layer)(U),
                "is_grads_batched": lambda: torch.autograd.grad(layer(V), V, several,
                                                                is_grads_batched=True),
                "vmap of autograd.grad": lambda: torch.func.vmap(
                    lambda dY, Y=layer(V): torch.autograd.grad(Y, V, dY, retain_graph=True))(several),
                "vectorize": lambda: torch.autograd.functional.jacobian(layer, U,
                                                                        vectorize=True)}.items():
            with self.subTest(name), self.assertRaisesRegex(
                    NotImplementedError, "ImplicitLayer: transforms .* batched gradients .* a loop"):
                call()
        with self.assertRaisesRegex(RuntimeError, "ImplicitLayer: .* batched gradients"):
            layer = ImplicitLayer(6, 4, 2, dtype=torch.float64,
                                  solver=idl.SolverOptions(absolute_tolerance=1e-13))
            torch.autograd.gradcheck(layer, V.detach().double().requires_grad_(),
                                     check_batched_grad=True)


class Tracing(unittest.TestCase):
    def test_a_trace_passes_its_checks_and_trains(self):
        layer = ImplicitLayer(6, 4, 2)
        U = torch.randn(3, 4)
        for enabled in (True, False):
            with warnings.catch_warnings(), torch.set_grad_enabled(enabled):
                warnings.simplefilter("ignore")
                traced = torch.jit.trace(layer, U)
                saved = io.BytesIO()
                torch.jit.save(traced, saved)
                saved.seek(0)
                loaded = torch.jit.load(saved)
            for module in (traced, loaded):
                for samples in (3, 5):
                    V = torch.randn(samples, 4, requires_grad=True)
                    found, expected = (
                        torch.autograd.grad(either(V).square().sum(), [*either.parameters(), V])
                        for either in (module, layer))
                    torch.testing.assert_close(found, expected, rtol=0, atol=0)
                    with torch.no_grad():
                        torch.testing.assert_close(module(V), layer(V), rtol=0, atol=1e-5)


if __name__ == "__main__":
    sys.exit(unittest.main())
