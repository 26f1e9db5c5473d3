//===- Treatment.cpp - what a recipe does with values ---------------------===//
#include "passes/Quantize/Treatment.h"

using namespace cinch::quantize;

Treatment cinch::quantize::getTreatment(Recipe recipe) {
  const Format *i8 = Format::find("i8"), *i4 = Format::find("i4"),
               *i3 = Format::find("i3"), *nf4 = Format::find("nf4"),
               *f8 = Format::find("f8E4M3FN"), *f4 = Format::find("f4E2M1FN");
  constexpr ScaleFormat f16 = ScaleFormat::F16, e8m0 = ScaleFormat::E8M0;
  constexpr int64_t mxGroup = 32;
  switch (recipe) {
  case Recipe::W8A8:
    return {"w8a8", i8, i8, false, false};
  case Recipe::W8A8Dynamic:
    return {"w8a8-dynamic", i8, i8, false, true};
  case Recipe::W8A16:
    return {"w8a16", i8, nullptr, false, false};
  case Recipe::W4A16:
    return {"w4a16", i4, nullptr, true, false, f16};
  case Recipe::W4A8:
    return {"w4a8", i4, i8, true, true, f16};
  case Recipe::W4A4:
    return {"w4a4", i4, i4, true, true, f16};
  case Recipe::W3A16:
    return {"w3a16", i3, nullptr, true, false, f16};
  case Recipe::NF4:
    return {"nf4", nf4, nullptr, true, false, f16};
  case Recipe::FP8:
    return {"fp8", f8, f8, false, false};
  case Recipe::MXFP8:
    return {"mxfp8", f8, f8, true, true, e8m0, e8m0, mxGroup};
  case Recipe::MXFP4:
    return {"mxfp4", f4, f4, true, true, e8m0, e8m0, mxGroup};
  }
  return {};
}

ScaleFormat cinch::quantize::getWeightScales(const Treatment &treatment,
                                             WeightScales option) {
  switch (option) {
  case WeightScales::Default:
    return treatment.weightScales;
  case WeightScales::F32:
    return ScaleFormat::F32;
  case WeightScales::F16:
    return ScaleFormat::F16;
  case WeightScales::E8M0:
    return ScaleFormat::E8M0;
  }
  return ScaleFormat::F32;
}

ValuePlan cinch::quantize::makeWeightPlan(const Treatment &treatment,
                                          int64_t inputs, int64_t group,
                                          llvm::StringRef product) {
  ValuePlan value;
  value.format = treatment.weights;
  value.granularity = Granularity::Channel;
  std::string scales = "each output";
  if (treatment.isWeightGrouped && inputs > group) {
    value.granularity = Granularity::Group;
    value.group = group;
    scales = std::to_string(group) + " inputs of each output";
  }
  value.reason = (treatment.name + ": weight of '" + product +
                  "', with one scale for " + scales)
                     .str();
  return value;
}

ValuePlan cinch::quantize::makeTablePlan(const Treatment &treatment,
                                         int64_t bits, int64_t width,
                                         int64_t group,
                                         llvm::StringRef reader) {
  // Nothing makes up for errors of tables, as GPTQ does for those of products.
  constexpr int64_t maxGroup = 32;
  group = std::min(group, maxGroup);
  ValuePlan value;
  bool isFloat = treatment.weights->isFloat();
  value.format = Format::find(bits == 4 ? "i4" : isFloat ? "f8E4M3FN" : "i8");
  value.granularity = Granularity::Channel;
  std::string scales = "one scale for each row";
  if ((bits == 4 || treatment.group > 0) && width > group) {
    value.granularity = Granularity::Group;
    value.group = group;
    scales = "one scale for " + std::to_string(group) + " elements of a row";
  }
  value.reason =
      (treatment.name + ": table of '" + reader + "', with " + scales).str();
  return value;
}
