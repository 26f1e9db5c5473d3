//===- Attention.cpp - rules: Attention, RotaryEmbedding ------------------===//
#include "lib/Import/Node.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace cinch;
using namespace cinch::import;
using graph::Predicate;

/// [B, T, H * D] -> [B, H, T, D].
static Value splitHeads(Node &node, Value input, int64_t heads) {
  return node.transpose(node.reshape(input, {0, 0, heads, -1}), {0, 2, 1, 3});
}

static Value sizeOf(Node &node, Value value, int64_t axis) {
  return node.squeeze(node.shapeOf(value, axis, axis + 1), {0});
}

static Value countUp(Node &node, Value size) {
  return node.make<graph::RangeOp>(node.builder().getI64Type(), node.integer(0),
                                   size, node.integer(1));
}

namespace {
/// Shapes: B batch, H heads, G KV heads, S queries, T keys, D and E head
/// widths.
struct AttentionParts {
  Value q, k, v; ///< [B, H, S, D], [B, G, T, D], [B, G, T, E]
  Value past;    ///< [B, G, P, D]
  Value bias; ///< added to the scores, broadcasts to [B, H, S, T]; null: none
  bool guards = false; ///< a row may be masked whole
};
} // namespace

/// 0 where `allowed`, else -infinity.
static Value toBias(Node &node, Value allowed, Type element) {
  Value forbidden =
      node.scalar(element, -std::numeric_limits<double>::infinity());
  return node.select(allowed, node.scalar(element, 0), forbidden);
}

static void addBias(Node &node, AttentionParts &parts, Value bias) {
  parts.bias = parts.bias ? node.add(parts.bias, bias) : bias;
}

static bool addMask(Node &node, AttentionParts &parts) {
  Type element = node.elem(parts.q);
  Value mask = node.in(3);
  int64_t rank = node.rank(mask);
  if (rank < 1 || rank > 4) {
    (void)node.invalid("attn_mask must have one to four axes");
    return false;
  }
  if (node.elem(mask).isInteger(1))
    mask = toBias(node, mask, element);
  else if (node.elem(mask) != element)
    mask = node.cast(mask, element);
  if (node.failed)
    return false;
  if (node.shape(mask)->dims.back() != node.shape(parts.k)->dims[2]) {
    Value missing = node.sub(node.shapeOf(parts.k, 2, 3),
                             node.shapeOf(mask, rank - 1, rank));
    Value filler =
        node.scalar(element, -std::numeric_limits<double>::infinity());
    mask = node.make<graph::PadOp>(
        element, mask, node.concat({node.ints({0}), missing}, 0), filler,
        Ints{rank - 1}, graph::PadMode::constant);
  }
  addBias(node, parts, mask);
  parts.guards = true;
  return !node.failed;
}

/// Causal, window and padding masks: all compare the position of the query,
/// offset by the keys before it, with that of the key.
static bool addPositionMasks(Node &node, AttentionParts &parts) {
  Type element = node.elem(parts.q);
  int64_t left = node.getInt("left_window_size", -1),
          right = node.getInt("right_window_size", -1);
  if (left < -1 || right < -1) {
    (void)node.invalid("window sizes must be -1 or not negative");
    return false;
  }
  if (node.getInt("is_causal", 0))
    right = right < 0 ? 0 : std::min<int64_t>(right, 0);
  Value keys = countUp(node, sizeOf(node, parts.k, 2)); // [T]
  Value lengths = node.in(6);
  if (left >= 0 || right >= 0) {
    Value queries =
        node.unsqueeze(countUp(node, sizeOf(node, parts.q, 2)), {1}); // [S, 1]
    if (parts.past) {
      queries = node.add(queries, sizeOf(node, parts.past, 2));
    } else if (lengths) {
      Value offset = node.sub(lengths, sizeOf(node, parts.q, 2));
      queries =
          node.add(node.unsqueeze(offset, {1, 2, 3}), queries); // [B, 1, S, 1]
    }
    Value allowed;
    if (right >= 0)
      allowed = node.compare(Predicate::le, keys,
                             right ? node.add(queries, node.integer(right))
                                   : queries);
    if (left >= 0) {
      Value near = node.compare(Predicate::ge, keys,
                                node.sub(queries, node.integer(left)));
      allowed = allowed ? node.binary<graph::AndOp>(allowed, near) : near;
    }
    addBias(node, parts, toBias(node, allowed, element));
    parts.guards |= lengths || left >= 0;
  }
  if (lengths) {
    Value allowed =
        node.compare(Predicate::lt, keys, node.unsqueeze(lengths, {1, 2, 3}));
    addBias(node, parts, toBias(node, allowed, element));
    parts.guards = true;
  }
  return !node.failed;
}

/// Repeats each KV head so that there are as many as query heads.
static Value repeatHeads(Node &node, Value input, int64_t kvHeads,
                         int64_t repeats) {
  if (repeats == 1)
    return input;
  Value shape =
      node.concat({node.shapeOf(input, 0, 1), node.ints({kvHeads, repeats}),
                   node.shapeOf(input, 2, 4)},
                  0);
  Value wide = node.broadcast(node.unsqueeze(input, {2}), shape);
  return node.reshape(wide, node.concat({node.shapeOf(input, 0, 1),
                                         node.ints({kvHeads * repeats}),
                                         node.shapeOf(input, 2, 4)},
                                        0));
}

static LogicalResult importAttention(Node &node) {
  AttentionParts parts{node.in(0), node.in(1), node.in(2), node.in(4), Value()};
  Type element = node.elem(parts.q);
  int64_t rank = node.rank(parts.q);
  if ((rank != 3 && rank != 4) || node.rank(parts.k) != rank ||
      node.rank(parts.v) != rank)
    return node.invalid("Q, K and V must all have three or all have four axes");
  if (!node.in(4) != !node.in(5))
    return node.invalid("past_key and past_value must be given together");
  if (rank == 3) {
    int64_t heads = node.getInt("q_num_heads", 0),
            kvHeads = node.getInt("kv_num_heads", 0);
    if (heads < 1 || kvHeads < 1)
      return node.invalid(
          "attributes q_num_heads and kv_num_heads must be positive");
    parts.q = splitHeads(node, parts.q, heads);
    parts.k = splitHeads(node, parts.k, kvHeads);
    parts.v = splitHeads(node, parts.v, kvHeads);
  }
  if (parts.past) {
    parts.k = node.concat({parts.past, parts.k}, 2);
    parts.v = node.concat({node.in(5), parts.v}, 2);
  }
  if (node.failed)
    return failure();
  Value presentK = parts.k, presentV = parts.v;
  std::optional<int64_t> heads = node.dim(parts.q, 1),
                         kvHeads = node.dim(parts.k, 1),
                         width = node.dim(parts.q, 3);
  if (!heads || !kvHeads || !width || *width == 0)
    return node.unsupported(
        "dynamic number or width of heads (pin the dimension)");
  if (*kvHeads == 0 || *heads % *kvHeads)
    return node.invalid(
        "number of query heads is not a multiple of that of key heads");
  if ((node.has(3) && !addMask(node, parts)) || !addPositionMasks(node, parts))
    return failure();
  Value k = repeatHeads(node, parts.k, *kvHeads, *heads / *kvHeads);
  Value v = repeatHeads(node, parts.v, *kvHeads, *heads / *kvHeads);

  double scale = node.attribute("scale")
                     ? node.getFloat("scale", 1)
                     : 1 / std::sqrt(static_cast<double>(*width));
  Value scores = node.matmul(node.mul(parts.q, node.scalar(element, scale)), k,
                             false, /*transposeRhs=*/true);
  SmallVector<Value> stages = {scores};
  if (double cap = node.getFloat("softcap", 0); cap > 0) {
    Value limit = node.scalar(element, cap);
    scores =
        node.mul(node.unary<graph::TanhOp>(node.div(scores, limit)), limit);
  }
  stages.push_back(scores);
  if (parts.bias)
    scores = node.add(scores, parts.bias);
  stages.push_back(scores);
  if (int64_t precision = node.getInt("softmax_precision", 0)) {
    Problem problem;
    Type compute = getElementType(static_cast<int32_t>(precision),
                                  node.context(), problem);
    if (!compute || !isa<FloatType>(compute))
      return node.invalid("attribute softmax_precision is not a float type");
    scores = node.cast(scores, compute);
  }
  Value weights =
      node.make<graph::SoftmaxOp>(node.elem(scores), scores, int64_t(3));
  if (parts.guards) {
    int64_t last = node.rank(parts.bias) - 1;
    Value peak = node.reduce<graph::ReduceMaxOp>(parts.bias, {last});
    Value masked =
        node.make<graph::IsInfOp>(node.builder().getI1Type(), peak,
                                  /*positive=*/false, /*negative=*/true);
    weights = node.select(masked, node.like(weights, 0), weights);
  }
  weights = node.cast(weights, element);
  stages.push_back(weights);
  int64_t stage = node.getInt("qk_matmul_output_mode", 0);
  if (stage < 0 || stage > 3)
    return node.invalid("attribute qk_matmul_output_mode is " + Twine(stage));
  Value result = node.matmul(weights, v);
  if (rank == 3)
    result = node.reshape(node.transpose(result, {0, 2, 1, 3}), {0, 0, -1});
  return node.result({result, presentK, presentV, stages[stage]});
}

/// Rotates pairs of the first `rotary_embedding_dim` elements of each head.
static LogicalResult importRotaryEmbedding(Node &node) {
  Value x = node.in(0), cosine = node.in(1), sine = node.in(2);
  int64_t rank = node.rank(x), heads = node.getInt("num_heads", 0);
  if (rank != 3 && rank != 4)
    return node.invalid("input must have three or four axes");
  if (rank == 3 && heads < 1)
    return node.invalid(
        "attribute num_heads must be positive for an input of three axes");
  // [B, T, H, D]
  Value input = rank == 4 ? node.transpose(x, {0, 2, 1, 3})
                          : node.reshape(x, {0, 0, heads, -1});
  if (node.failed)
    return failure();
  std::optional<int64_t> width = node.dim(input, 3);
  if (!width)
    return node.unsupported("dynamic width of heads (pin the dimension)");
  int64_t rotated = node.getInt("rotary_embedding_dim", 0);
  if (rotated == 0)
    rotated = *width;
  if (rotated < 0 || rotated > *width || rotated % 2)
    return node.invalid("attribute rotary_embedding_dim is " + Twine(rotated) +
                        " for heads of " + Twine(*width));
  if (node.has(3)) {
    cosine = node.make<graph::GatherOp>(node.elem(cosine), cosine, node.in(3),
                                        int64_t(0));
    sine = node.make<graph::GatherOp>(node.elem(sine), sine, node.in(3),
                                      int64_t(0));
  }
  cosine = node.unsqueeze(cosine, {2});
  sine = node.unsqueeze(sine, {2});
  bool interleaved = node.getInt("interleaved", 0);
  auto take = [&](int64_t start, int64_t end, int64_t step) {
    return node.make<graph::SliceOp>(node.elem(input), input,
                                     node.ints({start}), node.ints({end}),
                                     Ints{3}, Ints{step});
  };
  Value first = interleaved ? take(0, rotated, 2) : take(0, rotated / 2, 1);
  Value second =
      interleaved ? take(1, rotated, 2) : take(rotated / 2, rotated, 1);
  Value real = node.sub(node.mul(cosine, first), node.mul(sine, second));
  Value imaginary = node.add(node.mul(sine, first), node.mul(cosine, second));
  Value result;
  if (interleaved) {
    Value pairs = node.concat(
        {node.unsqueeze(real, {4}), node.unsqueeze(imaginary, {4})}, 4);
    result = node.reshape(
        pairs,
        node.concat({node.shapeOf(input, 0, 3), node.ints({rotated})}, 0));
  } else {
    result = node.concat({real, imaginary}, 3);
  }
  if (rotated < *width)
    result = node.concat({result, take(rotated, *width, 1)}, 3);
  if (rank == 4)
    return node.result(node.transpose(result, {0, 2, 1, 3}));
  return node.result(node.reshape(result, node.shapeOf(x, 0, 3)));
}

void import::addAttentionRules(RuleTable &rules) {
  rules["Attention"] = importAttention;
  rules["RotaryEmbedding"] = importRotaryEmbedding;
}
