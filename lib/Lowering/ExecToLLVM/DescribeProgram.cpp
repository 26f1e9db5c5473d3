//===- DescribeProgram.cpp - signature and kernels of a program -----------===//
#include "dialects/Graph/Unsupported.h"
#include "lib/Lowering/ExecToLLVM/Passes.h"
#include "passes/Memory/Program.h"

namespace cinch {
#define GEN_PASS_DEF_DESCRIBEPROGRAMPASS
#include "lib/Lowering/ExecToLLVM/Passes.h.inc"
} // namespace cinch

using namespace mlir;
using namespace cinch;
using namespace cinch::memory;

namespace {

struct DescribeProgramPass
    : public cinch::impl::DescribeProgramPassBase<DescribeProgramPass> {
  void runOnOperation() override;

private:
  DictionaryAttr describe(StringRef name, Type elementType,
                          ArrayRef<Expr> dims);
  DictionaryAttr describe(exec::KernelOp kernel, const Program &program);
  void writeSignature(const Program &program);
  LogicalResult writeSymbols(const Program &program);
};

} // namespace

/// The manifest's name of an element type, such as `f32`, `ui8`, `i1`.
static std::string getDtype(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

DictionaryAttr DescribeProgramPass::describe(StringRef name, Type elementType,
                                             ArrayRef<Expr> dims) {
  Builder builder(&getContext());
  return builder.getDictionaryAttr(
      {builder.getNamedAttr("dims", getDimsAttr(&getContext(), dims)),
       builder.getNamedAttr("dtype",
                            builder.getStringAttr(getDtype(elementType))),
       builder.getNamedAttr("name", builder.getStringAttr(name))});
}

DictionaryAttr DescribeProgramPass::describe(exec::KernelOp kernel,
                                             const Program &program) {
  Builder builder(&getContext());
  Operation *body = SymbolTable::lookupNearestSymbolFrom(
      kernel, kernel.getCalleeAttr().getAttr());
  std::string ops;
  if (auto list = body->getAttrOfType<ArrayAttr>("exec.ops"))
    for (auto op : list.getAsValueRange<StringAttr>())
      ops += (ops.empty() ? "" : "+") + op.str();
  if (ops.empty())
    ops = kernel.getCallee().str();
  StringRef kind = exec::getKernelKind(body);
  bool isLibrary = kind == "contraction" || kind == "attention";
  Expr bytes(0);
  for (Value value : kernel.getInputs())
    bytes = bytes + program.getBytes(value);
  for (Value value : kernel.getResults())
    bytes = bytes + program.getBytes(value);
  auto flops = kernel->getAttrOfType<StringAttr>("exec.flops");
  std::string name = kernel.getNumResults()
                         ? program.getName(kernel.getResult(0))
                         : kernel.getCallee().str();
  auto text = [&](StringRef key, StringRef value) {
    return builder.getNamedAttr(key, builder.getStringAttr(value));
  };
  SmallVector<Attribute> inputs;
  for (Value value : kernel.getInputs())
    inputs.push_back(builder.getStringAttr(program.getName(value)));
  auto values = kernel->getAttrOfType<ArrayAttr>("exec.values");
  return builder.getDictionaryAttr(
      {text("bytes", bytes.str()),
       text("flops", flops ? flops.getValue() : StringRef("0")),
       text("kind", isLibrary ? "library" : "generated"), text("name", name),
       text("op", ops), text("function", kernel.getCallee()),
       builder.getNamedAttr("step",
                            builder.getI64IntegerAttr(program.getStep(kernel))),
       builder.getNamedAttr("inputs", builder.getArrayAttr(inputs)),
       builder.getNamedAttr("values",
                            values ? values : builder.getArrayAttr({}))});
}

void DescribeProgramPass::writeSignature(const Program &program) {
  func::FuncOp entry = program.getEntry();
  Builder builder(&getContext());
  SmallVector<Attribute> inputs, outputs;
  auto getElementType = [](Value value, TypeAttr original) {
    return original ? original.getValue()
                    : cast<RankedTensorType>(value.getType()).getElementType();
  };
  for (BlockArgument argument : entry.getArguments()) {
    auto original = entry.getArgAttrOfType<TypeAttr>(argument.getArgNumber(),
                                                     "graph.element_type");
    inputs.push_back(describe(program.getName(argument),
                              getElementType(argument, original),
                              program.getDims(argument)));
  }
  for (OpOperand &output : entry.front().getTerminator()->getOpOperands()) {
    unsigned index = output.getOperandNumber();
    auto name = entry.getResultAttrOfType<StringAttr>(index, "graph.name");
    auto original =
        entry.getResultAttrOfType<TypeAttr>(index, "graph.element_type");
    outputs.push_back(describe(
        name ? name.getValue().str() : program.getName(output.get()),
        getElementType(output.get(), original), program.getDims(output.get())));
  }
  getOperation()->setAttr("exec.inputs", builder.getArrayAttr(inputs));
  getOperation()->setAttr("exec.outputs", builder.getArrayAttr(outputs));
}

LogicalResult DescribeProgramPass::writeSymbols(const Program &program) {
  func::FuncOp entry = program.getEntry();
  Builder builder(&getContext());
  SmallVector<Attribute> records;
  for (const Symbol &symbol : program.getSymbols()) {
    int64_t input = -1, axis = -1;
    for (BlockArgument argument : entry.getArguments())
      for (auto [index, dim] : llvm::enumerate(program.getDims(argument)))
        if (input < 0 && dim.asSymbol() == symbol.name)
          input = argument.getArgNumber(), axis = index;
    if (input < 0)
      return emitUnsupportedError(entry)
             << "size '" << symbol.name
             << "' is not the dimension of an input; pin it with --dim "
             << symbol.name << "=value";
    auto number = [&](StringRef key, int64_t value) {
      return builder.getNamedAttr(key, builder.getI64IntegerAttr(value));
    };
    SmallVector<NamedAttribute> fields = {
        builder.getNamedAttr("name", builder.getStringAttr(symbol.name)),
        number("axis", axis), number("input", input),
        number("min", symbol.min)};
    if (symbol.max)
      fields.push_back(number("max", *symbol.max));
    records.push_back(builder.getDictionaryAttr(fields));
  }
  getOperation()->setAttr("exec.symbols", builder.getArrayAttr(records));
  return success();
}

void DescribeProgramPass::runOnOperation() {
  FailureOr<func::FuncOp> entry = memory::getEntry(getOperation());
  if (failed(entry))
    return signalPassFailure();
  FailureOr<Program> program = Program::analyze(*entry);
  if (failed(program) || failed(writeSymbols(*program)))
    return signalPassFailure();
  writeSignature(*program);
  Builder builder(&getContext());
  SmallVector<Attribute> kernels;
  entry->walk<WalkOrder::PreOrder>([&](exec::KernelOp kernel) {
    kernel->setAttr("exec.number", builder.getI64IntegerAttr(kernels.size()));
    kernels.push_back(describe(kernel, *program));
  });
  getOperation()->setAttr("exec.kernels", builder.getArrayAttr(kernels));
}
