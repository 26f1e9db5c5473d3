//===- LinkedTest.cpp - models that are part of the program ---------------===//
#include "runtime/ModuleAbi.h"
#include "test/runtime/Fake/Fixture.h"

#include <cstring>

using namespace cinch::test;

extern "C" const cinch_module_t fake_linked;

namespace {

std::string replace(std::string text, const std::string &from,
                    const std::string &to) {
  return text.replace(text.find(from), from.size(), to);
}

class LinkedTest : public RuntimeTest {
protected:
  LinkedTest()
      : linked(fake_linked), note(linked.note, linked.note_bytes),
        manifest(linked.manifest, linked.manifest_bytes) {
    options.struct_size = sizeof(options);
  }

  cinch_status_t loadLinked() {
    return cinch_model_from_module(&linked, &options, &model);
  }
  void setNote(const std::string &text) {
    note = text;
    linked.note = note.data();
    linked.note_bytes = note.size();
  }
  /// Puts the weights file `file` into the module, `shift` bytes off alignment.
  void embed(const std::string &file, size_t shift = 0) {
    manifest = replace(manifest, "\"fake.safetensors\"", "null");
    linked.manifest = manifest.data();
    linked.manifest_bytes = manifest.size();
    storage.resize(file.size() + 128);
    auto address = reinterpret_cast<uintptr_t>(storage.data());
    char *start = storage.data() + (64 - address % 64) + shift;
    memcpy(start, file.data(), file.size());
    linked.weights = start;
    linked.weights_bytes = file.size();
  }
  std::string goodFile() const {
    return makeSafetensors(fakeHeader(), fakeWeights());
  }
  void expectRuns() {
    ASSERT_EQ(loadLinked(), CINCH_OK) << cinch_last_error();
    ASSERT_EQ(cinch_session_create(model, nullptr, &session), CINCH_OK)
        << cinch_last_error();
    Rows x(3), y(3);
    cinch_tensor_t input = x.view(), output = y.view();
    ASSERT_EQ(cinch_session_run(session, &input, 1, &output, 1), CINCH_OK)
        << cinch_last_error();
    EXPECT_EQ(y.data, expectedOutput(x.data));
  }

  cinch_module_t linked;
  std::string note, manifest;
  std::vector<char> storage;
  cinch_model_options_t options = {};
};

TEST_F(LinkedTest, RunsWithAWeightsFile) {
  std::string path = weightsPath();
  options.weights_path = path.c_str();
  expectRuns();
}

TEST_F(LinkedTest, AsksForTheWeightsFile) {
  EXPECT_FAILS(loadLinked(), CINCH_ERROR_INVALID_ARGUMENT,
               "'fake.safetensors' when it was compiled");
  options.weights_path = "/nonexistent";
  EXPECT_FAILS(loadLinked(), CINCH_ERROR_IO, "/nonexistent");
}

TEST_F(LinkedTest, UsesEmbeddedWeightsInPlace) {
  embed(goodFile());
  options.verify_weights = 1;
  expectRuns();
  cinch_model_info_t info = {};
  info.struct_size = sizeof(info);
  ASSERT_EQ(cinch_model_get_info(model, &info), CINCH_OK);
  EXPECT_EQ(info.weights_bytes, 128);
}

TEST_F(LinkedTest, RefusesAWeightsFileBesideEmbeddedWeights) {
  embed(goodFile());
  options.weights_path = "other.safetensors";
  EXPECT_FAILS(loadLinked(), CINCH_ERROR_INVALID_ARGUMENT,
               "takes no weights_path");
}

TEST_F(LinkedTest, RefusesDamagedEmbeddedWeights) {
  embed(goodFile(), /*shift=*/4);
  EXPECT_FAILS(loadLinked(), CINCH_ERROR_WEIGHTS, "not aligned to 64");
  linked = fake_linked;
  manifest.assign(linked.manifest, linked.manifest_bytes);
  std::string file = goodFile();
  file.back() ^= 1;
  embed(file);
  options.verify_weights = 1;
  EXPECT_FAILS(loadLinked(), CINCH_ERROR_WEIGHTS, "damaged data");
  linked.weights_bytes -= 4;
  EXPECT_FAILS(loadLinked(), CINCH_ERROR_WEIGHTS, "outside of the data");
  linked.weights = nullptr;
  linked.weights_bytes = 0;
  EXPECT_FAILS(loadLinked(), CINCH_ERROR_FORMAT, "where the weights are");
}

TEST_F(LinkedTest, RefusesOtherMachinesAndVersions) {
  linked.abi_version = 99;
  linked.manifest = nullptr; // nothing but the version may be looked at
  EXPECT_FAILS(loadLinked(), CINCH_ERROR_VERSION, "module ABI 99");
  linked = fake_linked;
  setNote(replace(note, "sse2", "warp"));
  EXPECT_FAILS(loadLinked(), CINCH_ERROR_CPU, "lacks: warp");
  linked = fake_linked;
  linked.note = nullptr;
  EXPECT_FAILS(loadLinked(), CINCH_ERROR_FORMAT, "incomplete module");
}

TEST_F(LinkedTest, RefusesNull) {
  EXPECT_FAILS(cinch_model_from_module(nullptr, nullptr, &model),
               CINCH_ERROR_INVALID_ARGUMENT, "module is null");
  EXPECT_FAILS(cinch_model_from_module(&linked, nullptr, nullptr),
               CINCH_ERROR_INVALID_ARGUMENT, "out_model is null");
}

} // namespace
