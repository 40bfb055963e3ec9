"""The search as a literal implementation of the method: every candidate is fully evaluated, in exact arithmetic.

Fractions make it exact for any input. Numbers with few binary digits make ties likely.
"""

import itertools
import math
from fractions import Fraction

import torch
import torch.nn.functional as F


def fractions(tensor):
    """A tensor as nested lists of fractions."""
    if isinstance(tensor, torch.Tensor):
        tensor = tensor.tolist()
    return [fractions(part) for part in tensor] if isinstance(tensor, list | tuple) else Fraction(tensor)


def argmax(values):
    """The index of the first maximum."""
    best = 0
    for k, value in enumerate(values):
        if value > values[best]:
            best = k
    return best


def label(views, texts, weights):
    """argmax_k of 100/√V · Σ_v w_v f_v · t_k; the factor is omitted, which does not affect the order."""
    scale = Fraction(100 / math.sqrt(len(views)))
    logits = []
    for text in texts:
        logit = 0
        for view, weight in zip(views, weights, strict=True):
            logit += weight * sum(f * t for f, t in zip(view, text, strict=True))
        logits.append(scale * logit)
    return argmax(logits)


def accuracy(features, labels, texts, weights):
    """features [n][V][C], labels [n], texts [K][C], weights [V] -> percent."""
    right = sum(label(views, texts, weights) == truth for views, truth in zip(features, labels, strict=True))
    return Fraction(100 * right, len(labels))


def miou(features, labels, texts, weights, parts, rule):
    """features [n][N][V][C], labels [n][N] -> mean instance IoU in percent."""
    total = 0
    for shape, truth in zip(features, labels, strict=True):
        called = [label(views, texts, weights) for views in shape]
        ious = []
        for part in range(parts):
            both = sum(t == part and c == part for t, c in zip(truth, called, strict=True))
            either = sum(t >= 0 and (t == part or c == part) for t, c in zip(truth, called, strict=True))
            if either:
                ious.append(Fraction(100 * both, either))
            elif rule == "standard":
                ious.append(Fraction(100))
        total += sum(ious) / len(ious)
    return total / len(labels)


def greedy(score, candidates, start, sweeps=2):
    """score(texts) -> number; candidates [K][S][C] -> the chosen indices and their score."""
    chosen = list(start)
    best = score([group[c] for group, c in zip(candidates, chosen, strict=True)])
    for _ in range(sweeps):
        for k, group in enumerate(candidates):
            for index in range(len(group)):
                trial = [*chosen[:k], index, *chosen[k + 1 :]]
                value = score([group[c] for group, c in zip(candidates, trial, strict=True)])
                if value > best:
                    best, chosen = value, trial
    return chosen, best


def best_weights(score, values, fixed, views):
    """score(weights) -> number; the first best of {values}^free."""
    chosen, best = None, -1
    free = [v for v in range(views) if v not in fixed]
    for combination in itertools.product(values, repeat=len(free)):
        weights = [fixed.get(v, 0) for v in range(views)]
        for v, weight in zip(free, combination, strict=True):
            weights[v] = weight
        value = score([Fraction(weight) for weight in weights])
        if value > best:
            chosen, best = weights, value
    return chosen, best


def numbers(generator, shape, exact):
    """Multiples of 1/4 in -1 … 1, many of them equal, or unit vectors."""
    if exact:
        return torch.randint(-4, 5, shape, generator=generator) / 4
    return F.normalize(torch.randn(shape, generator=generator), dim=-1)
