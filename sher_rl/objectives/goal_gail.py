"""The loss of the discriminator of Goal-GAIL."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

import torch
from tensordict import TensorDict, TensorDictBase
from tensordict.nn import TensorDictModule, TensorDictParams
from torch import Tensor
from torchrl.objectives import LossModule

from sher_rl.functional.imitation import adversarial_loss, gradient_penalty
from sher_rl.objectives.checks import check_at_least_0, check_has
from sher_rl.objectives.networks import evaluate

EXPERT = "expert"
"""Key of who a transition is of, bool ``(B, 1)``."""


class GoalGAILLoss(LossModule):
    r"""Loss of a discriminator that says 1 of the expert's transitions and 0 of the agent's, given their goals.

    .. math::
        J_D = -\operatorname{E}_{expert} \log D(s, g, s') - \operatorname{E}_{agent} \log (1 - D(s, g, s'))
            + c \operatorname{E} (\|\nabla D\| - 1)^2

    TorchRL's ``GAILLoss`` has probabilities of one observation and one action; this one has logits, whose loss does not
    saturate, of whatever the discriminator reads.

    Args:
        discriminator_network: writes ``expert_logit``, ``(B, 1)``; :class:`~sher_rl.GoalDiscriminator`.

    Keyword Args:
        action_noise: standard deviation of Gaussian noise on actions, if the discriminator reads them; the sum is
            clipped to [-1, 1]. Without it an expert without noise gives itself away.
        penalty: weight :math:`c` of the gradient penalty, between the i-th of the expert's and the i-th of the agent's.

    ``forward`` takes one or more transitions of each in one batch, in any order, with ``expert``, bool ``(B, 1)``. It
    returns ``loss_discriminator``, and of each the share that is judged rightly, ``accuracy_expert`` and
    ``accuracy_agent``.

    Raises:
        UsageError: a number is below 0; in ``forward``, the batch lacks a key.

    Ding et al., NeurIPS 2019, arXiv:1906.05838, equation 2; the published runs have noise 0.15 and penalty 0.

    >>> from sher_rl import GoalDims, GoalDiscriminator, GoalNormalizer
    >>> dims = GoalDims(observation=2, goal=2, action=2)
    >>> norm = GoalNormalizer(dims)
    >>> loss = GoalGAILLoss(GoalDiscriminator(dims, norm.observation, norm.goal))
    >>> batch = {"observation": torch.randn(8, 2), "desired_goal": torch.randn(8, 2), "expert": torch.rand(8, 1) > 0.5}
    >>> losses = loss(TensorDict({**batch, "next": {"observation": torch.randn(8, 2)}}, [8]))
    >>> losses["loss_discriminator"].backward()
    """

    out_keys: ClassVar = ["loss_discriminator", "accuracy_expert", "accuracy_agent"]
    discriminator_network: TensorDictModule
    discriminator_network_params: TensorDictParams
    target_discriminator_network_params: TensorDictParams

    def __init__(
        self, discriminator_network: TensorDictModule, *, action_noise: float = 0.15, penalty: float = 0.0
    ) -> None:
        super().__init__()
        check_at_least_0(action_noise=action_noise, penalty=penalty)
        self.convert_to_functional(discriminator_network, "discriminator_network")
        self.action_noise = action_noise
        self.penalty = penalty
        self.in_keys = [*discriminator_network.in_keys, EXPERT]

    def forward(self, tensordict: TensorDictBase) -> TensorDictBase:
        """Compute the loss of a batch; see the class."""
        check_has(tensordict, self.in_keys)
        inputs = self._with_noise(tensordict.select(*self.in_keys))
        logit = self._logit(inputs)
        expert = tensordict.get(EXPERT)
        loss = adversarial_loss(logit[expert], logit[~expert])
        if self.penalty:
            loss = loss + self.penalty * self._gradient_penalty(inputs, expert.squeeze(-1))
        right = ((logit > 0) == expert).float()
        accuracy = {"accuracy_expert": right[expert].mean(), "accuracy_agent": right[~expert].mean()}
        return TensorDict({"loss_discriminator": loss, **accuracy})

    def _logit(self, inputs: TensorDictBase) -> Tensor:
        return evaluate(self.discriminator_network, self.discriminator_network_params, inputs).get("expert_logit")

    def _with_noise(self, inputs: TensorDictBase) -> TensorDictBase:
        action = inputs.get("action", None)
        if action is None or not self.action_noise:
            return inputs
        return inputs.set("action", (action + self.action_noise * torch.randn_like(action)).clamp(-1, 1))

    def _gradient_penalty(self, inputs: TensorDictBase, expert: Tensor) -> Tensor:
        """Penalty at random places between pairs, as many as there are of the rarer kind."""
        read = inputs.select(*self.discriminator_network.in_keys)
        pairs = min(int(expert.sum()), int((~expert).sum()))
        mix = torch.rand(pairs, 1, device=expert.device)
        between = read[~expert][:pairs].apply(partial(torch.lerp, weight=mix), read[expert][:pairs])
        between.requires_grad_(True)
        logit = self._logit(between)
        leaves = list(between.values(include_nested=True, leaves_only=True))
        gradients = torch.autograd.grad(logit.sum(), leaves, create_graph=True)
        return gradient_penalty(torch.cat(gradients, -1))
