//===- TileLoader.h - operands of contractions to shared memory -----------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOGPU_TILELOADER_H
#define CINCH_LIB_LOWERING_KERNELTOGPU_TILELOADER_H

#include "lib/Lowering/KernelToGPU/OperandReader.h"
#include "lib/Lowering/KernelToGPU/SharedTile.h"

namespace cinch {

/// How the tiles of one operand get to shared memory.
struct TileCopy {
  SharedTile tile;
  mlir::Type element; ///< of the tile
  /// The depth is along the rows of the tile, else across them.
  bool depthIsInner = false;
  /// Neighbouring threads take neighbours along the depth.
  bool depthIsFast = false;
  /// Bytes of what a thread takes at once.
  int64_t width = 0;
  /// By cp.async, as the operand lies in memory; else element by element
  /// through what is in front of the operand, and registers.
  bool isAsync = false;
  /// The tile holds the codes of a coded operand.
  bool isCoded = false;

  /// Elements of a tile along and across the depth.
  int64_t getDepth() const { return depthIsInner ? tile.columns : tile.rows; }
  int64_t getMajor() const { return depthIsInner ? tile.rows : tile.columns; }

  /// The best way for tiles of `major` rows of A or columns of B, by `depth`.
  /// `isMatrix`: for matrix instructions, with the elements as they are in
  /// memory; else they are of the type of the sums.
  static TileCopy plan(const ContractionRoles &roles, bool isRight,
                       int64_t major, int64_t depth, bool isMatrix);
  /// The same for the codes of a coded operand, which are decoded where tiles
  /// are read; nullopt where they do not come in groups of 4 bytes, or not
  /// along the depth as `depthIsInner` wants them.
  static std::optional<TileCopy> planCodes(const ContractionRoles &roles,
                                           bool isRight, int64_t major,
                                           int64_t depth, bool depthIsInner,
                                           bool isMatrix);

  /// The operand that is copied.
  const ContractionOperand &getOperand(const ContractionRoles &roles,
                                       bool isRight) const;
};

/// Fills tiles of one operand in shared memory, with zeros where the operand
/// ends. All threads of the block take part.
class TileLoader {
public:
  /// `at`: per role loop the value, set for the loops of the batch; `first`:
  /// first row or column of the block. Computes at the insertion point what
  /// does not change with the depth.
  TileLoader(const ContractionRoles &roles, const ContractionSizes &sizes,
             bool isRight, TileCopy copy, ElementEmitter &emitter,
             mlir::Value thread, int64_t threads, mlir::Value first,
             llvm::ArrayRef<mlir::Value> at);

  const TileCopy copy;

  /// Starts the copies of tile number `step` along the depth to `base`
  /// (!llvm.ptr<3>).
  void startCopies(mlir::Value step, mlir::Value base);
  /// The same in two parts: what this thread takes of the tile, and its stores.
  /// Returns false after an error.
  bool load(mlir::Value step, llvm::SmallVectorImpl<mlir::Value> &values);
  void store(mlir::ValueRange values, mlir::Value base);
  /// How many values `load` gives.
  int64_t getCount() const { return pieces.size(); }

private:
  /// What this thread takes at once.
  struct Piece {
    int64_t major, depth; ///< added to those of the thread
    mlir::Value place;    ///< bytes in the tile
  };
  bool
  forPieces(mlir::Value step,
            llvm::function_ref<bool(const Piece &, const OperandReader::Point &,
                                    const OperandReader::Point &)>
                take);
  void beginPart();

  ElementEmitter &emitter;
  OperandReader reader;
  bool endsInside; ///< the depth may end inside of a tile
  mlir::Value threadDepth;
  llvm::SmallVector<Piece> pieces;
  llvm::DenseMap<int64_t, OperandReader::Point> majors;
  mlir::Value takesPart; ///< null: every thread does
};

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOGPU_TILELOADER_H
