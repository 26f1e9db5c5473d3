//===- NearMatch.cpp - what a name that is not there may have meant -------===//
#include "passes/Common/NearMatch.h"

std::string cinch::suggest(llvm::StringRef name,
                           llvm::ArrayRef<std::string> known) {
  unsigned limit = static_cast<unsigned>(name.size()) / 3;
  if (limit == 0) // everything is as near
    return "";
  unsigned least = limit + 1;
  llvm::StringRef nearest;
  auto consider = [&](llvm::StringRef text, llvm::StringRef whole) {
    unsigned distance = name.edit_distance_insensitive(
        text, /*AllowReplacements=*/true, /*MaxEditDistance=*/limit);
    if (distance < least) {
      least = distance;
      nearest = whole;
    }
  };
  for (llvm::StringRef text : known) {
    consider(text, text);
    llvm::StringRef rest = text;
    while (!rest.empty()) {
      size_t end = rest.find_first_of("/.:");
      consider(rest.substr(0, end), text);
      rest = end == llvm::StringRef::npos ? "" : rest.drop_front(end + 1);
    }
  }
  return nearest.empty() ? "" : ("; did you mean '" + nearest + "'?").str();
}
