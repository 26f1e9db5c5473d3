//===- Schemas.h - the ONNX standard's operator records -------------------===//
//
// Read from the tables that write_tables.py makes of the onnx package. With
// them arity, attributes and types of a node are checked before its rule runs.
//
//===----------------------------------------------------------------------===//
#ifndef CINCH_LIB_IMPORT_SCHEMAS_H
#define CINCH_LIB_IMPORT_SCHEMAS_H

#include "lib/Import/Proto.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"
#include <memory>
#include <vector>

namespace cinch::import {

struct Schema {
  enum class Kind { single, optional, variadic };
  struct Input {
    llvm::StringRef name;
    Kind kind;
    bool homogeneous;
    llvm::StringRef type; ///< type variable, or a type such as `tensor(int64)`
  };
  struct Attribute {
    llvm::StringRef name;
    int type; ///< AttributeProto.AttributeType
    bool required;
  };
  llvm::StringRef name;
  int64_t since = 1;
  bool deprecated = false;
  int64_t minInputs = 0, maxInputs = 0, minOutputs = 0, maxOutputs = 0;
  llvm::SmallVector<Input, 3> inputs;
  llvm::SmallVector<Attribute, 4> attributes;
  llvm::SmallVector<std::pair<llvm::StringRef, llvm::StringRef>, 2>
      typeVariables; ///< name, types by comma

  const Attribute *findAttribute(llvm::StringRef name) const;
};

/// The schemas and function bodies of the default domain, parsed once per
/// process.
class SchemaTable {
public:
  static const SchemaTable &get();

  /// The newest opset described.
  int64_t getNewestOpset() const { return newest; }
  /// The schema of `name` in `opset`; nullptr if there is none.
  const Schema *find(llvm::StringRef name, int64_t opset) const;
  /// The first opset that has `name`; 0 if none has.
  int64_t getFirstOpset(llvm::StringRef name) const;
  /// The body of `schema` for a model of `opset`, if the standard gives one
  /// that needs no type information.
  const onnx::FunctionProto *findFunction(const Schema &schema,
                                          int64_t opset) const;

private:
  SchemaTable();
  int64_t newest = 0;
  llvm::StringMap<std::vector<Schema>> schemas; ///< ascending `since`
  onnx::ModelProto functions;
};

} // namespace cinch::import

#endif // CINCH_LIB_IMPORT_SCHEMAS_H
