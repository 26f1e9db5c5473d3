// .safetensors files of passes: what is read is what was written, and damage is
// named.
#include "passes/Common/TensorFile.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"

using namespace cinch;

namespace {

class TensorFileTest : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_FALSE(
        llvm::sys::fs::createTemporaryFile("cinch", "safetensors", path));
  }
  void TearDown() override { llvm::sys::fs::remove(path); }

  /// Writes `header` and `data` as they are, and returns what reading says.
  std::string readText(const std::string &header, const std::string &data) {
    std::error_code code;
    llvm::raw_fd_ostream os(path, code);
    char length[8];
    llvm::support::endian::write64le(length, header.size());
    os.write(length, 8) << header << data;
    os.close();
    llvm::Expected<TensorFile> file = TensorFile::read(path);
    if (file)
      return "";
    std::string message = llvm::toString(file.takeError());
    EXPECT_EQ(message.rfind(std::string(path) + ": ", 0), 0u) << message;
    return message.substr(path.size() + 2);
  }

  llvm::SmallString<64> path;
};

} // namespace

TEST_F(TensorFileTest, ReadsWhatWasWritten) {
  std::string bytes = "abcdefgh";
  std::map<std::string, StoredTensor> tensors;
  tensors["b\"/x"] = {"F32", {2, 1}, bytes};
  tensors["a"] = {"I16", {}, llvm::ArrayRef<char>(bytes).take_front(2)};
  tensors["empty"] = {"U8", {0, 3}, {}};
  llvm::Error error = writeTensorFile(path, tensors, {{"key", "one \n two"}});
  ASSERT_FALSE(bool(error));
  llvm::Expected<TensorFile> file = TensorFile::read(path);
  ASSERT_TRUE(bool(file)) << llvm::toString(file.takeError());
  ASSERT_EQ(file->getTensors().size(), 3u);
  const StoredTensor &tensor = file->getTensors().at("b\"/x");
  EXPECT_EQ(tensor.dtype, "F32");
  EXPECT_EQ(tensor.shape, (llvm::SmallVector<int64_t>{2, 1}));
  EXPECT_EQ(std::string(tensor.bytes.begin(), tensor.bytes.end()), bytes);
  EXPECT_EQ(*file->findMetadata("key"), "one \n two");
  EXPECT_EQ(file->findMetadata("other"), nullptr);
}

TEST_F(TensorFileTest, NamesWhatIsMissing) {
  llvm::Expected<TensorFile> file = TensorFile::read("no/such/file");
  ASSERT_FALSE(bool(file));
  EXPECT_EQ(llvm::toString(file.takeError()),
            "no/such/file: No such file or directory");
}

TEST_F(TensorFileTest, NamesDamage) {
  auto tensor = [](const char *type, const char *shape, const char *offsets) {
    return std::string("{\"dtype\":\"") + type + "\",\"shape\":" + shape +
           ",\"data_offsets\":" + offsets + "}";
  };
  std::string u8 = tensor("U8", "[4]", "[0,4]");
  EXPECT_EQ(readText("{\"x\":" + u8 + "}", "1234"), "");
  EXPECT_NE(readText("{\"x\":", "").find("the header is no JSON"),
            std::string::npos);
  EXPECT_EQ(readText("[]", ""),
            "expected an object as header of a .safetensors file");
  EXPECT_EQ(readText("{\"x\":" + u8 + ",\"\\u0078\":" + u8 + "}", "1234"),
            "'\\u0078' is there twice");
  EXPECT_EQ(readText("{\"x\":" + u8 + "}", "123"),
            "'x' lies outside of the file");
  EXPECT_EQ(readText("{\"x\":" + u8 + "}", "12345"),
            "bytes belong to no tensor");
  EXPECT_EQ(readText("{\"x\":" + u8 + ",\"y\":" + u8 + "}", "1234"),
            "tensors overlap");
  EXPECT_EQ(readText("{\"x\":" + tensor("I16", "[4]", "[0,4]") + "}", "1234"),
            "'x' has 4 bytes, but its type and shape take 8");
  EXPECT_EQ(readText("{\"x\":" + tensor("I4", "[4]", "[0,4]") + "}", "1234"),
            "'x' has unknown dtype 'I4'");
  EXPECT_EQ(readText("{\"x\":" + tensor("U8", "[-4]", "[0,4]") + "}", "1234"),
            "'x' has an invalid shape");
  EXPECT_EQ(
      readText("{\"x\":" + tensor("U8", "[4294967296, 4294967296]", "[0,4]") +
                   "}",
               "1234"),
      "'x' has an invalid shape");
  EXPECT_EQ(readText("{\"x\":[]}", ""),
            "'x' expected dtype, shape and two data_offsets");
  EXPECT_EQ(readText("{\"__metadata__\":{\"a\":1}}", ""),
            "expected metadata of texts");
}

TEST_F(TensorFileTest, RefusesALengthBeyondTheFile) {
  std::error_code code;
  llvm::raw_fd_ostream os(path, code);
  os << "\xff\xff\xff\xff\xff\xff\xff\xff{}";
  os.close();
  llvm::Expected<TensorFile> file = TensorFile::read(path);
  ASSERT_FALSE(bool(file));
  EXPECT_NE(
      llvm::toString(file.takeError()).find("the header is not all there"),
      std::string::npos);
}
