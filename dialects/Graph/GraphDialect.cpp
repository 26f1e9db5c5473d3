//===- GraphDialect.cpp - registration of the graph dialect ---------------===//
#include "dialects/Graph/Graph.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace cinch::graph;

#include "dialects/Graph/GraphDialect.cpp.inc"
#include "dialects/Graph/GraphEnums.cpp.inc"
#include "dialects/Graph/GraphInterfaces.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Graph/GraphAttrs.cpp.inc"

std::string cinch::graph::getValueName(Value value) {
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    if (auto function =
            dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp()))
      if (auto name = function.getArgAttrOfType<StringAttr>(
              argument.getArgNumber(), "graph.name"))
        return name.str();
    return "";
  }
  auto names = value.getDefiningOp()->getAttrOfType<ArrayAttr>("names");
  unsigned number = cast<OpResult>(value).getResultNumber();
  auto name = names && number < names.size()
                  ? dyn_cast<StringAttr>(names[number])
                  : StringAttr();
  return name ? name.str() : "";
}

namespace {

/// A weight that a pass computed, as a resource of a textual or bytecode file.
struct ComputedWeightHandle
    : public AsmDialectResourceHandleBase<ComputedWeightHandle,
                                          WeightFiles::Entry, GraphDialect> {
  using AsmDialectResourceHandleBase::AsmDialectResourceHandleBase;
};

/// Prints the bytes of computed weights behind the program, and reads them
/// back; those of a model stay in its file.
struct WeightResources : public OpAsmDialectInterface {
  using OpAsmDialectInterface::OpAsmDialectInterface;

  WeightFiles &getFiles() const {
    return cast<GraphDialect>(getDialect())->getWeightFiles();
  }

  FailureOr<AsmDialectResourceHandle>
  declareResource(StringRef key) const final {
    WeightFiles::Entry *entry = getFiles().declareBuffer(key);
    if (!entry)
      return failure();
    return ComputedWeightHandle(entry, cast<GraphDialect>(getDialect()));
  }

  std::string
  getResourceKey(const AsmDialectResourceHandle &handle) const final {
    return cast<ComputedWeightHandle>(handle).getResource()->getKey().str();
  }

  LogicalResult parseResource(AsmParsedResourceEntry &entry) const final {
    FailureOr<AsmResourceBlob> blob = entry.parseAsBlob();
    if (failed(blob))
      return failure();
    if (!getFiles().setBuffer(entry.getKey(), blob->getData()))
      return entry.emitError() << "the weight is already there";
    return success();
  }

  void buildResources(Operation *op,
                      const SetVector<AsmDialectResourceHandle> &,
                      AsmResourceBuilder &builder) const final {
    llvm::SetVector<StringRef> computed;
    op->walk([&](Operation *user) {
      user->getAttrDictionary().walk([&](WeightAttr weight) {
        if (WeightFiles::isComputed(weight.getFile()))
          computed.insert(weight.getFile());
      });
    });
    for (StringRef file : computed)
      if (std::optional<ArrayRef<char>> bytes = getFiles().getComputed(file))
        builder.buildBlob(file, *bytes, alignof(double));
  }
};

} // namespace

void GraphDialect::initialize() {
  addInterfaces<WeightResources>();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/Graph/GraphAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/Graph/GraphOps.cpp.inc"
      >();
}
