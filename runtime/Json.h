//===- Json.h - checked access to JSON ------------------------------------===//
//
// RapidJSON asserts on a wrong type; these helpers look first and say where.
//
//===----------------------------------------------------------------------===//
#ifndef CINCH_RUNTIME_JSON_H
#define CINCH_RUNTIME_JSON_H

#include <rapidjson/document.h>
#include <rapidjson/error/en.h>

#include <cstdint>
#include <cstdlib>
#include <new>
#include <string>
#include <string_view>
#include <vector>

namespace cinch::rt {

/// RapidJSON does not look at what its allocator returns; this one throws
/// std::bad_alloc instead of returning null.
struct JsonAllocator {
  // NOLINTBEGIN(readability-identifier-naming): RapidJSON's names.
  static const bool kNeedFree = true;
  void *Malloc(size_t bytes) { return Realloc(nullptr, 0, bytes); }
  void *Realloc(void *old, size_t, size_t bytes) {
    if (!bytes) {
      free(old);
      return nullptr;
    }
    void *memory = realloc(old, bytes);
    if (!memory)
      throw std::bad_alloc();
    return memory;
  }
  static void Free(void *memory) { free(memory); }
  // NOLINTEND(readability-identifier-naming)
};

using JsonDocument =
    rapidjson::GenericDocument<rapidjson::UTF8<>,
                               rapidjson::MemoryPoolAllocator<JsonAllocator>,
                               JsonAllocator>;
using JsonValue = JsonDocument::ValueType;

/// Parses `text`, which must be one JSON value and valid UTF-8; any depth is
/// safe. On failure sets `error`.
bool parseJson(std::string_view text, JsonDocument &document,
               std::string &error);

/// A JSON object whose members are read by name. A getter returns false and
/// sets `error()` if the member is missing or not what is expected.
class JsonObject {
public:
  /// `where` names the object in messages, such as "manifest.inputs[0]".
  JsonObject(const JsonValue &value, std::string where)
      : value(value), where(std::move(where)) {}

  bool getInt(const char *name, int64_t &out, int64_t min, int64_t max);
  bool getString(const char *name, std::string &out);
  bool getStrings(const char *name, std::vector<std::string> &out);
  /// The member if it is an array, or null.
  const JsonValue *getArray(const char *name);
  /// The member if it is an object or null, or null if it is neither.
  const JsonValue *getObjectOrNull(const char *name);
  /// The member, or null if there is none.
  const JsonValue *get(const char *name);
  /// Sets `error()` to "`where`.`name`: `what`" and returns false.
  bool setError(const char *name, const std::string &what);
  const std::string &error() const { return message; }

private:
  const JsonValue &value;
  std::string where, message;
};

} // namespace cinch::rt

#endif // CINCH_RUNTIME_JSON_H
