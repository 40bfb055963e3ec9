"""Compiled counting loops of the search.

A row's float32 logits are compared with what they have to beat in a loop that the compiler turns into vector
instructions; where one is too close to call, `dot` decides in float64. Importing this module loads numba.
"""

import numpy as np

from pointclip.utils.compiled import compiled

BLOCK = 128  # so many logits are looked at before asking whether any was too close to call


@compiled()
def dot(a, b):
    """Σ_c a_c · b_c in float64, always summed in the same order, so that equal inputs give equal bits."""
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = 0.0
    whole = len(a) // 8 * 8
    for c in range(0, whole, 8):
        s0 += np.float64(a[c]) * np.float64(b[c])
        s1 += np.float64(a[c + 1]) * np.float64(b[c + 1])
        s2 += np.float64(a[c + 2]) * np.float64(b[c + 2])
        s3 += np.float64(a[c + 3]) * np.float64(b[c + 3])
        s4 += np.float64(a[c + 4]) * np.float64(b[c + 4])
        s5 += np.float64(a[c + 5]) * np.float64(b[c + 5])
        s6 += np.float64(a[c + 6]) * np.float64(b[c + 6])
        s7 += np.float64(a[c + 7]) * np.float64(b[c + 7])
    rest = 0.0
    for c in range(whole, len(a)):
        rest += np.float64(a[c]) * np.float64(b[c])
    return ((s0 + s4) + (s1 + s5)) + ((s2 + s6) + (s3 + s7)) + rest


@compiled()
def dots(rows, columns, out):
    """out[i, k] = dot(rows[i], columns[k])."""
    for i in range(len(rows)):
        for k in range(len(columns)):
            out[i, k] = dot(rows[i], columns[k])


@compiled()
def count_wins(logits, rival, bound, first, group, features, candidates, counts):
    """Count, per group of rows, in how many rows each candidate's logit beats the row's rival.

    Args:
        logits: [R, J] float32, rows · candidates, each at most `bound` from the true value.
        rival: [R] float64, the largest of the other classes' logits.
        bound: [R] float64; 0 for rows whose features are all 0, where all logits tie.
        first: [R] bool, whether the candidate's class wins ties.
        group: [R] int64, -1 for rows that do not count.
        features: [R, C]; candidates: [J, C] float32.
        counts: [G, J] int32, added to.
    """
    for i in range(len(logits)):
        if group[i] < 0:
            continue
        row, own = logits[i], counts[group[i]]
        if bound[i] == 0:
            if first[i]:
                own += np.int32(1)
            continue
        low, high = np.float32(rival[i] - bound[i]), np.float32(rival[i] + bound[i])
        for begin in range(0, len(row), BLOCK):
            end = min(begin + BLOCK, len(row))
            close = np.int32(0)
            for j in range(np.uint64(begin), np.uint64(end)):  # unsigned: no check for negative indices in the loop
                own[j] += np.int32(row[j] > high)
                close += np.int32(np.int32(row[j] >= low) & np.int32(row[j] <= high))
            if close == 0:
                continue
            for j in range(np.uint64(begin), np.uint64(end)):
                if low <= row[j] <= high:
                    exact = dot(features[i], candidates[j])
                    own[j] += np.int32(exact > rival[i] or (exact == rival[i] and first[i]))


@compiled()
def _term(values, columns, v):
    """What view v adds to a weighted sum; views that do not exist add 0 times the last."""
    last = len(values) - 1
    return (np.float32(values[v]), columns[v]) if v <= last else (np.float32(0), columns[last])


@compiled()
def _weigh(values, columns, out):
    """out[g] = Σ_v values[v] · columns[v, g] in float32; five views at a time spare loads and stores."""
    for v in range(0, len(values), 5):
        (a0, c0), (a1, c1) = _term(values, columns, v), _term(values, columns, v + 1)
        (a2, c2), (a3, c3) = _term(values, columns, v + 2), _term(values, columns, v + 3)
        a4, c4 = _term(values, columns, v + 4)
        fresh = v == 0
        for g in range(np.uint64(len(out))):
            total = a0 * c0[g] + a1 * c1[g] + a2 * c2[g] + a3 * c3[g] + a4 * c4[g]
            out[g] = total if fresh else out[g] + total


@compiled()
def count_right(leads, ahead, bound, columns, sets, right):
    """Count, for each set of view weights, the rows whose weighted leads are all above 0, or 0 where `ahead`.

    Args:
        leads: [R, K, V] float64; ahead: [R, K] bool.
        bound: [R] float64, how far a weighted lead can be off in float32.
        columns: [V, G] float32, the same weights as sets: [G, V] float64.
        right: [G] int64, added to.
    """
    (rows, others, _), count = leads.shape, len(sets)
    least, lead = np.empty(count, np.float32), np.empty(count, np.float32)
    for i in range(rows):
        least[:] = np.inf
        for k in range(others):
            _weigh(leads[i, k], columns, lead)
            for g in range(np.uint64(count)):
                least[g] = min(least[g], lead[g])
        sure = np.float32(bound[i])
        for g in range(count):
            if abs(least[g]) > sure:
                right[g] += least[g] > 0
            else:
                right[g] += _leads(leads[i], ahead[i], sets[g])


@compiled()
def _leads(leads, ahead, weights):
    """Whether all weighted leads [K, V] are above 0 in float64, or 0 where `ahead` [K]."""
    for k in range(len(leads)):
        exact = dot(leads[k], weights)
        if exact < 0 or (exact == 0 and not ahead[k]):
            return False
    return True


@compiled()
def count_labels(logits, bound, truth, columns, sets, predicted, hit):
    """Count, for each set of view weights, how often each part is predicted, and how often that is right.

    Args:
        logits: [N, K, V] float32.
        bound: [N] float64, how far a gap between two weighted logits can be off in float32; 0 for points that no view
            sees, whose logits are all 0.
        truth: [N] int64 column of the true part; -1 where it is not known, such a point does not count; K and more
            for a part that is never predicted.
        columns: [V, G] float32, the same weights as sets: [G, V] float64.
        predicted, hit: [K, G] int32, added to.
    """
    (points, parts, _), count = logits.shape, len(sets)
    best, second, row = np.empty(count, np.float32), np.empty(count, np.float32), np.empty(count, np.float32)
    label = np.empty(count, np.int32)
    for i in range(points):
        if truth[i] < 0:
            continue
        _weigh(logits[i, 0], columns, best)
        second[:] = -np.inf
        label[:] = 0
        for k in range(1, parts):
            _weigh(logits[i, k], columns, row)
            for g in range(np.uint64(count)):
                second[g] = max(second[g], min(best[g], row[g]))
                label[g] = np.int32(k) if row[g] > best[g] else label[g]
                best[g] = max(best[g], row[g])
        if bound[i] > 0:
            _settle(best, second, np.float32(bound[i]), logits[i], sets, label)
        for k in range(parts):
            own = predicted[k]
            for g in range(np.uint64(count)):
                own[g] += np.int32(label[g] == np.int32(k))
        if truth[i] < parts:
            own = hit[truth[i]]
            for g in range(np.uint64(count)):
                own[g] += np.int32(label[g] == np.int32(truth[i]))


@compiled()
def _settle(best, second, bound, logits, weights, label):
    """Label anew, in float64, where the two largest values are too close to call; the first largest wins ties."""
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
