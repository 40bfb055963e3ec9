"""The CUDA engine's kernels for points: fit clouds into unit boxes, and find each point's cell in each view.

Each operation is rounded separately, in the order of `pointclip.projection.cells`, so the cells are those of the CPU,
bit for bit. One program processes a cloud, or a view of it, `CHUNK` points at a time.

Importing this module imports Triton. If TRITON_INTERPRET=1 was set before the import, everything runs on the CPU.
"""

import triton
import triton.language as tl


@triton.jit
def fit_unit_box(points, unit, faulty, count, EPSILON: tl.constexpr, CHUNK: tl.constexpr):
    """Centre a cloud on its bounding box and scale the longest side to 2, in float64; program id: cloud.

    Args:
        points: [B, count, 3] floating point.
        unit: [B, count, 3] float32, receives the clouds.
        faulty: [B] bool, receives whether a cloud's coordinates are not finite or its extent is too small or too large.
        EPSILON: the smallest extent, relative to the largest coordinate.
    """
    cloud = tl.program_id(0).to(tl.int64)
    points += cloud * count * 3
    unit += cloud * count * 3
    axis = tl.arange(0, 4)[None, :]  # the last one is padding
    low = tl.full([CHUNK, 4], float("inf"), tl.float64)
    high = tl.full([CHUNK, 4], float("-inf"), tl.float64)
    not_finite = tl.zeros([CHUNK, 4], tl.int32)
    for first in range(0, count, CHUNK):
        # past the end, the last point is repeated
        index = tl.minimum(first + tl.arange(0, CHUNK), count - 1)[:, None]
        point = tl.load(points + 3 * index + axis, mask=axis < 3, other=0).to(tl.float64)
        not_finite |= (point - point != 0).to(tl.int32)
        low, high = tl.minimum(low, point), tl.maximum(high, point)
    bottom, top = tl.min(low, 0)[None, :], tl.max(high, 0)[None, :]
    extent = tl.max(top - bottom)
    farthest = tl.max(tl.maximum(-bottom, top))
    fault = (tl.max(not_finite) > 0) | (extent - extent != 0) | (extent <= EPSILON * farthest)
    tl.store(faulty + cloud, fault)
    for first in range(0, count, CHUNK):
        index = first + tl.arange(0, CHUNK)[:, None]
        inside = (index < count) & (axis < 3)
        point = tl.load(points + 3 * index + axis, mask=inside, other=0).to(tl.float64)
        point = (point - (bottom + top) / 2) / extent * 2
        tl.store(unit + 3 * index + axis, point.to(tl.float32), mask=inside)


@triton.jit
def _load_point(points, index):
    """The coordinates of points [count, 3] at an index."""
    return tl.load(points + 3 * index), tl.load(points + 3 * index + 1), tl.load(points + 3 * index + 2)


@triton.jit
def _turn(x, y, z, rotations, ROTATIONS: tl.constexpr):
    """Rotate points by a view's rotations [ROTATIONS, 3, 3], one after the other."""
    for rotation in tl.static_range(ROTATIONS):
        m = rotations + 9 * rotation
        new_x = tl.load(m) * x + tl.load(m + 1) * y + tl.load(m + 2) * z
        new_y = tl.load(m + 3) * x + tl.load(m + 4) * y + tl.load(m + 5) * z
        new_z = tl.load(m + 6) * x + tl.load(m + 7) * y + tl.load(m + 8) * z
        x, y, z = new_x, new_y, new_z
    return x, y, z


@triton.jit
def quantize(
    unit,
    rotations,
    row,
    column,
    depth,
    value,
    count,
    ROTATIONS: tl.constexpr,
    RESOLUTION: tl.constexpr,
    DEPTH_CELLS: tl.constexpr,
    OBJECT_RATIO: tl.constexpr,
    DEPTH_BIAS: tl.constexpr,
    CHUNK: tl.constexpr,
):
    """Find the cell and the depth value of each point in a view; program ids: view and cloud.

    Args:
        unit: [B, count, 3] float32, clouds in unit boxes.
        rotations: [V, ROTATIONS, 3, 3] float32.
        row, column, depth: [B, V, count] int64, receive the cells.
        value: [B, V, count] float32, receives the depth values.
    """
    view, views, cloud = tl.program_id(0).to(tl.int64), tl.num_programs(0), tl.program_id(1).to(tl.int64)
    unit += cloud * count * 3
    rotations += view * 9 * ROTATIONS
    start = (cloud * views + view) * count
    low_x, low_y, low_z = _load_point(unit, tl.zeros([CHUNK], tl.int32))  # any point will do as a start
    low_x, low_y, low_z = _turn(low_x, low_y, low_z, rotations, ROTATIONS)
    high_x, high_y, high_z = low_x, low_y, low_z
    for first in range(0, count, CHUNK):
        # past the end, the last point is repeated
        x, y, z = _load_point(unit, tl.minimum(first + tl.arange(0, CHUNK), count - 1))
        x, y, z = _turn(x, y, z, rotations, ROTATIONS)
        low_x, low_y, low_z = tl.minimum(low_x, x), tl.minimum(low_y, y), tl.minimum(low_z, z)
        high_x, high_y, high_z = tl.maximum(high_x, x), tl.maximum(high_y, y), tl.maximum(high_z, z)
    bottom_x, bottom_y, bottom_z = tl.min(low_x), tl.min(low_y), tl.min(low_z)
    top_x, top_y, top_z = tl.max(high_x), tl.max(high_y), tl.max(high_z)
    extent = tl.maximum(tl.maximum(top_x - bottom_x, top_y - bottom_y), top_z - bottom_z)
    for first in range(0, count, CHUNK):
        index = first + tl.arange(0, CHUNK)
        inside = index < count
        x, y, z = _load_point(unit, tl.minimum(index, count - 1))
        x, y, z = _turn(x, y, z, rotations, ROTATIONS)
        x = tl.div_rn(x - (top_x + bottom_x) / 2, extent) * 2 * OBJECT_RATIO
        y = tl.div_rn(y - (top_y + bottom_y) / 2, extent) * 2 * OBJECT_RATIO
        z = tl.div_rn(z - (top_z + bottom_z) / 2, extent) * 2
        tl.store(row + start + index, _cell((x + 1) / 2 * RESOLUTION, 1, RESOLUTION - 2), mask=inside)
        tl.store(column + start + index, _cell((y + 1) / 2 * RESOLUTION, 1, RESOLUTION - 2), mask=inside)
        behind = tl.div_rn((z + 1) / 2 + DEPTH_BIAS, tl.full([CHUNK], 1 + DEPTH_BIAS, tl.float32)) * (DEPTH_CELLS - 2)
        tl.store(depth + start + index, _cell(behind, 0, DEPTH_CELLS - 1), mask=inside)
        tl.store(value + start + index, tl.minimum(tl.maximum(behind, 1.0), DEPTH_CELLS - 2.0), mask=inside)


@triton.jit
def _cell(coordinate, lowest: tl.constexpr, highest: tl.constexpr):
    """The cell's number along one axis: the coordinate rounded up, within bounds."""
    return tl.minimum(tl.maximum(tl.ceil(coordinate).to(tl.int64), lowest), highest)
