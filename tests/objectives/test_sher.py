"""The loss in numbers worked by hand."""

import math
from typing import ClassVar

import pytest
import torch
from tensordict import TensorDict
from tensordict.nn import ProbabilisticTensorDictModule, ProbabilisticTensorDictSequential, TensorDictModule
from torch import nn
from torchrl.modules import TanhNormal
from torchrl.objectives import SoftUpdate

from sher_rl import SoftMultiGoalLoss


class Known(torch.distributions.Distribution):
    """Always the given action, with the given log-probability."""

    arg_constraints: ClassVar = {}
    has_rsample = True

    def __init__(self, action: torch.Tensor, log: torch.Tensor) -> None:
        super().__init__(validate_args=False)
        self.action, self.log = action, log

    def rsample(self, sample_shape=()):
        return self.action

    def log_prob(self, value):
        return self.log.squeeze(-1)


def linear(inputs: int, weights: list[float], bias: float = 0.0) -> nn.Linear:
    layer = nn.Linear(inputs, 1)
    layer.weight.data = torch.tensor([weights])
    layer.bias.data = torch.tensor([bias])
    return layer


class Concat(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return self.layer(torch.cat(inputs, -1))


class Scripted(nn.Module):
    """π(s, g): the action is 2s, its log-probability is s + g."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(2.0))

    def forward(self, s: torch.Tensor, g: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.gain * s, s + g


def hand_made(**options) -> SoftMultiGoalLoss:
    """Q1 = s + 2a + 3g, Q2 = -s + a, V = 4s + 5g, one dimension each."""
    states = ["observation", "desired_goal"]
    actor = ProbabilisticTensorDictSequential(
        TensorDictModule(Scripted(), in_keys=states, out_keys=["action", "log"]),
        ProbabilisticTensorDictModule(
            in_keys={"action": "action", "log": "log"}, out_keys=["action"], distribution_class=Known
        ),
    )
    q = [
        TensorDictModule(
            Concat(linear(3, weights)),
            in_keys=["observation", "action", "desired_goal"],
            out_keys=["state_action_value"],
        )
        for weights in ([1.0, 2.0, 3.0], [-1.0, 1.0, 0.0])
    ]
    v = TensorDictModule(Concat(linear(2, [4.0, 5.0])), in_keys=states, out_keys=["state_value"])
    loss = SoftMultiGoalLoss(actor, q, v, **({"alpha": 0.5, "gamma": 0.5, "reduction": "none"} | options))
    SoftUpdate(loss, eps=0.9)
    return loss


def hand_batch() -> TensorDict:
    """Two states with different entropies: s = (1, -2), g = (0.5, 1), a = (0.3, 0.1), s' = (2, 3), d = (0, 1)."""

    def column(*values: float) -> torch.Tensor:
        return torch.tensor(values).unsqueeze(-1)

    return TensorDict(
        {
            "observation": column(1.0, -2.0),
            "desired_goal": column(0.5, 1.0),
            "action": column(0.3, 0.1),
            "next": {
                "observation": column(2.0, 3.0),
                "desired_goal": column(0.5, 1.0),
                "reward": column(-1.0, 0.0),
                "terminated": column(0.0, 1.0).bool(),
            },
        },
        [2],
    )


def test_q_loss_by_hand() -> None:
    # V(s', g) = 8 + 2.5 = 10.5; y_q = -1 + 0.5 * 10.5 = 4.25 and, terminated, 0.
    # Q1 = 1 + 0.6 + 1.5 = 3.1 and -2 + 0.2 + 3 = 1.2; Q2 = -1 + 0.3 = -0.7 and 2 + 0.1 = 2.1.
    losses = hand_made()(batch := hand_batch())
    expected = [(1.15**2 + 4.95**2) / 2, (1.2**2 + 2.1**2) / 2]
    torch.testing.assert_close(losses["loss_qvalue"], torch.tensor(expected))
    torch.testing.assert_close(batch["td_error"], torch.tensor([(1.15 + 4.95) / 2, (1.2 + 2.1) / 2]))


def test_v_loss_by_hand_keeps_each_state_its_own_entropy() -> None:
    # ã = 2s = (2, -4), log π = s + g = (1.5, -1). Q1 = 1 + 4 + 1.5 = 6.5 and -2 - 8 + 3 = -7;
    # Q2 = -1 + 2 = 1 and 2 - 4 = -2. y_v = 1 - 0.75 = 0.25 and -7 + 0.5 = -6.5.
    # V = 4 + 2.5 = 6.5 and -8 + 5 = -3. Mixing the entropies (mean 0.25) would give 0.875 and -7.125.
    losses = hand_made()(hand_batch())
    torch.testing.assert_close(losses["loss_value"], torch.tensor([6.25**2 / 2, 3.5**2 / 2]))


def test_policy_loss_by_hand() -> None:
    losses = hand_made()(hand_batch())
    torch.testing.assert_close(losses["loss_actor"], torch.tensor([0.75 - 6.5, -0.5 + 7.0]))
    pessimist = hand_made(actor_q="min")(hand_batch())
    torch.testing.assert_close(pessimist["loss_actor"], torch.tensor([0.75 - 1.0, -0.5 + 7.0]))


def test_policy_gradient_by_hand() -> None:
    # d/dgain of (α log π - Q1) = -2 s per state, as log π does not depend on the gain here: mean of (-2, 4).
    loss = hand_made(reduction="mean")
    loss(hand_batch())["loss_actor"].backward()
    gradient = loss.actor_network_params["module", "0", "module", "gain"].grad
    torch.testing.assert_close(gradient, torch.tensor(1.0))


@pytest.mark.parametrize(
    ("clip", "loss_qvalue", "v_target"),
    [
        ("none", [(3.1 - 4.25) ** 2 + (-0.7 - 4.25) ** 2, 1.2**2 + 2.1**2], [0.25, -6.5]),
        ("hard", [3.1**2 + 0.7**2, 1.2**2 + 2.1**2], [0.25, -6.5]),  # y_q 4.25 -> 0
        ("hard_q", [(3.1 - 4.25) ** 2 + (-0.7 - 4.25) ** 2, 1.2**2 + 2.1**2], [0 - 0.75, -2 + 0.5]),
        # y_q at most γ α d ln 2 / (1 - γ) = 0.34657
        ("soft", [(3.1 - 0.34657) ** 2 + (-0.7 - 0.34657) ** 2, 1.2**2 + 2.1**2], [0.25, -6.5]),
    ],
)
def test_clips_by_hand(clip: str, loss_qvalue: list[float], v_target: list[float]) -> None:
    losses = hand_made(clip=clip)(hand_batch())
    torch.testing.assert_close(losses["loss_qvalue"], torch.tensor(loss_qvalue) / 2, rtol=1e-4, atol=1e-4)
    v = torch.tensor([6.5, -3.0])
    torch.testing.assert_close(losses["loss_value"], (v - torch.tensor(v_target)).square() / 2)


def test_n_step_data_discount_by_their_own_length() -> None:
    batch = hand_batch()
    batch["steps_to_next_obs"] = torch.tensor([[2], [1]])
    hand_made()(batch)
    # y_q = -1 + 0.25 * 10.5 = 1.625 instead of 4.25
    torch.testing.assert_close(batch["td_error"][0], torch.tensor((1.475 + 2.325) / 2))


def test_automatic_temperature_by_hand() -> None:
    loss = hand_made(target_entropy="auto", reduction="mean")
    losses = loss(hand_batch())
    # -log α (log π + H), H = -1, mean of log π = 0.25
    torch.testing.assert_close(losses["loss_alpha"], torch.tensor(-math.log(0.5) * (0.25 - 1.0)))
    losses["loss_alpha"].backward()
    assert loss.log_alpha.grad.item() == pytest.approx(0.75)  # descent lowers α: entropy -0.25 > -1
    assert hand_made(target_entropy=-4.0, reduction="mean")(hand_batch())["loss_alpha"].item() == pytest.approx(
        -math.log(0.5) * (0.25 - 4.0)
    )


def test_target_follows_v_alone_by_polyak() -> None:
    loss = hand_made()
    updater = SoftUpdate(loss, eps=0.9)
    loss.value_network_params.data.mul_(2.0)
    updater.step()
    weight = loss.target_value_network_params["module", "layer", "weight"]
    torch.testing.assert_close(weight, torch.tensor([[4.4, 5.5]]))  # 0.9 * (4, 5) + 0.1 * (8, 10)
    targets = {name.split(".")[0] for name, _ in loss.named_buffers() if name.startswith("target_")}
    assert targets == {"target_value_network_params"}


def test_log_prob_is_right_at_the_edges() -> None:
    loc = torch.tensor([[-12.0, 0.0], [15.0, 9.0]], dtype=torch.float32)
    dist = TanhNormal(loc, torch.full_like(loc, 0.5))
    action, log_prob = dist.rsample_and_log_prob()
    assert log_prob.isfinite().all()
    assert action.abs().max() <= 1
    torch.manual_seed(0)
    exact = loc.double() + 0.5 * torch.randn(loc.shape).double()
    torch.manual_seed(0)
    _, log_prob = dist.rsample_and_log_prob()
    normal = torch.distributions.Normal(loc.double(), 0.5).log_prob(exact)
    jacobian = 2 * (math.log(2) - exact - nn.functional.softplus(-2 * exact))
    torch.testing.assert_close(log_prob.double(), (normal - jacobian).sum(-1), rtol=1e-4, atol=1e-4)
