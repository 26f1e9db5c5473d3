//===- Json.cpp - checked access to JSON ----------------------------------===//
#include "runtime/Json.h"

namespace cinch::rt {

bool parseJson(std::string_view text, JsonDocument &document,
               std::string &error) {
  // The iterative parser does not recurse, so nesting cannot end the stack. No
  // number with a fraction is read: full precision, whose code shifts zero
  // significands by an undefined number of bits, is not needed.
  constexpr unsigned flags =
      rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;
  document.Parse<flags>(text.data(), text.size());
  if (!document.HasParseError())
    return true;
  error = std::string(rapidjson::GetParseError_En(document.GetParseError())) +
          " at byte " + std::to_string(document.GetErrorOffset());
  return false;
}

bool JsonObject::setError(const char *name, const std::string &what) {
  message = where + "." + name + ": " + what;
  return false;
}

const JsonValue *JsonObject::get(const char *name) {
  if (!value.IsObject()) {
    message = where + ": expected an object";
    return nullptr;
  }
  auto member = value.FindMember(name);
  if (member != value.MemberEnd())
    return &member->value;
  setError(name, "missing");
  return nullptr;
}

bool JsonObject::getInt(const char *name, int64_t &out, int64_t min,
                        int64_t max) {
  const JsonValue *member = get(name);
  if (!member)
    return false;
  if (!member->IsInt64() || member->GetInt64() < min ||
      member->GetInt64() > max)
    return setError(name, "expected an integer from " + std::to_string(min) +
                              " to " + std::to_string(max));
  out = member->GetInt64();
  return true;
}

bool JsonObject::getString(const char *name, std::string &out) {
  const JsonValue *member = get(name);
  if (!member)
    return false;
  if (!member->IsString())
    return setError(name, "expected a string");
  out.assign(member->GetString(), member->GetStringLength());
  if (out.find('\0') != std::string::npos)
    return setError(name, "expected a string without NUL");
  return true;
}

const JsonValue *JsonObject::getArray(const char *name) {
  const JsonValue *member = get(name);
  if (member && !member->IsArray()) {
    setError(name, "expected an array");
    return nullptr;
  }
  return member;
}

const JsonValue *JsonObject::getObjectOrNull(const char *name) {
  const JsonValue *member = get(name);
  if (member && !member->IsObject() && !member->IsNull()) {
    setError(name, "expected an object or null");
    return nullptr;
  }
  return member;
}

bool JsonObject::getStrings(const char *name, std::vector<std::string> &out) {
  const JsonValue *array = getArray(name);
  if (!array)
    return false;
  for (const JsonValue &element : array->GetArray()) {
    if (!element.IsString())
      return setError(name, "expected an array of strings");
    out.emplace_back(element.GetString(), element.GetStringLength());
  }
  return true;
}

} // namespace cinch::rt
