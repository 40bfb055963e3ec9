"""Closed forms against independent solutions in float64."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.kernel_ridge import KernelRidge as SklearnKernelRidge
from sklearn.linear_model import LogisticRegression

from fewshot_cls.choice import CLOSED_FORMS, GRIDS, choose
from fewshot_cls.heads import shape_vectors
from fewshot_cls.training_free import (
    gaussian_discriminant,
    kernel_ridge,
    ledoit_wolf,
    linear_probe,
    solve_shrunk,
    tip_adapter,
)
from tests.fewshot_cls.samples import CLASSES, labelled_views, zero_shot

TEST, _ = labelled_views(4, seed=9)
HOWS = ["joined", "pooled"]


def exact(views: torch.Tensor, how: str) -> np.ndarray:
    return shape_vectors(views.double(), zero_shot().weights.double(), how).numpy()


def agrees(ours: torch.Tensor, theirs: np.ndarray, tolerance: float = 2e-5) -> None:
    """2e-5 of the largest: the head is float32, the other solution float64."""
    np.testing.assert_allclose(ours.detach().numpy(), theirs, atol=tolerance * np.abs(theirs).max(), rtol=0)


@pytest.mark.parametrize("how", HOWS)
def test_tip_adapter(how):
    views, labels = labelled_views(3)
    x, keys = exact(TEST, how), exact(views, how)
    votes = np.zeros((len(x), CLASSES))
    for i, row in enumerate(x):
        for key, label in zip(keys, labels, strict=True):
            votes[i, label] += np.exp(-4.0 * (1 - row @ key))
    agrees(
        tip_adapter(zero_shot(), views, labels, alpha=2.0, beta=4.0, how=how)(TEST),
        zero_shot()(TEST).numpy() + 2 * votes,
    )


@pytest.mark.parametrize("how", HOWS)
def test_kernel_ridge_is_scikit_learns(how):
    views, labels = labelled_views(3)
    left = np.eye(CLASSES)[labels] - zero_shot()(views).double().softmax(1).numpy()
    # exp(−β(1 − x · x')) of unit vectors is exp(−γ‖x − x'‖²) with γ = β / 2
    theirs = SklearnKernelRidge(alpha=0.3, kernel="rbf", gamma=2.5).fit(exact(views, how), left)
    head = kernel_ridge(zero_shot(), views, labels, beta=5.0, ridge=0.3, how=how)
    agrees(head.scores(head.vectors(TEST)), theirs.predict(exact(TEST, how)))


@pytest.mark.parametrize("how", HOWS)  # fewer vectors than dimensions, and more
@pytest.mark.parametrize("shrinkage", [0.2, 1.0])
def test_discriminant_is_scikit_learns(how, shrinkage):
    views, labels = labelled_views(6)
    head = gaussian_discriminant(zero_shot(), views, labels, shrinkage=shrinkage, how=how)
    x = exact(views, how)
    means = np.stack([x[labels == k].mean(0) for k in range(CLASSES)])
    spread = (x - means[labels]).T @ (x - means[labels]) / len(x)
    shrunk = (1 - shrinkage) * spread + shrinkage * np.trace(spread) / x.shape[1] * np.eye(x.shape[1])
    weight = np.linalg.solve(shrunk, means.T).T
    scores = exact(TEST, how) @ weight.T + np.log(1 / CLASSES) - (weight * means).sum(1) / 2
    agrees(head.scores(head.vectors(TEST)), scores, 1e-4)  # sums of cancelling terms in float32


def test_discriminant_without_prior_is_scikit_learns_lda():
    views, labels = labelled_views(40)
    ours = gaussian_discriminant(zero_shot(), views, labels, shrinkage=1e-9, how="pooled")
    theirs = LinearDiscriminantAnalysis(solver="lsqr").fit(exact(views, "pooled"), labels)
    scores = theirs.decision_function(exact(TEST, "pooled"))
    mine = ours.scores(ours.vectors(TEST)).numpy()
    # scikit-learn leaves out what is equal for all classes, and so do differences between classes
    np.testing.assert_allclose(mine - mine[:, :1], scores - scores[:, :1], rtol=1e-3, atol=1e-2)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(m=st.integers(2, 40), d=st.integers(1, 30), seed=st.integers(0, 99), shrinkage=st.floats(0.01, 1))
def test_shrinkage_and_its_solution(m, d, seed, shrinkage):
    rng = np.random.default_rng(seed)
    scatter, right = rng.normal(size=(m, d)) * rng.uniform(0.1, 2, d), rng.normal(size=(d, 3))
    if d > 1:  # of a single number there is nothing to shrink
        assert ledoit_wolf(torch.from_numpy(scatter)) == pytest.approx(
            ledoit_wolf_shrinkage(scatter, assume_centered=True), abs=1e-9
        )
    spread = scatter.T @ scatter / m
    shrunk = (1 - shrinkage) * spread + shrinkage * np.trace(spread) / d * np.eye(d)
    ours = solve_shrunk(torch.from_numpy(scatter), shrinkage, torch.from_numpy(right)).numpy()
    np.testing.assert_allclose(ours, np.linalg.solve(shrunk, right), rtol=1e-6, atol=1e-8)


def test_one_shot_discriminant_is_finite_and_right_on_its_support():
    views, labels = labelled_views(1)
    head = gaussian_discriminant(zero_shot(), views, labels, alpha=1e6)
    assert torch.equal(head(views).argmax(1), labels)


@pytest.mark.parametrize("classes", [2, CLASSES])
def test_linear_probe_is_scikit_learns(classes):
    views, labels = labelled_views(5)
    zero, few = zero_shot(), labels < classes
    zero.classes = zero.classes[:classes]
    head = linear_probe(zero, views[few], labels[few], penalty=3.0)
    theirs = LogisticRegression(C=3.0, max_iter=1000).fit(exact(views[few], "joined"), labels[few])
    shares = head(TEST).softmax(1).numpy()
    np.testing.assert_allclose(shares, theirs.predict_proba(exact(TEST, "joined")), atol=1e-5)


@pytest.mark.parametrize("method", list(CLOSED_FORMS))
def test_choice_is_the_best_of_its_grid(method):
    support, judged = labelled_views(2), labelled_views(3, seed=1)
    grid = {name: tuple(values)[::3] for name, values in GRIDS[method].items()}
    chosen = choose(method, zero_shot(), support, judged, grid=grid)
    assert chosen.numbers.keys() == grid.keys()
    assert chosen.tried == np.prod([len(values) for values in grid.values()])

    def accuracy(numbers):
        head = CLOSED_FORMS[method](zero_shot(), *support, **numbers)
        return 100 * (head(judged[0]).argmax(1) == judged[1]).double().mean().item()

    assert accuracy(chosen.numbers) == pytest.approx(chosen.accuracy)
    one_other = {name: values[0] for name, values in grid.items()}
    assert accuracy(one_other) <= chosen.accuracy + 1e-9
