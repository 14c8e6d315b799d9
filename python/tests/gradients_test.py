# SPDX-License-Identifier: MIT
"""Gradients of idl.torch: of losses of any scale, and by ways that layers do not go."""
import sys
import unittest

try:
    import torch
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
        for dtype, values in ((torch.float32, (0, 1e-45, 1e-40, 1e-38, 0.3, 1, 3e38)),
                              (torch.float64, (0, 5e-324, 1e-310, 1e-300, 0.3, 1, 1e308))):
            numbers = torch.finfo(dtype)
            for value in values:
                dY = torch.tensor([[float("nan"), 0], [-value, float("inf")]], dtype=dtype)
                scale = operators._scale(dY).item()
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


if __name__ == "__main__":
    sys.exit(unittest.main())
