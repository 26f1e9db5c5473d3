//===- Diagnostics.cpp - from MLIR's diagnostics to messages --------------===//
#include "lib/Pipeline/Diagnostics.h"
#include "mlir/IR/Location.h"

using namespace mlir;
using namespace cinch;

/// Where a diagnostic points: file and line, or the names of the values.
static std::string describe(Location loc) {
  std::string text;
  llvm::raw_string_ostream os(text);
  loc->walk([&](Location part) {
    if (auto file = dyn_cast<FileLineColLoc>(part))
      os << file.getFilename().getValue() << ":" << file.getLine() << ":"
         << file.getColumn() << ": ";
    else if (auto name = dyn_cast<NameLoc>(part))
      os << "'" << name.getName().getValue() << "': ";
    else
      return WalkResult::advance();
    return WalkResult::interrupt();
  });
  return text;
}

static void tellPart(Diagnostic &part, const DiagnosticCallback &diagnose) {
  Severity severity = Severity::Error;
  if (part.getSeverity() == DiagnosticSeverity::Warning)
    severity = Severity::Warning;
  else if (part.getSeverity() == DiagnosticSeverity::Remark)
    severity = Severity::Remark;
  else if (part.getSeverity() == DiagnosticSeverity::Note)
    severity = Severity::Note;
  diagnose(severity, describe(part.getLocation()) + part.str());
}

void cinch::tell(Diagnostic &diagnostic, const DiagnosticCallback &diagnose) {
  tellPart(diagnostic, diagnose);
  for (Diagnostic &note : diagnostic.getNotes())
    tellPart(note, diagnose);
}
