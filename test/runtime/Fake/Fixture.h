//===- Fixture.h - fake models in a folder of their own -------------------===//
#ifndef CINCH_TEST_RUNTIME_FAKE_FIXTURE_H
#define CINCH_TEST_RUNTIME_FAKE_FIXTURE_H

#include "cinch/runtime.h"
#include "runtime/Checksum.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>
#include <string>
#include <vector>

namespace cinch::test {

/// The data section of the fake models' weights: bias 10, 20, 30, 40, zeros up
/// to byte 64, and the 4x4 matrix with elements (i, j) = i + 10 * j.
inline std::string fakeWeights() {
  float data[32] = {10, 20, 30, 40};
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < 4; ++j)
      data[16 + 4 * i + j] = i + 10 * j;
  return std::string(reinterpret_cast<const char *>(data), sizeof(data));
}

/// A safetensors file with `header` (padded with spaces to 64 bytes) and
/// `data`.
inline std::string makeSafetensors(std::string header,
                                   const std::string &data) {
  while ((8 + header.size()) % 64)
    header += ' ';
  uint64_t size = header.size();
  return std::string(reinterpret_cast<const char *>(&size), 8) + header + data;
}

inline std::string fakeHeader() {
  return "{\"__metadata__\":{\"cinch_checksum\":\"xxh64:deb636ebe6fb6b44\"},"
         "\"w0\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]},"
         "\"pad\":{\"dtype\":\"U8\",\"shape\":[48],\"data_offsets\":[16,64]},"
         "\"w1\":{\"dtype\":\"F32\",\"shape\":[4,4],\"data_offsets\":[64,128]}"
         "}";
}

inline std::string readAll(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

inline void writeAll(const std::string &path, const std::string &bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

/// What a fake model computes for `x[batch, 4]`.
inline std::vector<float> expectedOutput(const std::vector<float> &x) {
  std::vector<float> y(x.size());
  for (size_t row = 0; row < x.size() / 4; ++row)
    for (int j = 0; j < 4; ++j)
      for (int i = 0; i < 4; ++i)
        y[4 * row + j] += (2 * x[4 * row + i] + 10 * (i + 1)) * (i + 10 * j);
  return y;
}

class RuntimeTest : public ::testing::Test {
protected:
  void SetUp() override {
    folder = (std::filesystem::temp_directory_path() / "cinch-XXXXXX").string();
    ASSERT_NE(mkdtemp(folder.data()), nullptr);
    writeAll(weightsPath(), makeSafetensors(fakeHeader(), fakeWeights()));
  }
  void TearDown() override {
    cinch_session_release(session);
    cinch_model_release(model);
    std::filesystem::remove_all(folder);
  }

  std::string weightsPath() const { return folder + "/fake.safetensors"; }
  /// Copies the variant to the test's folder and returns its path.
  std::string copyModel(const std::string &variant) const {
    std::string path = folder + "/" + variant + ".so";
    std::filesystem::copy_file(
        std::string(CINCH_FAKE_MODELS) + "/" + variant + ".so", path,
        std::filesystem::copy_options::overwrite_existing);
    return path;
  }
  /// Loads the variant into `model`.
  cinch_status_t load(const std::string &variant) {
    return cinch_model_load(copyModel(variant).c_str(), nullptr, &model);
  }
  /// Loads the variant and creates `session`.
  void open(const std::string &variant) {
    ASSERT_EQ(load(variant), CINCH_OK) << cinch_last_error();
    ASSERT_EQ(cinch_session_create(model, nullptr, &session), CINCH_OK)
        << cinch_last_error();
  }

  std::string folder;
  cinch_model_t *model = nullptr;
  cinch_session_t *session = nullptr;
};

/// An f32 tensor [batch, 4] with a view of it.
struct Rows {
  explicit Rows(int64_t batch) : shape{batch, 4}, data(4 * batch) {
    for (size_t index = 0; index < data.size(); ++index)
      data[index] = static_cast<float>(index % 17) - 5;
  }
  cinch_tensor_t view() {
    return {data.data(), CINCH_DTYPE_F32, 2, shape, nullptr};
  }
  cinch_shape_t shapeView() const { return {2, shape}; }

  int64_t shape[2];
  std::vector<float> data;
};

/// Expects that `call` fails with `status` and a message that contains `text`.
#define EXPECT_FAILS(call, status, text)                                       \
  do {                                                                         \
    EXPECT_EQ(call, status);                                                   \
    EXPECT_NE(std::string(cinch_last_error()).find(text), std::string::npos)   \
        << cinch_last_error();                                                 \
  } while (false)

} // namespace cinch::test

#endif // CINCH_TEST_RUNTIME_FAKE_FIXTURE_H
