//===- Selector.cpp - which operations a technique is applied to ----------===//
#include "passes/Common/Selector.h"
#include "dialects/Graph/Graph.h"
#include "passes/Common/NearMatch.h"

using namespace mlir;
using namespace cinch;

/// Reads what is behind the `#`; returns what is wrong with it, if anything.
std::string Selector::parseLayers(StringRef text, Term &term) {
  auto [first, last] = text.split("..");
  std::pair<int64_t, int64_t> range;
  if (first.getAsInteger(10, range.first) ||
      (text == first ? first : last).getAsInteger(10, range.second) ||
      range.first < 0 || range.second < range.first)
    return "expected #layer or #first..last";
  term.layers = range;
  return "";
}

llvm::Expected<Selector> Selector::parse(StringRef text) {
  Selector selector;
  SmallVector<StringRef> parts;
  text.split(parts, ';', /*MaxSplit=*/-1, /*KeepEmpty=*/!text.empty());
  for (StringRef part : parts) {
    Term term;
    term.text = part.str();
    if (part.starts_with("#")) {
      std::string problem = parseLayers(part.drop_front(), term);
      if (!problem.empty())
        return llvm::createStringError("'" + part + "': " + problem);
      selector.terms.push_back(std::move(term));
      continue;
    }
    auto [kind, pattern] = part.split(':');
    term.kind = kind.str();
    std::string problem;
    bool isKind =
        llvm::all_of(kind, [](char c) { return llvm::isAlnum(c) || c == '_'; });
    if (!isKind || (kind.empty() && pattern.empty()))
      problem = "expected an operation, :regex, both, or #layer";
    if (!pattern.empty()) {
      term.name.emplace(pattern);
      (void)term.name->isValid(problem);
    }
    if (!problem.empty())
      return llvm::createStringError("'" + part + "': " + problem);
    selector.terms.push_back(std::move(term));
  }
  return selector;
}

void Selector::number(func::FuncOp function) {
  layers.clear();
  function.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (isa<graph::MatmulOp, graph::ConvOp, graph::ConvTransposeOp,
            graph::EinsumOp>(op))
      layers.try_emplace(op, layers.size());
  });
}

bool Selector::matches(const Term &term, Operation *op) const {
  if (term.layers) {
    auto layer = layers.find(op);
    return layer != layers.end() && layer->second >= term.layers->first &&
           layer->second <= term.layers->second;
  }
  if (!term.kind.empty() && op->getName().stripDialect() != term.kind)
    return false;
  return !term.name || llvm::any_of(op->getResults(), [&](Value value) {
    return term.name->match(graph::getValueName(value));
  });
}

bool Selector::matches(Operation *op) const {
  return terms.empty() || llvm::any_of(terms, [&](const Term &term) {
           return matches(term, op);
         });
}

std::vector<std::string>
Selector::describeUnmatched(ArrayRef<Operation *> candidates) const {
  std::vector<std::string> kinds, names, sentences;
  for (Operation *op : candidates) {
    kinds.push_back(op->getName().stripDialect().str());
    for (Value result : op->getResults())
      names.push_back(graph::getValueName(result));
  }
  for (const Term &term : terms) {
    if (llvm::any_of(candidates,
                     [&](Operation *op) { return matches(term, op); }))
      continue;
    std::string more;
    auto [kind, pattern] = StringRef(term.text).split(':');
    bool isKnown = kind.empty() || llvm::is_contained(kinds, kind);
    if (term.layers)
      more = "; there are " + std::to_string(layers.size()) + " products";
    else if (!isKnown)
      more = suggest(kind, kinds);
    else
      more = suggest(pattern.trim("^$.*"), names);
    sentences.push_back("select: '" + term.text + "' matches nothing" + more);
  }
  return sentences;
}
