//===- CodedFragments.h - fragments of B from codes -----------------------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOGPU_CODEDFRAGMENTS_H
#define CINCH_LIB_LOWERING_KERNELTOGPU_CODEDFRAGMENTS_H

#include "lib/Lowering/KernelToGPU/CodeDecoder.h"
#include "lib/Lowering/KernelToGPU/SharedTile.h"

namespace cinch {

/// Reads fragments of B for m16n8k16 from a tile of codes whose rows are along
/// the columns of B. A warp has 32 columns, 4 fragments; so that a lane finds
/// what it needs of them in neighbouring codes, column c of fragment f is
/// column 4 c + f of the warp.
class CodedColumns {
public:
  static constexpr int64_t count = 4; ///< of fragments

  /// `first`: first column of the warp; `lane`: 0 ... 31; `type`: f16 or bf16.
  CodedColumns(ElementEmitter &emitter, SharedTile tile,
               const CodedOperand &coded, mlir::Type type, mlir::Value first,
               mlir::Value lane);

  /// The fragments at depth `step` (of one instruction): two words of each.
  llvm::SmallVector<llvm::SmallVector<mlir::Value, 4>> read(mlir::Value base,
                                                            int64_t step);

private:
  ElementEmitter &emitter;
  SharedTile tile;
  CodeDecoder decoder;
  mlir::Type type;
  int64_t bytes; ///< of four codes
  /// Of what this lane reads of the first of 8 rows, and of the next one.
  mlir::Value offsets[2];
};

/// Reads fragments of B for m16n8k32 from a tile of codes of 4 bits whose rows
/// are along the depth, and widens them to 8 bits.
class WidenedColumns {
public:
  /// As of FragmentReader.
  WidenedColumns(ElementEmitter &emitter, SharedTile tile, bool isSigned,
                 mlir::Value first, int64_t count, mlir::Value lane);

  llvm::SmallVector<llvm::SmallVector<mlir::Value, 4>> read(mlir::Value base,
                                                            int64_t step);

private:
  mlir::Value widen(mlir::Value codes);

  ElementEmitter &emitter;
  SharedTile tile;
  bool isSigned;
  int64_t count;
  llvm::SmallVector<mlir::Value> offsets; ///< by step
};

/// The four codes in `bytes` bytes at `pointer`: an i32.
mlir::Value loadCodes(ElementEmitter &emitter, mlir::Value pointer,
                      int64_t bytes);

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOGPU_CODEDFRAGMENTS_H
