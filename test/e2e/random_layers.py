"""Layers of random graphs: products, convolutions, pooling, normalizations."""
import numpy as np


def of_rank(draw, rank, accepts=lambda v: True):
    """A float value of `rank`, made by added or joined axes where there is none."""
    x = draw.find_float(lambda v: v.rank == rank and accepts(v))
    if x is not None and draw.chance(.8):
        return x
    x = draw.find_float(lambda v: 0 < v.rank < rank)
    if x is None:
        return None
    axes = sorted(draw.random.choice(rank, rank - x.rank, False).tolist())
    shape = list(x.shape)
    for axis in axes:
        shape.insert(axis, draw.dim(1))
    made = draw.add("Unsqueeze", [x, draw.ints(axes)], shape, exact=x.exact,
                    bound=x.bound)
    return made if accepts(made) else None


def matmul(draw):
    x = draw.find_float(lambda v: v.rank > 0 and v.bound < 100)
    if x is None:
        return
    k = x.shape[-1]
    bound = x.bound * np.sqrt(max(k)) * 2
    other = draw.find_float(lambda v: v.rank >= 2 and v.shape[-2] == k and v.bound < 50
                            and draw.broadcast(v.shape[:-2], x.shape[:-2]) is not None)
    if other is not None and draw.chance(.4):
        y, n = other.name, other.shape[-1]
        batch = draw.broadcast(other.shape[:-2], x.shape[:-2])
        bound *= other.bound
    elif x.rank >= 2 and draw.chance(.25):
        perm = [*range(x.rank - 2), x.rank - 1, x.rank - 2]
        y = draw.add("Transpose", [x], [x.shape[a] for a in perm], perm=perm,
                     bound=x.bound, exact=x.exact)
        n, batch = x.shape[-2], x.shape[:-2]
        bound *= x.bound
    elif draw.is_fixed(k):
        batch, n = x.shape[:-2], draw.dim(draw.pick([1, 2, 3, 5, 8, 16, 17, 33, 64]))
        outer = [d[0] if draw.is_fixed(d) and draw.chance(.5) else 1 for d in batch]
        outer = outer[draw.integer(0, len(outer)):] if draw.chance(.3) else []
        if draw.chance(.06):
            y = draw.floats([k[0]])
            draw.add("MatMul", [x, y], x.shape[:-1], bound=bound)
            return
        y = draw.floats([*outer, k[0], n[0]])
    else:
        return
    shape = [*batch, *x.shape[-2:-1], n]
    draw.add("MatMul", [x, y], shape, bound=bound)


def gemm(draw):
    x = of_rank(draw, 2, lambda v: v.bound < 100)
    if x is None:
        return
    turns_a, turns_b = draw.integer(0, 1), draw.integer(0, 1)
    m, k = x.shape[::-1] if turns_a else x.shape
    if not draw.is_fixed(k):
        return
    n = draw.pick([1, 3, 8, 16, 19, 40])
    inputs = [x, draw.floats([n, k[0]] if turns_b else [k[0], n])]
    rows = m[0] if draw.is_fixed(m) else 1
    if draw.chance(.8):
        inputs.append(draw.floats(draw.pick([[n], [1, n], [rows, 1], [rows, n], [],
                                             [1]])))
    draw.add("Gemm", inputs, [m, draw.dim(n)], transA=turns_a, transB=turns_b,
             alpha=draw.pick([1.0, 0.5]), beta=draw.pick([1.0, 1.0, 2.0]),
             bound=x.bound * np.sqrt(k[0]) * 3)


def window(draw, x, spatial, allows_ceil=False):
    """Random kernel, strides, pads, dilations, with the sizes of the output; None
    if the kernel would not fit. Dimensions `spatial` are those of the image."""
    count = len(spatial)
    kernel = [draw.pick([1, 2, 3, 3, 5]) for _ in range(count)]
    strides = [draw.pick([1, 1, 2, 3]) for _ in range(count)]
    dilations = [draw.pick([1, 1, 1, 2]) for _ in range(count)]
    extent = [(k - 1) * d + 1 for k, d in zip(kernel, dilations)]
    attributes = {"kernel_shape": kernel, "strides": strides, "dilations": dilations}
    auto = draw.pick(["", "", "", "SAME_UPPER", "SAME_LOWER", "VALID"])
    if auto.startswith("SAME") and not all(map(draw.is_fixed, x.shape)):
        auto = ""  # refused: the padding would depend on the size
    rounds_up = allows_ceil and not auto and draw.chance(.25)
    if auto.startswith("SAME"):  # ONNX Runtime: not dilated, no negative padding
        strides = [min(s, k) for s, k in zip(strides, kernel)]
        attributes = {"kernel_shape": kernel, "strides": strides, "auto_pad": auto}
        return attributes, [draw.each(lambda d, s=s: -(-d // s), dim)
                            for dim, s in zip(spatial, strides)]
    pads = [0] * (2 * count)
    if auto:
        attributes["auto_pad"] = auto
    elif draw.chance(.6):
        pads = [draw.integer(0, kernel[a % count] - 1) for a in range(2 * count)]
        attributes["pads"] = pads
    out = []
    for axis, dim in enumerate(spatial):
        room = draw.each(lambda d, a=axis: d + pads[a] + pads[a + count] - extent[a], dim)
        if min(room) < 0:
            return None
        if rounds_up:  # a window that begins in the padding behind is left out
            def sized(d, a=axis):
                number = -(-(d + pads[a] + pads[a + count] - extent[a]) // strides[a]) + 1
                return number - ((number - 1) * strides[a] >= d + pads[a])
            out.append(draw.each(sized, dim))
        else:
            out.append(draw.each(lambda r, s=strides[axis]: r // s + 1, room))
    if rounds_up:
        attributes["ceil_mode"] = 1
    return attributes, out


def divisors(number):
    return [d for d in range(1, number + 1) if number % d == 0]


def convolution(draw):
    x = of_rank(draw, draw.pick([3, 4, 4, 4, 5]),
                lambda v: draw.is_fixed(v.shape[1]) and v.bound < 100)
    if x is None or not (found := window(draw, x, x.shape[2:])):
        return
    attributes, sizes = found
    channels = x.shape[1][0]
    group = draw.pick([1, 1, 1, channels, *divisors(channels)])
    filters = group * draw.pick([1, 1, 2, 3, 8, 16])
    if filters > 96:
        return
    kernel = attributes["kernel_shape"]
    inputs = [x, draw.floats([filters, channels // group, *kernel])]
    if draw.chance(.6):
        inputs.append(draw.floats([filters]))
    terms = channels // group * np.prod(kernel)
    draw.add("Conv", inputs, [x.shape[0], draw.dim(filters), *sizes], group=group,
             bound=x.bound * np.sqrt(terms) * 2 + 1, **attributes)


def transposed_convolution(draw):
    x = of_rank(draw, draw.pick([3, 4, 4]),
                lambda v: draw.is_fixed(v.shape[1]) and v.bound < 100)
    if x is None:
        return
    count, channels = x.rank - 2, x.shape[1][0]
    kernel = [draw.pick([1, 2, 3, 4]) for _ in range(count)]
    strides = [draw.pick([1, 2, 2, 3]) for _ in range(count)]
    pads = [draw.integer(0, (kernel[a % count] - 1) // 2) for a in range(2 * count)]
    more = [draw.integer(0, s - 1) if draw.chance(.3) else 0 for s in strides]
    group = draw.pick([1, 1, *divisors(channels)])
    filters = draw.pick([1, 2, 4, 8])
    sizes = [draw.each(lambda d, a=a: (d - 1) * strides[a] + kernel[a] + more[a]
                       - pads[a] - pads[a + count], x.shape[2 + a])
             for a in range(count)]
    if min(map(min, sizes)) < 1:
        return
    inputs = [x, draw.floats([channels, filters, *kernel])]
    if draw.chance(.5):
        inputs.append(draw.floats([filters * group]))
    draw.add("ConvTranspose", inputs, [x.shape[0], draw.dim(filters * group), *sizes],
             group=group, strides=strides, pads=pads, output_padding=more,
             bound=x.bound * np.sqrt(channels * np.prod(kernel)) * 2)


def pool(draw):
    x = of_rank(draw, draw.pick([3, 4, 4, 5]))
    if x is None:
        return
    if draw.chance(.25):
        op = draw.pick(["GlobalAveragePool", "GlobalMaxPool"])
        draw.add(op, [x], [*x.shape[:2], *draw.dims([1] * (x.rank - 2))],
                 exact=x.exact and op == "GlobalMaxPool", bound=x.bound)
        return
    is_max = draw.chance(.5)
    found = window(draw, x, x.shape[2:], allows_ceil=True)
    if not found:
        return
    attributes, sizes = found
    if not is_max and draw.chance(.5):
        attributes["count_include_pad"] = 1
    draw.add("MaxPool" if is_max else "AveragePool", [x], [*x.shape[:2], *sizes],
             exact=x.exact and is_max, bound=x.bound, **attributes)


def softmax(draw):
    if x := draw.find_float(lambda v: v.rank > 0):
        draw.add(draw.pick(["Softmax", "Softmax", "LogSoftmax"]), [x], x.shape,
                 axis=draw.integer(-x.rank, x.rank - 1), bound=2 * x.bound)


def layer_norm(draw):
    x = draw.find_float(lambda v: v.rank > 0)
    if x is None:
        return
    axis = draw.integer(0, x.rank - 1)
    if not all(map(draw.is_fixed, x.shape[axis:])):
        return
    shape = [d[0] for d in x.shape[axis:]]
    inputs = [x, draw.floats(shape)]
    if draw.chance(.7):
        inputs.append(draw.floats(shape))
    draw.add("LayerNormalization", inputs, x.shape, epsilon=1e-3,
             axis=axis - x.rank if draw.chance(.5) else axis, bound=8)


def channel_norm(draw):
    x = of_rank(draw, draw.pick([2, 3, 4, 4]), lambda v: draw.is_fixed(v.shape[1]))
    if x is None:
        return
    count = x.shape[1][0]
    if x.rank > 2 and draw.chance(.5):
        draw.add("InstanceNormalization", [x, draw.floats([count]), draw.floats([count])],
                 x.shape, epsilon=1e-2, bound=8)
        return
    variance = draw.weight(draw.random.uniform(.5, 2, count).astype(np.float32))
    draw.add("BatchNormalization", [x, *(draw.floats([count]) for _ in range(3)),
                                    variance], x.shape, bound=x.bound * 4)


def lp_norm(draw):
    if x := draw.find_float(lambda v: v.rank > 0):
        # Away from zero, where the quotient is not defined.
        y = draw.add("Add", [draw.add("Abs", [x], x.shape, bound=x.bound),
                             draw.weight(np.float32(1))], x.shape, bound=x.bound + 1)
        draw.add("LpNormalization", [y], x.shape, axis=draw.integer(0, x.rank - 1),
                 p=draw.integer(1, 2), bound=1)


def local_norm(draw):
    x = of_rank(draw, 4)
    if x is not None:
        draw.add("LRN", [x], x.shape, size=draw.pick([1, 3, 5]), alpha=1e-2, beta=.75,
                 bias=1.0, bound=x.bound)


OPS = [(matmul, 6), (gemm, 2), (convolution, 5), (transposed_convolution, 1), (pool, 2),
       (softmax, 2), (layer_norm, 1), (channel_norm, 1), (lp_norm, .4), (local_norm, .3)]
