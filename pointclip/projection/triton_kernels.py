"""The CUDA engine's kernels: points into buckets, buckets to tiles of images, and images to depth maps.

A tile is a square of pixels with all the depth behind it. Its program walks along depth and holds in registers only
what the next smoothed slice needs: the last few slices of points spread over rows and columns (`planes`), from which
their maximum makes a densified slice, and the last few of those (`slices`), from which the Gaussian makes a smoothed
one. Within a slice, neighbours are exchanged by shuffles or through shared memory (`tl.gather`).

Buckets hold the points by view, tile and depth, in no certain order: atomics decide it. It changes no result, since
maxima do not depend on the order.

Importing this module imports Triton. With TRITON_INTERPRET=1 set before that, everything here runs on the CPU.
"""

import triton
import triton.language as tl


@triton.jit
def _touches(tile, place, TILES: tl.constexpr, PITCH: tl.constexpr, BLOCK: tl.constexpr, WINDOW: tl.constexpr):
    """Whether the tile sees anything of the `WINDOW` cells that end at `place`, along one axis."""
    return (tile >= 0) & (tile < TILES) & (tile * PITCH + BLOCK > place - WINDOW + 1)


@triton.jit
def put_into_buckets(
    row,
    column,
    depth,
    payload,
    ends,
    kept_place,
    kept_payload,
    count,
    depth_cells,
    SIZE: tl.constexpr,
    SHIFT: tl.constexpr,
    WINDOW: tl.constexpr,
    PITCH: tl.constexpr,
    BLOCK: tl.constexpr,
    TILES: tl.constexpr,
    REACH: tl.constexpr,
    FILL: tl.constexpr,
    CHUNK: tl.constexpr,
):
    """Count each view's points by bucket, or `FILL` the buckets; a point goes into those of all tiles that see it.

    Args:
        row, column, depth: [M, count] int64; points outside the grid are left out.
        payload: [M, count], 32 bits that go with a point.
        ends: [M · TILES · TILES · depth_cells + 1] int32. Counting raises it from 0. Filling takes the places where the
            buckets end and leaves those where they start, which the next bucket's start ends.
        kept_place, kept_payload: what buckets hold, row · SIZE + column and the payload.
        SHIFT, WINDOW: along rows and columns, a point is seen in `WINDOW` cells, the last of them at row + SHIFT, when
            cells are counted from the first tile's first one.
        PITCH, BLOCK, TILES: cells from one tile to the next, in one tile, and tiles; along rows and along columns.
        REACH: the most tiles along rows, or columns, that see one point.
    """
    view = tl.program_id(1).to(tl.int64)
    point = tl.program_id(0) * CHUNK + tl.arange(0, CHUNK)
    here = point < count
    r = tl.load(row + view * count + point, mask=here, other=-1).to(tl.int32)
    c = tl.load(column + view * count + point, mask=here, other=-1).to(tl.int32)
    k = tl.load(depth + view * count + point, mask=here, other=-1).to(tl.int32)
    content = tl.load(payload + view * count + point, mask=here, other=0)
    here = here & (r >= 0) & (r < SIZE) & (c >= 0) & (c < SIZE) & (k >= 0) & (k < depth_cells)
    for up in tl.static_range(REACH):
        tile_row = (r + SHIFT) // PITCH - up
        in_row = here & _touches(tile_row, r + SHIFT, TILES, PITCH, BLOCK, WINDOW)
        for left in tl.static_range(REACH):
            tile_column = (c + SHIFT) // PITCH - left
            seen = in_row & _touches(tile_column, c + SHIFT, TILES, PITCH, BLOCK, WINDOW)
            bucket = ends + ((view * TILES + tile_row) * TILES + tile_column) * depth_cells + k
            if FILL:
                slot = tl.atomic_add(bucket, -1, mask=seen, sem="relaxed") - 1
                tl.store(kept_place + slot, r * SIZE + c, mask=seen)
                tl.store(kept_payload + slot, content, mask=seen)
            else:
                tl.atomic_add(bucket, 1, mask=seen, sem="relaxed")


@triton.jit
def _weighted_sum(slices, WEIGHTS: tl.constexpr):
    """Gaussian along depth: each slice times its weight."""
    total = slices[0] * WEIGHTS[0]
    for tap in tl.static_range(1, len(WEIGHTS)):
        total += slices[tap] * WEIGHTS[tap]
    return total


@triton.jit
def _smooth_along(tile, axis: tl.constexpr, WEIGHTS: tl.constexpr, BLOCK: tl.constexpr):
    """Gaussian along an axis of a tile: result i is of cells i, i + 1, …; the last ones lack cells and are void."""
    total = tile * WEIGHTS[0]
    for tap in tl.static_range(1, len(WEIGHTS)):
        place = tl.minimum(tl.arange(0, BLOCK) + tap, BLOCK - 1)
        place = tl.broadcast_to(tl.expand_dims(place, 1 - axis), [BLOCK, BLOCK])
        total += tl.gather(tile, place, axis) * WEIGHTS[tap]
    return total


@triton.jit
def _spread(places, values, begin, end, first_row, first_column, SIZE: tl.constexpr, WINDOW: tl.constexpr):
    """Largest value of the bucket's points in the window of rows and columns that begins at first_row, first_column."""
    plane = tl.zeros([first_row.shape[0], first_column.shape[0]], tl.float32)
    for entry in range(begin, end):
        place = tl.load(places + entry)
        value = tl.load(values + entry).to(tl.float32, bitcast=True)
        below, right = place // SIZE - first_row, place % SIZE - first_column
        near_row, near_column = (below >= 0) & (below < WINDOW), (right >= 0) & (right < WINDOW)
        plane = tl.maximum(plane, tl.where(near_row[:, None] & near_column[None, :], value, 0.0))
    return plane


@triton.jit
def _occupied(starts, DEPTH_CELLS: tl.constexpr, DEPTH_BLOCK: tl.constexpr):
    """The first and the last depth at which a tile has points; if it has none, first > last."""
    k = tl.arange(0, DEPTH_BLOCK)
    inside = k < DEPTH_CELLS
    some = tl.load(starts + k + 1, mask=inside, other=0) > tl.load(starts + k, mask=inside, other=0)
    return tl.min(tl.where(some, k, DEPTH_CELLS)), tl.max(tl.where(some, k, -1))


@triton.jit
def _read(smooth, places, indices, values, begin, end, origin, SIZE: tl.constexpr, BLOCK: tl.constexpr):
    """Write a smoothed slice's values at the places of a bucket to where its indices say, 16 at a time."""
    cells = tl.reshape(smooth, [BLOCK * BLOCK])
    for first in range(begin, end, 16):
        entry = first + tl.arange(0, 16)
        here = entry < end
        place = tl.load(places + entry, mask=here, other=0) - origin
        local = tl.where(here, place // SIZE * BLOCK + place % SIZE, 0)
        tl.store(values + tl.load(indices + entry, mask=here, other=0), tl.gather(cells, local, 0), mask=here)


@triton.jit
def project_tiles(
    starts,
    places,
    point_values,
    wanted_starts,
    wanted_places,
    wanted_indices,
    images,
    values,
    largest,
    SIZE: tl.constexpr,
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
    LOOKUP: tl.constexpr,
):
    """Densify, smooth and squeeze one tile of one view; program ids are tile and view.

    Args:
        starts, places, point_values: buckets of points, the values as 32 bits of float32.
        wanted_starts, wanted_places, wanted_indices: buckets of the cells wanted, if `LOOKUP`, by smoothed depth.
        images: [M, IMAGE_SIZE, IMAGE_SIZE] float32, receives the largest smoothed value over depth.
        values: float32, receives the smoothed value of each wanted cell at its index; those where nothing is stay.
        largest: [M] int32, raised to the bits of each image's largest value: those of positive floats order alike.
    """
    kept: tl.constexpr = len(DEPTH_WEIGHTS)
    tile, view = tl.program_id(0), tl.program_id(1).to(tl.int64)
    tile_row, tile_column = tile // TILES * PITCH, tile % TILES * PITCH  # of the tile's first pixel
    steps = tl.arange(0, BLOCK)
    rows, columns = tile_row - SMOOTH_PADDING + steps, tile_column - SMOOTH_PADDING + steps  # in densified slices
    in_row, in_column = (rows >= 0) & (rows < DENSE_SIZE), (columns >= 0) & (columns < DENSE_SIZE)
    inside = in_row[:, None] & in_column[None, :]
    starts += (view * TILES * TILES + tile) * DEPTH_CELLS
    wanted_starts += (view * TILES * TILES + tile) * SMOOTH_DEPTH

    empty = tl.zeros([BLOCK, BLOCK], tl.float32)
    planes, slices, picture = (empty,) * DEPTH_WINDOW, (empty,) * kept, empty
    first, last = _occupied(starts, DEPTH_CELLS, DEPTH_BLOCK)
    busy = 0  # steps until all planes and slices are empty again
    for depth in range(first, last + DEPTH_WINDOW + kept - 1):
        begin = tl.load(starts + depth, mask=depth < DEPTH_CELLS, other=0)
        end = tl.load(starts + depth + 1, mask=depth < DEPTH_CELLS, other=0)
        busy = tl.where(end > begin, DEPTH_WINDOW + kept - 1, busy - 1)
        if busy > 0:
            plane = _spread(places, point_values, begin, end, rows - PADDING, columns - PADDING, SIZE, WINDOW)
            planes = planes[1:] + (plane,)  # noqa: RUF005, Triton unpacks no tuples
            dense = planes[0]
            for other in tl.static_range(1, DEPTH_WINDOW):
                dense = tl.maximum(dense, planes[other])
            newest = depth + DEPTH_PADDING - DEPTH_WINDOW + 1
            dense = tl.where(inside & (newest >= 0) & (newest < DENSE_DEPTH), dense, 0.0)
            slices = slices[1:] + (dense,)  # noqa: RUF005
            z = newest - kept + 1 + SMOOTH_DEPTH_PADDING
            if (z >= 0) & (z < SMOOTH_DEPTH):
                smooth = _smooth_along(_weighted_sum(slices, DEPTH_WEIGHTS), 0, WEIGHTS, BLOCK)
                smooth = _smooth_along(smooth, 1, WEIGHTS, BLOCK)
                picture = tl.maximum(picture, smooth)
                if LOOKUP:
                    begin, end = tl.load(wanted_starts + z), tl.load(wanted_starts + z + 1)
                    origin = tile_row * IMAGE_SIZE + tile_column
                    _read(smooth, wanted_places, wanted_indices, values, begin, end, origin, IMAGE_SIZE, BLOCK)

    # a tile's last rows and columns lack neighbours: they are the next tile's
    in_row = (steps < PITCH) & (tile_row + steps < IMAGE_SIZE)
    in_column = (steps < PITCH) & (tile_column + steps < IMAGE_SIZE)
    picture = tl.where(in_row[:, None] & in_column[None, :], picture, 0.0)
    pixel = (tile_row + steps)[:, None] * IMAGE_SIZE + (tile_column + steps)[None, :]
    tl.store(images + view * IMAGE_SIZE * IMAGE_SIZE + pixel, picture, mask=in_row[:, None] & in_column[None, :])
    tl.atomic_max(largest + view, tl.max(picture).to(tl.int32, bitcast=True), sem="relaxed")


@triton.jit
def scale(numbers, largest, count, CHUNK: tl.constexpr):
    """Turn smoothed values [M, count] into depths in place: 1 − value / largest of the view's image."""
    view = tl.program_id(1).to(tl.int64)
    place = tl.program_id(0) * CHUNK + tl.arange(0, CHUNK)
    numbers += view * count + place
    top = tl.load(largest + view).to(tl.float32, bitcast=True)
    tl.store(numbers, 1.0 - tl.div_rn(tl.load(numbers, mask=place < count), top), mask=place < count)
