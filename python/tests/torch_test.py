# SPDX-License-Identifier: MIT
"""idl.torch against a loop of PyTorch's own operators, and as a part of PyTorch."""
import copy
import io
import os
import pickle
import sys
import tempfile
import threading
import unittest
import warnings

try:
    import torch
except ImportError:
    sys.exit(77)

import idl
import idl.torch
from idl.torch import ImplicitLayer

torch.set_num_threads(1)
TIGHT = idl.SolverOptions(absolute_tolerance=1e-12)
ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid,
               "elu": torch.nn.functional.elu}


def loop(layer, U):
    """Y by iteration to the last digits, which autograd follows."""
    if layer.bias:
        U = torch.cat([U, torch.ones_like(U[:, :1])], dim=1)
    B, C, D = layer.B, layer.C, layer.D
    A = layer.A if layer.rank is None else layer.L @ layer.R.T
    X = torch.zeros(len(U), layer.n, dtype=U.dtype)
    for _ in range(1000):
        before, X = X, ACTIVATIONS[layer.activation](X @ A.T + U @ B.T)
        if (X - before).abs().max() < 1e-14:
            break
    return X @ C.T + U @ D.T


def made(*sizes, **options):
    torch.manual_seed(0)
    layer = ImplicitLayer(*sizes, **{"dtype": torch.float64, "solver": TIGHT, **options})
    with torch.no_grad():
        layer.M.mul_(4)
    return layer.project_()


class Layer(unittest.TestCase):
    def test_outputs_and_gradients_are_those_of_the_loop(self):
        for activation in ACTIVATIONS:
            for bias in (False, True):
                layer = made(17, 5, 3, activation=activation, bias=bias)
                for samples in (1, 33):
                    U = torch.randn(samples, 5, dtype=torch.float64, requires_grad=True)
                    weights = torch.randn(samples, 3, dtype=torch.float64)
                    expected = torch.autograd.grad((loop(layer, U) * weights).sum(), [layer.M, U])
                    Y = layer(U)
                    torch.testing.assert_close(Y, loop(layer, U), rtol=0, atol=1e-10)
                    found = torch.autograd.grad((Y * weights).sum(), [layer.M, U])
                    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)

    def test_gradients_pass_gradcheck(self):
        layer = made(6, 4, 2, activation="tanh", bias=True)
        U = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)

        def function(M, U):
            return idl._torch_operators.solve(M, U, layer.settings, 3)[0]

        self.assertTrue(torch.autograd.gradcheck(function, (layer.M.detach().requires_grad_(), U)))

    def test_the_operators_pass_opcheck(self):
        layer = made(6, 4, 2)
        U = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
        for gradient in (0, 3):
            arguments = (layer.M if gradient else layer.M.detach(), U if gradient else U.detach(),
                         layer.settings, gradient)
            torch.library.opcheck(idl._torch_operators.solve, arguments, test_utils=(
                "test_schema", "test_autograd_registration", "test_faketensor"))

    def test_the_one_parameter_is_M_and_the_matrices_are_its_views(self):
        layer = made(4, 3, 2, bias=True)
        self.assertEqual([name for name, _ in layer.named_parameters()], ["M"])
        self.assertEqual([tuple(getattr(layer, name).shape) for name in "ABCD"],
                         [(4, 4), (4, 4), (2, 4), (2, 4)])
        whole = torch.cat([torch.cat([layer.A, layer.B], 1), torch.cat([layer.C, layer.D], 1)])
        # Byte for byte M, column by column.
        torch.testing.assert_close(layer.M.detach().reshape(-1), whole.T.reshape(-1), rtol=0, atol=0)
        with torch.no_grad():
            layer.C[1, 2] = 7
        self.assertEqual(layer.M[2, 4 + 1].item(), 7)

    def test_a_layer_of_low_rank_has_outputs_and_gradients_of_the_loop(self):
        for bias in (False, True):
            layer = made(17, 5, 3, activation="tanh", bias=bias, rank=4)
            self.assertEqual(layer.M.shape, (2 * 17 * 4 + (17 + 3) * (5 + bias) + 3 * 17,))
            self.assertLessEqual(layer.L.abs().sum(dim=1).max().item(), 0.95 ** 0.5 + 1e-12)
            self.assertLessEqual(layer.R.abs().sum(dim=0).max().item(), 0.95 ** 0.5 + 1e-12)
            U = torch.randn(7, 5, dtype=torch.float64, requires_grad=True)
            weights = torch.randn(7, 3, dtype=torch.float64)
            expected = torch.autograd.grad((loop(layer, U) * weights).sum(), [layer.M, U])
            Y = layer(U)
            torch.testing.assert_close(Y, loop(layer, U), rtol=0, atol=1e-10)
            found = torch.autograd.grad((Y * weights).sum(), [layer.M, U])
            torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)
        self.assertFalse(hasattr(layer, "A") or hasattr(made(6, 4, 2), "L"))
        empty = made(6, 4, 2, no_D=True, rank=0)
        self.assertEqual(list(empty.state_dict()), ["L", "R", "B", "C"])
        torch.testing.assert_close(empty(U[:, :4]), torch.relu(U[:, :4] @ empty.B.T) @ empty.C.T)

    def test_a_layer_of_low_rank_is_copied_and_loaded_by_its_factors(self):
        layer = made(9, 4, 2, rank=3)
        self.assertIn("rank=3", repr(layer))
        U = torch.randn(5, 4, dtype=torch.float64)
        other = ImplicitLayer(9, 4, 2, rank=3, dtype=torch.float64, solver=TIGHT)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            other.load_state_dict(layer.state_dict())
        for same in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), other):
            torch.testing.assert_close(same(U), layer(U), rtol=0, atol=1e-12)
        state = layer.state_dict()
        state["R"] = torch.ones(9, 3)
        with self.assertWarnsRegex(UserWarning, "R was loaded with ‖Rᵀ‖∞ = 9, outside its set"):
            layer.load_state_dict(state)

    def test_the_report_tells_of_each_sample(self):
        layer = made(9, 4, 2, dtype=torch.float32, solver=None)
        self.assertIsNone(layer.last_report)
        U = torch.randn(5, 4)
        expected = layer(U)
        self.assertTrue(layer.last_report.converged.all())
        U[3, 1] = float("nan")
        idl.torch.release_memory()  # with a new context this is the first warning, which is told
        with self.assertLogs("idl", "WARNING"):
            Y = layer(U)
        self.assertEqual(layer.last_report.status, ["converged"] * 3 + ["diverged", "converged"])
        others = [0, 1, 2, 4]
        torch.testing.assert_close(Y[others], expected[others], rtol=0, atol=1e-5)

    def test_shapes_before_the_last_are_kept(self):
        layer = made(9, 4, 2)
        U = torch.randn(3, 5, 4, dtype=torch.float64)
        self.assertEqual(layer(U).shape, (3, 5, 2))
        torch.testing.assert_close(layer(U[1, 2]), layer(U)[1, 2], rtol=0, atol=1e-10)
        empty = torch.randn(0, 4, dtype=torch.float64, requires_grad=True)
        layer(empty).sum().backward()
        self.assertEqual((empty.grad.shape, layer.M.grad.abs().sum().item()), ((0, 4), 0))

    def test_inputs_that_are_not_contiguous_are_taken(self):
        layer = made(9, 4, 2)
        U = torch.randn(4, 6, dtype=torch.float64, requires_grad=True)
        torch.testing.assert_close(layer(U.T), layer(U.T.contiguous()), rtol=0, atol=0)
        # A gradient that autograd hands over expanded.
        found = torch.autograd.grad(layer(U.T).sum(), U)[0]
        torch.testing.assert_close(found, torch.autograd.grad(loop(layer, U.T).sum(), U)[0])

    def test_the_operators_give_the_layers_bits(self):
        layer = made(9, 4, 2)
        U = torch.randn(5, 4, dtype=torch.float64, requires_grad=True)
        weights = torch.randn(5, 2, dtype=torch.float64)
        found = [torch.autograd.grad((Y * weights).sum(), [layer.M, U]) for Y in (
            layer(U), idl._torch_operators.solve(layer.M, U, layer.settings, 3)[0])]
        torch.testing.assert_close(*found, rtol=0, atol=0)

    def test_backward_passes_in_any_order_have_the_states_of_their_own(self):
        layer = made(9, 4, 2)
        Us = [torch.randn(m, 4, dtype=torch.float64, requires_grad=True) for m in (5, 5, 3, 5, 2, 1)]
        Ys = [layer(U) for U in Us]
        for U, Y in reversed(list(zip(Us, Ys))):
            for _ in range(2):
                found = torch.autograd.grad(Y.square().sum(), [layer.M, U], retain_graph=True)
                expected = torch.autograd.grad(loop(layer, U).square().sum(), [layer.M, U])
                torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)

    def test_another_thread_may_go_backwards(self):
        layer = made(9, 4, 2)
        U = torch.randn(5, 4, dtype=torch.float64)
        layer(U).sum().backward()
        expected, layer.M.grad = layer.M.grad, None
        loss = layer(U).sum()
        thread = threading.Thread(target=loss.backward)
        thread.start()
        thread.join()
        torch.testing.assert_close(layer.M.grad, expected, rtol=0, atol=0)

    def test_only_what_is_asked_for_is_differentiated(self):
        layer = made(9, 4, 2)
        U = torch.randn(5, 4, dtype=torch.float64, requires_grad=True)
        expected = torch.autograd.grad(layer(U).sum(), [layer.M, U])
        layer.requires_grad_(False)
        torch.testing.assert_close(torch.autograd.grad(layer(U).sum(), U)[0], expected[1])
        with torch.no_grad():
            self.assertFalse(layer(U).requires_grad)

    def test_without_D_it_stays_zero(self):
        layer = made(9, 4, 2, no_D=True)
        self.assertEqual(layer.D.abs().sum().item(), 0)
        layer(torch.randn(5, 4, dtype=torch.float64)).sum().backward()
        self.assertEqual(layer.M.grad[9:, 9:].abs().sum().item(), 0)
        self.assertEqual(list(layer.state_dict()), ["A", "B", "C"])


class Training(unittest.TestCase):
    def test_a_network_around_the_layer_learns(self):
        torch.manual_seed(0)
        network = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Tanh(),
                                      ImplicitLayer(20, 8, 6, bias=True), torch.nn.Linear(6, 2))
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
        hook = idl.torch.project_after_step(optimizer, network)
        U = torch.randn(200, 2)
        labels = (U[:, 0] * U[:, 1] > 0).long()
        for _ in range(60):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(U), labels).backward()
            optimizer.step()
        self.assertGreater((network(U).argmax(1) == labels).float().mean().item(), 0.95)
        norm = network[2].A.abs().sum(1).max().item()
        self.assertLessEqual(norm, 0.95 * (1 + 1e-6))
        hook.remove()
        with torch.no_grad():
            network[2].M.mul_(10)
        optimizer.step()
        self.assertGreater(network[2].A.abs().sum(1).max().item(), 1)
        self.assertIs(idl.torch.project_(network), network)
        self.assertLessEqual(network[2].A.abs().sum(1).max().item(), 0.95 * (1 + 1e-6))

    def test_a_projection_between_forward_and_backward_is_noticed(self):
        layer = made(9, 4, 2)
        loss = layer(torch.randn(5, 4, dtype=torch.float64)).sum()
        layer.project_()
        with self.assertRaisesRegex(RuntimeError, "modified by an inplace operation"):
            loss.backward()

    def test_double_backward_is_refused_with_a_text(self):
        layer = made(9, 4, 2)
        U = torch.randn(5, 4, dtype=torch.float64, requires_grad=True)
        for Y in (layer(U), idl._torch_operators.solve(layer.M, U, layer.settings, 3)[0]):
            gradient, = torch.autograd.grad(Y.sum(), U, create_graph=True)
            with self.assertRaisesRegex(NotImplementedError, "double backward"):
                gradient.sum().backward()


def network(seed=0, **options):
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.Tanh(),
                               ImplicitLayer(9, 7, 3, dtype=torch.float64, **options)).double()


def trained(module, optimizer, steps=4, after=lambda: None):
    """The parameters after some steps on batches of the same seed."""
    draw = torch.Generator().manual_seed(1)
    for _ in range(steps):
        optimizer.zero_grad()
        module(torch.randn(8, 5, dtype=torch.float64, generator=draw)).square().sum().backward()
        optimizer.step()
        after()
    return [parameter.detach().clone() for parameter in module.parameters()]


class Optimizing(unittest.TestCase):
    def test_adam_takes_the_steps_of_pytorch_and_projects(self):
        for bias, rank, variant in ((False, None, {}), (True, None, {"weight_decay": 0.1}),
                                    (False, 2, {"betas": (0.5, 0.75), "eps": 1e-3})):
            theirs, ours = (network(bias=bias, rank=rank, kappa=0.3) for _ in range(2))
            expected = trained(theirs, torch.optim.Adam(theirs.parameters(), lr=0.1, **variant),
                               after=lambda: idl.torch.project_(theirs))
            found = trained(ours, idl.torch.Adam(ours, lr=0.1, **variant))
            torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)

    def test_adamw_decays_beside_the_moments(self):
        theirs, ours = network(), network()
        expected = trained(theirs, torch.optim.AdamW(theirs.parameters(), lr=0.1, weight_decay=0.5),
                           after=lambda: idl.torch.project_(theirs))
        found = trained(ours, idl.torch.Adam(ours, lr=0.1, weight_decay=0.5,
                                             decoupled_weight_decay=True))
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)

    def test_its_state_is_that_of_pytorch_both_ways(self):
        theirs, ours = network(), network()
        of_pytorch = torch.optim.Adam(theirs.parameters(), lr=0.1)
        of_idl = idl.torch.Adam(ours, lr=0.1)
        trained(theirs, of_pytorch, after=lambda: idl.torch.project_(theirs))
        trained(ours, of_idl)
        states = [optimizer.state_dict() for optimizer in (of_pytorch, of_idl)]
        torch.testing.assert_close(*(state["state"] for state in states), rtol=0, atol=1e-10)
        swapped_pytorch = torch.optim.Adam(ours.parameters(), lr=0.1)
        swapped_pytorch.load_state_dict(states[1])
        swapped_idl = idl.torch.Adam(theirs, lr=0.1)
        swapped_idl.load_state_dict(states[0])
        torch.testing.assert_close(trained(theirs, swapped_idl), trained(
            ours, swapped_pytorch, after=lambda: idl.torch.project_(ours)), rtol=0, atol=1e-9)

    def test_groups_have_rates_of_their_own_and_schedules_move_them(self):
        ours = network()
        frozen = [parameter.detach().clone() for parameter in ours[0].parameters()]
        optimizer = idl.torch.Adam(ours, [{"params": ours[0].parameters(), "lr": 0.0},
                                          {"params": ours[2].parameters()}], lr=0.1)
        schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.0)
        before = ours[2].M.detach().clone()
        trained(ours, optimizer, steps=1)
        self.assertFalse(torch.equal(ours[2].M, before))
        schedule.step()
        before = ours[2].M.detach().clone()
        trained(ours, optimizer, steps=2)
        torch.testing.assert_close(ours[2].M.detach(), before, rtol=0, atol=1e-12)
        self.assertTrue(all(map(torch.equal, ours[0].parameters(), frozen)))

    def test_hooks_run_once_and_closures_give_their_loss(self):
        ours = network()
        torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))])  # patches the step of its class
        optimizer, calls = idl.torch.Adam(ours), []
        optimizer.register_step_post_hook(lambda *_: calls.append(1))
        U = torch.randn(8, 5, dtype=torch.float64)

        def closure():
            optimizer.zero_grad()
            loss = ours(U).square().sum()
            loss.backward()
            return loss

        self.assertGreater(optimizer.step(closure).item(), 0)
        self.assertEqual(len(calls), 1)
        self.assertTrue(all(parameter.grad is not None for parameter in ours.parameters()))

    def test_it_is_copied_with_its_network(self):
        first = network()
        optimizer = idl.torch.Adam(first, lr=0.1)
        trained(first, optimizer, steps=2)
        for copied in (copy.deepcopy((first, optimizer)),
                       pickle.loads(pickle.dumps((first, optimizer)))):
            found = trained(*copied, steps=2)
            again, its = copy.deepcopy((first, optimizer))
            torch.testing.assert_close(found, trained(again, its, steps=2), rtol=0, atol=0)

    def test_the_proximal_operator_makes_zeros(self):
        ours = network()
        trained(ours, idl.torch.Adam(ours, lr=0.01, prox=3.0))
        self.assertGreater((ours[2].A == 0).sum().item(), 9)

    def test_gradients_that_are_not_finite_are_left_out_with_a_warning(self):
        ours = network()
        optimizer = idl.torch.Adam(ours[2], lr=0.1)
        before = ours[2].M.detach().clone()
        ours[2].M.grad = torch.full_like(ours[2].M, float("nan"))
        with self.assertWarnsRegex(RuntimeWarning, "not finite"):
            optimizer.step()
        self.assertTrue(torch.equal(ours[2].M, before))

    def test_variants_and_moments_that_do_not_fit_are_refused(self):
        ours = network()
        with self.assertRaisesRegex(ValueError, "amsgrad"):
            idl.torch.Adam(ours, amsgrad=True)
        for name, text, wrong in (
                ("lr", "lr", (-1, float("nan"), float("inf"), "a", None)),
                ("betas", "betas", ((2.0, 0.5), (0.5, float("nan")), (0.5,), 0.5)),
                ("eps", "eps", (-1, float("nan"))),
                ("weight_decay", "weight_decay", (-1, float("nan"))),
                ("prox", "prox", (-1, float("nan"), "a")), ("maximize", "maximize", (True,))):
            for value in wrong:
                later = idl.torch.Adam(ours)
                later.param_groups[0][name] = value
                for make in (lambda: idl.torch.Adam(ours, **{name: value}),
                             lambda: idl.torch.Adam(ours, [{"params": ours[2].M, name: value}]),
                             lambda: trained(ours, later, steps=1)):
                    with self.subTest(name, value=value), self.assertRaisesRegex(ValueError, text):
                        make()
        with self.assertRaisesRegex(idl.InvalidArgument, "module is a generator"):
            idl.torch.Adam(ours.parameters())
        with self.assertRaisesRegex(idl.InvalidArgument, "maximize is not a variant"):
            idl.torch.Adam(ours).load_state_dict(
                torch.optim.Adam(ours.parameters(), maximize=True).state_dict())
        optimizer = idl.torch.Adam(ours[2], lr=0.1)
        trained(ours, optimizer, steps=1)
        ours.float()
        ours[2].M.grad = torch.zeros_like(ours[2].M)
        with self.assertRaisesRegex(idl.InvalidArgument, "moment is torch.float64"):
            optimizer.step()
        ours[2].M.grad = ours[2].M.detach().to_sparse()
        with self.assertRaisesRegex(idl.InvalidArgument, "gradient .* is torch.sparse_coo"):
            optimizer.step()

    def test_a_step_that_is_refused_loses_no_gradient_and_counts_for_none(self):
        layers = torch.nn.ModuleList([ImplicitLayer(5, 4, 3), ImplicitLayer(5, 4, 3)])
        optimizer = idl.torch.Adam(layers, [{"params": layer.M} for layer in layers])
        for layer in layers:
            layer.M.grad = torch.ones_like(layer.M)
        optimizer.step()
        before = [layer.M.detach().clone() for layer in layers]
        optimizer.param_groups[1]["lr"] = -1
        with self.assertRaisesRegex(idl.InvalidArgument, "lr is -1"):
            optimizer.step()
        self.assertTrue(all(map(torch.equal, before, [layer.M for layer in layers])))
        optimizer.param_groups[1]["lr"] = 0.1
        optimizer.state[layers[1].M]["exp_avg"] = torch.zeros(3)
        with self.assertRaisesRegex(idl.InvalidArgument, "a moment is"):
            optimizer.step()
        self.assertTrue(all(layer.M.grad is not None for layer in layers))
        self.assertEqual([optimizer.state[layer.M]["step"].item() for layer in layers], [2, 1])

    def test_scaled_gradients_are_unscaled_for_fused_steps_too(self):
        steps = []
        for scale, options in ((1.0, {}), (1024.0, {}), (1024.0, {"fused": True})):
            ours = network()
            optimizer = idl.torch.Adam(ours, lr=0.1, eps=1.0, **options)
            scaler = torch.amp.GradScaler("cpu", init_scale=scale)
            scaler.scale(ours(torch.ones(8, 5, dtype=torch.float64)).square().sum()).backward()
            scaler.step(optimizer)
            steps.append([parameter.detach() for parameter in ours.parameters()])
        torch.testing.assert_close(steps[1], steps[0], rtol=0, atol=0)
        torch.testing.assert_close(steps[2], steps[0], rtol=0, atol=1e-12)

    def test_a_layer_that_the_network_gets_later_is_projected(self):
        ours = torch.nn.Sequential(torch.nn.Linear(5, 7))
        optimizer = idl.torch.Adam(ours, lr=1.0)
        ours.append(ImplicitLayer(9, 7, 3))
        optimizer.add_param_group({"params": ours[1].parameters()})
        ours(torch.ones(8, 5)).sum().backward()
        optimizer.step()
        self.assertLessEqual(ours[1].A.abs().sum(1).max().item(), 0.95 * (1 + 1e-6))


class InPyTorch(unittest.TestCase):
    def test_it_compiles_without_a_break_in_the_graph(self):
        layer = made(9, 4, 2)
        network = torch.nn.Sequential(torch.nn.Linear(4, 4, dtype=torch.float64), layer)
        compiled = torch.compile(network, backend="aot_eager", fullgraph=True)
        U = torch.randn(5, 4, dtype=torch.float64)
        torch.testing.assert_close(compiled(U), network(U))
        compiled(U).sum().backward()
        found = [parameter.grad.clone() for parameter in network.parameters()]
        network.zero_grad()
        network(U).sum().backward()
        torch.testing.assert_close(found, [parameter.grad for parameter in network.parameters()])
        self.assertTrue(layer.last_report.converged.all())

    def test_a_trace_holds_the_operator(self):
        layer = made(9, 4, 2).eval()
        U = torch.randn(5, 4, dtype=torch.float64)
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            traced = torch.jit.trace(layer, U)
            torch.testing.assert_close(traced(U + 1), layer(U + 1))

    def test_negatives_of_their_memory_are_read_as_what_they_are(self):
        layer = made(9, 1, 1)
        U = torch.imag(torch.tensor([[1 + 2j]], dtype=torch.complex128).conj())
        self.assertTrue(U.is_neg())
        torch.testing.assert_close(layer(U), layer(U.clone()))
        found = [torch.autograd.grad(layer(torch.ones_like(U)), layer.M, grad)[0]
                 for grad in (U, U.clone())]
        torch.testing.assert_close(*found)

    def test_a_state_dict_is_a_copy(self):
        for sizes, rank in (((9, 1, 1), None), ((1, 4, 2), None), ((9, 4, 2), 1)):
            layer = made(*sizes, rank=rank)
            state = layer.state_dict()
            before = {name: value.clone() for name, value in state.items()}
            with torch.no_grad():
                layer.M.zero_()
            torch.testing.assert_close(dict(state), before)

    def test_a_layer_without_memory_takes_that_of_what_is_loaded(self):
        saved = made(9, 4, 2).state_dict()
        with torch.device("meta"):
            layer = ImplicitLayer(9, 4, 2, solver=TIGHT)
        with self.assertWarnsRegex(UserWarning, "assign=True"):
            layer.load_state_dict(saved)
        layer.load_state_dict(saved, assign=True)
        self.assertEqual((layer.M.device.type, layer.M.dtype), ("cpu", torch.float64))
        torch.testing.assert_close(layer.state_dict(), saved)
        U = torch.randn(5, 4, dtype=torch.float64)
        torch.testing.assert_close(layer(U), made(9, 4, 2)(U))

    def test_a_default_device_is_for_what_others_make(self):
        layer = made(9, 4, 2)
        U = torch.randn(5, 4, dtype=torch.float64)
        optimizer = idl.torch.Adam(layer, lr=1e-3)
        with torch.device("meta"):
            Y = layer(U)
            Y.sum().backward()
            optimizer.step()
            with torch.no_grad():
                layer(U)
        self.assertEqual((Y.device.type, layer.last_report.status[0]), ("cpu", "converged"))

    def test_autocast_runs_in_the_type_of_the_parameters(self):
        layer = made(9, 4, 2, dtype=torch.float32, solver=None)
        network = torch.nn.Sequential(torch.nn.Linear(4, 4), layer)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            Y = network(torch.randn(5, 4))
        self.assertEqual(Y.dtype, torch.float32)
        Y.sum().backward()
        self.assertEqual(layer.M.grad.dtype, torch.float32)

    def test_copies_are_independent(self):
        layer = made(9, 4, 2)
        U = torch.randn(5, 4, dtype=torch.float64)
        expected = layer(U)
        copies = [copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))]
        saved = io.BytesIO()
        torch.save(layer, saved)
        saved.seek(0)
        copies.append(torch.load(saved, weights_only=False))
        with torch.no_grad():
            layer.M.zero_()
        for other in copies:
            torch.testing.assert_close(other(U), expected, rtol=0, atol=0)

    def test_types_change_by_to(self):
        layer = made(9, 4, 2, solver=None)
        U = torch.randn(5, 4, dtype=torch.float64)
        expected = layer(U).float()
        torch.testing.assert_close(layer.float()(U.float()), expected, rtol=0, atol=1e-4)

    def test_it_trains_under_distributed_data_parallel(self):
        with tempfile.TemporaryDirectory() as folder:
            torch.distributed.init_process_group(
                "gloo", init_method=f"file://{os.path.join(folder, 'meeting')}", rank=0, world_size=1)
            try:
                layer = made(9, 4, 2)
                parallel = torch.nn.parallel.DistributedDataParallel(layer)
                U = torch.randn(5, 4, dtype=torch.float64)
                parallel(U).sum().backward()
                found, layer.M.grad = layer.M.grad.clone(), None
                layer(U).sum().backward()
                torch.testing.assert_close(found, layer.M.grad, rtol=0, atol=0)
            finally:
                torch.distributed.destroy_process_group()

    def test_state_dicts_have_the_names_of_the_original_both_ways(self):
        layer = made(9, 4, 2, bias=True)
        network = torch.nn.Sequential(torch.nn.Linear(4, 4), layer)
        state = network.state_dict()
        self.assertEqual(list(state), ["0.weight", "0.bias", "1.A", "1.B", "1.C", "1.D"])
        for name in "ABCD":
            self.assertTrue(state["1." + name].is_contiguous())
            torch.testing.assert_close(state["1." + name], getattr(layer, name).detach(), rtol=0,
                                       atol=0)
        other = made(9, 4, 2, bias=True)
        with torch.no_grad():
            other.M.zero_()
        other.load_state_dict({name: state["1." + name] for name in "ABCD"})
        torch.testing.assert_close(other.M, layer.M, rtol=0, atol=1e-12)

    def test_a_loaded_A_outside_its_set_is_projected_with_a_warning(self):
        layer = made(9, 4, 2)
        state = layer.state_dict()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            layer.load_state_dict(state)
        state["A"] = 3 * torch.eye(9)
        with self.assertWarnsRegex(UserWarning, "= 3, outside its set, and was projected"):
            layer.load_state_dict(state)
        torch.testing.assert_close(layer.A.detach(), 0.95 * torch.eye(9, dtype=torch.float64))

    def test_a_subclass_keeps_what_it_has_beside_the_matrices(self):
        class Scaled(idl.torch.ImplicitLayer):
            def __init__(self):
                super().__init__(5, 3, 2)
                self.scale = torch.nn.Parameter(torch.rand(2))
                self.register_buffer("mean", torch.rand(3))
                self.norm = torch.nn.LayerNorm(2)

            def get_extra_state(self):
                return {"seen": self.scale.sum().item()}

            def set_extra_state(self, state):
                self.seen = state["seen"]

        layer, other, called = Scaled(), torch.nn.Sequential(Scaled()), []
        other[0].register_load_state_dict_pre_hook(lambda *arguments: called.append(arguments[2]))
        state = torch.nn.Sequential(layer).state_dict()
        self.assertNotIn("0.M", state)
        for assign in (False, True):
            other.load_state_dict(state, assign=assign)
            torch.testing.assert_close(
                {name: value for name, value in other.state_dict().items() if "extra" not in name},
                {name: value for name, value in state.items() if "extra" not in name})
        self.assertEqual(called, ["0.", "0."])
        self.assertEqual(other[0].seen, layer.scale.sum().item())
        del state["0.scale"], state["0.B"]
        with self.assertRaisesRegex(RuntimeError, '"0.scale", "0.B"'):
            other.load_state_dict(state)

    def test_a_parametrized_layer_loads_its_own_state_dict(self):
        class Halved(torch.nn.Module):
            def forward(self, M):
                return M / 2

        layers = [idl.torch.ImplicitLayer(5, 3, 2) for _ in range(2)]
        for layer in layers:
            torch.nn.utils.parametrize.register_parametrization(layer, "M", Halved())
        layers[1].load_state_dict(layers[0].state_dict())
        torch.testing.assert_close(layers[1].M, layers[0].M)

    def test_samples_that_are_not_aligned_are_taken(self):
        layer = idl.torch.ImplicitLayer(5, 3, 2, dtype=torch.float64)
        U = torch.rand(4, 3, dtype=torch.float64)
        shifted = torch.frombuffer(bytearray(1) + bytearray(U.numpy().tobytes()), offset=1,
                                   dtype=torch.float64).view(4, 3)
        self.assertEqual(shifted.data_ptr() % 8, 1)
        torch.testing.assert_close(layer(shifted), layer(U))

    def test_what_is_no_parameter_is_refused_and_changes_nothing(self):
        layer = idl.torch.ImplicitLayer(5, 3, 2)
        before = layer.M
        state = layer.state_dict()
        with self.assertRaisesRegex(RuntimeError, "A is a ndarray, expected a tensor"):
            layer.load_state_dict({**state, "A": state["A"].numpy()})
        halves = {name: value.half() for name, value in state.items()}
        with self.assertRaisesRegex(RuntimeError, "A is torch.float16, the parameters may be"):
            layer.load_state_dict(halves, assign=True)
        self.assertIs(layer.M, before)

    def test_wrong_state_dicts_are_refused_by_name(self):
        layer = made(9, 4, 2)
        state = layer.state_dict()
        infinite, large = state["A"].clone(), state["B"].clone()
        infinite[0, 0], large[1, 1] = float("inf"), float("nan")
        for text, wrong in {"A holds numbers that are not finite": {**state, "A": infinite},
                            "B holds numbers that are not finite": {**state, "B": large},
                            r'Missing key.*"D"': {**state, "D": None},
                            r'Unexpected key.*"E"': {**state, "E": state["A"]},
                            r"size mismatch for B.*\(4, 9\)": {**state, "B": state["B"].T}}.items():
            wrong = {name: value for name, value in wrong.items() if value is not None}
            with self.subTest(text), self.assertRaisesRegex(RuntimeError, "(?s)" + text):
                layer.load_state_dict(wrong)


class BadInput(unittest.TestCase):
    def test_each_gets_a_clear_error(self):
        layer = made(9, 4, 2, dtype=torch.float32)
        for error, text, call in (
                (ValueError, r"shape \(5, 3\), expected \(\.\.\., 4\)",
                 lambda: layer(torch.randn(5, 3))),
                (ValueError, r"shape \(\)", lambda: layer(torch.tensor(1.0))),
                (TypeError, "the input is torch.float64, the layer torch.float32",
                 lambda: layer(torch.randn(5, 4, dtype=torch.float64))),
                (TypeError, "the input is torch.int64", lambda: layer(torch.ones(5, 4).long())),
                (TypeError, "the parameters are torch.float16",
                 lambda: copy.deepcopy(layer).half()(torch.randn(5, 4).half())),
                (ValueError, "the input is on meta, the layer on cpu",
                 lambda: layer(torch.randn(5, 4, device="meta"))),
                (TypeError, "unexpected keyword argument 'sigma'",
                 lambda: ImplicitLayer(9, 4, 2, sigma=1)),
                (TypeError, "the input is torch.sparse_coo", lambda: layer(torch.eye(4).to_sparse())),
                (TypeError, "module is a list", lambda: idl.torch.project_([layer])),
                (TypeError, "module is a list",
                 lambda: idl.torch.project_after_step(idl.torch.Adam(layer), [layer])),
                (TypeError, "optimizer is a ImplicitLayer",
                 lambda: idl.torch.project_after_step(layer, layer)),
                (idl.InvalidArgument, "activation: 'step' is none of .* sat;",
                 lambda: ImplicitLayer(9, 4, 2, activation="step")),
                (idl.InvalidArgument, "kappa", lambda: ImplicitLayer(9, 4, 2, kappa=1.5)),
                (TypeError, "the parameters are torch.float16",
                 lambda: copy.deepcopy(layer).half().project_()),
                (NotImplementedError, "not on meta", copy.deepcopy(layer).to("meta").project_)):
            with self.subTest(text), self.assertRaisesRegex(error, text):
                call()

    def test_layers_that_cannot_be_are_refused_when_they_are_made(self):
        for text, options in {
                r"n is -1, expected a whole number in \[1, 1099511627776\]": {"n": -1},
                "n is 18446744073709551625": {"n": 2**64 + 9}, "p is 4.5": {"p": 4.5},
                "q is 0": {"q": 0}, "rank is -1": {"rank": -1}, "rank is 2.5": {"rank": 2.5},
                "bias is 2": {"bias": 2}, "no_D is 'no'": {"no_D": "no"},
                "alpha is 'a'": {"alpha": "a"}, "activation is 'relu.x00'": {"activation": "relu\0"},
                "activation is b'relu'": {"activation": b"relu"},
                "kappa is 0.5, with well_posedness 'none'": {"kappa": 0.5, "well_posedness": "none"},
                "dtype is torch.float16, it may be torch.float32 or torch.float64":
                    {"dtype": torch.float16},
                "dtype is torch.int64": {"dtype": torch.int64},
                "solver is 5": {"solver": 5},
                "max_iterations is 4294967296": {"solver": idl.SolverOptions(max_iterations=2**32)},
                "absolute_tolerance is 0":
                    {"solver": idl.SolverOptions(absolute_tolerance=0)}}.items():
            for device in ("cpu", "meta"):
                with self.subTest(text), self.assertRaisesRegex(idl.InvalidArgument, "^" + text):
                    ImplicitLayer(**{"n": 9, "p": 4, "q": 2, "device": device, **options})

    def test_numbers_of_other_libraries_are_taken(self):
        number = torch.tensor(3)
        layer = ImplicitLayer(number, 4, 2, rank=number, kappa=torch.tensor(0.5), alpha=number / 4,
                              activation="leaky_relu",
                              solver=idl.SolverOptions(max_iterations=100 * number))
        self.assertEqual((layer.n, layer.rank, layer.kappa), (3, 3, 0.5))
        self.assertEqual(layer(torch.ones(1, 4)).shape, (1, 2))
        self.assertIsNone(ImplicitLayer(9, 4, 2, well_posedness="none").kappa)

    def test_parameters_that_are_not_contiguous_are_refused(self):
        layer = made(9, 4, 2)
        layer.M = torch.nn.Parameter(layer.M.detach().T.contiguous().T)
        with self.assertRaisesRegex(idl.InvalidArgument, "must be contiguous"):
            layer(torch.randn(5, 4, dtype=torch.float64))

    def test_parameters_of_another_shape_are_refused(self):
        for rank, shapes in ((None, [(13 * 11,), (1, 11), (12, 11), (11, 13)]), (2, [(2, 49), (97,)])):
            layer = made(9, 4, 2, rank=rank)
            for shape in shapes:
                M = torch.zeros(shape, dtype=torch.float64)
                with self.subTest(shape), self.assertRaisesRegex(idl.InvalidArgument, "M has the shape"):
                    torch.func.functional_call(layer, {"M": M}, torch.ones(2, 4, dtype=torch.float64))

    def test_what_a_layer_was_made_with_is_not_assigned(self):
        layer = made(9, 4, 2)
        for name, value in (("n", 8), ("p", 3), ("q", 1), ("kappa", 0.1), ("activation", "tanh"),
                            ("bias", True), ("no_D", True), ("rank", 2)):
            with self.subTest(name), self.assertRaises(AttributeError):
                setattr(layer, name, value)
        self.assertEqual((layer.n, layer.p, layer.q, layer.bias, layer.no_D, layer.rank),
                         (9, 4, 2, False, False, None))


if __name__ == "__main__":
    sys.exit(unittest.main())
