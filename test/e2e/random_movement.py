"""Movement in random graphs: what reorders, cuts, joins and repeats."""
import numpy as np
from onnx import helper


def moved(draw, op, x, inputs, shape, **attributes):
    return draw.add(op, [x, *inputs], shape, x.kind, exact=x.exact, bound=x.bound,
                    **attributes)


def some(draw, accepts=lambda v: True):
    """Any value with an axis."""
    return draw.find(lambda v: v.rank > 0 and v.kind in "fffij" and accepts(v))


def transpose(draw):
    if x := some(draw):
        perm = draw.random.permutation(x.rank).tolist()
        moved(draw, "Transpose", x, [], [x.shape[a] for a in perm], perm=perm)


def split_number(draw, number, parts):
    """`parts` factors of `number`."""
    factors = [1] * parts
    for prime in (2, 3, 5, 7, 11, 13, 17, 19):
        while number % prime == 0:
            number //= prime
            factors[draw.integer(0, parts - 1)] *= prime
    factors[0] *= number
    return factors


def reshape(draw):
    x = some(draw)
    if x is None:
        return
    fixed = [d[0] for d in x.shape if draw.is_fixed(d)]
    dynamic = [d for d in x.shape if not draw.is_fixed(d)]
    if not dynamic:
        shape = split_number(draw, int(np.prod(fixed)), draw.integer(1, 5))
        given = list(shape)
        if draw.chance(.4):
            given[draw.integer(0, len(given) - 1)] = -1
        moved(draw, "Reshape", x, [draw.ints(given)], draw.dims(shape))
        return
    if len(dynamic) == 1:
        shape = split_number(draw, int(np.prod(fixed)), draw.integer(1, 3))
        at = draw.integer(0, len(shape))
        given = [*shape[:at], -1, *shape[at:]]
        out = [*draw.dims(shape[:at]), dynamic[0], *draw.dims(shape[at:])]
        moved(draw, "Reshape", x, [draw.ints(given)], out)
    elif draw.chance(.5):  # everything after the first axis, joined
        rest = x.shape[1:]
        moved(draw, "Reshape", x, [draw.ints([0, -1])],
              [x.shape[0], draw.each(lambda *d: int(np.prod(d)), *rest)
               if rest else draw.dim(1)])
    else:  # as Shape says, computed
        names = draw.name("s"), draw.name("s")
        draw.nodes.append(helper.make_node("Shape", [x.name], [names[0]]))
        draw.nodes.append(helper.make_node(
            "Concat", [names[0], draw.ints([1])], [names[1]], axis=0))
        moved(draw, "Reshape", x, [names[1]], [*x.shape, draw.dim(1)])


def flatten(draw):
    if x := some(draw):
        axis = draw.integer(0, x.rank)
        product = [draw.each(lambda *d: int(np.prod(d)), *dims) if dims else draw.dim(1)
                   for dims in (x.shape[:axis], x.shape[axis:])]
        moved(draw, "Flatten", x, [], product, axis=axis)


def squeeze(draw):
    x = some(draw)
    if x is None:
        return
    ones = [a for a, d in enumerate(x.shape) if d == draw.dim(1)]
    if ones and draw.chance(.6):
        axes = ones[:draw.integer(1, len(ones))]
        moved(draw, "Squeeze", x, [draw.ints(axes)],
              [d for a, d in enumerate(x.shape) if a not in axes])
    elif x.rank < 5:
        axis = draw.integer(0, x.rank)
        moved(draw, "Unsqueeze", x, [draw.ints([axis])],
              [*x.shape[:axis], draw.dim(1), *x.shape[axis:]])


def slice_(draw):
    x = some(draw)
    if x is None:
        return
    axes = sorted(draw.random.choice(x.rank, draw.integer(1, min(2, x.rank)),
                                     False).tolist())
    shape, starts, ends, steps = list(x.shape), [], [], []
    for axis in axes:
        least = min(x.shape[axis])
        start = draw.integer(-least, least - 1)
        end = draw.pick([draw.integer(-least, least), 2**31 - 1, -2**31])
        step = draw.pick([1, 1, 1, 2, 3, -1, -2])
        sized = draw.each(lambda d: len(range(*slice(
            start, None if step < 0 and end < -d else end, step).indices(d))), shape[axis])
        # A dynamic size that is cut to one that happens to be fixed stays dynamic.
        cut = draw.is_fixed(sized) and not draw.is_fixed(shape[axis])
        if min(sized) == 0 or cut:
            start, end, step, sized = 0, 2**31 - 1, 1, shape[axis]
        shape[axis] = sized
        starts.append(start), ends.append(end), steps.append(step)
    moved(draw, "Slice", x, [draw.ints(starts), draw.ints(ends), draw.ints(axes),
                             draw.ints(steps)], shape)


def concat(draw):
    x = some(draw)
    if x is None:
        return
    axis = draw.integer(0, x.rank - 1)
    parts = [x]
    for _ in range(draw.integer(1, 3)):
        other = draw.find(lambda v: v.kind == x.kind and v.rank == x.rank and all(
            a == axis or d == e for a, (d, e) in enumerate(zip(v.shape, x.shape))))
        if draw.chance(.2) and all(map(draw.is_fixed, x.shape)):
            other = draw.constant(x.kind, [d[0] for d in x.shape])
        parts.insert(draw.integer(0, len(parts)), other)
    shape = list(x.shape)
    shape[axis] = draw.each(lambda *d: sum(d), *[p.shape[axis] for p in parts])
    draw.add("Concat", parts, shape, x.kind, exact=all(p.exact for p in parts),
             bound=max(p.bound for p in parts), axis=axis)


def split(draw):
    x = some(draw, lambda v: any(draw.is_fixed(d) and d[0] > 1 for d in v.shape))
    if x is None:
        return
    axis = draw.pick([a for a, d in enumerate(x.shape) if draw.is_fixed(d) and d[0] > 1])
    size = x.shape[axis][0]
    if draw.chance(.4):
        count = draw.integer(2, min(4, size))
        each = -(-size // count)
        if each * (count - 1) >= size:
            return
        sizes = [each] * (count - 1) + [size - each * (count - 1)]
        inputs, attributes = [], {"num_outputs": count}
    else:
        cuts = sorted(draw.random.choice(size - 1, draw.integer(1, min(3, size - 1)),
                                         False) + 1)
        sizes = np.diff([0, *cuts, size]).tolist()
        inputs, attributes = [draw.ints(sizes)], {}
    shapes = [[*x.shape[:axis], draw.dim(s), *x.shape[axis + 1:]] for s in sizes]
    moved(draw, "Split", x, inputs, None, shapes=shapes, outputs=len(sizes), axis=axis,
          **attributes)


def gather(draw):
    x = some(draw)
    if x is None:
        return
    axis = draw.integer(0, x.rank - 1)
    least = min(x.shape[axis])
    shape = draw.pick([[], [1], [3], [2, 2]])
    indices = draw.weight(draw.random.integers(-least, least, shape).astype(np.int64))
    if shape and draw.chance(.3) and all(map(draw.is_fixed, x.shape)):
        sizes = [d[0] for d in x.shape]
        sizes[axis] = draw.integer(1, 4)
        indices = draw.weight(draw.random.integers(-least, least, sizes))
        moved(draw, "GatherElements", x, [indices], draw.dims(sizes), axis=axis)
        return
    moved(draw, "Gather", x, [indices],
          [*x.shape[:axis], *draw.dims(shape), *x.shape[axis + 1:]], axis=axis)


def scatter(draw):
    x = some(draw, lambda v: all(map(draw.is_fixed, v.shape)))
    if x is None:
        return
    axis = draw.integer(0, x.rank - 1)
    sizes = [draw.integer(1, d[0]) for d in x.shape]
    # Along the axis every index once: the order of writes must not matter.
    rows = draw.random.permutation(x.shape[axis][0])[:sizes[axis]]
    indices = np.broadcast_to(np.expand_dims(
        rows, [a for a in range(x.rank) if a != axis]), sizes)
    updates = draw.constant(x.kind, sizes)
    moved(draw, "ScatterElements", x, [draw.weight(indices.astype(np.int64)), updates],
          x.shape, axis=axis)


def pad(draw):
    x = draw.find_float(lambda v: v.rank > 0)
    if x is None:
        return
    mode = draw.pick(["constant", "constant", "edge", "reflect"])
    pads = [0] * (2 * x.rank)
    for axis, dim in enumerate(x.shape):
        most = min(2, min(dim) - 1) if mode == "reflect" else 2
        if draw.chance(.5):
            pads[axis], pads[axis + x.rank] = draw.integer(0, most), draw.integer(0, most)
            if mode == "constant" and draw.chance(.15) and min(dim) > 2:
                pads[axis] = -1
    inputs = [draw.ints(pads)]
    if mode == "constant" and draw.chance(.5):
        inputs.append(draw.weight(np.float32(draw.pick([0, 1.5]))))
    shape = [draw.each(lambda d, a=a: d + pads[a] + pads[a + x.rank], dim)
             for a, dim in enumerate(x.shape)]
    moved(draw, "Pad", x, inputs, shape, mode=mode)


def expand(draw):
    x = some(draw, lambda v: draw.dim(1) in v.shape or v.rank < 4)
    if x is None:
        return
    to = [draw.pick([1, 2, 5]) if d == draw.dim(1) else 1 for d in x.shape]
    if x.rank < 4 and draw.chance(.4):
        to = [draw.pick([1, 3]), *to]
    moved(draw, "Expand", x, [draw.ints(to)], draw.broadcast(x.shape, draw.dims(to)))


def tile(draw):
    if x := some(draw):
        repeats = [draw.pick([1, 1, 2, 3]) for _ in x.shape]
        moved(draw, "Tile", x, [draw.ints(repeats)],
              [draw.each(lambda d, r=r: d * r, dim) for dim, r in zip(x.shape, repeats)])


def blocks(draw):
    """DepthToSpace or SpaceToDepth."""
    x = draw.find_float(lambda v: v.rank == 4 and draw.is_fixed(v.shape[1]))
    if x is None:
        return
    n, c, h, w = x.shape
    if c[0] % 4 == 0:
        moved(draw, "DepthToSpace", x, [],
              [n, draw.dim(c[0] // 4), *(draw.each(lambda v: 2 * v, d) for d in (h, w))],
              blocksize=2, mode=draw.pick(["DCR", "CRD"]))
    elif all(v % 2 == 0 for v in h + w):
        moved(draw, "SpaceToDepth", x, [],
              [n, draw.dim(c[0] * 4), *(draw.each(lambda v: v // 2, d) for d in (h, w))],
              blocksize=2)


def resize(draw):
    x = draw.find_float(lambda v: v.rank in (3, 4))
    if x is None:
        return
    mode = draw.pick(["nearest", "linear"])
    scales = [1, 1] + [draw.pick([1, 2, 3, 1.5, .5]) for _ in range(x.rank - 2)]
    shape = [draw.each(lambda d, s=s: int(np.floor(d * s)), dim)
             for dim, s in zip(x.shape, scales)]
    if min(map(min, shape)) < 1 or max(map(max, shape)) > 64:
        return  # coordinates of long axes have few bits behind the point
    coordinates = draw.pick(["half_pixel", "asymmetric", "align_corners",
                             "pytorch_half_pixel"])
    if coordinates == "align_corners" and any(
            v * s % 1 for dim, s in zip(x.shape, scales) for v in dim):
        coordinates = "asymmetric"  # ONNX Runtime rounds the size, the standard not
    attributes = {"nearest_mode": draw.pick(["floor", "round_prefer_floor", "ceil"])}
    y = draw.add("Resize", [x, "", draw.weight(np.array(scales, np.float32))], shape,
                 mode=mode, coordinate_transformation_mode=coordinates, bound=x.bound,
                 **(attributes if mode == "nearest" else {}))
    y.exact = x.exact and mode == "nearest"


def triangle(draw):
    x = draw.find_float(lambda v: v.rank >= 2)
    if x is not None:
        k = draw.weight(np.array(draw.integer(-2, 2), np.int64))
        moved(draw, "Trilu", x, [k], x.shape, upper=draw.integer(0, 1))


OPS = [(transpose, 4), (reshape, 4), (flatten, .7), (squeeze, 2), (slice_, 3), (concat, 3),
       (split, 2), (gather, 2), (scatter, .5), (pad, 1.5), (expand, 1), (tile, .7),
       (blocks, 1), (resize, 1.5), (triangle, .5)]
