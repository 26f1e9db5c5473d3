//===- Emitter.h - builds ONNX graphs from graph operations ---------------===//
//
// The emitter owns names and node creation; what an operation becomes is said
// by one rule per operation, found in a table (Rules.h).
//
//===----------------------------------------------------------------------===//
#ifndef CINCH_LIB_EXPORT_EMITTER_H
#define CINCH_LIB_EXPORT_EMITTER_H

#include "dialects/Graph/Graph.h"
#include "lib/Import/Proto.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include <string>

namespace cinch::onnx_export {

/// The ONNX element type number of `type` (signless integers are signed); 0 if
/// ONNX has none.
int getElementTypeNumber(mlir::Type type);

/// Writes operations into one ONNX graph; nested graphs get an emitter of their
/// own that shares names with its parent.
class Emitter {
public:
  Emitter(onnx::GraphProto &graph, Emitter *parent = nullptr)
      : graph(graph), parent(parent), root(parent ? parent->root : *this) {}

  /// Emits all operations of `block` up to its terminator.
  llvm::LogicalResult emitBlock(mlir::Block &block);

  /// The ONNX name of `value`; a value without one gets a fresh name.
  std::string getName(mlir::Value value);
  /// Fixes the name of `value` (function arguments and results).
  void setName(mlir::Value value, llvm::StringRef name);
  /// A name in use nowhere else, made from `hint`.
  std::string makeName(llvm::StringRef hint);

  /// Appends a node whose outputs are the results of `op`.
  onnx::NodeProto &addNode(llvm::StringRef type, mlir::Operation *op,
                           llvm::ArrayRef<std::string> inputs);
  /// Appends a node with one output of a fresh name; returns that name.
  std::string
  addHelper(llvm::StringRef type, llvm::ArrayRef<std::string> inputs,
            llvm::StringRef hint,
            llvm::function_ref<void(onnx::NodeProto &)> attributes = nullptr);
  /// Names of all operands of `op` ("" for none).
  llvm::SmallVector<std::string> getInputs(mlir::Operation *op);

  /// An initializer with the given int64 elements; returns its name.
  /// One-dimensional unless `scalar`.
  std::string addConstant(llvm::ArrayRef<int64_t> elements,
                          bool scalar = false);
  /// A float scalar of element type `type`.
  std::string addScalar(double value, mlir::Type type);
  /// Adds `value` (dense or weight) as the initializer `name`.
  llvm::LogicalResult addInitializer(mlir::Operation *op, mlir::Attribute value,
                                     llvm::StringRef name);
  /// Describes `value` as a graph input or output; `dims` may be null.
  llvm::LogicalResult describe(onnx::ValueInfoProto &info, mlir::Value value,
                               llvm::StringRef name, mlir::ArrayAttr dims);

  onnx::GraphProto &graph;

private:
  Emitter *parent;
  Emitter &root;
  llvm::DenseMap<mlir::Value, std::string> names;
  llvm::StringSet<> used;             // of the root only
  llvm::StringMap<unsigned> counters; // of the root only
  uint64_t weightBytes = 0;           // of the root only

  const std::string *findName(mlir::Value value) const;
};

void setAttribute(onnx::NodeProto &node, llvm::StringRef name, int64_t value);
void setAttribute(onnx::NodeProto &node, llvm::StringRef name, float value);
void setAttribute(onnx::NodeProto &node, llvm::StringRef name,
                  llvm::StringRef value);
void setAttribute(onnx::NodeProto &node, llvm::StringRef name,
                  llvm::ArrayRef<int64_t> values);
void setAttribute(onnx::NodeProto &node, llvm::StringRef name,
                  llvm::ArrayRef<float> values);
void setAttribute(onnx::NodeProto &node, llvm::StringRef name,
                  llvm::ArrayRef<llvm::StringRef> values);
/// Adds an empty nested graph as an attribute.
onnx::GraphProto &addGraphAttribute(onnx::NodeProto &node,
                                    llvm::StringRef name);

} // namespace cinch::onnx_export

#endif // CINCH_LIB_EXPORT_EMITTER_H
