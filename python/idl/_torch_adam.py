# SPDX-License-Identifier: MIT
"""Adam for networks with implicit layers."""
import warnings

import torch

from idl import _library as c
from idl import _torch_operators as operators

REFUSED = ("amsgrad", "maximize", "capturable", "differentiable")


def _check(group):
    """Refuses what a step of a layer would overlook, or could not take."""
    for name in REFUSED:
        if group.get(name):
            raise c.InvalidArgument(f"{name} is not a variant of Adam that implicit layers have")
    for name in ("lr", "eps", "weight_decay", "prox"):
        if not 0 <= c.real(name, group.get(name, 0)) < float("inf"):
            raise c.InvalidArgument(f"{name} is {group[name]}, expected a finite number >= 0")
    betas = group.get("betas", (0, 0))
    if (not isinstance(betas, (tuple, list)) or len(betas) != 2
            or not all(0 <= c.real("betas", beta) < 1 for beta in betas)):
        raise c.InvalidArgument(f"betas is {betas}, expected two numbers in [0, 1)")


class Adam(torch.optim.Adam):
    """torch.optim.Adam, in which each ImplicitLayer of `module` takes its step and the projection of
    A after it in one pass of the library over its parameters.

        optimizer = idl.torch.Adam(network, lr=1e-3)

    module:  a layer or a network with layers in it
    params:  parameters or groups of them, as those of torch.optim.Adam; None: all of the module
    lr, betas, eps, weight_decay:  as torch.optim.Adam has them, in each group; AdamW where
             decoupled_weight_decay is true
    prox:    lambda >= 0: the rows of A become their proximal operator of lr·lambda·‖a‖₁ after each
             step, which makes entries zero
    others:  further options of torch.optim.Adam, for the parameters that are no implicit layer's

    State and state_dict() are those of torch.optim.Adam. Where a gradient of a layer holds entries
    that are not finite, those of M and of the moments stay what they were, with a warning on the CPU.
    """

    def __init__(self, module, params=None, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, *,
                 prox=0, decoupled_weight_decay=False, **others):
        if not isinstance(module, torch.nn.Module):
            raise c.InvalidArgument(f"module is a {type(module).__name__}, expected a layer or a "
                                    "network; which of its parameters move, `params` says")
        _check({"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "prox": prox,
                **others})
        if decoupled_weight_decay:
            others["decoupled_weight_decay"] = True
        super().__init__(module.parameters() if params is None else params, lr=lr, betas=betas,
                         eps=eps, weight_decay=weight_decay, **others)
        self.defaults["prox"] = prox
        # A GradScaler is to do its work itself, which fused steps would, and those of layers do not.
        self._step_supports_amp_scaling = False
        self._complete_groups()
        self._find_layers(module)

    def add_param_group(self, param_group):
        """As torch.optim.Adam has it. Layers that `module` has got since are layers here too."""
        _check({**self.defaults, **param_group})
        super().add_param_group(param_group)
        if hasattr(self, "_module"):
            self._complete_groups()
            self._find_layers(self._module)

    def _complete_groups(self):
        """What groups of another Adam or PyTorch do not have."""
        for group in self.param_groups:
            group.setdefault("prox", self.defaults["prox"])
            group.setdefault("decoupled_weight_decay", False)

    def _find_layers(self, module):
        from idl.torch import ImplicitLayer

        self._module, self._kept = module, {}
        self._layers = {layer.M: layer for layer in module.modules()
                        if isinstance(layer, ImplicitLayer)}

    def __getstate__(self):
        return {**super().__getstate__(), "_module": self._module}

    def __setstate__(self, state):
        for group in state["param_groups"]:
            _check(group)
        super().__setstate__(state)
        self._kept = {}  # of the moments before
        self._complete_groups()
        if "_module" in state:
            self._find_layers(state["_module"])

    def step(self, closure=None):
        """One step of all parameters that have a gradient. Returns the loss of `closure`, if given."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:  # schedules and callers change them
            _check(group)
        gradients = {}
        others = False
        try:
            with torch.no_grad():
                for group in self.param_groups:
                    for parameter in group["params"]:
                        if parameter.grad is None:
                            continue
                        layer = self._layers.get(parameter)
                        if layer is None:
                            others = True
                        else:
                            self._step_of(layer, group)
                            gradients[parameter], parameter.grad = parameter.grad, None
            if others:
                _own_step(torch.optim.Adam)(self)
        finally:
            for parameter, gradient in gradients.items():
                parameter.grad = gradient
        return loss

    def _step_of(self, layer, group):
        if layer.M.grad.layout != torch.strided:
            raise c.InvalidArgument(f"the gradient of an ImplicitLayer is {layer.M.grad.layout}, "
                                    "expected torch.strided")
        M, state = layer.M, self.state[layer.M]
        if not state:
            state["step"] = torch.tensor(0.0, device="cpu")
            state["exp_avg"] = torch.zeros_like(M, memory_format=torch.contiguous_format)
            state["exp_avg_sq"] = torch.zeros_like(M, memory_format=torch.contiguous_format)
        for moment in ("exp_avg", "exp_avg_sq"):  # those that were loaded lie as they please
            if not state[moment].is_contiguous():
                state[moment] = state[moment].contiguous()
        name = "adamw" if group["decoupled_weight_decay"] else "adam"
        rule = (name, *(float(beta) for beta in group["betas"]), group["eps"],
                group["weight_decay"], group["prox"])
        self._kept[M], left_out = operators.adam_step(
            M, layer.settings, M.grad.resolve_neg().contiguous(), state["exp_avg"], state["exp_avg_sq"],
            c.whole("step", int(state["step"]) + 1, 1), float(group["lr"]), rule, self._kept.get(M))
        state["step"] += 1
        if left_out:
            warnings.warn("idl.torch.Adam: entries of the gradient of an ImplicitLayer are not finite; "
                          "they were left out", RuntimeWarning, stacklevel=4)


def _own_step(kind):
    """kind.step without the hooks that the caller's own step has already run."""
    step = kind.step
    while getattr(step, "hooked", False):
        step = step.__wrapped__
    return step
