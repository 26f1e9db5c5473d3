//===- Header.cpp - the C header of a model that is linked in -------------===//
#include "lib/Target/Header.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace cinch;

std::string cinch::makeIdentifier(StringRef text) {
  std::string name = text.str();
  for (char &c : name)
    if (!llvm::isAlnum(c))
      c = '_';
  return name;
}

/// `text` where it can neither end a comment nor a line.
static std::string escapeComment(StringRef text) {
  std::string escaped;
  for (char c : text) {
    bool endsComment = c == '/' && StringRef(escaped).ends_with("*");
    bool opensComment = c == '*' && StringRef(escaped).ends_with("/");
    if (endsComment || opensComment)
      escaped += ' ';
    escaped += llvm::isPrint(c) && c != '\\' ? c : '?';
  }
  return escaped;
}

/// Writes one line per value: number, name, element type and dimensions.
static void writeValues(llvm::raw_ostream &os, ModuleOp module,
                        StringRef attribute, StringRef title) {
  auto records = module->getAttrOfType<ArrayAttr>(attribute);
  os << " *\n * " << title << ":\n";
  for (auto [number, record] :
       llvm::enumerate(records.getAsRange<DictionaryAttr>())) {
    os << " *   " << number << "  "
       << escapeComment(record.getAs<StringAttr>("name").getValue()) << ": "
       << record.getAs<StringAttr>("dtype").getValue() << " [";
    llvm::interleaveComma(record.getAs<ArrayAttr>("dims"), os,
                          [&](Attribute d) {
                            if (auto text = dyn_cast<StringAttr>(d))
                              os << escapeComment(text.getValue());
                            else
                              os << cast<IntegerAttr>(d).getInt();
                          });
    os << "]\n";
  }
}

static void writeSymbols(llvm::raw_ostream &os, ModuleOp module) {
  auto records = module->getAttrOfType<ArrayAttr>("exec.symbols");
  if (records.empty())
    return;
  os << " *\n * Sizes:\n";
  for (auto record : records.getAsRange<DictionaryAttr>()) {
    os << " *   " << escapeComment(record.getAs<StringAttr>("name").getValue())
       << ": " << record.getAs<IntegerAttr>("min").getInt();
    if (auto max = record.getAs<IntegerAttr>("max"))
      os << " to " << max.getInt() << "\n";
    else
      os << " and more\n";
  }
}

void cinch::writeHeader(llvm::raw_ostream &os, ModuleOp module,
                        const HeaderInfo &info) {
  std::string name = makeIdentifier(info.name);
  std::string file = escapeComment(info.name);
  os << "/* The compiled model " << escapeComment(info.model) << ". Link "
     << file << ".o with the runtime:\n *   cc program.c " << file
     << ".o -lcinch_rt -lm\n";
  writeValues(os, module, "exec.inputs", "Inputs");
  writeValues(os, module, "exec.outputs", "Outputs");
  writeSymbols(os, module);
  os << " */\n#ifndef CINCH_MODEL_" << name << "_H\n#define CINCH_MODEL_"
     << name << "_H\n\n#include <cinch/runtime.h>\n\n"
     << "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n"
     << "extern const cinch_module_t cinch_module_" << name << ";\n\n"
     << "/** Loads the model; release it with cinch_model_release.\n";
  if (info.weightsName.empty())
    os << " *  `options` may be null. No file is read. */\n";
  else
    os << " *  `options->weights_path` is the path of "
       << escapeComment(info.weightsName) << ". */\n";
  os << "static inline cinch_status_t cinch_load_" << name
     << "(\n    const cinch_model_options_t *options, cinch_model_t "
        "**out_model) {\n"
     << "  return cinch_model_from_module(&cinch_module_" << name
     << ", options, out_model);\n}\n\n"
     << "#ifdef __cplusplus\n}\n#endif\n#endif\n";
}
