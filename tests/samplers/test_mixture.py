"""The mixture's density against scikit-learn's own."""

from __future__ import annotations

import sys

import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.mixture import BayesianGaussianMixture

from sher_rl.samplers.mixture import MAX_DIMENSIONS, fit_mixture, gaussian_constants


def walks(count: int, numbers: int) -> torch.Tensor:
    return (torch.randn(count, numbers, dtype=torch.float64) * 0.02).cumsum(-1)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("count", "numbers"), [(200, 12), (2, 30), (300, 200)])
def test_log_density_is_that_of_scikit_learn(count, numbers):
    vectors, components = walks(count, numbers), min(3, count)
    mixture = fit_mixture(vectors, seed=5, components=components)
    pca = PCA(min(MAX_DIMENSIONS, count, numbers), random_state=5)
    model = BayesianGaussianMixture(
        n_components=components,
        weight_concentration_prior_type="dirichlet_distribution",
        reg_covar=1e-3,
        random_state=5,
    ).fit(pca.fit_transform(vectors.numpy()))
    others = walks(50, numbers)
    expected = torch.from_numpy(model.score_samples(pca.transform(others.numpy())))
    torch.testing.assert_close(mixture.log_density(others), expected)


def test_constants_by_hand():
    factors, one = torch.tensor([[[2.0]], [[1.0]]], dtype=torch.float64), torch.ones(2, dtype=torch.float64)
    # ψ(1) - ψ(2) = -1; (ψ(3/2) + log 2 + log(4/3) - log 2π - 1/2) / 2, and with log(1/3) for the other
    first = -1 + (0.03648997 + 0.69314718 + 0.28768207 - 1.83787707 - 0.5) / 2
    second = -1 + (0.03648997 + 0.69314718 - 1.09861229 - 1.83787707 - 0.5) / 2
    expected = torch.tensor([first, second], dtype=torch.float64)
    torch.testing.assert_close(gaussian_constants(factors, 3 * one, 2 * one, one), expected)


def test_a_seed_decides_the_fit():
    vectors = walks(100, 8)
    assert all((a == b).all() for a, b in zip(fit_mixture(vectors, 1), fit_mixture(vectors, 1), strict=True))


def test_scikit_learn_is_asked_for_where_it_is_missing(monkeypatch):
    for name in ("sklearn.decomposition", "sklearn.mixture"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"pip install 'sher-rl\[density\]'"):
        fit_mixture(walks(10, 2), 0)
