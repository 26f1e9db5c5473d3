//===- FrameBuilder.h - code that reads the frame of a run ----------------===//
//
// Emits loads from cinch_frame_v1 and calls through cinch_host_v1; the field
// numbers mirror runtime/ModuleAbi.h.
//
//===----------------------------------------------------------------------===//
#ifndef CINCH_LIB_LOWERING_EXECTOLLVM_FRAMEBUILDER_H
#define CINCH_LIB_LOWERING_EXECTOLLVM_FRAMEBUILDER_H

#include "dialects/Exec/Exec.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "passes/Memory/Program.h"

namespace cinch {

/// Code about one frame, at the insertion point of `builder`.
class FrameBuilder {
public:
  FrameBuilder(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value frame,
               llvm::ArrayRef<memory::Symbol> symbols);

  mlir::Value constant(int64_t value);
  /// The i64 value of an expression over the symbols.
  mlir::Value evaluate(const plan::Expr &expr);
  /// The address of a place.
  mlir::Value address(exec::SlotAttr slot);
  /// The rows that the buffer of past (number 2 * state) or present (one more)
  /// has room for.
  mlir::Value rows(int64_t number);
  /// Byte `offset` from `pointer`.
  mlir::Value advance(mlir::Value pointer, mlir::Value offset);
  mlir::Value load(mlir::Type type, mlir::Value pointer);
  void store(mlir::Value value, mlir::Value pointer);

  // -- Services of the host.
  void parallelFor(int64_t kernel, mlir::Value function, mlir::Value args,
                   mlir::Value tiles, mlir::Value grain);
  void copy(mlir::Value to, mlir::Value from, mlir::Value bytes);
  void launch(int64_t kernel, int64_t function, mlir::Value args,
              mlir::Value blocks);
  /// The address of the fault word of a run on a device.
  mlir::Value fault();
  /// Scalars in the memory of a device.
  mlir::Value read(mlir::Type type, mlir::Value from);
  void write(mlir::Value value, mlir::Value to);
  /// The status for the entry to return.
  mlir::Value fail(int32_t status, mlir::Value message);

  void setLoc(mlir::Location newLoc) { loc = newLoc; }
  mlir::Value getFrame() const { return frame; }
  /// For code in another function, which has the frame under another name.
  void setFrame(mlir::Value newFrame) {
    frame = newFrame;
    cell = mlir::Value();
  }

private:
  mlir::Value getCell();
  mlir::Value loadField(mlir::Value structure, int64_t field);
  mlir::Value loadElement(mlir::Value array, int64_t index, mlir::Type type);
  mlir::Value callHost(int64_t field, mlir::Type result,
                       mlir::ValueRange operands);

  mlir::OpBuilder &builder;
  mlir::Location loc;
  mlir::Value frame;
  llvm::ArrayRef<memory::Symbol> symbols;
  mlir::Type pointer, i64;
  mlir::Value cell; ///< eight bytes of this function's stack; made on demand
};

} // namespace cinch

#endif // CINCH_LIB_LOWERING_EXECTOLLVM_FRAMEBUILDER_H
