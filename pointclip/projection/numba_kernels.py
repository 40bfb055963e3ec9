"""Compiled code of the CPU engine: from one view's cells to its depth map, one slice of the voxel grid at a time.

The full grid is never stored. Slices are computed in order of depth; only the last few densified ones are kept, as many
as the Gaussian covers, and each smoothed slice is merged into the image at once. Each row of a slice has a span, the
range of columns [first, end) that may be non-zero; only spans are computed. Outside its span a row is 0, so rows can be
combined without comparing their spans. An empty span is (NO_COLUMN, 0).

Windows are processed five neighbours at a time: the compiler vectorises such loops, and five is the size of the paper's
largest Gaussian. An incomplete group of five is padded with weight 0, or for a maximum by repeating a row.

Importing this module compiles, or loads what an earlier import compiled (see `numba_engine.warm_up`).
"""

import numpy as np

from pointclip.utils.compiled import compiled, part

GROUP = 5
NO_COLUMN = 1 << 30  # where an empty span begins


@part
def group_max(target, row, source, rows, first, end, fresh):
    """Maximum of five rows of `source` (and, unless `fresh`, of the target row) in columns [first, end)."""
    r0, r1, r2, r3, r4 = rows
    t, s0, s1, s2, s3, s4 = target[row], source[r0], source[r1], source[r2], source[r3], source[r4]
    for c in range(np.uint64(first), np.uint64(end)):  # unsigned: no check for negative indices in the loop
        best = max(max(max(max(s0[c], s1[c]), s2[c]), s3[c]), s4[c])
        t[c] = best if fresh else max(t[c], best)


@part
def group_sum(target, shift, source, rows, weights, first, end, fresh):
    """Weighted sum of five rows of `source` in columns [first, end), stored in target[c + shift] or added to it."""
    (r0, r1, r2, r3, r4), (w0, w1, w2, w3, w4) = rows, weights
    s0, s1, s2, s3, s4 = source[r0], source[r1], source[r2], source[r3], source[r4]
    shift = np.uint64(shift)
    for c in range(np.uint64(first), np.uint64(end)):
        total = s0[c] * w0 if fresh else target[c + shift] + s0[c] * w0
        target[c + shift] = total + s1[c] * w1 + s2[c] * w2 + s3[c] * w3 + s4[c] * w4


@part
def shifted_sum(target, line, shift, weights, first, end, fresh):
    """Weighted sum of five neighbours in `line`, starting at c + shift, for target columns c in [first, end)."""
    w0, w1, w2, w3, w4 = weights
    i0 = np.uint64(shift)
    i1, i2, i3, i4 = i0 + np.uint64(1), i0 + np.uint64(2), i0 + np.uint64(3), i0 + np.uint64(4)
    for c in range(np.uint64(first), np.uint64(end)):
        total = line[c + i0] * w0 if fresh else target[c] + line[c + i0] * w0
        target[c] = total + line[c + i1] * w1 + line[c + i2] * w2 + line[c + i3] * w3 + line[c + i4] * w4


@part
def five_rows(begin, low, high):
    """Five consecutive row indices starting at `begin`, clamped to [low, high)."""
    return (
        min(max(begin, low), high - 1),
        min(max(begin + 1, low), high - 1),
        min(max(begin + 2, low), high - 1),
        min(max(begin + 3, low), high - 1),
        min(max(begin + 4, low), high - 1),
    )


@part
def weight_at(weights, tap, position, size):
    inside = tap < len(weights) and 0 <= position < size
    return weights[tap] if inside else np.float32(0)


@part
def five_weights(weights, tap, begin, size):
    """Five weights starting at `tap`, for five rows starting at `begin`: 0 past the last tap and outside [0, size)."""
    return (
        weight_at(weights, tap, begin, size),
        weight_at(weights, tap + 1, begin + 1, size),
        weight_at(weights, tap + 2, begin + 2, size),
        weight_at(weights, tap + 3, begin + 3, size),
        weight_at(weights, tap + 4, begin + 4, size),
    )


@part
def union(spans, first, end):
    """The smallest span that covers the spans of rows [first, end)."""
    low, high = np.int64(NO_COLUMN), np.int64(0)
    for row in range(np.uint64(max(0, first)), np.uint64(min(len(spans), end))):
        low, high = min(low, spans[row, 0]), max(high, spans[row, 1])
    return low, high


@part
def set_span(target, spans, row, low, high):
    """Set a row's span and clear the part of its old span outside the new one."""
    t = target[row]
    for c in range(np.uint64(spans[row, 0]), np.uint64(min(spans[row, 1], low))):
        t[c] = 0
    for c in range(np.uint64(max(spans[row, 0], high)), np.uint64(spans[row, 1])):
        t[c] = 0
    spans[row, 0], spans[row, 1] = low, high


@part
def sort_by_depth(depth, depth_cells):
    """Counting sort by depth: point indices [N] and each depth's offset [D + 1]; points out of range are left out."""
    start = np.zeros(depth_cells + 1, np.int64)
    for k in depth:
        if 0 <= k < depth_cells:
            start[k + 1] += 1
    for k in range(depth_cells):
        start[k + 1] += start[k]
    slot = start[:-1].copy()
    order = np.empty(start[-1], np.int64)
    for point in range(len(depth)):
        k = depth[point]
        if 0 <= k < depth_cells:
            order[slot[k]] = point
            slot[k] += 1
    return order, start


@part
def stamp(points, row, column, value, window, padding, columns, lines, spans):
    """Voxelize and dilate along columns: each point raises the `window` cells of its row in `lines` that cover it."""
    for i in range(len(spans)):
        set_span(lines, spans, i, NO_COLUMN, 0)
    for point in points:
        r, last, new = row[point], column[point] + padding, value[point]
        first, end = max(0, last - window + 1), min(columns, last + 1)
        if first < end:
            spans[r, 0], spans[r, 1] = min(spans[r, 0], first), max(spans[r, 1], end)
        line = lines[r]
        for c in range(np.uint64(first), np.uint64(max(first, end))):
            line[c] = max(line[c], new)


@part
def dilate_rows(lines, line_spans, window, padding, size, slot, dense, spans):
    """Dilate along rows, maximum over `window` rows: `lines` -> slice `slot` of `dense`."""
    for r in range(size):
        begin = r - padding
        low, high = union(line_spans, begin, begin + window)
        row = slot * size + r
        set_span(dense, spans, row, low, high)
        if low < high:
            top, bottom = max(0, begin), min(len(line_spans), begin + window)
            for tap in range(0, window, GROUP):
                group_max(dense, row, lines, five_rows(begin + tap, top, bottom), low, high, tap == 0)


@part
def blend_depth(dense, dense_spans, z, padding, weights, size, blend, spans):
    """Gaussian along depth: the kept slices of `dense` -> slice z in `blend`."""
    kept = len(weights)
    for r in range(size):
        low, high = np.int64(NO_COLUMN), np.int64(0)
        for slot in range(kept):
            row = slot * size + r
            low, high = min(low, dense_spans[row, 0]), max(high, dense_spans[row, 1])
        set_span(blend, spans, r, low, high)
        if low < high:
            for tap in range(0, kept, GROUP):
                near = z - padding + tap  # the first of five slices; slice k is stored in slot k % kept
                rows = (
                    near % kept * size + r,
                    (near + 1) % kept * size + r,
                    (near + 2) % kept * size + r,
                    (near + 3) % kept * size + r,
                    (near + 4) % kept * size + r,
                )
                group_sum(blend[r], 0, dense, rows, five_weights(weights, tap, 0, GROUP), low, high, tap == 0)


@part
def blend_image(blend, blend_spans, padding, row_weights, column_weights, line, smooth, spans):
    """Gaussian along rows, then columns: `blend` -> `smooth`, which holds stale values outside its spans."""
    size, taps = len(blend), len(column_weights)
    margin = (len(line) - size) // 2  # column c of a row is at c + margin in `line`
    for r in range(len(smooth)):
        begin = r - padding[1]
        low, high = union(blend_spans, begin, begin + len(row_weights))
        if low >= high:
            spans[r, 0], spans[r, 1] = NO_COLUMN, 0
            continue
        for tap in range(0, len(row_weights), GROUP):
            rows = five_rows(begin + tap, 0, size)
            weights = five_weights(row_weights, tap, begin + tap, size)
            group_sum(line, margin, blend, rows, weights, low, high, tap == 0)
        for c in range(np.uint64(low + margin - taps), np.uint64(low + margin)):
            line[c] = 0
        for c in range(np.uint64(high + margin), np.uint64(high + margin + taps)):
            line[c] = 0
        low, high = max(0, low + padding[2] - taps + 1), min(smooth.shape[1], high + padding[2])
        spans[r, 0], spans[r, 1] = low, high
        for tap in range(0, taps, GROUP):
            shift = margin - padding[2] + tap
            weights = five_weights(column_weights, tap, 0, GROUP)
            shifted_sum(smooth[r], line, shift, weights, low, max(low, high), tap == 0)


@part
def squeeze(smooth, spans, image):
    """Merge a smoothed slice into the image: pixelwise maximum."""
    for r in range(len(image)):
        t, s = image[r], smooth[r]
        for c in range(np.uint64(spans[r, 0]), np.uint64(max(spans[r, 0], spans[r, 1]))):
            t[c] = max(t[c], s[c])


@part
def read_slice(smooth, spans, points, row, column, values):
    """Read the smoothed slice's value at each of its query points, 0 outside."""
    for point in points:
        r, c = row[point], column[point]
        inside = 0 <= r < len(smooth) and spans[r, 0] <= c < spans[r, 1]
        values[point] = smooth[r, c] if inside else np.float32(0)


@part
def empty_rows(rows, columns):
    """Rows of zeros, and their empty spans [rows, 2]."""
    spans = np.zeros((rows, 2), np.int64)
    spans[:, 0] = NO_COLUMN
    return np.zeros((rows, columns), np.float32), spans


@part
def sweep(points, lookup, sizes, window, padding, smooth_padding, weights, image, values):
    """Compute the smoothed slices in order, squeeze them into `image`, and read `values` from them."""
    row, column, depth, value = points
    lookup_row, lookup_column, lookup_depth = lookup
    depth_weights, row_weights, column_weights = weights
    depth_cells, size = sizes
    dense_depth = depth_cells + 2 * padding[0] - window[0] + 1
    height, width = size + 2 * padding[1] - window[1] + 1, size + 2 * padding[2] - window[2] + 1
    kept = len(depth_weights)
    smooth_depth = dense_depth + 2 * smooth_padding[0] - kept + 1

    order, start = sort_by_depth(depth, depth_cells)
    lookup_order, lookup_start = sort_by_depth(lookup_depth, smooth_depth)
    lines, line_spans = empty_rows(size, width)
    dense, dense_spans = empty_rows(kept * height, width)
    blend, blend_spans = empty_rows(height, width)
    smooth, smooth_spans = empty_rows(image.shape[0], image.shape[1])
    line = np.zeros(width + 2 * (len(column_weights) + smooth_padding[2] + GROUP), np.float32)
    remaining = 0  # slices until all kept ones are empty again
    for newest in range(dense_depth + kept):
        first = max(0, newest - padding[0])
        end = max(first, min(depth_cells, newest - padding[0] + window[0])) if newest < dense_depth else first
        new_points = order[start[first] : start[end]] if first < end else order[:0]
        remaining = kept + 1 if len(new_points) else remaining
        if remaining == 0:
            continue
        remaining -= 1
        stamp(new_points, row, column, value, window[2], padding[2], width, lines, line_spans)
        dilate_rows(lines, line_spans, window[1], padding[1], height, newest % kept, dense, dense_spans)
        z = newest - kept + 1 + smooth_padding[0]
        if 0 <= z < smooth_depth:
            blend_depth(dense, dense_spans, z, smooth_padding[0], depth_weights, height, blend, blend_spans)
            blend_image(blend, blend_spans, smooth_padding, row_weights, column_weights, line, smooth, smooth_spans)
            squeeze(smooth, smooth_spans, image)
            queries = lookup_order[lookup_start[z] : lookup_start[z + 1]]
            read_slice(smooth, smooth_spans, queries, lookup_row, lookup_column, values)


POINTS, LOOKUP = "Tuple((int64[::1], int64[::1], int64[::1], float32[::1]))", "UniTuple(int64[::1], 3)"
TRIPLE, WEIGHTS = "UniTuple(int64, 3)", "UniTuple(float32[::1], 3)"
SETTINGS = f"UniTuple(int64, 2), {TRIPLE}, {TRIPLE}, {TRIPLE}, {WEIGHTS}"


@compiled(f"boolean({POINTS}, {LOOKUP}, {SETTINGS}, float32[:, ::1], float32[::1])")
def project_view(points, lookup, sizes, window, padding, smooth_padding, weights, image, values):
    """Project one view.

    Args:
        points: row, column, depth (int64) and value (float32) of each point, [N] each.
        lookup: row, column, depth of the cells whose smoothed value to return, [M] each; M may be 0.
        sizes: D and S, the number of cells along depth and along rows and columns.
        window, padding: of densify, along depth, row, column.
        smooth_padding: of smooth, along depth, row, column.
        weights: of the Gaussian along depth, row, column, float32.
        image: [H, H] float32, receives the depth map.
        values: [M] float32, receives the smoothed values of the lookup cells as depths, like the image.

    Returns:
        Whether all points are inside the grid; if not, image and values are left unchanged.
    """
    row, column, depth, _ = points
    for indices, size in ((row, sizes[1]), (column, sizes[1]), (depth, sizes[0])):
        if indices.min() < 0 or indices.max() >= size:
            return False
    image[:] = 0
    values[:] = 0
    sweep(points, lookup, sizes, window, padding, smooth_padding, weights, image, values)
    largest = image.max()
    one = np.float32(1)  # an integer would make it float64
    for r in range(len(image)):
        pixels = image[r]
        for c in range(len(pixels)):
            pixels[c] = one - pixels[c] / largest
    for point in range(len(values)):
        values[point] = one - values[point] / largest
    return True
