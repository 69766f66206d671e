"""The mixture's density against scikit-learn's own."""

from __future__ import annotations

import sys

import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.mixture import BayesianGaussianMixture

from sher_rl.samplers.mixture import MAX_DIMENSIONS, fit_mixture


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


def test_a_seed_decides_the_fit():
    vectors = walks(100, 8)
    assert all((a == b).all() for a, b in zip(fit_mixture(vectors, 1), fit_mixture(vectors, 1), strict=True))


def test_scikit_learn_is_asked_for_where_it_is_missing(monkeypatch):
    for name in ("sklearn.decomposition", "sklearn.mixture"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match="run pip install scikit-learn"):
        fit_mixture(walks(10, 2), 0)
