"""Compiled counting loops of the search.

A row's float32 logits are compared with a threshold in a loop that the compiler vectorises; where one is too close to
call, `dot` decides in float64. Importing this module loads numba.
"""

import numpy as np

from pointclip.utils.compiled import compiled

BLOCK = 128  # logits compared between two checks for close calls


@compiled()
def dot(a, b):
    """Σ_c a_c · b_c in float64, always summed in the same order, so that equal inputs give identical results."""
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = 0.0
    stop = len(a) // 8 * 8
    for c in range(0, stop, 8):
        s0 += np.float64(a[c]) * np.float64(b[c])
        s1 += np.float64(a[c + 1]) * np.float64(b[c + 1])
        s2 += np.float64(a[c + 2]) * np.float64(b[c + 2])
        s3 += np.float64(a[c + 3]) * np.float64(b[c + 3])
        s4 += np.float64(a[c + 4]) * np.float64(b[c + 4])
        s5 += np.float64(a[c + 5]) * np.float64(b[c + 5])
        s6 += np.float64(a[c + 6]) * np.float64(b[c + 6])
        s7 += np.float64(a[c + 7]) * np.float64(b[c + 7])
    rest = 0.0
    for c in range(stop, len(a)):
        rest += np.float64(a[c]) * np.float64(b[c])
    return ((s0 + s4) + (s1 + s5)) + ((s2 + s6) + (s3 + s7)) + rest


@compiled()
def dots(rows, columns, out):
    """out[i, k] = dot(rows[i], columns[k])."""
    for i in range(len(rows)):
        for k in range(len(columns)):
            out[i, k] = dot(rows[i], columns[k])


@compiled()
def count_wins(logits, rival, bound, wins_ties, group, features, candidates, counts):
    """Count for each candidate, per group, the rows in which its logit exceeds the rival's.

    Args:
        logits: [R, J] float32, rows · candidates, each within `bound` of the true value.
        rival: [R] float64, the largest of the other classes' logits.
        bound: [R] float64; 0 for rows whose features are all 0, where all logits tie.
        wins_ties: [R] bool, whether the candidate's class wins ties.
        group: [R] int64, -1 for rows to ignore.
        features: [R, C]; candidates: [J, C] float32.
        counts: [G, J] int32, incremented.
    """
    for i in range(len(logits)):
        if group[i] < 0:
            continue
        row, wins = logits[i], counts[group[i]]
        if bound[i] == 0:
            if wins_ties[i]:
                wins += np.int32(1)
            continue
        low, high = np.float32(rival[i] - bound[i]), np.float32(rival[i] + bound[i])
        for begin in range(0, len(row), BLOCK):
            end = min(begin + BLOCK, len(row))
            close = np.int32(0)
            for j in range(np.uint64(begin), np.uint64(end)):  # unsigned: no check for negative indices in the loop
                wins[j] += np.int32(row[j] > high)
                close += np.int32(np.int32(row[j] >= low) & np.int32(row[j] <= high))
            if close == 0:
                continue
            for j in range(np.uint64(begin), np.uint64(end)):
                if low <= row[j] <= high:
                    exact = dot(features[i], candidates[j])
                    wins[j] += np.int32(exact > rival[i] or (exact == rival[i] and wins_ties[i]))


@compiled()
def _term(values, columns, v):
    """The weight and column of view v; past the last view, weight 0 and the last column."""
    last = len(values) - 1
    return (np.float32(values[v]), columns[v]) if v <= last else (np.float32(0), columns[last])


@compiled()
def _weighted_sum(values, columns, out):
    """out[g] = Σ_v values[v] · columns[v, g] in float32; five views at a time save loads and stores."""
    for v in range(0, len(values), 5):
        (a0, c0), (a1, c1) = _term(values, columns, v), _term(values, columns, v + 1)
        (a2, c2), (a3, c3) = _term(values, columns, v + 2), _term(values, columns, v + 3)
        a4, c4 = _term(values, columns, v + 4)
        fresh = v == 0
        for g in range(np.uint64(len(out))):
            total = a0 * c0[g] + a1 * c1[g] + a2 * c2[g] + a3 * c3[g] + a4 * c4[g]
            out[g] = total if fresh else out[g] + total


@compiled()
def count_correct(margins, wins_ties, bound, columns, sets, correct):
    """Count, for each set of view weights, the rows whose weighted margins are all positive, or 0 where `wins_ties`.

    Args:
        margins: [R, K, V] float64, the true class's over each other class; wins_ties: [R, K] bool.
        bound: [R] float64, float32 error bound of a weighted margin.
        columns: [V, G] float32, the same weights as sets: [G, V] float64.
        correct: [G] int64, incremented.
    """
    (rows, others, _), count = margins.shape, len(sets)
    smallest, margin = np.empty(count, np.float32), np.empty(count, np.float32)
    for i in range(rows):
        smallest[:] = np.inf
        for k in range(others):
            _weighted_sum(margins[i, k], columns, margin)
            for g in range(np.uint64(count)):
                smallest[g] = min(smallest[g], margin[g])
        row_bound = np.float32(bound[i])
        for g in range(count):
            if abs(smallest[g]) > row_bound:
                correct[g] += smallest[g] > 0
            else:
                correct[g] += _is_correct(margins[i], wins_ties[i], sets[g])


@compiled()
def _is_correct(margins, wins_ties, weights):
    """Whether all weighted margins [K, V] are positive in float64, or 0 where `wins_ties` [K]."""
    for k in range(len(margins)):
        exact = dot(margins[k], weights)
        if exact < 0 or (exact == 0 and not wins_ties[k]):
            return False
    return True


@compiled()
def count_labels(logits, bound, truth, columns, sets, predicted, correct):
    """Count, for each set of view weights, how often each part is predicted, and how often correctly.

    Args:
        logits: [N, K, V] float32.
        bound: [N] float64, float32 error bound of the difference of two weighted logits; 0 for points that no view
            sees, whose logits are all 0.
        truth: [N] int64, column of the true part; -1 if unknown, such points are ignored; K or more for a part that is
            never predicted.
        columns: [V, G] float32, the same weights as sets: [G, V] float64.
        predicted, correct: [K, G] int32, incremented.
    """
    (points, parts, _), count = logits.shape, len(sets)
    best, second, row = np.empty(count, np.float32), np.empty(count, np.float32), np.empty(count, np.float32)
    label = np.empty(count, np.int32)
    for i in range(points):
        if truth[i] < 0:
            continue
        _weighted_sum(logits[i, 0], columns, best)
        second[:] = -np.inf
        label[:] = 0
        for k in range(1, parts):
            _weighted_sum(logits[i, k], columns, row)
            for g in range(np.uint64(count)):
                second[g] = max(second[g], min(best[g], row[g]))
                label[g] = np.int32(k) if row[g] > best[g] else label[g]
                best[g] = max(best[g], row[g])
        if bound[i] > 0:
            _resolve_close_calls(best, second, np.float32(bound[i]), logits[i], sets, label)
        for k in range(parts):
            part_predicted = predicted[k]
            for g in range(np.uint64(count)):
                part_predicted[g] += np.int32(label[g] == np.int32(k))
        if truth[i] < parts:
            part_correct = correct[truth[i]]
            for g in range(np.uint64(count)):
                part_correct[g] += np.int32(label[g] == np.int32(truth[i]))


@compiled()
def _resolve_close_calls(best, second, bound, logits, weights, label):
    """Recompute in float64 the labels whose two largest logits are too close to call; the first part wins ties."""
    sets = len(best)
    for begin in range(0, sets, BLOCK):
        end = min(begin + BLOCK, sets)
        close = np.int32(0)
        for g in range(np.uint64(begin), np.uint64(end)):
            close += np.int32(best[g] - second[g] <= bound)
        if close == 0:
            continue
        for g in range(np.uint64(begin), np.uint64(end)):
            if best[g] - second[g] <= bound:
                largest = -np.inf
                for k in range(len(logits)):
                    exact = dot(logits[k], weights[g])
                    if exact > largest:
                        largest = exact
                        label[g] = np.int32(k)
