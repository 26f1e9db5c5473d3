//===- StatisticsFile.cpp - statistics as a .safetensors file -------------===//
//
// A value NAME is the tensors NAME/min, NAME/max, ...; a name may have slashes.
//
//===----------------------------------------------------------------------===//
#include "passes/Common/TensorFile.h"
#include "passes/Quantize/Statistics.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Endian.h"
#include <cmath>

using namespace cinch;
using namespace cinch::quantize;

static constexpr llvm::StringLiteral version = "2";
static constexpr llvm::StringLiteral versionKey = "cinch_statistics",
                                     modelKey = "model", samplesKey = "samples";

template <typename T> static constexpr const char *getDtype() {
  return std::is_same_v<T, double>  ? "F64"
         : std::is_same_v<T, float> ? "F32"
                                    : "I64";
}

namespace {

/// Visits the entries of a value, under the names that they have in a file.
template <typename Value, typename Visitor>
bool visitEntries(Value &value, Visitor &&visit) {
  return visit("samples", value.samples) && visit("elements", value.elements) &&
         visit("min", value.min) && visit("max", value.max) &&
         visit("min_sum", value.minSum) && visit("max_sum", value.maxSum) &&
         visit("channel_max", value.channelMax) &&
         visit("channel_sum", value.channelSum) &&
         visit("channel_square_sum", value.channelSquareSum);
}

constexpr llvm::StringLiteral histogramEntry = "histogram",
                              exponentEntry = "histogram_exponent",
                              momentEntry = "second_moment";

/// Collects the tensors of a file with their bytes.
class Writer {
public:
  template <typename T> bool add(const std::string &name, const T &number) {
    add(name, llvm::ArrayRef<T>(number), {});
    return true;
  }
  template <typename T>
  bool add(const std::string &name, const std::vector<T> &numbers) {
    add(name, llvm::ArrayRef<T>(numbers),
        {static_cast<int64_t>(numbers.size())});
    return true;
  }
  template <typename T>
  void add(const std::string &name, llvm::ArrayRef<T> numbers,
           llvm::ArrayRef<int64_t> shape) {
    std::vector<char> &place = storage[name];
    place.resize(numbers.size() * sizeof(T));
    for (size_t i = 0; i < numbers.size(); ++i)
      llvm::support::endian::write<T>(place.data() + i * sizeof(T), numbers[i],
                                      llvm::endianness::little);
    tensors[name] = {getDtype<T>(), llvm::SmallVector<int64_t>(shape), place};
  }
  std::map<std::string, StoredTensor> tensors;

private:
  std::map<std::string, std::vector<char>> storage;
};

/// Reads the tensors of one value; `problem` says what the first fault is.
class Reader {
public:
  Reader(const std::map<std::string, StoredTensor> &tensors, std::string name)
      : tensors(tensors), name(std::move(name)) {}

  template <typename T> bool read(llvm::StringRef entry, T &number) {
    std::vector<T> numbers;
    if (!read(entry, numbers, 0))
      return false;
    number = numbers[0];
    return true;
  }
  template <typename T>
  bool read(llvm::StringRef entry, std::vector<T> &numbers) {
    return read(entry, numbers, 1);
  }
  template <typename T>
  bool read(llvm::StringRef entry, std::vector<T> &numbers, size_t rank) {
    const StoredTensor *tensor = find(entry);
    if (!tensor)
      return fail(entry, "is missing");
    if (tensor->dtype != getDtype<T>() || tensor->shape.size() != rank)
      return fail(entry, "has another type or rank");
    for (size_t at = 0; at < tensor->bytes.size(); at += sizeof(T)) {
      T number = llvm::support::endian::read<T>(tensor->bytes.data() + at,
                                                llvm::endianness::little);
      if constexpr (std::is_floating_point_v<T>)
        if (!std::isfinite(number))
          return fail(entry, "has a number that is not finite");
      numbers.push_back(number);
    }
    return true;
  }
  const StoredTensor *find(llvm::StringRef entry) const {
    auto found = tensors.find(name + "/" + entry.str());
    return found == tensors.end() ? nullptr : &found->second;
  }
  bool fail(llvm::StringRef entry, llvm::StringRef what) {
    problem = ("'" + name + "/" + entry + "' " + what).str();
    return false;
  }
  std::string problem;

private:
  const std::map<std::string, StoredTensor> &tensors;
  std::string name;
};

} // namespace

llvm::Error Statistics::write(llvm::StringRef path) const {
  Writer writer;
  for (const auto &entry : values) {
    const std::string prefix = entry.first + "/";
    const ValueStatistics &value = entry.second;
    if (value.elements == 0)
      continue;
    visitEntries(value, [&](const char *name, const auto &numbers) {
      return writer.add(prefix + name, numbers);
    });
    writer.add(prefix + histogramEntry.str(), value.histogram.getCounts());
    writer.add(prefix + exponentEntry.str(),
               static_cast<int64_t>(value.histogram.getExponent()));
    int64_t width = value.channelMax.size();
    if (!value.secondMoment.empty())
      writer.add(prefix + momentEntry.str(),
                 llvm::ArrayRef<double>(value.secondMoment), {width, width});
  }
  return writeTensorFile(path, writer.tensors,
                         {{versionKey.str(), version.str()},
                          {modelKey.str(), model},
                          {samplesKey.str(), std::to_string(samples)}});
}

/// Whether the numbers of `value` can be those of samples.
static bool checkValue(const ValueStatistics &value, Reader &reader) {
  if (value.samples < 1 || value.elements < value.samples)
    return reader.fail("elements", "is less than one for each sample");
  if (value.min > value.max)
    return reader.fail("min", "is above the maximum");
  size_t channels = value.channelMax.size();
  if (channels == 0 || value.elements % static_cast<int64_t>(channels) != 0)
    return reader.fail("channel_max", "does not divide the elements");
  if (value.channelSum.size() != channels)
    return reader.fail("channel_sum", "has other channels than channel_max");
  if (value.channelSquareSum.size() != channels)
    return reader.fail("channel_square_sum",
                       "has other channels than channel_max");
  if (llvm::any_of(value.channelSquareSum, [](double sum) { return sum < 0; }))
    return reader.fail("channel_square_sum", "is negative");
  double largest = std::max(std::fabs(value.min), std::fabs(value.max));
  if (llvm::any_of(value.channelMax,
                   [&](float max) { return max < 0 || max > largest; }))
    return reader.fail("channel_max", "is beyond the extremes");
  if (largest >= std::ldexp(1.0, value.histogram.getExponent()))
    return reader.fail(exponentEntry, "gives a range without the extremes");
  if (value.histogram.getTotal() != value.elements)
    return reader.fail(histogramEntry, "does not count the elements");
  return true;
}

static bool readValue(Reader &reader, ValueStatistics &value) {
  std::vector<int64_t> counts;
  int64_t exponent = 0;
  bool isRead = visitEntries(value, [&](const char *entry, auto &numbers) {
    return reader.read(entry, numbers);
  });
  if (!isRead || !reader.read(histogramEntry, counts) ||
      !reader.read(exponentEntry, exponent))
    return false;
  if (counts.size() != Histogram::numBins ||
      llvm::any_of(counts, [&](int64_t count) {
        return count < 0 || count > value.elements;
      }))
    return reader.fail(histogramEntry, "has an invalid count");
  if (exponent < Histogram::minExponent || exponent > Histogram::maxExponent)
    return reader.fail(exponentEntry, "is out of range");
  value.histogram.set(static_cast<int>(exponent), std::move(counts));
  if (const StoredTensor *moment = reader.find(momentEntry)) {
    int64_t channels = value.channelMax.size();
    if (moment->shape != llvm::ArrayRef<int64_t>({channels, channels}))
      return reader.fail(momentEntry, "has other channels than channel_max");
    if (!reader.read(momentEntry, value.secondMoment, 2))
      return false;
  }
  return checkValue(value, reader);
}

static bool isEntry(llvm::StringRef entry) {
  ValueStatistics value;
  bool isOther = visitEntries(
      value, [&](const char *name, auto &) { return entry != name; });
  return !isOther || entry == histogramEntry || entry == exponentEntry ||
         entry == momentEntry;
}

static llvm::Expected<Statistics> parse(const TensorFile &file,
                                        llvm::StringRef model) {
  const std::string *fileVersion = file.findMetadata(versionKey),
                    *fileModel = file.findMetadata(modelKey),
                    *samples = file.findMetadata(samplesKey);
  if (!fileVersion)
    return llvm::createStringError("is no file of calibration statistics");
  if (*fileVersion != version)
    return llvm::createStringError("has version '" + *fileVersion +
                                   "' of calibration statistics, expected '" +
                                   version + "'");
  if (!fileModel || !samples)
    return llvm::createStringError(
        "does not say of which model it is and how many samples "
        "are done");
  if (!model.empty() && *fileModel != model)
    return llvm::createStringError("is of another model (" + *fileModel +
                                   ", this is " + model + "); calibrate again");
  Statistics statistics(*fileModel);
  if (llvm::StringRef(*samples).getAsInteger(10, statistics.samples) ||
      statistics.samples < 0)
    return llvm::createStringError("has invalid number of samples '" +
                                   *samples + "'");
  for (const auto &[name, tensor] : file.getTensors()) {
    auto [value, entry] = llvm::StringRef(name).rsplit('/');
    if (!isEntry(entry))
      return llvm::createStringError("has unknown entry '" + name + "'");
    auto [place, isNew] = statistics.values.try_emplace(value.str());
    Reader reader(file.getTensors(), value.str());
    if (isNew && !readValue(reader, place->second))
      return llvm::createStringError(reader.problem);
  }
  return statistics;
}

llvm::Expected<Statistics> Statistics::read(llvm::StringRef path,
                                            llvm::StringRef model) {
  llvm::Expected<TensorFile> file = TensorFile::read(path);
  if (!file)
    return file.takeError();
  llvm::Expected<Statistics> statistics = parse(*file, model);
  if (!statistics)
    return llvm::createStringError(path + ": " +
                                   llvm::toString(statistics.takeError()));
  return statistics;
}
