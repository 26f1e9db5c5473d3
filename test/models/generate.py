#!/usr/bin/env python3
"""Makes ONNX models with seeded random weights, of architectures that no small
package ships.  generate.py FOLDER [NAME...]

gen_llama_kv_op17   decoder step with KV cache: grouped-query attention, rotary
                    positions, RMS norm written out, dynamic batch, sequence, past
gen_gpt2_op17       encoder, LayerNormalization, Gelu by Erf, static 1x128
gen_resnet18_op13   ResNet-18 with BatchNormalization kept, dynamic batch
gen_qdq_cnn         int8 CNN, QuantizeLinear and DequantizeLinear around Conv
"""
import os
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Graph:
    """A graph under construction: calling it adds a node and names its output."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        self.nodes, self.initializers, self.small, self.count = [], [], {}, 0

    def name(self, prefix):
        self.count += 1
        return f"{prefix}_{self.count}"

    def const(self, array, prefix="c"):
        """An initializer; small equal ones are shared."""
        array = np.asarray(array)
        key = None
        if array.size < 64:
            key = (array.dtype.str, array.shape, array.tobytes())
            if key in self.small:
                return self.small[key]
        name = self.name(prefix)
        self.initializers.append(numpy_helper.from_array(array, name))
        if key:
            self.small[key] = name
        return name

    def normal(self, *shape, scale, mean=0.0):
        return self.const((mean + scale * self.random.standard_normal(shape))
                          .astype(np.float32))

    def weight(self, *shape, scale=None):
        fan_in = np.prod(shape[1:]) if len(shape) == 4 else shape[0]
        scale = scale or 1 / np.sqrt(fan_in)
        values = self.random.standard_normal(shape) * scale
        return self.const(values.astype(np.float32), "w")

    def i64(self, *values):
        return self.const(np.array(values, np.int64))

    def f32(self, value):
        return self.const(np.array(value, np.float32))

    def __call__(self, op, *inputs, n=1, out=None, **attributes):
        outputs = [out] if out else [self.name(op) for _ in range(n)]
        self.nodes.append(helper.make_node(op, list(inputs), outputs, **attributes))
        return outputs[0] if n == 1 else outputs

    def save(self, path, inputs, outputs, opset):
        def infos(values):
            return [helper.make_tensor_value_info(*value) for value in values]

        graph = helper.make_graph(self.nodes, "main", infos(inputs), infos(outputs),
                                  self.initializers)
        model = helper.make_model(graph, ir_version=8, producer_name="cinch",
                                  opset_imports=[helper.make_opsetid("", opset)])
        onnx.checker.check_model(model)
        onnx.save(onnx.shape_inference.infer_shapes(model, strict_mode=True), path)


F32, I64 = TensorProto.FLOAT, TensorProto.INT64


def rotary_tables(g, positions, head):
    angle = np.outer(np.arange(positions), 1e4 ** (-np.arange(0, head, 2) / head))
    return (g.const(np.cos(angle).astype(np.float32)),
            g.const(np.sin(angle).astype(np.float32)))


def causal_mask(g):
    """[seq, past + seq]: 0 where a query may look, -1e9 where not."""
    seq = g("Shape", "input_ids", start=1, end=2)
    past = g("Shape", "past_k_0", start=2, end=3)
    total = g("Add", past, seq)

    def scalar(value):
        return g("Squeeze", value, g.i64(0))

    one, zero = g.const(np.int64(1)), g.const(np.int64(0))
    query = g("Range", scalar(past), scalar(total), one)
    key = g("Range", zero, scalar(total), one)
    visible = g("LessOrEqual", g("Unsqueeze", key, g.i64(0)),
                g("Unsqueeze", query, g.i64(1)))
    return g("Where", visible, g.f32(0), g.f32(-1e9))


def make_llama(path, layers=4, width=256, heads=8, kv_heads=4, vocabulary=4096,
               hidden=688):
    g, head = Graph(1), width // heads
    cos, sin = rotary_tables(g, 1024, head)
    inputs = [("input_ids", I64, ["batch", "seq"]),
              ("position_ids", I64, ["batch", "seq"])]
    outputs = [("logits", F32, ["batch", "seq", vocabulary])]
    x = g("Gather", g.weight(vocabulary, width, scale=0.7), "input_ids")
    mask = causal_mask(g)
    cos, sin = (g("Unsqueeze", g("Gather", table, "position_ids"), g.i64(1))
                for table in (cos, sin))

    def norm(x):
        weight = g.normal(width, scale=0.1, mean=1.0)
        mean = g("ReduceMean", g("Pow", x, g.f32(2)), axes=[-1], keepdims=1)
        scale = g("Reciprocal", g("Sqrt", g("Add", mean, g.f32(1e-6))))
        return g("Mul", g("Mul", x, scale), weight)

    def split_heads(x, n):
        return g("Transpose", g("Reshape", x, g.i64(0, 0, n, head)),
                 perm=[0, 2, 1, 3])

    def rotate(x):
        a, b = g("Split", x, g.i64(head // 2, head // 2), n=2, axis=-1)
        return g("Concat", g("Sub", g("Mul", a, cos), g("Mul", b, sin)),
                 g("Add", g("Mul", b, cos), g("Mul", a, sin)), axis=-1)

    def repeat(x):
        """[batch, kv_heads, total, head] -> [batch, heads, total, head]"""
        shape = g("Concat", g("Shape", x, start=0, end=1),
                  g.i64(kv_heads, heads // kv_heads),
                  g("Shape", x, start=2, end=4), axis=0)
        x = g("Expand", g("Unsqueeze", x, g.i64(2)), shape)
        return g("Reshape", x, g("Concat", g("Slice", shape, g.i64(0), g.i64(1)),
                                 g.i64(heads), g("Slice", shape, g.i64(3), g.i64(5)),
                                 axis=0))

    for layer in range(layers):
        y = norm(x)
        q = rotate(split_heads(g("MatMul", y, g.weight(width, width)), heads))
        k = rotate(split_heads(g("MatMul", y, g.weight(width, kv_heads * head)),
                               kv_heads))
        v = split_heads(g("MatMul", y, g.weight(width, kv_heads * head)), kv_heads)
        past_k, past_v = f"past_k_{layer}", f"past_v_{layer}"
        next_k, next_v = f"present_k_{layer}", f"present_v_{layer}"
        inputs += [(p, F32, ["batch", kv_heads, "past", head])
                   for p in (past_k, past_v)]
        outputs += [(p, F32, ["batch", kv_heads, "total", head])
                    for p in (next_k, next_v)]
        k = g("Concat", past_k, k, out=next_k, axis=2)
        v = g("Concat", past_v, v, out=next_v, axis=2)
        score = g("Mul", g("MatMul", q, g("Transpose", repeat(k), perm=[0, 1, 3, 2])),
                  g.f32(head ** -0.5))
        o = g("MatMul", g("Softmax", g("Add", score, mask), axis=-1), repeat(v))
        o = g("Reshape", g("Transpose", o, perm=[0, 2, 1, 3]), g.i64(0, 0, width))
        x = g("Add", x, g("MatMul", o, g.weight(width, width)))
        y = norm(x)
        gate = g("MatMul", y, g.weight(width, hidden))
        up = g("MatMul", y, g.weight(width, hidden))
        gate = g("Mul", gate, g("Sigmoid", gate))
        x = g("Add", x, g("MatMul", g("Mul", gate, up), g.weight(hidden, width)))
    g("MatMul", norm(x), g.weight(width, vocabulary), out="logits")
    g.save(path, inputs, outputs, 17)


def make_gpt2(path, layers=4, width=256, heads=8, vocabulary=4096, length=128):
    g, head = Graph(2), width // heads
    x = g("Add", g("Gather", g.weight(vocabulary, width, scale=0.7), "input_ids"),
          g.weight(length, width, scale=0.1))
    mask = g.const(np.triu(np.full((length, length), -1e9, np.float32), 1))

    def norm(x):
        return g("LayerNormalization", x, g.const(np.ones(width, np.float32)),
                 g.normal(width, scale=0.1), axis=-1)

    def linear(x, rows, columns):
        return g("Add", g("MatMul", x, g.weight(rows, columns)),
                 g.normal(columns, scale=0.02))

    def gelu(x):
        erf = g("Erf", g("Div", x, g.f32(2 ** 0.5)))
        return g("Mul", g("Mul", x, g("Add", erf, g.f32(1))), g.f32(0.5))

    def split_heads(x, perm):
        return g("Transpose", g("Reshape", x, g.i64(0, 0, heads, head)), perm=perm)

    for _ in range(layers):
        q, k, v = g("Split", linear(norm(x), width, 3 * width),
                    g.i64(width, width, width), n=3, axis=-1)
        score = g("MatMul", split_heads(q, [0, 2, 1, 3]), split_heads(k, [0, 2, 3, 1]))
        score = g("Add", g("Mul", score, g.f32(head ** -0.5)), mask)
        o = g("MatMul", g("Softmax", score, axis=-1), split_heads(v, [0, 2, 1, 3]))
        o = g("Reshape", g("Transpose", o, perm=[0, 2, 1, 3]), g.i64(0, 0, width))
        x = g("Add", x, linear(o, width, width))
        y = gelu(linear(norm(x), width, 4 * width))
        x = g("Add", x, linear(y, 4 * width, width))
    g("MatMul", x, g.weight(width, vocabulary), out="logits")
    g.save(path, [("input_ids", I64, [1, length])],
           [("logits", F32, [1, length, vocabulary])], 17)


def make_resnet18(path):
    g = Graph(4)

    def conv(x, inputs, outputs, kernel, stride):
        weight = g.weight(outputs, inputs, kernel, kernel,
                          scale=(2 / (inputs * kernel * kernel)) ** 0.5)
        x = g("Conv", x, weight, strides=[stride, stride], pads=[kernel // 2] * 4)
        return g("BatchNormalization", x, g.normal(outputs, scale=0.1, mean=1.0),
                 g.normal(outputs, scale=0.1), g.normal(outputs, scale=0.1),
                 g.const((0.5 + g.random.random(outputs)).astype(np.float32)))

    x = g("MaxPool", g("Relu", conv("image", 3, 64, 7, 2)), kernel_shape=[3, 3],
          strides=[2, 2], pads=[1] * 4)
    inputs = 64
    for outputs in (64, 128, 256, 512):
        for block in range(2):
            stride = 2 if block == 0 and outputs > 64 else 1
            y = g("Relu", conv(x, inputs, outputs, 3, stride))
            y = conv(y, outputs, outputs, 3, 1)
            if stride == 2:
                x = conv(x, inputs, outputs, 1, stride)
            x = g("Relu", g("Add", y, x))
            inputs = outputs
    g("Gemm", g("Flatten", g("GlobalAveragePool", x)), g.weight(512, 1000),
      g.weight(1000, scale=0.01), out="logits")
    g.save(path, [("image", F32, ["batch", 3, 224, 224])],
           [("logits", F32, ["batch", 1000])], 13)


def make_qdq_cnn(path, channels=(3, 32, 64, 128, 128)):
    g = Graph(7)
    zero = g.const(np.int8(0))

    def qdq(x, scale):
        scale = g.f32(scale)
        return g("DequantizeLinear", g("QuantizeLinear", x, scale, zero), scale, zero)

    def weight(outputs, inputs, kernel):
        """Int8 per output channel, dequantized."""
        w = g.random.standard_normal((outputs, inputs, kernel, kernel))
        w *= (2 / (inputs * kernel * kernel)) ** 0.5
        scale = np.abs(w).reshape(outputs, -1).max(1) / 127
        q = np.clip(np.round(w / scale[:, None, None, None]), -127, 127)
        return g("DequantizeLinear", g.const(q.astype(np.int8)),
                 g.const(scale.astype(np.float32)),
                 g.const(np.zeros(outputs, np.int8)), axis=0)

    x = qdq("image", 0.02)
    for inputs, outputs in zip(channels, channels[1:]):
        x = g("Conv", x, weight(outputs, inputs, 3), strides=[2, 2], pads=[1] * 4)
        x = qdq(g("Relu", x), 0.03)
        y = g("Conv", x, weight(outputs, outputs, 3), pads=[1] * 4)
        x = qdq(g("Add", x, qdq(g("Relu", y), 0.03)), 0.05)
    g("Gemm", g("Flatten", g("GlobalAveragePool", x)), g.weight(channels[-1], 10),
      g.weight(10, scale=0.01), out="logits")
    g.save(path, [("image", F32, [1, 3, 64, 64])], [("logits", F32, [1, 10])], 13)


MAKERS = {"gen_llama_kv_op17": make_llama, "gen_gpt2_op17": make_gpt2,
          "gen_resnet18_op13": make_resnet18, "gen_qdq_cnn": make_qdq_cnn}


def make(name, path):
    MAKERS[name](path)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    os.makedirs(sys.argv[1], exist_ok=True)
    for model in sys.argv[2:] or MAKERS:
        make(model, os.path.join(sys.argv[1], model + ".onnx"))
