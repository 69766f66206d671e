"""Density of vectors as a Bayesian mixture of Gaussians, fitted by scikit-learn, kept as tensors."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import torch
from torch import Tensor

from sher_rl.functional.density import gaussian_constants

MAX_DIMENSIONS = 160
"""Principal components that a mixture is fitted in, at most; 153 numbers, as of a Fetch episode, keep all."""


class Mixture(NamedTuple):
    """Gaussians in the space of the first principal components of the vectors they were fitted to."""

    center: Tensor
    """Mean of the vectors, ``(D,)``."""
    axes: Tensor
    """Principal components, ``(D, d)``, orthonormal."""
    factors: Tensor
    """Cholesky factors of the precisions, ``(K, d, d)``."""
    means: Tensor
    """Means times factors, ``(K, d)``."""
    constants: Tensor
    """Log weight and log normaliser of each Gaussian, ``(K,)``."""

    def log_density(self, vectors: Tensor) -> Tensor:
        """Expected log density, ``(B, D) -> (B,)``, as scikit-learn's ``score_samples`` gives it."""
        reduced = (vectors - self.center) @ self.axes
        distance = (reduced @ self.factors - self.means.unsqueeze(1)).square().sum(-1)
        return torch.logsumexp(self.constants.unsqueeze(-1) - distance / 2, 0)


def fit_mixture(vectors: Tensor, seed: int, *, components: int = 3, regularisation: float = 1e-3) -> Mixture:
    """Fit a variational Bayesian Gaussian mixture with full covariances.

    Vectors of more than :data:`MAX_DIMENSIONS` numbers are projected on as many principal components. What
    the others vary by is small beside ``regularisation``, and adds next to nothing to the density.

    Args:
        vectors: ``(B, D)`` float64, finite, at least ``components`` of them.
        seed: of scikit-learn's k-means, where the fit starts.
        components: Gaussians.
        regularisation: variance added to each direction, in squared units of the vectors.

    Raises:
        ImportError: scikit-learn is missing.

    >>> mixture = fit_mixture(torch.tensor([[0.0], [1.0], [2.0], [9.0]], dtype=torch.float64), 0, components=1)
    >>> mixture.log_density(torch.tensor([[1.0], [9.0]], dtype=torch.float64)).argmin()
    tensor(1)
    """
    try:
        from sklearn.decomposition import PCA  # noqa: PLC0415
        from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415
        from sklearn.mixture import BayesianGaussianMixture  # noqa: PLC0415
        from threadpoolctl import threadpool_limits  # noqa: PLC0415
    except ImportError as error:
        raise ImportError(
            "CDPSampler and MEPSampler estimate densities with scikit-learn, which is missing; "
            "run pip install scikit-learn."
        ) from error
    pca = PCA(min(MAX_DIMENSIONS, *vectors.shape), random_state=seed)
    model = BayesianGaussianMixture(
        n_components=components,
        weight_concentration_prior_type="dirichlet_distribution",
        reg_covar=regularisation,
        random_state=seed,
    )
    # Matrices this small are three times slower on two threads than on one.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a hundred steps are close enough to rank by
        model.fit(pca.fit_transform(vectors.numpy()))
    return _as_tensors(pca, model)


def _as_tensors(pca: Any, model: Any) -> Mixture:
    """What scikit-learn fitted, as a :class:`Mixture`."""
    factors = torch.from_numpy(model.precisions_cholesky_)
    means = torch.from_numpy(model.means_)
    freedom = torch.from_numpy(model.degrees_of_freedom_)
    precision = torch.from_numpy(model.mean_precision_)
    counts = torch.from_numpy(model.weight_concentration_)
    return Mixture(
        center=torch.from_numpy(pca.mean_),
        axes=torch.from_numpy(pca.components_.T.copy()),
        factors=factors,
        means=(means.unsqueeze(1) @ factors).squeeze(1),
        constants=gaussian_constants(factors, freedom, precision, counts),
    )
