//===- Selector.cpp - which operations a technique is applied to ----------===//
#include "passes/Common/Selector.h"
#include "dialects/Graph/Graph.h"

using namespace mlir;
using namespace cinch;

llvm::Expected<Selector> Selector::parse(StringRef text) {
  Selector selector;
  SmallVector<StringRef> parts;
  text.split(parts, ';', /*MaxSplit=*/-1, /*KeepEmpty=*/!text.empty());
  for (StringRef part : parts) {
    auto [kind, pattern] = part.split(':');
    Term term;
    term.kind = kind.str();
    std::string problem;
    bool isKind =
        llvm::all_of(kind, [](char c) { return llvm::isAlnum(c) || c == '_'; });
    if (!isKind || (kind.empty() && pattern.empty()))
      problem = "expected an operation, :regex, or both";
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

bool Selector::matches(Operation *op) const {
  return terms.empty() || llvm::any_of(terms, [&](const Term &term) {
           if (!term.kind.empty() && op->getName().stripDialect() != term.kind)
             return false;
           return !term.name ||
                  llvm::any_of(op->getResults(), [&](Value value) {
                    return term.name->match(graph::getValueName(value));
                  });
         });
}
