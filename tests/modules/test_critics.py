import pytest
import torch
from tensordict import TensorDict
from torch import nn
from torchrl.objectives import SACLoss

from sher_rl import (
    GoalDims,
    TwoStreamCritic,
    UsageError,
    make_bilinear_networks,
    make_merged_networks,
    make_two_stream_networks,
)
from sher_rl.modules.critics import BILINEAR_Q, TWO_STREAM_Q, DotProduct

DIMS = GoalDims(observation=10, goal=3, action=4)
MAKERS = [make_two_stream_networks, make_merged_networks, make_bilinear_networks]


def widths(net: nn.Module) -> list[tuple[int, ...]]:
    return [tuple(p.shape[::-1]) for name, p in net.named_parameters() if name.endswith("weight")]


def test_a_product_of_linear_streams_by_hand() -> None:
    critic = TwoStreamCritic(GoalDims(1, 1, 1), TWO_STREAM_Q, (), 2, DotProduct())
    state = {"streams.0.0.weight": torch.tensor([[2.0, 1.0], [1.0, -1.0]]), "streams.0.0.bias": torch.zeros(2)}
    state |= {"streams.1.0.weight": torch.tensor([[3.0], [1.0]]), "streams.1.0.bias": torch.tensor([0.0, 1.0])}
    critic.load_state_dict(state)
    # φ(1, 2) = (4, -1) and ψ(2) = (6, 3)
    assert critic(*torch.tensor([[[1.0]], [[2.0]], [[2.0]]])).tolist() == [[21.0]]


@pytest.mark.parametrize(
    ("make", "q", "v"),
    [
        (make_two_stream_networks, [(14, 8), (8, 5), (3, 8), (8, 5)], [(10, 8), (8, 5), (3, 8), (8, 5)]),
        (
            make_merged_networks,
            [(14, 8), (8, 5), (3, 8), (8, 5), (10, 8), (8, 1)],
            [(10, 8), (8, 5), (3, 8), (8, 5), (10, 8), (8, 1)],
        ),
        (make_bilinear_networks, [(14, 8), (8, 5), (13, 8), (8, 5)], [(10, 8), (8, 5), (13, 8), (8, 5)]),
    ],
)
def test_streams_read_what_the_architecture_says(make, q: list, v: list) -> None:
    actor, qvalue, value = make(DIMS, (8,), embedding=5)
    assert (widths(qvalue), widths(value)) == (q, v)
    assert widths(actor) == [(13, 8), (8, 8)]


@pytest.mark.parametrize("make", MAKERS)
def test_they_write_what_the_concatenated_ones_do(make) -> None:
    states = TensorDict({"observation": torch.randn(6, 10), "desired_goal": torch.randn(6, 3)}, [6])
    actor, qvalue, value = make(DIMS, (8,))
    assert qvalue(actor(states))["state_action_value"].shape == (6, 1)
    assert value(states)["state_value"].shape == (6, 1)


@pytest.mark.parametrize("reads", [TWO_STREAM_Q, BILINEAR_Q])
def test_the_rank_of_all_values_is_the_embeddings_where_no_stream_reads_both(reads) -> None:
    critic = TwoStreamCritic(DIMS, reads, (32, 32), 3, DotProduct())
    observation, action = torch.randn(20, 1, 10).expand(-1, 20, -1), torch.randn(20, 1, 4).expand(-1, 20, -1)
    goal = torch.randn(1, 20, 3).expand(20, -1, -1)
    table = critic(observation, goal, action).squeeze(-1).double()
    assert (torch.linalg.matrix_rank(table, rtol=1e-5) == 3) == (reads == TWO_STREAM_Q)


@pytest.mark.parametrize("make", MAKERS)
def test_an_embedding_of_nothing_is_refused(make) -> None:
    with pytest.raises(UsageError, match="embedding is 0; use at least 1"):
        make(DIMS, (8,), embedding=0)


@pytest.mark.parametrize("make", MAKERS)
def test_torchrls_own_loss_takes_them(make) -> None:
    loss = SACLoss(*make(DIMS, (8,))[:2], target_entropy=-4.0)
    losses = loss(steps(5))
    sum(value for key, value in losses.items() if key.startswith("loss_")).backward()
    assert all(p.grad is not None for p in loss.qvalue_network_params.values(True, True))


def steps(rows: int) -> TensorDict:
    def state() -> dict[str, torch.Tensor]:
        return {"observation": torch.randn(rows, 10), "desired_goal": torch.randn(rows, 3)}

    ends = {key: torch.zeros(rows, 1, dtype=torch.bool) for key in ("done", "terminated")}
    following = state() | ends | {"reward": -torch.ones(rows, 1)}
    return TensorDict({**state(), "action": torch.rand(rows, 4), "next": following}, [rows])
