//===- Importer.h - the state of one import -------------------------------===//
#ifndef CINCH_LIB_IMPORT_IMPORTER_H
#define CINCH_LIB_IMPORT_IMPORTER_H

#include "lib/Import/Import.h"
#include "lib/Import/Node.h"
#include "llvm/ADT/StringSet.h"

namespace cinch::import {

/// The values that the names of one ONNX graph (or function body) mean.
struct Scope {
  struct Entry {
    Value value; ///< null: its node could not be imported
    bool optionalEmpty = false;
  };
  const Scope *outer = nullptr; ///< whose names are visible too
  llvm::StringMap<Entry> entries;
  llvm::StringMap<std::string>
      displayNames;   ///< names given by the caller of a function
  std::string prefix; ///< of the names of everything else
  const llvm::StringMap<const onnx::AttributeProto *> *attributes =
      nullptr; ///< of the called function
  const llvm::StringMap<int64_t> *opsets = nullptr;
  llvm::StringMap<const onnx::TypeProto *>
      declared; ///< types that the graph states

  const Entry *find(StringRef name) const;
};

class Importer {
public:
  Importer(StringRef path, ArrayRef<char> bytes, const onnx::ModelProto &model,
           mlir::MLIRContext &context, const ImportOptions &options);
  ImportResult run();

  // -- For nodes and rules --
  mlir::OpBuilder builder;
  graph::ShapeInference inference;
  Scope *scope = nullptr;
  TensorReader tensors;

  mlir::MLIRContext *getContext() { return builder.getContext(); }
  /// Gives the result `index` of its operation the name of an ONNX value.
  void nameValue(Value value, StringRef onnxName);
  void setNames(mlir::Operation *op, ArrayRef<std::string> names);
  std::string makeUnique(StringRef name);
  /// Base of derived names of the node being imported.
  std::string nodeName;
  /// Shapes of a value of the model, for messages.
  std::string describe(Value value) const;
  /// Records a problem at `node` (null: of the model); the message is
  /// completed.
  void report(const Problem &problem, const Node *node = nullptr);
  /// Imports initializers and nodes of `graph` into `scope` at the builder's
  /// insertion point; false if the nodes could not all be imported.
  bool importBody(const onnx::GraphProto &graph);
  /// Looks outputs up; nullopt after reporting.
  std::optional<SmallVector<Value>> getOutputs(const onnx::GraphProto &graph);
  /// A constant operation with its shape and name set.
  Value makeConstant(mlir::TypedAttr value, StringRef onnxName);
  bool hasProblems() const { return !problems.empty(); }

private:
  bool checkModel();
  const onnx::FunctionProto *findFunction(const onnx::NodeProto &node) const;
  std::string getDisplayName(StringRef name);
  bool importInputs(const onnx::GraphProto &graph, mlir::func::FuncOp function);
  bool checkOptions();
  bool
  importNodes(const google::protobuf::RepeatedPtrField<onnx::NodeProto> &nodes);
  bool importNode(const onnx::NodeProto &proto);
  bool resolveInputs(Node &node, bool &poisoned);
  bool checkSchema(Node &node);
  bool checkTypes(Node &node);
  bool runRule(Node &node, Rule rule);
  bool inlineFunction(Node &node, const onnx::FunctionProto &function,
                      bool isStandard);
  bool bindOutputs(Node &node);
  void checkBodies(const Node &node, const onnx::FunctionProto *function);
  void poisonOutputs(const onnx::NodeProto &proto);
  bool define(StringRef name, Value value, const Node *node);
  void checkDeclared(StringRef name, Value value, const Node *node);
  void declareTypes(const onnx::GraphProto &graph);
  void warnOfDims(const onnx::ValueInfoProto &output, Value value);
  bool finish(mlir::func::FuncOp function, const onnx::GraphProto &graph);
  ImportResult emitProblems();

  struct Symbol {
    std::string name, original;
    DimBound bound;
    bool pinned = false;
  };
  Symbol &getSymbol(StringRef original);

  std::string path;
  const onnx::ModelProto &model;
  const ImportOptions &options;
  std::vector<Problem> problems;
  llvm::StringSet<> usedNames;
  llvm::StringMap<unsigned> nameCounters;
  std::vector<Symbol> symbols;
  llvm::StringMap<const onnx::FunctionProto *>
      functions; ///< by domain:name:overload
  llvm::StringMap<int64_t> modelOpsets;
  llvm::StringSet<>
      producedLater; ///< outputs of all nodes of the graph being imported
  unsigned callDepth = 0;
  size_t numNodes = 0;
};

} // namespace cinch::import

#endif // CINCH_LIB_IMPORT_IMPORTER_H
