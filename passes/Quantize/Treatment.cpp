//===- Treatment.cpp - what a recipe does with values ---------------------===//
#include "passes/Quantize/Treatment.h"

using namespace cinch::quantize;

Treatment cinch::quantize::getTreatment(Recipe recipe) {
  const Format *i8 = Format::find("i8"), *i4 = Format::find("i4"),
               *f8 = Format::find("f8E4M3FN");
  switch (recipe) {
  case Recipe::W8A8:
    return {"w8a8", i8, i8, false, false};
  case Recipe::W8A8Dynamic:
    return {"w8a8-dynamic", i8, i8, false, true};
  case Recipe::W8A16:
    return {"w8a16", i8, nullptr, false, false};
  case Recipe::W4A16:
    return {"w4a16", i4, nullptr, true, false};
  case Recipe::W4A8:
    return {"w4a8", i4, i8, true, true};
  case Recipe::W4A4:
    return {"w4a4", i4, i4, true, true};
  case Recipe::FP8:
    return {"fp8", f8, f8, false, false};
  }
  return {};
}
