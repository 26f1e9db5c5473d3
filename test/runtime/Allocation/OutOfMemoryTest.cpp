//===- OutOfMemoryTest.cpp - every allocation fails once ------------------===//
#include "test/runtime/Fake/Fixture.h"
#include "test/runtime/Hooks/Hooks.h"

#include <dlfcn.h>
#include <functional>

using namespace cinch::test;

namespace {

class OutOfMemoryTest : public RuntimeTest {
protected:
  void SetUp() override {
    RuntimeTest::SetUp();
    path = copyModel("dynamic");
    messages.reserve(1 << 20); // so that the test itself allocates nothing
    // The first failure gives this thread a table that the system keeps.
    ASSERT_EQ(dlopen("/missing.so", RTLD_NOW), nullptr);
    dlerror();
    dlerror();
  }

  /// Repeats `attempt` with its 1st, 2nd, ... allocation failing until it
  /// needs no more. One that returns false must have left a message and, after
  /// `undo`, no memory behind; the attempt after it must succeed. Returns the
  /// number of allocations that were made to fail.
  int failEach(const std::function<cinch_status_t()> &attempt,
               const std::function<void()> &undo) {
    for (int repeat = 0; repeat < 3; ++repeat) { // what stays for good is made
      EXPECT_EQ(attempt(), CINCH_OK) << cinch_last_error();
      undo();
    }
    long blocks = hooks_live_blocks(), bytes = hooks_mapped_bytes();
    for (int number = 1;; ++number) {
      hooks_fail_at(number);
      cinch_status_t status = attempt();
      bool hasFailed = hooks_has_failed();
      hooks_fail_at(0);
      if (status != CINCH_OK) {
        EXPECT_TRUE(hasFailed) << cinch_last_error();
        EXPECT_STRNE(cinch_last_error(), "");
        messages.append(cinch_last_error()).append("\n");
      }
      undo();
      EXPECT_EQ(hooks_live_blocks(), blocks) << number << cinch_last_error();
      EXPECT_EQ(hooks_mapped_bytes(), bytes) << number << cinch_last_error();
      EXPECT_EQ(attempt(), CINCH_OK) << number << cinch_last_error();
      undo();
      if (!hasFailed || HasFailure())
        return number - 1;
    }
  }

  std::function<cinch_status_t()> loads = [this] {
    return cinch_model_load(path.c_str(), nullptr, &model);
  };
  std::function<cinch_status_t()> creates = [this] {
    return cinch_session_create(model, nullptr, &session);
  };
  std::function<void()> releasesModel = [this] {
    cinch_model_release(model);
    model = nullptr;
  };
  std::function<void()> releasesSession = [this] {
    cinch_session_release(session);
    session = nullptr;
  };

  std::string path, messages;
};

TEST_F(OutOfMemoryTest, Loading) {
  int count = failEach(loads, releasesModel);
  EXPECT_GT(count, 50);
  EXPECT_NE(messages.find("no memory for a model"), std::string::npos)
      << messages;
  RecordProperty("allocations", count);
}

TEST_F(OutOfMemoryTest, FindingThePath) {
  path = folder + "/missing.so";
  hooks_fail_at(1);
  EXPECT_NE(loads(), CINCH_OK);
  EXPECT_TRUE(hooks_has_failed());
  hooks_fail_at(0);
  EXPECT_FAILS(loads(), CINCH_ERROR_IO, "cannot be found");
}

TEST_F(OutOfMemoryTest, CreatingASession) {
  ASSERT_EQ(loads(), CINCH_OK);
  EXPECT_GT(failEach(creates, releasesSession), 5);
  EXPECT_NE(messages.find("no memory for a session"), std::string::npos)
      << messages;
}

TEST_F(OutOfMemoryTest, CreatingASessionOfABoundedModel) {
  path = copyModel("bounded");
  ASSERT_EQ(loads(), CINCH_OK);
  EXPECT_GT(failEach(creates, releasesSession), 5);
  EXPECT_NE(messages.find("the arena needs"), std::string::npos) << messages;
}

TEST_F(OutOfMemoryTest, TheFirstRun) {
  ASSERT_EQ(cinch_set_threads(1), CINCH_OK);
  ASSERT_EQ(loads(), CINCH_OK);
  Rows x(5), y(5);
  auto runs = [&] {
    cinch_status_t status = creates();
    cinch_tensor_t input = x.view(), output = y.view();
    std::fill(y.data.begin(), y.data.end(), 0.0f);
    if (status == CINCH_OK)
      status = cinch_session_run(session, &input, 1, &output, 1);
    return status;
  };
  EXPECT_GT(failEach(runs, releasesSession), 20);
  EXPECT_EQ(y.data, expectedOutput(x.data));
}

} // namespace
