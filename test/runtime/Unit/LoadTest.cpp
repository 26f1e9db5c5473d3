//===- LoadTest.cpp - good models load, bad ones are refused --------------===//
#include "runtime/ModuleAbi.h"
#include "test/runtime/Fake/Fixture.h"

#include <cstring>

using namespace cinch::test;

namespace {

class LoadTest : public RuntimeTest {};

TEST_F(LoadTest, DescribesTheSignature) {
  ASSERT_EQ(load("bounded"), CINCH_OK) << cinch_last_error();
  cinch_model_info_t info = {};
  info.struct_size = sizeof(info);
  ASSERT_EQ(cinch_model_get_info(model, &info), CINCH_OK);
  EXPECT_STREQ(info.name, "fake");
  EXPECT_EQ(info.input_count, 1);
  EXPECT_EQ(info.kernel_count, 3);
  EXPECT_EQ(info.weights_bytes, 128);
  EXPECT_EQ(info.guaranteed_peak_bytes, 256);
  cinch_value_info_t value = {};
  value.struct_size = sizeof(value);
  ASSERT_EQ(cinch_model_get_input(model, 0, &value), CINCH_OK);
  EXPECT_STREQ(value.name, "x");
  EXPECT_EQ(value.dtype, CINCH_DTYPE_F32);
  ASSERT_EQ(value.rank, 2);
  EXPECT_STREQ(value.dims[0].symbol, "batch");
  EXPECT_EQ(value.dims[0].min, 1);
  EXPECT_EQ(value.dims[0].max, 8);
  EXPECT_EQ(value.dims[1].symbol, nullptr);
  EXPECT_STREQ(value.dims[1].expression, "4");
  EXPECT_EQ(value.dims[1].max, 4);
  cinch_symbol_info_t symbol = {};
  symbol.struct_size = sizeof(symbol);
  ASSERT_EQ(cinch_model_get_symbol(model, 0, &symbol), CINCH_OK);
  EXPECT_STREQ(symbol.name, "batch");
  EXPECT_FAILS(cinch_model_get_input(model, 1, &value),
               CINCH_ERROR_INVALID_ARGUMENT, "no number 1");
  value.struct_size = 4096;
  EXPECT_FAILS(cinch_model_get_output(model, 0, &value),
               CINCH_ERROR_INVALID_ARGUMENT, "struct_size");
}

TEST_F(LoadTest, UnboundedSymbolHasNoMaximum) {
  ASSERT_EQ(load("dynamic"), CINCH_OK) << cinch_last_error();
  cinch_value_info_t value = {};
  value.struct_size = sizeof(value);
  ASSERT_EQ(cinch_model_get_output(model, 0, &value), CINCH_OK);
  EXPECT_EQ(value.dims[0].max, -1);
  cinch_model_info_t info = {};
  info.struct_size = sizeof(info);
  ASSERT_EQ(cinch_model_get_info(model, &info), CINCH_OK);
  EXPECT_EQ(info.guaranteed_peak_bytes, -1);
}

TEST_F(LoadTest, RefusesWhatIsNotAModel) {
  EXPECT_FAILS(cinch_model_load("/nonexistent.so", nullptr, &model),
               CINCH_ERROR_IO, "cannot be found");
  EXPECT_FAILS(cinch_model_load(weightsPath().c_str(), nullptr, &model),
               CINCH_ERROR_FORMAT, "not ELF");
  EXPECT_FAILS(cinch_model_load("/bin/sh", nullptr, &model), CINCH_ERROR_FORMAT,
               "without a Cinch note");
  EXPECT_FAILS(cinch_model_load(folder.c_str(), nullptr, &model),
               CINCH_ERROR_IO, "not a regular file");
  EXPECT_FAILS(cinch_model_load(nullptr, nullptr, &model),
               CINCH_ERROR_INVALID_ARGUMENT, "path is null");
  EXPECT_EQ(model, nullptr);
}

TEST_F(LoadTest, RefusesOtherMachines) {
  EXPECT_FAILS(load("other_abi"), CINCH_ERROR_VERSION, "module ABI 99");
  EXPECT_FAILS(load("other_cpu"), CINCH_ERROR_CPU, "lacks: quantum, warp");
}

TEST_F(LoadTest, RefusesBadManifestsAndMicrokernels) {
  EXPECT_FAILS(load("bad_manifest"), CINCH_ERROR_FORMAT,
               "manifest.plan.offsets: missing");
  EXPECT_FAILS(load("bad_microkernel"), CINCH_ERROR_CPU,
               "m=1 n=4 k=4 lda=4 ldb=4 ldc=3");
}

TEST_F(LoadTest, RefusesEveryTruncation) {
  std::string path = copyModel("dynamic"), bytes = readAll(path);
  for (size_t size = 0; size < bytes.size(); size += size < 4096 ? 7 : 509) {
    std::string cut = folder + "/cut.so";
    writeAll(cut, bytes.substr(0, size));
    ASSERT_EQ(cinch_model_load(cut.c_str(), nullptr, &model),
              CINCH_ERROR_FORMAT)
        << size << " bytes";
  }
}

// Flips in the headers and the note: a status or a model that loads, no crash.
TEST_F(LoadTest, SurvivesFlippedHeaders) {
  std::string path = copyModel("dynamic"), bytes = readAll(path);
  size_t note = bytes.find(
      "{\"abi\":" + std::to_string(CINCH_MODULE_ABI_VERSION) + ",\"target\"");
  ASSERT_NE(note, std::string::npos);
  int refused = 0, tried = 0;
  auto flip = [&](size_t at, int bit) {
    std::string damaged = bytes, name = folder + "/" + std::to_string(tried++);
    damaged[at] ^= 1 << bit;
    writeAll(name, damaged);
    cinch_model_t *loaded = nullptr;
    if (cinch_model_load(name.c_str(), nullptr, &loaded) != CINCH_OK)
      ++refused;
    cinch_model_release(loaded);
    std::filesystem::remove(name);
  };
  // Not the addresses of segments: with those the system's loader works.
  for (size_t at : {0, 1, 2, 3, 4, 5, 6, 16, 18, 33, 34, 54, 56})
    flip(at, 3);
  EXPECT_EQ(refused, tried);
  for (size_t at = note - 20; at < note + 130; ++at)
    flip(at, static_cast<int>(at % 8));
  EXPECT_GT(refused, tried / 2);
}

TEST_F(LoadTest, RefusesAReplacedFileWhileTheOldOneIsInUse) {
  ASSERT_EQ(load("dynamic"), CINCH_OK) << cinch_last_error();
  std::string path = folder + "/dynamic.so", other = copyModel("bounded");
  std::filesystem::rename(other, path);
  cinch_model_t *second = nullptr;
  EXPECT_FAILS(cinch_model_load(path.c_str(), nullptr, &second),
               CINCH_ERROR_BUSY, "has changed");
  cinch_model_release(model);
  model = nullptr;
  ASSERT_EQ(cinch_model_load(path.c_str(), nullptr, &model), CINCH_OK)
      << cinch_last_error();
  cinch_model_info_t info = {};
  info.struct_size = sizeof(info);
  cinch_model_get_info(model, &info);
  EXPECT_EQ(info.guaranteed_peak_bytes, 256); // the new one
}

class WeightsTest : public RuntimeTest {
protected:
  void expectRefused(const std::string &file, const char *message) {
    writeAll(weightsPath(), file);
    EXPECT_FAILS(load("dynamic"), CINCH_ERROR_WEIGHTS, message);
  }
  static std::string replace(std::string text, const std::string &from,
                             const std::string &to) {
    text.replace(text.find(from), from.size(), to);
    return text;
  }
};

TEST_F(WeightsTest, ChecksumIsXxh64) {
  cinch::Checksum empty, letters;
  EXPECT_EQ(empty.str(), "xxh64:ef46db3751d8e999"); // reference values
  letters.update("ab", 2);
  letters.update("c", 1);
  EXPECT_EQ(letters.str(), "xxh64:44bc2cf5ad770999");
  std::string data = fakeWeights();
  for (size_t cut : {0, 1, 31, 32, 33, 100, 128}) {
    cinch::Checksum pieces;
    pieces.update(data.data(), cut);
    pieces.update(data.data() + cut, data.size() - cut);
    EXPECT_EQ(pieces.str(), "xxh64:deb636ebe6fb6b44") << cut;
  }
}

TEST_F(WeightsTest, RefusesMissingOrForeignWeights) {
  std::filesystem::remove(weightsPath());
  EXPECT_FAILS(load("dynamic"), CINCH_ERROR_IO, "fake.safetensors");
  expectRefused(
      makeSafetensors(replace(fakeHeader(), "deb6", "deb7"), fakeWeights()),
      "belongs to another model");
  writeAll(weightsPath(), makeSafetensors(fakeHeader(), fakeWeights()));
  EXPECT_FAILS(load("other_weights"), CINCH_ERROR_WEIGHTS,
               "belongs to another model");
}

TEST_F(WeightsTest, RefusesDamagedHeaders) {
  std::string data = fakeWeights(), header = fakeHeader();
  expectRefused("", "no header");
  expectRefused(std::string(8, '\xff'), "runs past the end");
  expectRefused(makeSafetensors("[]", data), "not an object");
  expectRefused(makeSafetensors("{\"a\":", data), "not JSON");
  expectRefused(makeSafetensors(std::string(100000, '['), data), "not JSON");
  expectRefused(makeSafetensors(replace(header, "[4,4]", "[4,5]"), data),
                "do not match its shape");
  expectRefused(makeSafetensors(replace(header, "[4,4]", "[4,-4]"), data),
                "bad shape");
  expectRefused(makeSafetensors(
                    replace(header, "[4,4]", "[4611686018427387904,64]"), data),
                "bad shape");
  expectRefused(makeSafetensors(replace(header, "[64,128]", "[64,132]"), data),
                "outside of the data");
  expectRefused(makeSafetensors(replace(header, "[16,64]", "[15,63]"), data),
                "overlap");
  expectRefused(makeSafetensors(header, data + "more"),
                "after the last tensor");
  expectRefused(makeSafetensors(replace(header, "F32", "F33"), data),
                "unknown dtype");
  expectRefused(makeSafetensors(header, data).substr(0, 300),
                "outside of the data");
}

TEST_F(WeightsTest, VerifiesBytesOnRequest) {
  std::string data = fakeWeights();
  data[70] ^= 1;
  writeAll(weightsPath(), makeSafetensors(fakeHeader(), data));
  std::string path = copyModel("dynamic");
  cinch_model_options_t options = {};
  options.struct_size = sizeof(options);
  options.verify_weights = 1;
  EXPECT_FAILS(cinch_model_load(path.c_str(), &options, &model),
               CINCH_ERROR_WEIGHTS, "damaged data");
  options.verify_weights = 0;
  EXPECT_EQ(cinch_model_load(path.c_str(), &options, &model), CINCH_OK);
}

} // namespace
