//===- ElementEmitter.h - elements of the tensors of a kernel body --------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOLLVM_ELEMENTEMITTER_H
#define CINCH_LIB_LOWERING_KERNELTOLLVM_ELEMENTEMITTER_H

#include "dialects/Exec/Exec.h"
#include "lib/Lowering/KernelToLLVM/KernelFrame.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"

namespace cinch {

/// Emits scalar code for elements of the tensors of a kernel body: loads of
/// arguments, producers inlined at the point of use, reductions as loops. Every
/// operation is placed outside the loops that it does not depend on, so a row
/// statistic that is asked for in the innermost loop is computed once per row.
class ElementEmitter {
public:
  /// `fast`: reductions may be reordered (vectorized).
  ElementEmitter(mlir::OpBuilder &builder, KernelFrame frame, bool fast);

  /// The element of `tensor` at `indices`; null after an error was emitted.
  mlir::Value element(mlir::Value tensor, llvm::ArrayRef<mlir::Value> indices);
  /// The value of a scalar computed at the top level of the body.
  mlir::Value scalar(mlir::Value value);
  /// Size of `axis` of `tensor`, an index.
  mlir::Value size(mlir::Value tensor, int64_t axis);
  /// The number of iterations of each loop of `op`.
  llvm::SmallVector<mlir::Value> loopSizes(mlir::linalg::LinalgOp op);
  /// Clones the region of `op` at the loop indices `indices`; the outputs'
  /// block arguments are `accumulators`. Returns the yielded values; empty on
  /// error.
  llvm::SmallVector<mlir::Value> inlineBody(mlir::linalg::GenericOp op,
                                            llvm::ArrayRef<mlir::Value> indices,
                                            mlir::ValueRange accumulators);
  /// Stores `value` into argument number `argument` of the body, whose elements
  /// are whole bytes.
  void store(mlir::Value value, unsigned argument,
             llvm::ArrayRef<mlir::Value> indices);
  /// From now on, elements of arguments at the last indices `items` are loaded
  /// together, in vectors of up to 16 bytes as far as the argument is aligned.
  /// They are consecutive, a power of two, and the first is a multiple of their
  /// number.
  void joinItems(llvm::ArrayRef<mlir::Value> items);
  /// The last indices of the elements that are in one vector with that of
  /// argument number `argument` at `indices`, in order; empty if it is alone.
  llvm::ArrayRef<mlir::Value> getJoined(unsigned argument,
                                        llvm::ArrayRef<mlir::Value> indices);
  /// Stores `values` at `indices`, the first of a vector of getJoined.
  void storeJoined(mlir::ValueRange values, unsigned argument,
                   llvm::ArrayRef<mlir::Value> indices);
  /// Address of an element of a tensor argument, whose elements are whole
  /// bytes.
  mlir::Value address(unsigned argument, llvm::ArrayRef<mlir::Value> indices);

  // Elements that share bytes (graph::isPacked).

  /// The index `unit * count + number`, whose parts are remembered: the place
  /// of an element in its byte is then known while compiling, and addresses are
  /// linear in `unit`, so that loops over it are vectorized.
  mlir::Value joinUnit(mlir::Value unit, int64_t number, int64_t count);
  /// Stores all elements of one byte of argument number `argument`: `values`,
  /// the first in the low bits. `first`: the indices of the first one, whose
  /// place in the flattened tensor is that of a byte.
  void storeByte(llvm::ArrayRef<mlir::Value> values, unsigned argument,
                 llvm::ArrayRef<mlir::Value> first);
  /// The same for byte number `byte` of the argument.
  void storeByte(llvm::ArrayRef<mlir::Value> values, unsigned argument,
                 mlir::Value byte);

  /// From now on, elements of `tensor` come from `source`.
  using Source = std::function<mlir::Value(llvm::ArrayRef<mlir::Value>)>;
  void redirect(mlir::Value tensor, Source source);
  void endRedirect(mlir::Value tensor);

  /// The index values of the results of `map` at `indices`.
  llvm::SmallVector<mlir::Value> apply(mlir::AffineMap map,
                                       llvm::ArrayRef<mlir::Value> indices);

  /// A buffer of `count` elements on the stack of the emitted function.
  mlir::Value allocateStack(mlir::Type element, int64_t count,
                            unsigned alignment = 64);
  mlir::Value load(mlir::Type type, mlir::Value base, mlir::Value offset);
  void store(mlir::Value value, mlir::Value base, mlir::Value offset);
  /// Stores f32 zeros to the elements `begin` .. `end - 1` of a stack buffer.
  void fillZeros(mlir::Value base, mlir::Value begin, mlir::Value end);
  /// Marks the iterations of `loop` as independent of each other.
  /// `staysLoop`: it is not unrolled before it is vectorized.
  void markParallel(mlir::scf::ForOp loop, bool staysLoop = false);

  /// Index arithmetic, folded, placed outside the loops it does not depend on.
  mlir::Value constant(int64_t value);
  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value sub(mlir::Value a, mlir::Value b);
  mlir::Value mul(mlir::Value a, mlir::Value b);
  mlir::Value floorDiv(mlir::Value a, mlir::Value b); ///< of values >= 0
  mlir::Value ceilDiv(mlir::Value a, mlir::Value b);  ///< of values >= 0
  mlir::Value rem(mlir::Value a, mlir::Value b);      ///< of values >= 0
  /// The indices of element `linear`, row-major, of a space of `sizes`.
  llvm::SmallVector<mlir::Value> delinearize(mlir::Value linear,
                                             llvm::ArrayRef<mlir::Value> sizes);
  mlir::Value min(mlir::Value a, mlir::Value b);
  mlir::Value max(mlir::Value a, mlir::Value b);

  /// Emits a loop of `count` iterations around `body`, which gets the index;
  /// `isParallel`: they are independent of each other.
  mlir::LogicalResult
  forRange(mlir::Value count, bool isParallel,
           llvm::function_ref<mlir::LogicalResult(mlir::Value)> body);
  /// The element that `op` reads of `operand` at the indices `loops` of its
  /// loops, in f32 if it is a float of 16 bits, and its address where the
  /// operand is an argument.
  mlir::Value read(mlir::linalg::GenericOp op, mlir::OpOperand *operand,
                   llvm::ArrayRef<mlir::Value> loops);
  mlir::Value addressOf(mlir::linalg::GenericOp op, mlir::OpOperand *operand,
                        llvm::ArrayRef<mlir::Value> loops);

  /// The channel `outer * block + inner`, whose parts are remembered, so that
  /// values in channel blocks are addressed without a division.
  mlir::Value joinChannel(mlir::Value outer, mlir::Value inner, int64_t block);
  /// The parts of a channel, in blocks of `block`.
  std::pair<mlir::Value, mlir::Value> splitChannel(mlir::Value channel,
                                                   int64_t block);

  /// From now on, nothing is placed outside `block` any more.
  void stayInside(mlir::Block *block) { barriers.push_back(block); }

  mlir::scf::ForOp makeLoop(mlir::Value begin, mlir::Value end,
                            mlir::Value step, mlir::ValueRange init = {});

  mlir::OpBuilder &builder;
  KernelFrame frame;
  mlir::Location loc;
  const bool fast;

private:
  /// The linear offset of `indices` in argument number `argument`.
  mlir::Value linearize(unsigned argument, llvm::ArrayRef<mlir::Value> indices);
  mlir::Value linearizeFilter(exec::FilterBlocksAttr blocks,
                              mlir::RankedTensorType type,
                              llvm::ArrayRef<mlir::Value> indices);
  /// The byte of an argument with the element at `indices`, and the number of
  /// the element in it: both index values.
  std::pair<mlir::Value, mlir::Value>
  locatePacked(unsigned argument, llvm::ArrayRef<mlir::Value> indices);
  /// The byte, where every part of the offset is whole bytes, given the unit of
  /// the last index; null if that is not known.
  mlir::Value findByte(unsigned argument, llvm::ArrayRef<mlir::Value> indices,
                       mlir::Value unitByte);
  mlir::Value loadPacked(unsigned argument,
                         llvm::ArrayRef<mlir::Value> indices);
  template <typename Op, typename... Args>
  mlir::Value make(mlir::ValueRange operands, Args &&...args);
  /// Moves the builder out of the loops that `operands` do not depend on.
  void hoist(mlir::ValueRange operands);
  mlir::Value reduction(mlir::linalg::GenericOp op, unsigned result,
                        llvm::ArrayRef<mlir::Value> indices);
  mlir::LogicalResult cloneBlock(mlir::Block &block, mlir::IRMapping &mapping,
                                 mlir::linalg::GenericOp op,
                                 llvm::ArrayRef<mlir::Value> indices,
                                 llvm::SmallVectorImpl<mlir::Value> *yielded);
  /// Emits select(guard, extract, other) as a guarded load; see findGuarded.
  mlir::LogicalResult emitGuarded(mlir::Operation &select,
                                  mlir::IRMapping &mapping);
  mlir::LogicalResult cloneRegions(mlir::Operation &op,
                                   mlir::IRMapping &mapping,
                                   mlir::linalg::GenericOp generic,
                                   llvm::ArrayRef<mlir::Value> indices);
  mlir::Value lookUp(mlir::Value tensor, llvm::ArrayRef<mlir::Value> indices);
  /// The address of element `offset` of the array at `base`.
  mlir::Value getAddress(mlir::Type element, mlir::Value base,
                         mlir::Value offset);
  /// `value`, as it is in memory, as a value of type `type`, and back.
  mlir::Value fromMemory(mlir::Value value, mlir::Type type);
  mlir::Value toMemory(mlir::Value value);
  /// The element of argument number `argument` at `indices`, which is in one
  /// vector with `joined`. All of them are known from then on.
  mlir::Value loadJoined(unsigned argument, llvm::ArrayRef<mlir::Value> indices,
                         llvm::ArrayRef<mlir::Value> joined);

  struct Entry {
    llvm::SmallVector<mlir::Value> indices;
    mlir::Value value;
  };
  llvm::DenseMap<mlir::Value, llvm::SmallVector<Entry>> cache;
  llvm::DenseMap<mlir::Value, mlir::Value> scalarCache;
  llvm::DenseMap<int64_t, mlir::Value> constants;
  llvm::DenseMap<mlir::Value, Source> sources;
  struct ChannelParts {
    int64_t block;
    mlir::Value outer, inner;
  };
  llvm::DenseMap<mlir::Value, ChannelParts> channelParts;
  struct UnitParts {
    mlir::Value unit;
    int64_t number, count;
  };
  llvm::DenseMap<mlir::Value, UnitParts> unitParts;
  llvm::SmallVector<mlir::Block *> barriers;
  struct ItemPlace {
    unsigned run, number; ///< of the item in the run
  };
  std::vector<llvm::SmallVector<mlir::Value>> itemRuns;
  llvm::DenseMap<mlir::Value, ItemPlace> itemPlaces;
  mlir::ArrayAttr accessGroups;
};

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOLLVM_ELEMENTEMITTER_H
