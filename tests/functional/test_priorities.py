import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from sher_rl.functional.density import complement_density, negative_log_density
from sher_rl.functional.priorities import dense_rank, trajectory_probabilities


def test_by_rank_both_density_scores_are_one():
    log_density = torch.randn(30, dtype=torch.float64)
    ranks = [dense_rank(score(log_density)) for score in (complement_density, negative_log_density)]
    assert (ranks[0] == ranks[1]).all()
    assert ranks[0][log_density.argmax()] == 0
    assert ranks[0][log_density.argmin()] == 29


@given(st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=20))
def test_dense_rank_is_scipys_from_zero(scores):
    assert dense_rank(torch.tensor(scores)).tolist() == (rankdata(scores, "dense") - 1).tolist()


def test_probabilities_by_hand():
    score = torch.tensor([0.0, 1.0, 4.0], dtype=torch.float64)
    weight = 4 ** (1 / 1.01)
    expected = torch.tensor([0.0, 1 / (1 + weight), weight / (1 + weight)], dtype=torch.float64)
    torch.testing.assert_close(trajectory_probabilities(score), expected)
    assert trajectory_probabilities(score, temperature=0.49)[2].item() == pytest.approx(16 / 17)


@pytest.mark.parametrize("scores", [[0.0], [0.0, 0.0, 0.0, 0.0], [math.nan, 0.0]])
def test_probabilities_are_uniform_where_no_score_is_positive(scores):
    expected = torch.full((len(scores),), 1 / len(scores))
    torch.testing.assert_close(trajectory_probabilities(torch.tensor(scores)), expected)


def test_probabilities_of_extreme_scores():
    tiny = trajectory_probabilities(torch.tensor([1e-320, 3e-320], dtype=torch.float64))
    assert tiny[1] / tiny[0] == pytest.approx(3 ** (1 / 1.01), rel=1e-3)
    wild = trajectory_probabilities(torch.tensor([math.nan, math.inf, 1.0, 1.0]))
    torch.testing.assert_close(wild, torch.tensor([0.0, 0.0, 0.5, 0.5]))
