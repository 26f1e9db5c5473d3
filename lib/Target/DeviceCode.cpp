//===- DeviceCode.cpp - the code of a model for a GPU ---------------------===//
#include "lib/Target/DeviceCode.h"
#include "dialects/Exec/Exec.h"
#include "lib/Target/Occupancy.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "runtime/ModuleAbi.h"
#include "llvm/IR/Constants.h"

using namespace cinch;

static constexpr llvm::StringLiteral devicePrefix = "cuda:";

llvm::StringRef cinch::getChip(llvm::StringRef target) {
  return target.consume_front(devicePrefix) ? target : llvm::StringRef();
}

bool cinch::isDeviceTarget(llvm::StringRef target) {
  return getMultiprocessor(getChip(target)) != nullptr;
}

llvm::StringRef cinch::getPtx(mlir::ModuleOp module) {
  for (auto binary : module.getOps<mlir::gpu::BinaryOp>())
    for (auto object : binary.getObjects().getAsRange<mlir::gpu::ObjectAttr>())
      return object.getObject().getValue();
  return {};
}

llvm::GlobalVariable *cinch::addConstant(llvm::Module &code,
                                         llvm::Constant *value,
                                         llvm::StringRef name) {
  return new llvm::GlobalVariable(code, value->getType(), /*isConstant=*/true,
                                  llvm::GlobalValue::InternalLinkage, value,
                                  name);
}

/// An array of structures; null if it is empty.
static llvm::Constant *addTable(llvm::Module &code,
                                llvm::ArrayRef<llvm::Constant *> rows,
                                llvm::StringRef name) {
  if (rows.empty())
    return llvm::ConstantPointerNull::get(
        llvm::PointerType::get(code.getContext(), 0));
  auto *type = llvm::ArrayType::get(rows.front()->getType(), rows.size());
  return addConstant(code, llvm::ConstantArray::get(type, rows), name);
}

llvm::SmallVector<llvm::Constant *, 4>
cinch::addDeviceCode(llvm::Module &code, mlir::ModuleOp module,
                     llvm::StringRef target, llvm::StringRef cubin) {
  llvm::LLVMContext &context = code.getContext();
  auto *i32 = llvm::Type::getInt32Ty(context);
  auto *i64 = llvm::Type::getInt64Ty(context);
  llvm::SmallVector<llvm::Constant *> images, functions;
  auto addText = [&](llvm::StringRef text, llvm::StringRef name) {
    return addConstant(code, llvm::ConstantDataArray::getString(context, text),
                       name);
  };
  static_assert(sizeof(cinch_device_image_v1) == 24 &&
                sizeof(cinch_device_function_v1) == 24);
  if (llvm::StringRef ptx = getPtx(module); !ptx.empty()) {
    int32_t architecture = 0;
    getChip(target).drop_front(3).getAsInteger(10, architecture);
    ptx = ptx.rtrim('\0');
    auto addImage = [&](bool isCubin, llvm::Constant *data, size_t bytes) {
      images.push_back(llvm::ConstantStruct::getAnon(
          {llvm::ConstantInt::get(i32, isCubin),
           llvm::ConstantInt::get(i32, architecture), data,
           llvm::ConstantInt::get(i64, bytes)}));
    };
    addImage(/*isCubin=*/false, addText(ptx, "cinch_ptx"), ptx.size() + 1);
    if (!cubin.empty()) {
      llvm::GlobalVariable *data = addConstant(
          code,
          llvm::ConstantDataArray::getString(context, cubin, /*AddNull=*/false),
          "cinch_cubin");
      data->setAlignment(llvm::Align(64)); // an ELF file, read in place
      addImage(/*isCubin=*/true, data, cubin.size());
    }
  }
  if (auto list =
          module->getAttrOfType<mlir::ArrayAttr>(exec::deviceFunctionsAttrName))
    for (auto function : list.getAsRange<mlir::DictionaryAttr>()) {
      auto number = [&](llvm::StringRef key) {
        return llvm::ConstantInt::get(
            i32, function.getAs<mlir::IntegerAttr>(key).getInt());
      };
      functions.push_back(llvm::ConstantStruct::getAnon(
          {addText(function.getAs<mlir::StringAttr>("name").getValue(),
                   "cinch_device_name"),
           number("words"), number("threads"), number("shared_bytes"),
           number("calls")}));
    }
  auto count = [&](llvm::ArrayRef<llvm::Constant *> rows) {
    return llvm::ConstantInt::get(i64, rows.size());
  };
  return {addTable(code, images, "cinch_device_images"), count(images),
          addTable(code, functions, "cinch_device_functions"),
          count(functions)};
}
