//===- Manifest.h - signature, plan and kernels of a compiled model -------===//
#ifndef CINCH_RUNTIME_MANIFEST_H
#define CINCH_RUNTIME_MANIFEST_H

#include "runtime/Plan/Expr.h"
#include "runtime/Plan/Planner.h"
#include "runtime/Status.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cinch::rt {

/// A symbolic size. Its value is that of dimension `axis` of input `input`.
struct Symbol {
  std::string name;
  int64_t min = 0, max = -1; ///< inclusive; max -1: no bound
  int32_t input = 0, axis = 0;
};

/// An input or output.
struct Value {
  std::string name;
  cinch_dtype_t dtype = 0;
  std::vector<plan::Expr> dims;
  std::vector<std::string> dimTexts, dimSymbols; ///< the text; symbol or ""
  std::vector<cinch_dim_t> dimInfos; ///< for the C API, points to the texts
  int32_t state = -1; ///< of which it is past or present; -1: none
};

/// An input and the output that continues it: rows along `axis`.
struct State {
  int32_t input = 0, output = 0, axis = 0;
};

struct Slot {
  std::string name;
  plan::Expr bytes;
  int64_t first = 0, last = 0;
};

struct Kernel {
  std::string name, op, kind;
  plan::Expr flops, bytes;
};

/// The manifest, checked: all references are in range, all expressions use
/// known symbols, names are unique.
struct Manifest {
  std::string model, target, cpu, producer;
  std::vector<Symbol> symbols;
  std::vector<Value> inputs, outputs;
  std::vector<State> states;
  std::vector<Slot> slots;
  std::optional<plan::Plan> plan; ///< absent: planned for every size
  int64_t alignment = 64;
  bool hasWeights = false;
  std::string weightsFile; ///< empty: embedded
  std::string weightsChecksum;
  int64_t weightsBytes = 0;
  std::vector<Kernel> kernels;

  /// Parses and checks `text`. `path` is for messages.
  cinch_status_t parse(const char *path, std::string_view text);

  /// Evaluates `expression` with symbol k at `values[k]`; nullopt as
  /// plan::Expr::evaluate.
  std::optional<int64_t> evaluate(const plan::Expr &expression,
                                  const int64_t *values) const;
};

} // namespace cinch::rt

#endif // CINCH_RUNTIME_MANIFEST_H
