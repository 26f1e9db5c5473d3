//===- ProgramReplay.h - runs a program on simulated memory ---------------===//
#ifndef CINCH_PASSES_MEMORY_PROGRAMREPLAY_H
#define CINCH_PASSES_MEMORY_PROGRAMREPLAY_H

#include "passes/Memory/Program.h"
#include "passes/Memory/Replay.h"
#include "runtime/Plan/Planner.h"

namespace cinch::memory {

using Sizes = llvm::StringMap<int64_t>;
/// The value of `expr` at `sizes`; nullopt if it has another symbol or no value
/// there.
std::optional<int64_t> evaluate(const Expr &expr, const Sizes &sizes);

/// Replays the program at one set of sizes.
class ProgramReplay {
public:
  ProgramReplay(const Program &program, mlir::ModuleOp module,
                const Sizes &sizes)
      : program(program), module(module), sizes(sizes) {}
  llvm::LogicalResult run();

private:
  llvm::LogicalResult loadPlan();
  int64_t evaluate(const Expr &expr) const {
    return memory::evaluate(expr, sizes).value_or(-1);
  }
  llvm::FailureOr<ByteRange> locate(mlir::Value value, mlir::Attribute slot);
  llvm::LogicalResult define(mlir::Value value, mlir::Attribute slot);
  Content makeContent(const ByteRange &range);
  llvm::LogicalResult read(mlir::Operation *op, mlir::Value value);
  llvm::LogicalResult visit(mlir::Block &block);
  llvm::LogicalResult visit(mlir::Operation &op);
  llvm::LogicalResult visitKernel(exec::KernelOp kernel);
  llvm::LogicalResult visitView(exec::ViewOp view);
  llvm::LogicalResult visitAssemble(exec::AssembleOp assemble);
  llvm::LogicalResult carry(mlir::Operation *op, mlir::ValueRange from,
                            mlir::ValueRange to);
  llvm::LogicalResult visitIf(mlir::scf::IfOp branch);
  llvm::LogicalResult visitFor(mlir::scf::ForOp loop);
  llvm::LogicalResult visitWhile(mlir::scf::WhileOp loop);
  llvm::LogicalResult declare(mlir::Operation &op);
  void renew(mlir::ValueRange values);

  const Program &program;
  mlir::ModuleOp module;
  const Sizes &sizes;
  SimulatedMemory memory;
  std::vector<plan::Buffer> slots;
  plan::Plan plan;
  llvm::DenseMap<mlir::Value, ByteRange> ranges;
  llvm::DenseMap<mlir::Value, Content> contents;
  int64_t numData = 0;
};

} // namespace cinch::memory

#endif // CINCH_PASSES_MEMORY_PROGRAMREPLAY_H
