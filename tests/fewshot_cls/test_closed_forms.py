"""Closed-form heads against independent solutions in float64."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.kernel_ridge import KernelRidge as SklearnKernelRidge
from sklearn.linear_model import LogisticRegression

from fewshot_cls.grid_search import grid_search
from fewshot_cls.methods import METHODS
from fewshot_cls.methods.gaussian_discriminant import GaussianDiscriminant, ledoit_wolf, solve_shrunk
from fewshot_cls.methods.kernel_ridge import KernelRidge
from fewshot_cls.methods.linear_probe import LinearProbe
from fewshot_cls.methods.nearest_mean import NearestMean
from fewshot_cls.methods.tip_adapter import TipAdapter
from fewshot_cls.methods.vector_head import shape_vectors
from tests.fewshot_cls.samples import CLASSES, labelled_views, zero_shot

TEST, _ = labelled_views(4, seed=9)
CLOSED_FORMS = [method.head for method in METHODS.values() if not method.trains]
HOWS = ["concat", "sum"]


def exact(views: torch.Tensor, how: str) -> np.ndarray:
    return shape_vectors(views.double(), zero_shot().weights.double(), how).numpy()


def assert_agrees(scores: torch.Tensor, expected: np.ndarray, tolerance: float = 2e-5) -> None:
    """To 2e-5 of the largest by default: the head is float32, the expected scores float64."""
    np.testing.assert_allclose(scores.detach().numpy(), expected, atol=tolerance * np.abs(expected).max(), rtol=0)


@pytest.mark.parametrize("how", HOWS)
def test_tip_adapter(how):
    views, labels = labelled_views(3)
    x, keys = exact(TEST, how), exact(views, how)
    votes = np.zeros((len(x), CLASSES))
    for i, row in enumerate(x):
        for key, label in zip(keys, labels, strict=True):
            votes[i, label] += np.exp(-4.0 * (1 - row @ key))
    assert_agrees(
        TipAdapter.fit(zero_shot(), views, labels, alpha=2.0, beta=4.0, how=how)(TEST),
        zero_shot()(TEST).numpy() + 2 * votes,
    )


@pytest.mark.parametrize("how", HOWS)
def test_kernel_ridge_against_scikit_learn(how):
    views, labels = labelled_views(3)
    # exp(−β(1 − x · x')) of unit vectors is exp(−γ‖x − x'‖²) with γ = β / 2
    reference = SklearnKernelRidge(alpha=0.3, kernel="rbf", gamma=2.5).fit(exact(views, how), np.eye(CLASSES)[labels])
    head = KernelRidge.fit(zero_shot(), views, labels, beta=5.0, ridge=0.3, how=how)
    assert_agrees(head.scores(head.vectors(TEST)), reference.predict(exact(TEST, how)))


@pytest.mark.parametrize("how", HOWS)  # fewer vectors than dimensions, and more
@pytest.mark.parametrize("shrinkage", [0.2, 1.0])
def test_discriminant_against_direct_solution(how, shrinkage):
    views, labels = labelled_views(6)
    head = GaussianDiscriminant.fit(zero_shot(), views, labels, shrinkage=shrinkage, how=how)
    x = exact(views, how)
    means = np.stack([x[labels == k].mean(0) for k in range(CLASSES)])
    spread = (x - means[labels]).T @ (x - means[labels]) / len(x)
    shrunk = (1 - shrinkage) * spread + shrinkage * np.trace(spread) / x.shape[1] * np.eye(x.shape[1])
    weight = np.linalg.solve(shrunk, means.T).T
    scores = exact(TEST, how) @ weight.T + np.log(1 / CLASSES) - (weight * means).sum(1) / 2
    assert_agrees(head.scores(head.vectors(TEST)), scores, 1e-4)  # sums of cancelling terms in float32


def test_discriminant_against_scikit_learn_lda():
    views, labels = labelled_views(40)
    head = GaussianDiscriminant.fit(zero_shot(), views, labels, shrinkage=1e-9, how="sum")
    reference = LinearDiscriminantAnalysis(solver="lsqr").fit(exact(views, "sum"), labels)
    expected = reference.decision_function(exact(TEST, "sum"))
    scores = head.scores(head.vectors(TEST)).numpy()
    # scikit-learn drops terms common to all classes, which differences between classes cancel
    np.testing.assert_allclose(scores - scores[:, :1], expected - expected[:, :1], rtol=1e-3, atol=1e-2)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(m=st.integers(2, 40), d=st.integers(1, 30), seed=st.integers(0, 99), shrinkage=st.floats(0.01, 1))
def test_ledoit_wolf_and_shrunk_solution(m, d, seed, shrinkage):
    rng = np.random.default_rng(seed)
    scatter, right = rng.normal(size=(m, d)) * rng.uniform(0.1, 2, d), rng.normal(size=(d, 3))
    if d > 1:  # with one dimension there is nothing to shrink
        assert ledoit_wolf(torch.from_numpy(scatter)) == pytest.approx(
            ledoit_wolf_shrinkage(scatter, assume_centered=True), abs=1e-9
        )
    spread = scatter.T @ scatter / m
    shrunk = (1 - shrinkage) * spread + shrinkage * np.trace(spread) / d * np.eye(d)
    solution = solve_shrunk(torch.from_numpy(scatter), shrinkage, torch.from_numpy(right)).numpy()
    np.testing.assert_allclose(solution, np.linalg.solve(shrunk, right), rtol=1e-6, atol=1e-8)


def test_one_shot_discriminant_classifies_its_support():
    views, labels = labelled_views(1)
    head = GaussianDiscriminant.fit(zero_shot(), views, labels, alpha=1e6)
    assert torch.equal(head(views).argmax(1), labels)


@pytest.mark.parametrize("classes", [2, CLASSES])
def test_linear_probe_against_scikit_learn(classes):
    views, labels = labelled_views(5)
    zero, kept = zero_shot(), labels < classes
    zero.classes = zero.classes[:classes]
    head = LinearProbe.fit(zero, views[kept], labels[kept], C=3.0)
    reference = LogisticRegression(C=3.0, max_iter=1000).fit(exact(views[kept], "concat"), labels[kept])
    probabilities = head.scores(head.vectors(TEST)).softmax(1).numpy()
    np.testing.assert_allclose(probabilities, reference.predict_proba(exact(TEST, "concat")), atol=1e-5)


def test_nearest_mean():
    views, labels = labelled_views(3)
    head = NearestMean.fit(zero_shot(), views, labels, alpha=1.0)
    x = exact(views, "concat")
    means = np.stack([x[labels == k].mean(0) for k in range(CLASSES)])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    assert_agrees(head(TEST), exact(TEST, "concat") @ means.T)


@pytest.mark.parametrize("kind", CLOSED_FORMS)
def test_grid_search_finds_the_best(kind):
    support, validation = labelled_views(2), labelled_views(3, seed=1)
    grid = {name: tuple(values)[::3] for name, values in kind.grid.items()}
    best = grid_search(kind, zero_shot(), support, validation, grid=grid)
    assert best.hyperparameters.keys() == grid.keys()
    assert best.tried == np.prod([len(values) for values in grid.values()])

    def accuracy(hyperparameters):
        head = kind.fit(zero_shot(), *support, **hyperparameters)
        return 100 * (head(validation[0]).argmax(1) == validation[1]).double().mean().item()

    assert accuracy(best.hyperparameters) == pytest.approx(best.accuracy)
    first = {name: values[0] for name, values in grid.items()}
    assert accuracy(first) <= best.accuracy + 1e-9
