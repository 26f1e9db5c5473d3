//===- Microkernels.h - the microkernels that a module needs --------------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOLLVM_MICROKERNELS_H
#define CINCH_LIB_LOWERING_KERNELTOLLVM_MICROKERNELS_H

#include "lib/Lowering/KernelToLLVM/DotProducts.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include <array>

namespace cinch {

/// The module attribute `exec.microkernels`: an array of `array<i32: m, n, k,
/// lda, ldb, ldc, beta, transpose_a, is_sum>` (runtime/ModuleAbi.h) in table
/// order, without duplicates.
class MicrokernelTable {
public:
  static constexpr llvm::StringLiteral attributeName = "exec.microkernels";
  using Shape = std::array<int32_t, 9>;

  /// `dotProducts`: what the CPU has for products of 8-bit integers.
  explicit MicrokernelTable(mlir::ModuleOp module,
                            DotProducts dotProducts = DotProducts::None)
      : dotProducts(dotProducts) {
    if (auto known = module->getAttrOfType<mlir::ArrayAttr>(attributeName))
      for (auto shape : known.getAsRange<mlir::DenseI32ArrayAttr>()) {
        Shape entry = {};
        llvm::copy(shape.asArrayRef().take_front(entry.size()), entry.begin());
        shapes.push_back(entry);
      }
  }

  /// The position of `shape`, appended if it is new.
  int64_t getPosition(Shape shape) {
    auto known = llvm::find(shapes, shape);
    if (known == shapes.end())
      known = shapes.insert(shapes.end(), shape);
    return known - shapes.begin();
  }

  DotProducts getDotProducts() const { return dotProducts; }

  /// Writes the table to `module`; no attribute where it is empty.
  void write(mlir::ModuleOp module) const {
    mlir::Builder builder(module.getContext());
    llvm::SmallVector<mlir::Attribute> entries;
    for (const Shape &shape : shapes)
      entries.push_back(builder.getDenseI32ArrayAttr(shape));
    if (!entries.empty())
      module->setAttr(attributeName, builder.getArrayAttr(entries));
  }

private:
  std::vector<Shape> shapes;
  DotProducts dotProducts;
};

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOLLVM_MICROKERNELS_H
