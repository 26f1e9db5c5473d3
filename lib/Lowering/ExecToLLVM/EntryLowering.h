//===- EntryLowering.h - the entry program as a function ------------------===//
#ifndef CINCH_LIB_LOWERING_EXECTOLLVM_ENTRYLOWERING_H
#define CINCH_LIB_LOWERING_EXECTOLLVM_ENTRYLOWERING_H

#include "lib/Lowering/ExecToLLVM/FrameBuilder.h"

#include "mlir/IR/IRMapping.h"

namespace cinch {

inline bool isTensor(mlir::Value value) {
  return mlir::isa<mlir::RankedTensorType>(value.getType());
}

/// Lowers one entry program into a new function, long runs of calls into
/// functions of their own (`partName`).
class EntryLowering {
public:
  EntryLowering(const memory::Program &program, mlir::func::FuncOp target,
                mlir::OpBuilder &builder, mlir::SymbolTable &symbols)
      : program(program), target(target), builder(builder), symbols(symbols),
        code(builder, target.getLoc(), target.getArgument(0),
             program.getSymbols()) {
    collectDeviceFunctions();
  }
  llvm::LogicalResult run();

private:
  void collectSlots(mlir::Operation &op);
  void collectDeviceFunctions();
  void collectStates();
  /// Rows `first` of the result of a kernel that continues its operand `past`.
  mlir::Value getFirstRow(exec::KernelOp kernel, unsigned past, int64_t axis);
  void createArgs();
  void lowerChecks();
  /// True where no kernel has failed so far; null in a program that cannot.
  mlir::Value hasNoFault();
  void returnStatus();
  llvm::LogicalResult lower(mlir::Block &block);
  llvm::LogicalResult lower(mlir::Operation &op);
  llvm::LogicalResult lowerPart(llvm::ArrayRef<mlir::Operation *> ops);
  mlir::Value getGrain(exec::KernelOp kernel, mlir::LLVM::LLVMFuncOp callee,
                       mlir::Value count);
  /// Stores the words of a call to `args`, from number `word` on.
  void pushWords(exec::KernelOp kernel, mlir::LLVM::LLVMFuncOp callee,
                 int64_t &word);
  llvm::LogicalResult lowerKernel(exec::KernelOp kernel);
  void lowerAssemble(exec::AssembleOp assemble);
  void lowerShape(exec::ShapeOp shape);
  void lowerRead(exec::ReadOp read);
  llvm::LogicalResult lowerDim(mlir::tensor::DimOp dim);
  void lowerWrite(exec::WriteOp write);
  llvm::LogicalResult lowerIf(mlir::scf::IfOp branch);
  llvm::LogicalResult lowerFor(mlir::scf::ForOp loop);
  llvm::LogicalResult lowerWhile(mlir::scf::WhileOp loop);
  /// Accesses of a tensor by the program itself.
  mlir::Value loadTensor(mlir::Type type, mlir::Value from) {
    return isDevice ? code.read(type, from) : code.load(type, from);
  }
  void storeTensor(mlir::Value value, mlir::Value to) {
    return isDevice ? code.write(value, to) : code.store(value, to);
  }
  mlir::Value address(mlir::Value value) {
    return code.address(slots.lookup(value));
  }
  llvm::SmallVector<mlir::Value> getScalars(mlir::ValueRange values);
  void mapScalars(mlir::ValueRange from, mlir::ValueRange to);
  mlir::Value getMessage(llvm::StringRef text);

  const memory::Program &program;
  mlir::func::FuncOp target;
  mlir::OpBuilder &builder;
  mlir::SymbolTable &symbols;
  FrameBuilder code;
  llvm::DenseMap<mlir::Value, exec::SlotAttr> slots;
  /// For past, present and views of them: the number of their rows word.
  llvm::DenseMap<mlir::Value, int64_t> rows;
  mlir::IRMapping scalars;
  mlir::Value args;  ///< words for the kernel that runs next
  mlir::Value fault; ///< number of the first assertion that failed, in memory
  llvm::SmallVector<llvm::StringRef> faults; ///< messages by number
  bool isDevice = false; ///< kernels and tensors are on a device
  /// Numbers of the device functions, by name.
  llvm::StringMap<int64_t> deviceFunctions;
};

} // namespace cinch

#endif // CINCH_LIB_LOWERING_EXECTOLLVM_ENTRYLOWERING_H
