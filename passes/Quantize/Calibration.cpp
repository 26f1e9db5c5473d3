//===- Calibration.cpp - statistics for a pass ----------------------------===//
#include "passes/Quantize/Calibration.h"
#include "mlir/IR/Builders.h"
#include "passes/Common/NearMatch.h"
#include "passes/Quantize/ModelHash.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::quantize;

static constexpr StringLiteral modelName = "graph.calibrated_model";

llvm::Error quantize::rememberModel(func::FuncOp function) {
  if (function->hasAttr(modelName))
    return llvm::Error::success();
  llvm::Expected<std::string> model = hashModel(function);
  if (!model)
    return model.takeError();
  function->setAttr(modelName, StringAttr::get(function.getContext(), *model));
  return llvm::Error::success();
}

llvm::Expected<Calibration> Calibration::read(func::FuncOp function,
                                              StringRef path) {
  Calibration calibration;
  calibration.path = path.str();
  calibration.smoothed =
      function->getAttrOfType<DictionaryAttr>(smoothedAttributeName);
  calibration.smoothingFactors =
      function->getAttrOfType<DictionaryAttr>(smoothingFactorsAttributeName);
  if (path.empty())
    return calibration;
  llvm::Expected<Statistics> statistics = Statistics::read(path);
  if (!statistics)
    return statistics.takeError();
  auto known = function->getAttrOfType<StringAttr>(modelName);
  if (!known || known.getValue() != statistics->getModel()) {
    llvm::Expected<std::string> model = hashModel(function);
    if (!model)
      return model.takeError();
    if (*model != statistics->getModel())
      return llvm::createStringError(path + ": is of another model (" +
                                     statistics->getModel() + ", this is " +
                                     *model + "); calibrate again");
    function->setAttr(modelName,
                      StringAttr::get(function.getContext(), *model));
  }
  calibration.statistics = std::move(*statistics);
  return calibration;
}

DictionaryAttr quantize::getSmoothingAttr(MLIRContext *context, StringRef value,
                                          ArrayRef<double> factors) {
  Builder builder(context);
  auto type = RankedTensorType::get({static_cast<int64_t>(factors.size())},
                                    builder.getF64Type());
  return builder.getDictionaryAttr(
      {builder.getNamedAttr("factors", DenseElementsAttr::get(type, factors)),
       builder.getNamedAttr("value", builder.getStringAttr(value))});
}

std::vector<double> Calibration::findSecondMoment(StringRef name) const {
  if (const ValueStatistics *value = find(name))
    return value->secondMoment;
  auto entry = smoothingFactors ? smoothingFactors.getAs<DictionaryAttr>(name)
                                : DictionaryAttr();
  auto original = entry ? entry.getAs<StringAttr>("value") : StringAttr();
  auto factors =
      entry ? entry.getAs<DenseElementsAttr>("factors") : DenseElementsAttr();
  const ValueStatistics *value = original ? find(original) : nullptr;
  if (!value || !factors || !factors.getElementType().isF64())
    return {};
  SmallVector<double> divisors(factors.getValues<double>());
  std::vector<double> moment = value->secondMoment;
  if (moment.size() != divisors.size() * divisors.size())
    return {};
  for (auto [i, left] : llvm::enumerate(divisors))
    for (auto [j, right] : llvm::enumerate(divisors))
      moment[i * divisors.size() + j] /= left * right;
  return moment;
}

bool Calibration::knows(StringRef name, Method method) const {
  return find(name) ||
         (method == Method::MinMax && smoothed && smoothed.contains(name));
}

llvm::Expected<Bounds> Calibration::findRange(StringRef name, Method method,
                                              const Format &format,
                                              bool isSymmetric,
                                              double percent) const {
  if (const ValueStatistics *value = find(name))
    return quantize::findRange(*value, method, format, isSymmetric, percent);
  auto bounds = smoothed ? smoothed.getAs<ArrayAttr>(name) : ArrayAttr();
  if (bounds && bounds.size() == 2 &&
      llvm::all_of(bounds, llvm::IsaPred<FloatAttr>)) {
    if (method == Method::MinMax)
      return Bounds{cast<FloatAttr>(bounds[0]).getValueAsDouble(),
                    cast<FloatAttr>(bounds[1]).getValueAsDouble()};
    return llvm::createStringError(
        "was smoothed, and only its extremes are known; calibrate "
        "the smoothed model, or use minmax instead of " +
        getName(method));
  }
  if (path.empty())
    return llvm::createStringError(
        "needs calibration=FILE, which its static scale comes "
        "from");
  std::vector<std::string> names;
  names.reserve(statistics.values.size());
  for (const auto &entry : statistics.values)
    names.push_back(entry.first);
  return llvm::createStringError("is not shown by the samples of " + path +
                                 suggest(name, names));
}
