//===- Sharing.h - which values share bytes -------------------------------===//
//
// Assigns every tensor of a program to a buffer and a byte offset in it, so
// that views, results over dead operands, parts of an assembled value and
// loop-carried values share bytes. A buffer holds data: ranges of bytes that
// hold one written value from its write to its last read. Two buffers merge
// only if no two of their data overlap in bytes and time.
//
//===----------------------------------------------------------------------===//
#ifndef CINCH_PASSES_MEMORY_SHARING_H
#define CINCH_PASSES_MEMORY_SHARING_H

#include "passes/Memory/Program.h"

namespace cinch::memory {

/// The place of a value: byte `offset` of a buffer.
struct Place {
  unsigned buffer = 0;
  Expr offset;
};

/// Bytes of a buffer that hold one written value during the steps
/// [first, last].
struct Datum {
  Expr offset, bytes;
  int64_t first = 0, last = 0;
};

/// Memory that values share. `space` arena: a slot of the plan; caller: the
/// input or output `number`; weight: the constant `value`.
struct Buffer {
  Expr bytes;
  exec::Space space = exec::Space::arena;
  int64_t number = 0;
  bool isWritable = true;
  llvm::SmallVector<unsigned, 2> data;
  llvm::SmallVector<mlir::Value, 2> members; ///< empty once merged into another

  int64_t first = 0, last = 0; ///< of all data, set when sharing is complete
};

/// How many choices were taken and left, for reports.
struct SharingCounts {
  int64_t inPlace = 0, inPlaceRefused = 0, assembled = 0, assembledByCopy = 0;
  int64_t inOutputs = 0;
};

class Sharing {
public:
  Sharing(const Program &program) : program(program) {}

  /// Decides all places. `aliasAssembled`: operands of exec.assemble may become
  /// parts of the result; `overwritesIntoParts`: these may lie over what their
  /// kernel reads, so that the result is alive as early as that. Returns an
  /// operand (of a terminator or a loop) whose value has to be copied first,
  /// after which a new analysis is needed; nullptr when done.
  mlir::OpOperand *run(bool aliasAssembled, bool overwritesIntoParts = true);

  /// Moves buffers of the arena to the memory of outputs that are written
  /// later, the largest by `getSize` (bytes) first; after `run`.
  void shareOutputs(llvm::function_ref<int64_t(const Buffer &buffer)> getSize);

  const Place &getPlace(mlir::Value value) const {
    return places.find(value)->second;
  }
  llvm::ArrayRef<Buffer> getBuffers() const { return buffers; }
  const SharingCounts &getCounts() const { return counts; }

private:
  using Exempt = llvm::function_ref<bool(unsigned, unsigned)>;
  void createBuffers();
  void addDatum(mlir::Value value, Expr offset, Expr bytes);
  llvm::SmallVector<unsigned, 2> getData(mlir::Value value) const;
  bool isWhole(mlir::Value value) const;
  bool isBefore(const Expr &end, const Expr &begin) const;
  bool overlaps(const Datum &a, const Expr &shift, const Datum &b) const;
  bool canMerge(unsigned a, unsigned b, const Expr &shift, Exempt exempt) const;
  void merge(unsigned a, unsigned b, const Expr &shift);
  bool tryMerge(mlir::Value value, mlir::Value into, Exempt exempt);
  bool fitsOutput(unsigned from, unsigned to, mlir::Value output) const;
  bool placeOutput(mlir::OpOperand &output);
  mlir::OpOperand *placeOutputs();
  mlir::OpOperand *placeCarried(mlir::Block &block);
  mlir::OpOperand *placeCarried(mlir::Operation &op);
  mlir::OpOperand *placeUpdates();
  bool mayOverwrite(exec::KernelOp kernel, unsigned operand,
                    unsigned result) const;
  bool isInPlace(mlir::Value value, unsigned a, unsigned b) const;
  void shareInPlace(exec::KernelOp kernel, bool overwritesIntoParts);
  void shareAssembled(exec::AssembleOp assemble);
  bool tryAssemble(exec::AssembleOp assemble, unsigned part, const Expr &shift);

  const Program &program;
  llvm::SmallVector<Buffer> buffers;
  llvm::SmallVector<Datum> data;
  llvm::DenseMap<mlir::Value, Place> places;
  /// Data that hold (parts of) a value.
  llvm::DenseMap<mlir::Value, llvm::SmallVector<unsigned, 2>> dataOf;
  /// Last read of a value and of all views of it.
  llvm::DenseMap<mlir::Value, int64_t> lastReads;
  SharingCounts counts;
};

} // namespace cinch::memory

#endif // CINCH_PASSES_MEMORY_SHARING_H
