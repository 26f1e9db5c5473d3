//===- Sharing.cpp - which values share bytes -----------------------------===//
#include "passes/Memory/Sharing.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::memory;

static bool isTensor(Value value) {
  return isa<RankedTensorType>(value.getType());
}

/// The value that `value` is a view of, or itself.
static Value getRoot(Value value) {
  while (auto view = value.getDefiningOp<exec::ViewOp>())
    value = view.getInput();
  return value;
}

/// Data that hold `value`, or all of what it is a view of.
SmallVector<unsigned, 2> Sharing::getData(Value value) const {
  return dataOf.lookup(getRoot(value));
}

void Sharing::addDatum(Value value, Expr offset, Expr bytes) {
  unsigned index = data.size();
  data.push_back(
      {offset, bytes, program.getFirst(value), lastReads.lookup(value)});
  buffers[places[value].buffer].data.push_back(index);
  dataOf[value].push_back(index);
}

/// Gives each value that is not a view a buffer of its own.
void Sharing::createBuffers() {
  for (Value value : program.getTensors())
    lastReads[value] = program.getLast(value);
  for (Value value : llvm::reverse(program.getTensors()))
    if (auto view = value.getDefiningOp<exec::ViewOp>()) {
      int64_t &last = lastReads[view.getInput()];
      last = std::max(last, lastReads[value]);
    }
  llvm::DenseMap<Attribute, unsigned> weights;
  for (Value value : program.getTensors()) {
    if (auto view = value.getDefiningOp<exec::ViewOp>()) {
      Type element = view.getResult().getType().getElementType();
      Expr offset = *Expr::parse(std::string_view(view.getOffset()));
      Place place = places[view.getInput()];
      place.offset = place.offset + getTensorBytes(element, offset);
      places[value] = place;
      buffers[place.buffer].members.push_back(value);
      continue;
    }
    Buffer buffer;
    buffer.bytes = program.getBytes(value);
    auto argument = dyn_cast<BlockArgument>(value);
    if (argument && argument.getOwner() == &program.getEntry().front()) {
      buffer.space = exec::Space::caller;
      buffer.number = argument.getArgNumber();
      buffer.isWritable = false;
    } else if (auto weight = value.getDefiningOp<exec::WeightOp>()) {
      buffer.space = exec::Space::weight;
      buffer.number =
          weights.try_emplace(weight.getValue(), weights.size()).first->second;
      buffer.isWritable = false;
    }
    buffer.members.push_back(value);
    places[value] = {static_cast<unsigned>(buffers.size()), Expr(0)};
    buffers.push_back(buffer);
    if (!buffer.isWritable)
      continue;
    auto assemble = value.getDefiningOp<exec::AssembleOp>();
    if (!assemble) {
      addDatum(value, Expr(0), buffer.bytes);
      continue;
    }
    Expr offset(0); // a datum per operand: each may lie there already
    for (Value input : assemble.getInputs()) {
      addDatum(value, offset, program.getBytes(input));
      offset = offset + program.getBytes(input);
    }
  }
}

/// Whether `value` is all of its buffer.
bool Sharing::isWhole(Value value) const {
  const Place &place = getPlace(value);
  return place.offset == Expr(0) &&
         program.getBytes(value) == buffers[place.buffer].bytes;
}

/// Whether `end <= begin` for all sizes.
bool Sharing::isBefore(const Expr &end, const Expr &begin) const {
  auto range = [&](std::string_view name) { return program.getRange(name); };
  std::optional<int64_t> low = (begin - end).bounds(range).low;
  return low && *low >= 0;
}

/// Whether `a`, moved by `shift` bytes, and `b` may have a byte in common.
bool Sharing::overlaps(const Datum &a, const Expr &shift,
                       const Datum &b) const {
  Expr offset = a.offset + shift;
  return !isBefore(offset + a.bytes, b.offset) &&
         !isBefore(b.offset + b.bytes, offset);
}

/// Whether buffer `a` can lie at byte `shift` of buffer `b`: no datum of one is
/// written while an overlapping datum of the other is still read. `exempt`
/// pairs may touch at one step.
bool Sharing::canMerge(unsigned a, unsigned b, const Expr &shift,
                       Exempt exempt) const {
  if (a == b || !buffers[a].isWritable || !buffers[b].isWritable)
    return false;
  if (buffers[a].space != exec::Space::arena &&
      buffers[b].space != exec::Space::arena)
    return false;
  bool isSame = shift == Expr(0) && buffers[a].bytes == buffers[b].bytes;
  if (buffers[a].space != exec::Space::arena && !isSame)
    return false; // an output stays whole
  for (unsigned left : buffers[a].data)
    for (unsigned right : buffers[b].data) {
      const Datum &x = data[left], &y = data[right];
      if (x.last < y.first || y.last < x.first || exempt(left, right))
        continue;
      if (overlaps(x, shift, y))
        return false;
    }
  return true;
}

/// Moves all of buffer `a` to byte `shift` of buffer `b`.
void Sharing::merge(unsigned a, unsigned b, const Expr &shift) {
  if (buffers[a].space != exec::Space::arena)
    std::swap(a, b); // same size, shift 0: the output is kept
  Buffer &from = buffers[a], &to = buffers[b];
  for (Value value : from.members) {
    Place &place = places[value];
    place.buffer = b;
    place.offset = place.offset + shift;
  }
  for (unsigned index : from.data)
    data[index].offset = data[index].offset + shift;
  to.members.append(from.members);
  to.data.append(from.data);
  from.members.clear();
  from.data.clear();
}

/// Merges the buffers of two values so that both start at the same byte.
/// `value` is all of its buffer.
bool Sharing::tryMerge(Value value, Value into, Exempt exempt) {
  if (!isWhole(value) || program.getBytes(value) != program.getBytes(into))
    return false;
  Place to = getPlace(into);
  unsigned from = getPlace(value).buffer;
  if (!canMerge(from, to.buffer, to.offset, exempt))
    return false;
  merge(from, to.buffer, to.offset);
  return true;
}

/// Makes the buffer of a returned value the caller's.
bool Sharing::placeOutput(OpOperand &output) {
  Buffer &buffer = buffers[getPlace(output.get()).buffer];
  if (!isWhole(output.get()) || buffer.space != exec::Space::arena)
    return false;
  func::FuncOp entry = program.getEntry();
  buffer.space = exec::Space::caller;
  buffer.number = entry.getNumArguments() + output.getOperandNumber();
  return true;
}

OpOperand *Sharing::placeOutputs() {
  for (OpOperand &output :
       program.getEntry().front().getTerminator()->getOpOperands())
    if (!placeOutput(output))
      return &output;
  return nullptr;
}

/// Whether `kernel` may write result `result` over operand `operand`: nobody
/// reads that afterwards, nor the kernel through another operand.
bool Sharing::mayOverwrite(exec::KernelOp kernel, unsigned operand,
                           unsigned result) const {
  SmallVector<unsigned, 2> own = getData(kernel.getInputs()[operand]);
  int64_t step = program.getStep(kernel);
  if (llvm::any_of(own, [&](unsigned d) { return data[d].last > step; }))
    return false;
  for (auto [index, other] : llvm::enumerate(kernel.getInputs())) {
    bool isPair = llvm::any_of(
        kernel.getInPlace().getAsRange<DenseI64ArrayAttr>(),
        [&, index = index](DenseI64ArrayAttr pair) {
          return pair[0] == static_cast<int64_t>(index) && pair[1] == result;
        });
    if (!isPair && llvm::any_of(getData(other), [&](unsigned d) {
          return llvm::is_contained(own, d);
        }))
      return false;
  }
  return true;
}

/// Whether the data `a` and `b` may share bytes at the one step where a kernel
/// reads the one and writes the other, which holds `value`.
bool Sharing::isInPlace(Value value, unsigned a, unsigned b) const {
  auto kernel = value.getDefiningOp<exec::KernelOp>();
  if (!kernel)
    return false;
  unsigned written = dataOf.find(value)->second.front();
  if (b != written)
    std::swap(a, b);
  if (b != written)
    return false;
  unsigned result = cast<OpResult>(value).getResultNumber();
  return llvm::any_of(kernel.getInPlace().getAsRange<DenseI64ArrayAttr>(),
                      [&](DenseI64ArrayAttr pair) {
                        return pair[1] == result &&
                               llvm::is_contained(
                                   getData(kernel.getInputs()[pair[0]]), a) &&
                               mayOverwrite(kernel, pair[0], result);
                      });
}

/// Lets results take the place of operands that nobody reads afterwards.
void Sharing::shareInPlace(exec::KernelOp kernel, bool overwritesIntoParts) {
  for (auto pair : kernel.getInPlace().getAsRange<DenseI64ArrayAttr>()) {
    Value result = kernel.getResults()[pair[1]];
    bool isPart =
        result.hasOneUse() && isa<exec::AssembleOp>(*result.user_begin());
    if ((overwritesIntoParts || !isPart) &&
        mayOverwrite(kernel, pair[0], pair[1]) &&
        tryMerge(
            kernel.getInputs()[pair[0]], result,
            [&](unsigned a, unsigned b) { return isInPlace(result, a, b); }))
      ++counts.inPlace;
    else
      ++counts.inPlaceRefused;
  }
}

/// Lets results take the place of the operands that they update.
OpOperand *Sharing::placeUpdates() {
  OpOperand *conflict = nullptr;
  func::FuncOp entry = program.getEntry();
  entry.walk([&](exec::KernelOp kernel) {
    for (auto pair : kernel.getUpdates().getAsRange<DenseI64ArrayAttr>()) {
      Value operand = kernel.getInputs()[pair[0]],
            result = kernel.getResults()[pair[1]];
      const Place &from = getPlace(operand), &to = getPlace(result);
      bool isThere = from.buffer == to.buffer && from.offset == to.offset;
      if (isThere || (mayOverwrite(kernel, pair[0], pair[1]) &&
                      tryMerge(operand, result, [&](unsigned a, unsigned b) {
                        return isInPlace(result, a, b);
                      })))
        continue;
      conflict = &kernel.getInputsMutable()[pair[0]];
      return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  return conflict;
}

/// Puts what `op` carries in and out of its regions in one place each.
OpOperand *Sharing::placeCarried(Operation &op) {
  OpOperand *conflict = nullptr;
  auto unite = [&](OpOperand &operand, Value target) {
    if (conflict || !isTensor(target))
      return;
    Place from = getPlace(operand.get()), to = getPlace(target);
    if (from.buffer == to.buffer && from.offset == to.offset)
      return;
    Value value = operand.get();
    if (!tryMerge(value, target, [&](unsigned a, unsigned b) {
          return isInPlace(value, a, b);
        }))
      conflict = &operand;
  };
  auto uniteAll = [&](MutableArrayRef<OpOperand> operands, ValueRange targets) {
    for (auto [operand, target] : llvm::zip(operands, targets))
      unite(operand, target);
  };
  // The block argument and the result of a loop share one place from the start.
  auto uniteValues = [&](ValueRange values, ValueRange targets) {
    for (auto [value, target] : llvm::zip(values, targets))
      if (isTensor(value)) {
        bool merged =
            tryMerge(value, target, [](unsigned, unsigned) { return false; });
        assert(merged && "fresh values of disjoint lifetimes");
        (void)merged;
      }
  };
  if (auto branch = dyn_cast<scf::IfOp>(op)) {
    for (Region &region : branch->getRegions())
      if (!region.empty())
        uniteAll(region.front().getTerminator()->getOpOperands(),
                 branch.getResults());
  } else if (auto loop = dyn_cast<scf::ForOp>(op)) {
    uniteValues(loop.getResults(), loop.getRegionIterArgs());
    uniteAll(loop.getInitArgsMutable(), loop.getRegionIterArgs());
    uniteAll(loop.getBody()->getTerminator()->getOpOperands(),
             loop.getRegionIterArgs());
  } else if (auto loop = dyn_cast<scf::WhileOp>(op)) {
    uniteValues(loop.getResults(), loop.getAfterArguments());
    uniteAll(loop.getInitsMutable(), loop.getBeforeArguments());
    uniteAll(loop.getConditionOp()->getOpOperands().drop_front(),
             loop.getAfterArguments());
    uniteAll(loop.getYieldOp()->getOpOperands(), loop.getBeforeArguments());
  }
  return conflict;
}

OpOperand *Sharing::placeCarried(Block &block) {
  for (Operation &op : block) {
    if (isa<scf::ForOp, scf::WhileOp, scf::IfOp>(op))
      if (OpOperand *conflict = placeCarried(op))
        return conflict;
    for (Region &region : op.getRegions())
      for (Block &inner : region)
        if (OpOperand *conflict = placeCarried(inner))
          return conflict;
  }
  return nullptr;
}

/// Places operand `part` of `assemble` at byte `shift` of the result.
bool Sharing::tryAssemble(exec::AssembleOp assemble, unsigned part,
                          const Expr &shift) {
  Value operand = assemble.getInputs()[part], result = assemble.getResult();
  Operation *producer = operand.getDefiningOp();
  if (!producer || producer->getBlock() != assemble->getBlock() ||
      !isWhole(operand))
    return false;
  Place to = getPlace(result);
  unsigned from = getPlace(operand).buffer;
  // Its bytes are read as long as those of the result; the copy is gone.
  unsigned copied = dataOf[result][part];
  Datum saved = data[copied];
  SmallVector<int64_t> savedLasts;
  data[copied].bytes = Expr(0);
  data[copied].last = data[copied].first - 1;
  SmallVector<unsigned, 2> own = getData(operand);
  for (unsigned index : own) {
    savedLasts.push_back(data[index].last);
    data[index].last = std::max(data[index].last, lastReads[result]);
  }
  auto isNever = [&](unsigned a, unsigned b) {
    return a == copied || b == copied;
  };
  if (canMerge(from, to.buffer, to.offset + shift, isNever)) {
    merge(from, to.buffer, to.offset + shift);
    dataOf[result].append(own);
    return true;
  }
  data[copied] = saved;
  for (auto [index, last] : llvm::zip(own, savedLasts))
    data[index].last = last;
  return false;
}

void Sharing::shareAssembled(exec::AssembleOp assemble) {
  Expr shift(0);
  for (unsigned part = 0; part < assemble.getInputs().size(); ++part) {
    if (tryAssemble(assemble, part, shift))
      ++counts.assembled;
    else
      ++counts.assembledByCopy;
    shift = shift + program.getBytes(assemble.getInputs()[part]);
  }
}

OpOperand *Sharing::run(bool aliasAssembled, bool overwritesIntoParts) {
  createBuffers();
  if (OpOperand *conflict = placeOutputs())
    return conflict;
  if (OpOperand *conflict = placeCarried(program.getEntry().front()))
    return conflict;
  if (OpOperand *conflict = placeUpdates())
    return conflict;
  func::FuncOp entry = program.getEntry();
  entry.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (auto kernel = dyn_cast<exec::KernelOp>(op))
      shareInPlace(kernel, overwritesIntoParts);
    else if (auto assemble = dyn_cast<exec::AssembleOp>(op);
             assemble && aliasAssembled)
      shareAssembled(assemble);
  });
  for (Buffer &buffer : buffers) {
    buffer.first = INT64_MAX;
    for (unsigned index : buffer.data) {
      if (data[index].last < data[index].first)
        continue; // a copy that is gone
      buffer.first = std::min(buffer.first, data[index].first);
      buffer.last = std::max(buffer.last, data[index].last);
    }
  }
  return nullptr;
}
