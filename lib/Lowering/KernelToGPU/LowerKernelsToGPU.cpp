//===- LowerKernelsToGPU.cpp - kernel bodies to device functions ----------===//
//
// Emits the functions of every kernel body into two helper modules, of the host
// and of the device, lowers both with the upstream conversions, and moves the
// results in place of the bodies.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/KernelToGPU/Passes.h"

#include "dialects/Exec/Exec.h"
#include "lib/Lowering/KernelToGPU/GroupCalls.h"
#include "lib/Lowering/KernelToGPU/KernelToGPU.h"
#include "lib/Lowering/KernelToLLVM/KernelToLoops.h"

#include "dialects/Graph/ElementTypes.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Index/IR/IndexDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Linalg/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Tensor/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringSet.h"

namespace cinch {
#define GEN_PASS_DEF_LOWERKERNELSTOGPUPASS
#include "lib/Lowering/KernelToGPU/Passes.h.inc"
} // namespace cinch

using namespace mlir;
using namespace cinch;
using cinch::plan::Expr;

/// Largest alignment that is of use, and that every buffer has, in bytes.
static constexpr int64_t maxAlignment = 16;

/// The bytes that every address of `value` and its size are multiples of;
/// `slot`: its place. The size, because LLVM reads up to the next boundary
/// where it joins loads.
static int64_t getAlignment(Value value, exec::SlotAttr slot) {
  auto type = cast<RankedTensorType>(value.getType());
  Type element = type.getElementType();
  int64_t bits = graph::getStorageBits(element);
  int64_t bytes = std::max<int64_t>(bits / 8, 1);
  std::optional<int64_t> offset;
  if (slot)
    if (auto expr = Expr::parse(std::string_view(slot.getOffset())))
      offset = expr->asConstant();
  if (!offset)
    return bytes;
  int64_t count = 1;
  for (int64_t dim : type.getShape())
    count *= ShapedType::isDynamic(dim) ? 1 : dim;
  int64_t size = bits * count % 8 == 0 ? bits * count / 8 : 1;
  int64_t alignment = maxAlignment;
  while (alignment > bytes && (*offset % alignment || size % alignment))
    alignment /= 2;
  return alignment;
}

/// What the calls `users` of `body` allow.
static DeviceBody analyze(func::FuncOp body, ArrayRef<exec::KernelOp> users) {
  DeviceBody result;
  result.body = body;
  result.calls = users;
  result.shared = getSharedArguments(body, users);
  unsigned count = body.getNumArguments();
  unsigned firstDestination = count - body.getNumResults();
  result.alignments.assign(count, maxAlignment);
  for (exec::KernelOp user : users) {
    auto limit = [&](unsigned argument, Value value) {
      result.alignments[argument] =
          std::min(result.alignments[argument],
                   getAlignment(value, exec::getSlot(value)));
    };
    for (auto [number, input] : llvm::enumerate(user.getInputs()))
      limit(number, input);
    for (auto [number, output] : llvm::enumerate(user.getResults()))
      limit(firstDestination + number, output);
  }
  return result;
}

namespace {
struct LowerKernelsToGPU
    : public cinch::impl::LowerKernelsToGPUPassBase<LowerKernelsToGPU> {
  using LowerKernelsToGPUPassBase::LowerKernelsToGPUPassBase;

  void getDependentDialects(DialectRegistry &registry) const override {
    LowerKernelsToGPUPassBase::getDependentDialects(registry);
    arith::registerBufferizableOpInterfaceExternalModels(registry);
    linalg::registerBufferizableOpInterfaceExternalModels(registry);
    scf::registerBufferizableOpInterfaceExternalModels(registry);
    tensor::registerBufferizableOpInterfaceExternalModels(registry);
  }
  void runOnOperation() override;

private:
  FailureOr<DeviceSchedule> emitBody(OpBuilder &builder, ModuleOp device,
                                     const DeviceBody &body);
  void addRecord(func::FuncOp body, const DeviceSchedule &schedule);
  void addGroups(ArrayRef<CallGroup> groups, ModuleOp device);
  void declare(func::FuncOp body, OpBuilder &builder);
  void finish(ArrayRef<func::FuncOp> bodies, ModuleOp host, ModuleOp device);

  SmallVector<Attribute> records;
};
} // namespace

/// The PTX that code for `chip` is printed as: the oldest that has it all.
static StringRef getFeatures(StringRef chip) {
  return llvm::StringSwitch<StringRef>(chip)
      .Cases({"sm_80", "sm_86"}, "+ptx80")
      .Case("sm_89", "+ptx84")
      .Case("sm_90", "+ptx84")
      .Case("sm_120", "+ptx87")
      .Default("");
}

FailureOr<DeviceSchedule> LowerKernelsToGPU::emitBody(OpBuilder &builder,
                                                      ModuleOp device,
                                                      const DeviceBody &body) {
  func::FuncOp source = body.body;
  if (failed(checkKernelBody(source)))
    return failure();
  StringRef kind = exec::getKernelKind(source);
  if (kind == "loops")
    return emitOneThread(builder, device, body);
  if (kind == "attention")
    return emitDeviceAttention(builder, device, body, {chip, allowTF32});
  return emitGeneric(builder, device, body, {chip, allowTF32});
}

void LowerKernelsToGPU::addRecord(func::FuncOp body,
                                  const DeviceSchedule &schedule) {
  Builder builder(&getContext());
  int64_t words = 0;
  forEachWord(body, [&](bool) { ++words; });
  NamedAttrList record(schedule.details);
  record.set("schedule", builder.getStringAttr(schedule.name));
  record.set("reason", builder.getStringAttr(schedule.reason));
  if (schedule.isFallback)
    record.set("fallback", builder.getUnitAttr());
  NamedAttrList fields;
  fields.set("name", builder.getStringAttr(body.getName()));
  fields.set("words", builder.getI64IntegerAttr(words));
  fields.set("threads", builder.getI64IntegerAttr(schedule.threads));
  fields.set("shared_bytes", builder.getI64IntegerAttr(schedule.sharedBytes));
  fields.set("calls", builder.getI64IntegerAttr(1));
  fields.set("record", record.getDictionary(&getContext()));
  records.push_back(fields.getDictionary(&getContext()));
}

/// Adds the kernels of `groups` to `device`, lowered, and to the records.
void LowerKernelsToGPU::addGroups(ArrayRef<CallGroup> groups, ModuleOp device) {
  Builder builder(&getContext());
  llvm::StringSet<> made;
  for (const CallGroup &group : groups) {
    exec::KernelOp first = group.front();
    int64_t count = group.size();
    for (exec::KernelOp call : group)
      call->setAttr(exec::launchCallsAttrName,
                    builder.getI64IntegerAttr(call == first ? count : 0));
    std::string name = exec::getGroupName(first.getCallee(), count);
    if (!made.insert(name).second)
      continue;
    auto one = device.lookupSymbol<LLVM::LLVMFuncOp>(first.getCallee());
    makeGroupKernel(device, one, name, count);
    for (Attribute record : llvm::to_vector(records)) {
      NamedAttrList fields(cast<DictionaryAttr>(record));
      if (cast<StringAttr>(fields.get("name")) != first.getCallee())
        continue;
      int64_t words = cast<IntegerAttr>(fields.get("words")).getInt();
      fields.set("name", builder.getStringAttr(name));
      fields.set("words", builder.getI64IntegerAttr(count * words));
      fields.set("calls", builder.getI64IntegerAttr(count));
      records.push_back(fields.getDictionary(&getContext()));
    }
  }
}

/// Declares `body` as a lowered kernel, which its calls refer to.
void LowerKernelsToGPU::declare(func::FuncOp body, OpBuilder &builder) {
  SmallVector<Type> types;
  forEachWord(body, [&](bool isAddress) {
    types.push_back(isAddress ? Type(LLVM::LLVMPointerType::get(&getContext()))
                              : builder.getI64Type());
  });
  auto type = LLVM::LLVMFunctionType::get(
      LLVM::LLVMVoidType::get(&getContext()), types);
  auto declaration =
      LLVM::LLVMFuncOp::create(builder, body.getLoc(), body.getName(), type);
  declaration->setAttr(exec::signatureAttrName,
                       TypeAttr::get(body.getFunctionType()));
  for (StringRef name : {exec::rowsAttrName, exec::appendAttrName})
    if (Attribute attr = body->getAttr(name))
      declaration->setAttr(name, attr);
}

/// Puts declarations, the functions of `host` and those of `device` in place of
/// `bodies`.
void LowerKernelsToGPU::finish(ArrayRef<func::FuncOp> bodies, ModuleOp host,
                               ModuleOp device) {
  ModuleOp module = getOperation();
  OpBuilder builder(module.getBodyRegion());
  for (func::FuncOp body : bodies) {
    builder.setInsertionPoint(body);
    declare(body, builder);
    body.erase();
  }
  builder.setInsertionPointToEnd(module.getBody());
  for (Operation &op : llvm::make_early_inc_range(*host.getBody())) {
    op.remove();
    builder.insert(&op);
  }
  Attribute target =
      NVVM::NVVMTargetAttr::get(&getContext(), /*optLevel=*/3,
                                "nvptx64-nvidia-cuda", chip, getFeatures(chip));
  auto code = gpu::GPUModuleOp::create(builder, module.getLoc(), "cinch_device",
                                       ArrayRef<Attribute>(target));
  llvm::StringMap<DictionaryAttr> fieldsOf;
  for (Attribute record : records) {
    auto fields = cast<DictionaryAttr>(record);
    fieldsOf[fields.getAs<StringAttr>("name").getValue()] = fields;
  }
  builder.setInsertionPointToEnd(code.getBody());
  for (Operation &op : llvm::make_early_inc_range(*device.getBody())) {
    op.remove();
    builder.insert(&op);
    auto function = dyn_cast<LLVM::LLVMFuncOp>(op);
    if (!function || !fieldsOf.contains(function.getName()))
      continue;
    function->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(),
                      builder.getUnitAttr());
    auto fields = fieldsOf.lookup(function.getName());
    auto threads = int32_t(fields.getAs<IntegerAttr>("threads").getInt());
    function->setAttr(NVVM::NVVMDialect::getReqntidAttrName(),
                      builder.getDenseI32ArrayAttr(threads));
    auto details = fields.getAs<DictionaryAttr>("record");
    if (auto blocks = details.getAs<IntegerAttr>("minimum_blocks"))
      function->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                        builder.getI32IntegerAttr(int32_t(blocks.getInt())));
  }
  host.erase();
  device.erase();
  module->setAttr(exec::deviceFunctionsAttrName, builder.getArrayAttr(records));
}

void LowerKernelsToGPU::runOnOperation() {
  ModuleOp module = getOperation();
  records.clear();
  if (getFeatures(chip).empty()) {
    emitError(module.getLoc(), "lower-kernels-to-gpu: expected chip to be "
                               "sm_80, sm_86, sm_89, sm_90 or sm_120, but got ")
        << chip;
    return signalPassFailure();
  }
  SmallVector<func::FuncOp> bodies;
  for (auto body : module.getOps<func::FuncOp>())
    if (body->hasAttr(exec::kernelBodyAttrName))
      bodies.push_back(body);
  llvm::StringMap<SmallVector<exec::KernelOp>> users;
  module.walk([&](exec::KernelOp op) { users[op.getCallee()].push_back(op); });

  OpBuilder builder(module.getBodyRegion());
  builder.setInsertionPointToEnd(module.getBody());
  auto host = ModuleOp::create(builder, module.getLoc());
  auto device = ModuleOp::create(builder, module.getLoc());
  bool failedAny = false;
  for (func::FuncOp body : bodies) {
    builder.setInsertionPointToEnd(host.getBody());
    FailureOr<DeviceSchedule> schedule =
        emitBody(builder, device, analyze(body, users[body.getName()]));
    failedAny |= failed(schedule);
    if (succeeded(schedule))
      addRecord(body, *schedule);
  }
  for (ModuleOp helper : {host, device})
    failedAny = failedAny || failed(convertToLLVM(
                                 helper,
                                 [&](OpPassManager &pipeline) {
                                   return runPipeline(pipeline, helper);
                                 },
                                 /*isDevice=*/helper == device));
  if (failedAny) {
    host.erase();
    device.erase();
    return signalPassFailure();
  }
  FailureOr<SmallVector<CallGroup>> groups = findCallGroups(module);
  if (failed(groups))
    return signalPassFailure();
  addGroups(*groups, device);
  finish(bodies, host, device);
}
