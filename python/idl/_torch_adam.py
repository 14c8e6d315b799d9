# SPDX-License-Identifier: MIT
"""Adam for networks with implicit layers."""
import warnings

import torch

from idl import _torch_operators as operators


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
        for refused in ("amsgrad", "maximize", "capturable", "differentiable"):
            if others.get(refused):
                raise ValueError(f"idl.torch.Adam: {refused} is not a variant that implicit layers have")
        if decoupled_weight_decay:
            others["decoupled_weight_decay"] = True
        super().__init__(module.parameters() if params is None else params, lr=lr, betas=betas,
                         eps=eps, weight_decay=weight_decay, **others)
        self.defaults["prox"] = prox
        self._complete_groups()
        self._find_layers(module)

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
        super().__setstate__(state)
        self._complete_groups()
        if "_module" in state:
            self._find_layers(state["_module"])

    def step(self, closure=None):
        """One step of all parameters that have a gradient. Returns the loss of `closure`, if given."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        gradients = {}
        others = False
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
        for parameter, gradient in gradients.items():
            parameter.grad = gradient
        return loss

    def _step_of(self, layer, group):
        M, state = layer.M, self.state[layer.M]
        if not state:
            state["step"] = torch.tensor(0.0)
            state["exp_avg"] = torch.zeros_like(M, memory_format=torch.contiguous_format)
            state["exp_avg_sq"] = torch.zeros_like(M, memory_format=torch.contiguous_format)
        state["step"] += 1
        name = b"adamw" if group["decoupled_weight_decay"] else b"adam"
        rule = (name, *(float(beta) for beta in group["betas"]), group["eps"],
                group["weight_decay"], group["prox"])
        self._kept[M], left_out = operators.adam_step(
            M, layer.settings, M.grad.contiguous(), state["exp_avg"], state["exp_avg_sq"],
            int(state["step"]), float(group["lr"]), rule, self._kept.get(M))
        if left_out:
            warnings.warn("idl.torch.Adam: entries of the gradient of an ImplicitLayer are not finite; "
                          "they were left out", RuntimeWarning, stacklevel=4)


def _own_step(kind):
    """kind.step without the hooks that the caller's own step has already run."""
    step = kind.step
    while getattr(step, "hooked", False):
        step = step.__wrapped__
    return step
