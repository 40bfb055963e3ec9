"""The CUDA engine's two kernels: points into buckets, and buckets to depth maps.

A tile is a square of pixels with all the depth behind it. Its program walks along depth and holds in registers only
what the next smoothed slice needs: the last few slices of points spread over rows and columns (`planes`), from which
their maximum makes a densified slice, and the last few of those (`slices`), from which the Gaussian makes a smoothed
one. Within a slice, neighbours are exchanged by shuffles or through shared memory (`tl.gather`). The last of a view's
programs to finish scales its image, since the largest value is known only then.

Buckets hold the points by view, tile and depth, in no certain order: atomics decide it. It changes no result, since
maxima do not depend on the order.

Importing this module imports Triton. With TRITON_INTERPRET=1 set before that, everything here runs on the CPU.
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
    kept,
    wanted_row,
    wanted_column,
    wanted_depth,
    wanted_ends,
    wanted_kept,
    values,
    progress,
    count,
    wanted_count,
    SEEN: tl.constexpr,
    ASKED: tl.constexpr,
    TILES: tl.constexpr,
    PITCH: tl.constexpr,
    CHUNK: tl.constexpr,
):
    """Sort each view's points into buckets by tile and depth; program ids are view, and points or wanted cells.

    A bucket's entry is the cell's row and column, 16 bits each, in the upper 32 bits, and in the lower ones the point's
    value, or the wanted cell's place in its view.

    Args:
        row, column, depth: [M, count] int64; points outside the grid are left out.
        value: [M, count] float32.
        ends: [M, TILES · TILES · depth cells + 1] int32, receives where each bucket starts in its view's entries; the
            next bucket's start ends it.
        kept: [M, count · reach²] int64, receives the entries.
        wanted_row, wanted_column, wanted_depth, wanted_ends, wanted_kept: alike, of the `wanted_count` cells wanted.
        values: [M, wanted_count] float32, receives zeros, what cells have that no tile writes.
        progress: [2, M] int32, receives zeros.
        SEEN, ASKED: rows (= columns), depth cells, shift, window, block and reach of points and of wanted cells. Along
            rows and columns, a point is seen in `window` cells, the last of them at row + shift, when cells are counted
            from the first tile's first one; `block` are a tile's cells, and `reach` the most tiles that see a point.
        TILES, PITCH: tiles along rows (= columns), and cells from one to the next.
    """
    view = tl.program_id(0).to(tl.int64)
    if tl.program_id(1) == 0:
        tl.store(progress + view, 0)
        tl.store(progress + tl.num_programs(0) + view, 0)
        ends += view * (TILES * TILES * SEEN[1] + 1)
        kept += view * count * SEEN[5] * SEEN[5]
        first = view * count
        _sort(row + first, column + first, depth + first, value + first, ends, kept, count, SEEN, TILES, PITCH, CHUNK)
    else:
        ends = wanted_ends + view * (TILES * TILES * ASKED[1] + 1)
        kept = wanted_kept + view * wanted_count * ASKED[5] * ASKED[5]
        first = view * wanted_count
        for begin in range(0, wanted_count, CHUNK):
            place = begin + tl.arange(0, CHUNK)
            tl.store(values + first + place, 0.0, mask=place < wanted_count)
        row, column, depth = wanted_row + first, wanted_column + first, wanted_depth + first
        _sort(row, column, depth, None, ends, kept, wanted_count, ASKED, TILES, PITCH, CHUNK)


@triton.jit
def _sort(
    row,
    column,
    depth,
    value,
    ends,
    kept,
    count,
    GRID: tl.constexpr,
    TILES: tl.constexpr,
    PITCH: tl.constexpr,
    CHUNK: tl.constexpr,
):
    """One view's points into buckets: count them, sum up, and fill each bucket from its end."""
    buckets: tl.constexpr = TILES * TILES * GRID[1]
    for first in range(0, buckets + 1, CHUNK):
        bucket = first + tl.arange(0, CHUNK)
        tl.store(ends + bucket, 0, mask=bucket <= buckets)
    tl.debug_barrier()
    for first in range(0, count, CHUNK):
        _deal(row, column, depth, value, ends, kept, first, count, GRID, TILES, PITCH, CHUNK, False)
    tl.debug_barrier()
    before = 0
    for first in range(0, buckets + 1, CHUNK):
        bucket = first + tl.arange(0, CHUNK)
        counts = tl.load(ends + bucket, mask=bucket <= buckets, other=0)
        tl.store(ends + bucket, before + tl.cumsum(counts, 0), mask=bucket <= buckets)
        before += tl.sum(counts)
    tl.debug_barrier()
    for first in range(0, count, CHUNK):
        _deal(row, column, depth, value, ends, kept, first, count, GRID, TILES, PITCH, CHUNK, True)


@triton.jit
def _deal(
    row,
    column,
    depth,
    value,
    ends,
    kept,
    first,
    count,
    GRID: tl.constexpr,
    TILES: tl.constexpr,
    PITCH: tl.constexpr,
    CHUNK: tl.constexpr,
    FILL: tl.constexpr,
):
    """Count some points in the buckets of all tiles that see them, or put them there."""
    size: tl.constexpr = GRID[0]
    shift: tl.constexpr = GRID[2]
    window: tl.constexpr = GRID[3]
    block: tl.constexpr = GRID[4]
    reach: tl.constexpr = GRID[5]
    point = first + tl.arange(0, CHUNK)
    here = point < count
    r = tl.load(row + point, mask=here, other=-1)
    c = tl.load(column + point, mask=here, other=-1)
    k = tl.load(depth + point, mask=here, other=-1)
    here = (r >= 0) & (r < size) & (c >= 0) & (c < size) & (k >= 0) & (k < GRID[1])
    r, c, k = r.to(tl.int32), c.to(tl.int32), k.to(tl.int32)
    content = point
    if FILL and value is not None:
        content = tl.load(value + point, mask=here, other=0).to(tl.int32, bitcast=True)
    entry = (((r << 16) | c).to(tl.int64) << 32) | (content.to(tl.int64) & 0xFFFFFFFF)
    for up in tl.static_range(reach):
        tile_row = (r + shift) // PITCH - up
        in_row = here & _touches(tile_row, r + shift, TILES, PITCH, block, window)
        for left in tl.static_range(reach):
            tile_column = (c + shift) // PITCH - left
            seen = in_row & _touches(tile_column, c + shift, TILES, PITCH, block, window)
            bucket = ends + (tile_row * TILES + tile_column) * GRID[1] + k
            if FILL:
                slot = tl.atomic_add(bucket, -1, mask=seen, sem="relaxed") - 1
                tl.store(kept + slot, entry, mask=seen)
            else:
                tl.atomic_add(bucket, 1, mask=seen, sem="relaxed")


@triton.jit
def _touches(tile, place, TILES: tl.constexpr, PITCH: tl.constexpr, BLOCK: tl.constexpr, WINDOW: tl.constexpr):
    """Whether the tile sees anything of the `WINDOW` cells that end at `place`, along one axis."""
    return (tile >= 0) & (tile < TILES) & (tile * PITCH + BLOCK > place - WINDOW + 1)


@triton.jit
def _weighted_sum(slices, WEIGHTS: tl.constexpr):
    """Gaussian along depth: each slice times its weight."""
    total = slices[0] * WEIGHTS[0]
    for tap in tl.static_range(1, len(WEIGHTS)):
        total += slices[tap] * WEIGHTS[tap]
    return total


@triton.jit
def _smooth_along(tile, axis: tl.constexpr, WEIGHTS: tl.constexpr, BLOCK: tl.constexpr):
    """Gaussian along an axis of a tile: result i is of cells i, i + 1, …; the last ones lack cells and are void.

    The first tap too is gathered, from where it is: so all come in the layout that gathering takes, in one conversion.
    """
    total = _neighbours(tile, 0, axis, BLOCK) * WEIGHTS[0]
    for tap in tl.static_range(1, len(WEIGHTS)):
        total += _neighbours(tile, tap, axis, BLOCK) * WEIGHTS[tap]
    return total


@triton.jit
def _neighbours(tile, steps: tl.constexpr, axis: tl.constexpr, BLOCK: tl.constexpr):
    """Each cell's neighbour so many steps further along an axis; the last cell's, where there is none."""
    place = tl.minimum(tl.arange(0, BLOCK) + steps, BLOCK - 1)
    return tl.gather(tile, tl.broadcast_to(tl.expand_dims(place, 1 - axis), [BLOCK, BLOCK]), axis)


@triton.jit
def _row(entry):
    return (entry >> 48).to(tl.int32)


@triton.jit
def _column(entry):
    return (entry >> 32).to(tl.int32) & 0xFFFF


@triton.jit
def _spread(kept, begin, end, first_row, first_column, WINDOW: tl.constexpr):
    """Largest value of the bucket's points in the window of rows and columns that begins at first_row, first_column."""
    plane = tl.zeros([first_row.shape[0], first_column.shape[0]], tl.float32)
    following = tl.load(kept + begin, mask=begin < end, other=0)
    for place in range(begin, end):
        entry = following
        following = tl.load(kept + place + 1, mask=place + 1 < end, other=0)  # on its way while this one is spread
        value = entry.to(tl.int32).to(tl.float32, bitcast=True)
        below, right = _row(entry) - first_row, _column(entry) - first_column
        in_row = tl.where((below >= 0) & (below < WINDOW), value, 0.0)
        plane = tl.maximum(plane, tl.where(((right >= 0) & (right < WINDOW))[None, :], in_row[:, None], 0.0))
    return plane


@triton.jit
def _occupied(starts, DEPTH_CELLS: tl.constexpr, DEPTH_BLOCK: tl.constexpr):
    """The first and the last depth at which a tile has points; if it has none, first > last."""
    k = tl.arange(0, DEPTH_BLOCK)
    inside = k < DEPTH_CELLS
    some = tl.load(starts + k + 1, mask=inside, other=0) > tl.load(starts + k, mask=inside, other=0)
    return tl.min(tl.where(some, k, DEPTH_CELLS)), tl.max(tl.where(some, k, -1))


@triton.jit
def _read(smooth, wanted, values, begin, end, first_row, first_column, BLOCK: tl.constexpr, CHUNK: tl.constexpr):
    """Write a smoothed slice's values at the cells of a bucket to where its entries say, `CHUNK` at a time."""
    cells = tl.reshape(smooth, [BLOCK * BLOCK])
    for first in range(begin, end, CHUNK):
        place = first + tl.arange(0, CHUNK)
        here = place < end
        entry = tl.load(wanted + place, mask=here, other=0)
        local = tl.where(here, (_row(entry) - first_row) * BLOCK + _column(entry) - first_column, 0)
        tl.store(values + entry.to(tl.int32), tl.gather(cells, local, 0), mask=here)


@triton.jit
def _scale(numbers, largest, count, CHUNK: tl.constexpr):
    """Turn smoothed values into depths in place: 1 − value / largest. Past the L1 cache: other programs wrote them."""
    for first in range(0, count, CHUNK):
        place = first + tl.arange(0, CHUNK)
        value = tl.load(numbers + place, mask=place < count, other=0.0, cache_modifier=".cg")
        tl.store(numbers + place, 1.0 - tl.div_rn(value, largest), mask=place < count)


@triton.jit
def project_tiles(
    starts,
    kept,
    wanted_starts,
    wanted_kept,
    images,
    values,
    progress,
    count,
    wanted_count,
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
    READ: tl.constexpr,
    CHUNK: tl.constexpr,
):
    """Densify, smooth and squeeze one tile of one view; program ids are tile and view.

    Args:
        starts, kept: buckets of points, see `put_into_buckets`; `count` points a view, each in at most REACH² of them.
        wanted_starts, wanted_kept: buckets of the `wanted_count` cells wanted a view, if `LOOKUP`, by smoothed depth.
        images: [M, IMAGE_SIZE, IMAGE_SIZE] float32, receives the depth maps.
        values: [M, wanted_count] float32, came as zeros, receives what the wanted cells have after smooth, as depths.
        progress: [2, M] int32, came as zeros: the bits of each image's largest value, as those of positive floats order
            alike, and the tiles that are done.
    """
    taps: tl.constexpr = len(DEPTH_WEIGHTS)
    tile, view = tl.program_id(0), tl.program_id(1).to(tl.int64)
    tile_row, tile_column = tile // TILES * PITCH, tile % TILES * PITCH  # of the tile's first pixel
    steps = tl.arange(0, BLOCK)
    rows, columns = tile_row - SMOOTH_PADDING + steps, tile_column - SMOOTH_PADDING + steps  # in densified slices
    in_row, in_column = (rows >= 0) & (rows < DENSE_SIZE), (columns >= 0) & (columns < DENSE_SIZE)
    inside = in_row[:, None] & in_column[None, :]
    starts += view * (TILES * TILES * DEPTH_CELLS + 1) + tile * DEPTH_CELLS
    kept += view * count * REACH * REACH
    images += view * IMAGE_SIZE * IMAGE_SIZE
    if LOOKUP:
        wanted_starts += view * (TILES * TILES * SMOOTH_DEPTH + 1) + tile * SMOOTH_DEPTH
        wanted_kept += view * wanted_count
        values += view * wanted_count

    empty = tl.zeros([BLOCK, BLOCK], tl.float32)
    planes, slices, picture = (empty,) * DEPTH_WINDOW, (empty,) * taps, empty
    first, last = _occupied(starts, DEPTH_CELLS, DEPTH_BLOCK)
    busy = 0  # steps until all planes and slices are empty again
    begin = tl.load(starts + first)
    end = tl.load(starts + first + 1, mask=first < DEPTH_CELLS, other=0)
    for depth in range(first, last + DEPTH_WINDOW + taps - 1):
        following = tl.load(starts + depth + 2, mask=depth + 2 <= DEPTH_CELLS, other=0)  # for the next step
        busy = tl.where(end > begin, DEPTH_WINDOW + taps - 1, busy - 1)
        if busy > 0:
            plane = _spread(kept, begin, end, rows - PADDING, columns - PADDING, WINDOW)
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
                picture = tl.maximum(picture, smooth)
                if LOOKUP:
                    some, none = tl.load(wanted_starts + z), tl.load(wanted_starts + z + 1)
                    _read(smooth, wanted_kept, values, some, none, tile_row, tile_column, BLOCK, READ)
        begin, end = end, following

    # a tile's last rows and columns lack neighbours: they are the next tile's
    in_row = (steps < PITCH) & (tile_row + steps < IMAGE_SIZE)
    in_column = (steps < PITCH) & (tile_column + steps < IMAGE_SIZE)
    picture = tl.where(in_row[:, None] & in_column[None, :], picture, 0.0)
    pixel = (tile_row + steps)[:, None] * IMAGE_SIZE + (tile_column + steps)[None, :]
    tl.store(images + pixel, picture, mask=in_row[:, None] & in_column[None, :])

    done = progress + tl.num_programs(1) + view
    tl.atomic_max(progress + view, tl.max(picture).to(tl.int32, bitcast=True), sem="relaxed")
    tl.debug_barrier()  # all this program's threads have written, before it counts as done
    if tl.atomic_add(done, 1, sem="acq_rel") == TILES * TILES - 1:
        largest = tl.load(progress + view, cache_modifier=".cg").to(tl.float32, bitcast=True)
        _scale(images, largest, IMAGE_SIZE * IMAGE_SIZE, CHUNK)
        if LOOKUP:
            _scale(values, largest, wanted_count, CHUNK)
