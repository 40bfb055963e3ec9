"""The CUDA engine's two kernels: sort points into buckets, and turn buckets into depth maps.

A tile is a square of pixels over the full depth. Its program walks along depth and holds in registers only what the
next smoothed slice needs: the last few slices of points dilated over rows and columns (`planes`), whose maximum is a
densified slice, and the last few densified slices (`slices`), whose Gaussian-weighted sum is a smoothed one. Within a
slice, neighbours are exchanged by shuffles or through shared memory (`tl.gather`). The last program of a view to finish
scales the image, since only then is the largest value known.

Buckets hold the points by view, tile and depth. Their order within a bucket is not deterministic (atomics), but it does
not affect the result, which is a maximum.

Importing this module imports Triton. If TRITON_INTERPRET=1 was set before the import, everything runs on the CPU.
"""

import triton
import triton.language as tl


@triton.jit
def put_into_buckets(
    row,
    column,
    depth,
    value,
    ends,
    entries,
    lookup_row,
    lookup_column,
    lookup_depth,
    lookup_ends,
    lookup_entries,
    values,
    progress,
    count,
    lookup_count,
    POINT_GRID: tl.constexpr,
    LOOKUP_GRID: tl.constexpr,
    TILES: tl.constexpr,
    PITCH: tl.constexpr,
    CHUNK: tl.constexpr,
):
    """Sort each view's points into buckets by tile and depth; program ids: view, and 0 for points, 1 for lookup cells.

    An entry holds the cell's row and column, 16 bits each, in its upper 32 bits, and in its lower 32 bits the point's
    value or the lookup cell's index in its view.

    Args:
        row, column, depth: [M, count] int64; points outside the grid are left out.
        value: [M, count] float32.
        ends: [M, TILES · TILES · depth cells + 1] int32, receives the offset of each bucket in its view's entries; a
            bucket ends where the next one starts.
        entries: [M, count · reach²] int64, receives the entries.
        lookup_row, lookup_column, lookup_depth, lookup_ends, lookup_entries: the same for the `lookup_count` lookup
            cells.
        values: [M, lookup_count] float32, set to zero: the value of cells that no tile writes.
        progress: [2, M] int32, set to zero.
        POINT_GRID, LOOKUP_GRID: rows (= columns), depth cells, shift, window, block and reach, for points and for
            lookup cells. Along rows and columns, a point affects `window` cells, the last at row + shift, counted from
            the first cell of the first tile; a tile has `block` cells; at most `reach` tiles are affected by a point.
        TILES, PITCH: number of tiles along rows (= columns), and the distance between them in cells.
    """
    view = tl.program_id(0).to(tl.int64)
    if tl.program_id(1) == 0:
        tl.store(progress + view, 0)
        tl.store(progress + tl.num_programs(0) + view, 0)
        ends += view * (TILES * TILES * POINT_GRID[1] + 1)
        entries += view * count * POINT_GRID[5] * POINT_GRID[5]
        first = view * count
        _sort(
            row + first,
            column + first,
            depth + first,
            value + first,
            ends,
            entries,
            count,
            POINT_GRID,
            TILES,
            PITCH,
            CHUNK,
        )
    else:
        ends = lookup_ends + view * (TILES * TILES * LOOKUP_GRID[1] + 1)
        entries = lookup_entries + view * lookup_count * LOOKUP_GRID[5] * LOOKUP_GRID[5]
        first = view * lookup_count
        for begin in range(0, lookup_count, CHUNK):
            index = begin + tl.arange(0, CHUNK)
            tl.store(values + first + index, 0.0, mask=index < lookup_count)
        row, column, depth = lookup_row + first, lookup_column + first, lookup_depth + first
        _sort(row, column, depth, None, ends, entries, lookup_count, LOOKUP_GRID, TILES, PITCH, CHUNK)


@triton.jit
def _sort(
    row,
    column,
    depth,
    value,
    ends,
    entries,
    count,
    GRID: tl.constexpr,
    TILES: tl.constexpr,
    PITCH: tl.constexpr,
    CHUNK: tl.constexpr,
):
    """Sort one view's points into buckets: count, prefix sum, then fill each bucket from its end."""
    buckets: tl.constexpr = TILES * TILES * GRID[1]
    for first in range(0, buckets + 1, CHUNK):
        bucket = first + tl.arange(0, CHUNK)
        tl.store(ends + bucket, 0, mask=bucket <= buckets)
    tl.debug_barrier()
    for first in range(0, count, CHUNK):
        _count_or_fill(row, column, depth, value, ends, entries, first, count, GRID, TILES, PITCH, CHUNK, False)
    tl.debug_barrier()
    before = 0
    for first in range(0, buckets + 1, CHUNK):
        bucket = first + tl.arange(0, CHUNK)
        counts = tl.load(ends + bucket, mask=bucket <= buckets, other=0)
        tl.store(ends + bucket, before + tl.cumsum(counts, 0), mask=bucket <= buckets)
        before += tl.sum(counts)
    tl.debug_barrier()
    for first in range(0, count, CHUNK):
        _count_or_fill(row, column, depth, value, ends, entries, first, count, GRID, TILES, PITCH, CHUNK, True)


@triton.jit
def _count_or_fill(
    row,
    column,
    depth,
    value,
    ends,
    entries,
    first,
    count,
    GRID: tl.constexpr,
    TILES: tl.constexpr,
    PITCH: tl.constexpr,
    CHUNK: tl.constexpr,
    FILL: tl.constexpr,
):
    """Count a chunk of points in the buckets of all tiles that they affect, or store them there (`FILL`)."""
    size: tl.constexpr = GRID[0]
    shift: tl.constexpr = GRID[2]
    window: tl.constexpr = GRID[3]
    block: tl.constexpr = GRID[4]
    reach: tl.constexpr = GRID[5]
    point = first + tl.arange(0, CHUNK)
    valid = point < count
    r = tl.load(row + point, mask=valid, other=-1)
    c = tl.load(column + point, mask=valid, other=-1)
    k = tl.load(depth + point, mask=valid, other=-1)
    valid = (r >= 0) & (r < size) & (c >= 0) & (c < size) & (k >= 0) & (k < GRID[1])
    r, c, k = r.to(tl.int32), c.to(tl.int32), k.to(tl.int32)
    content = point
    if FILL and value is not None:
        content = tl.load(value + point, mask=valid, other=0).to(tl.int32, bitcast=True)
    entry = (((r << 16) | c).to(tl.int64) << 32) | (content.to(tl.int64) & 0xFFFFFFFF)
    for up in tl.static_range(reach):
        tile_row = (r + shift) // PITCH - up
        in_row = valid & _overlaps(tile_row, r + shift, TILES, PITCH, block, window)
        for left in tl.static_range(reach):
            tile_column = (c + shift) // PITCH - left
            affected = in_row & _overlaps(tile_column, c + shift, TILES, PITCH, block, window)
            bucket = ends + (tile_row * TILES + tile_column) * GRID[1] + k
            if FILL:
                slot = tl.atomic_add(bucket, -1, mask=affected, sem="relaxed") - 1
                tl.store(entries + slot, entry, mask=affected)
            else:
                tl.atomic_add(bucket, 1, mask=affected, sem="relaxed")


@triton.jit
def _overlaps(tile, last, TILES: tl.constexpr, PITCH: tl.constexpr, BLOCK: tl.constexpr, WINDOW: tl.constexpr):
    """Whether the tile overlaps the `WINDOW` cells that end at `last`, along one axis."""
    return (tile >= 0) & (tile < TILES) & (tile * PITCH + BLOCK > last - WINDOW + 1)


@triton.jit
def _weighted_sum(slices, WEIGHTS: tl.constexpr):
    """Gaussian along depth: the weighted sum of the slices."""
    total = slices[0] * WEIGHTS[0]
    for tap in tl.static_range(1, len(WEIGHTS)):
        total += slices[tap] * WEIGHTS[tap]
    return total


@triton.jit
def _smooth_along(tile, axis: tl.constexpr, WEIGHTS: tl.constexpr, BLOCK: tl.constexpr):
    """Gaussian along an axis of a tile: result i covers cells i, i + 1, …; the last few are incomplete and not valid.

    The first tap is gathered too, although it is the tile itself: that way one layout conversion serves all taps.
    """
    total = _neighbours(tile, 0, axis, BLOCK) * WEIGHTS[0]
    for tap in tl.static_range(1, len(WEIGHTS)):
        total += _neighbours(tile, tap, axis, BLOCK) * WEIGHTS[tap]
    return total


@triton.jit
def _neighbours(tile, steps: tl.constexpr, axis: tl.constexpr, BLOCK: tl.constexpr):
    """Each cell's neighbour `steps` further along an axis, clamped to the last cell."""
    index = tl.minimum(tl.arange(0, BLOCK) + steps, BLOCK - 1)
    return tl.gather(tile, tl.broadcast_to(tl.expand_dims(index, 1 - axis), [BLOCK, BLOCK]), axis)


@triton.jit
def _row(entry):
    return (entry >> 48).to(tl.int32)


@triton.jit
def _column(entry):
    return (entry >> 32).to(tl.int32) & 0xFFFF


@triton.jit
def _dilate(entries, begin, end, first_row, first_column, WINDOW: tl.constexpr):
    """Largest value of the bucket's points in the window of rows and columns that starts at first_row, first_column."""
    plane = tl.zeros([first_row.shape[0], first_column.shape[0]], tl.float32)
    next_entry = tl.load(entries + begin, mask=begin < end, other=0)
    for index in range(begin, end):
        entry = next_entry
        next_entry = tl.load(entries + index + 1, mask=index + 1 < end, other=0)  # prefetched while this one is dilated
        value = entry.to(tl.int32).to(tl.float32, bitcast=True)
        below, right = _row(entry) - first_row, _column(entry) - first_column
        in_row = tl.where((below >= 0) & (below < WINDOW), value, 0.0)
        plane = tl.maximum(plane, tl.where(((right >= 0) & (right < WINDOW))[None, :], in_row[:, None], 0.0))
    return plane


@triton.jit
def _occupied(starts, DEPTH_CELLS: tl.constexpr, DEPTH_BLOCK: tl.constexpr):
    """The first and last depth at which a tile has points; first > last if it has none."""
    k = tl.arange(0, DEPTH_BLOCK)
    inside = k < DEPTH_CELLS
    occupied = tl.load(starts + k + 1, mask=inside, other=0) > tl.load(starts + k, mask=inside, other=0)
    return tl.min(tl.where(occupied, k, DEPTH_CELLS)), tl.max(tl.where(occupied, k, -1))


@triton.jit
def _read(
    smooth, lookup_entries, values, begin, end, first_row, first_column, BLOCK: tl.constexpr, CHUNK: tl.constexpr
):
    """Read a smoothed slice at the cells of a bucket, `CHUNK` at a time, and store each value at its entry's index."""
    cells = tl.reshape(smooth, [BLOCK * BLOCK])
    for first in range(begin, end, CHUNK):
        index = first + tl.arange(0, CHUNK)
        valid = index < end
        entry = tl.load(lookup_entries + index, mask=valid, other=0)
        local = tl.where(valid, (_row(entry) - first_row) * BLOCK + _column(entry) - first_column, 0)
        tl.store(values + entry.to(tl.int32), tl.gather(cells, local, 0), mask=valid)


@triton.jit
def _scale(pixels, largest, count, CHUNK: tl.constexpr):
    """Turn smoothed values into depths in index: 1 − value / largest. Past the L1 cache: other programs wrote them."""
    for first in range(0, count, CHUNK):
        index = first + tl.arange(0, CHUNK)
        value = tl.load(pixels + index, mask=index < count, other=0.0, cache_modifier=".cg")
        tl.store(pixels + index, 1.0 - tl.div_rn(value, largest), mask=index < count)


@triton.jit
def project_tiles(
    starts,
    entries,
    lookup_starts,
    lookup_entries,
    images,
    values,
    progress,
    count,
    lookup_count,
    DEPTH_CELLS: tl.constexpr,
    DEPTH_BLOCK: tl.constexpr,
    WINDOW: tl.constexpr,
    PADDING: tl.constexpr,
    DENSE_SIZE: tl.constexpr,
    DEPTH_WINDOW: tl.constexpr,
    DEPTH_PADDING: tl.constexpr,
    DENSE_DEPTH: tl.constexpr,
    SMOOTH_PADDING: tl.constexpr,
    SMOOTH_DEPTH_PADDING: tl.constexpr,
    SMOOTH_DEPTH: tl.constexpr,
    DEPTH_WEIGHTS: tl.constexpr,
    WEIGHTS: tl.constexpr,
    IMAGE_SIZE: tl.constexpr,
    TILES: tl.constexpr,
    PITCH: tl.constexpr,
    BLOCK: tl.constexpr,
    REACH: tl.constexpr,
    LOOKUP: tl.constexpr,
    READ_CHUNK: tl.constexpr,
    CHUNK: tl.constexpr,
):
    """Densify, smooth and squeeze one tile of one view; program ids are tile and view.

    Args:
        starts, entries: buckets of points, see `put_into_buckets`; `count` points per view, each in at most REACH².
        lookup_starts, lookup_entries: the same of the `lookup_count` lookup cells, if `LOOKUP`.
        images: [M, IMAGE_SIZE, IMAGE_SIZE] float32, receives the depth maps.
        values: [M, lookup_count] float32, zero on entry, receives the smoothed values of the lookup cells as depths.
        progress: [2, M] int32, zero on entry: the bit pattern of each image's largest value (non-negative floats sort
            like their bit patterns), and the number of finished tiles.
    """
    taps: tl.constexpr = len(DEPTH_WEIGHTS)
    tile, view = tl.program_id(0), tl.program_id(1).to(tl.int64)
    tile_row, tile_column = tile // TILES * PITCH, tile % TILES * PITCH  # of the tile's first pixel
    steps = tl.arange(0, BLOCK)
    rows, columns = tile_row - SMOOTH_PADDING + steps, tile_column - SMOOTH_PADDING + steps  # in densified slices
    in_row, in_column = (rows >= 0) & (rows < DENSE_SIZE), (columns >= 0) & (columns < DENSE_SIZE)
    inside = in_row[:, None] & in_column[None, :]
    starts += view * (TILES * TILES * DEPTH_CELLS + 1) + tile * DEPTH_CELLS
    entries += view * count * REACH * REACH
    images += view * IMAGE_SIZE * IMAGE_SIZE
    if LOOKUP:
        lookup_starts += view * (TILES * TILES * SMOOTH_DEPTH + 1) + tile * SMOOTH_DEPTH
        lookup_entries += view * lookup_count
        values += view * lookup_count

    empty = tl.zeros([BLOCK, BLOCK], tl.float32)
    planes, slices, image = (empty,) * DEPTH_WINDOW, (empty,) * taps, empty
    first, last = _occupied(starts, DEPTH_CELLS, DEPTH_BLOCK)
    remaining = 0  # steps until all planes and slices are empty again
    begin = tl.load(starts + first)
    end = tl.load(starts + first + 1, mask=first < DEPTH_CELLS, other=0)
    for depth in range(first, last + DEPTH_WINDOW + taps - 1):
        next_end = tl.load(starts + depth + 2, mask=depth + 2 <= DEPTH_CELLS, other=0)  # for the next step
        remaining = tl.where(end > begin, DEPTH_WINDOW + taps - 1, remaining - 1)
        if remaining > 0:
            plane = _dilate(entries, begin, end, rows - PADDING, columns - PADDING, WINDOW)
            planes = planes[1:] + (plane,)  # noqa: RUF005, Triton unpacks no tuples
            dense = planes[0]
            for other in tl.static_range(1, DEPTH_WINDOW):
                dense = tl.maximum(dense, planes[other])
            newest = depth + DEPTH_PADDING - DEPTH_WINDOW + 1
            dense = tl.where(inside & (newest >= 0) & (newest < DENSE_DEPTH), dense, 0.0)
            slices = slices[1:] + (dense,)  # noqa: RUF005
            z = newest - taps + 1 + SMOOTH_DEPTH_PADDING
            if (z >= 0) & (z < SMOOTH_DEPTH):
                smooth = _smooth_along(_weighted_sum(slices, DEPTH_WEIGHTS), 0, WEIGHTS, BLOCK)
                smooth = _smooth_along(smooth, 1, WEIGHTS, BLOCK)
                image = tl.maximum(image, smooth)
                if LOOKUP:
                    low, high = tl.load(lookup_starts + z), tl.load(lookup_starts + z + 1)
                    _read(smooth, lookup_entries, values, low, high, tile_row, tile_column, BLOCK, READ_CHUNK)
        begin, end = end, next_end

    # a tile's last rows and columns are incomplete and belong to the next tile
    in_row = (steps < PITCH) & (tile_row + steps < IMAGE_SIZE)
    in_column = (steps < PITCH) & (tile_column + steps < IMAGE_SIZE)
    image = tl.where(in_row[:, None] & in_column[None, :], image, 0.0)
    pixel = (tile_row + steps)[:, None] * IMAGE_SIZE + (tile_column + steps)[None, :]
    tl.store(images + pixel, image, mask=in_row[:, None] & in_column[None, :])

    done = progress + tl.num_programs(1) + view
    tl.atomic_max(progress + view, tl.max(image).to(tl.int32, bitcast=True), sem="relaxed")
    tl.debug_barrier()  # all threads of this program must have written before it counts as finished
    if tl.atomic_add(done, 1, sem="acq_rel") == TILES * TILES - 1:
        largest = tl.load(progress + view, cache_modifier=".cg").to(tl.float32, bitcast=True)
        _scale(images, largest, IMAGE_SIZE * IMAGE_SIZE, CHUNK)
        if LOOKUP:
            _scale(values, largest, lookup_count, CHUNK)
