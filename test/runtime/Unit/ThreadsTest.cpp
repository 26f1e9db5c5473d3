//===- ThreadsTest.cpp - parallel runs, many sessions, fork ---------------===//
#include "test/runtime/Fake/Fixture.h"

#include <atomic>
#include <filesystem>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace cinch::test;

namespace {

class ThreadsTest : public RuntimeTest {
protected:
  void TearDown() override {
    RuntimeTest::TearDown();
    cinch_set_threads(2);
  }
};

/// Runs `repeats` times at `batch`; returns the number of wrong results.
int countWrong(cinch_session_t *session, int64_t batch, int repeats) {
  Rows x(batch), y(batch);
  std::vector<float> expected = expectedOutput(x.data);
  cinch_tensor_t input = x.view(), output = y.view();
  int wrong = 0;
  for (int repeat = 0; repeat < repeats; ++repeat) {
    std::fill(y.data.begin(), y.data.end(), 0.0f);
    if (cinch_session_run(session, &input, 1, &output, 1) != CINCH_OK ||
        y.data != expected)
      ++wrong;
  }
  return wrong;
}

/// Threads of this process.
int countThreads() {
  int count = 0;
  for ([[maybe_unused]] const auto &entry :
       std::filesystem::directory_iterator("/proc/self/task"))
    ++count;
  return count;
}

TEST_F(ThreadsTest, ChecksTheBudget) {
  EXPECT_FAILS(cinch_set_threads(0), CINCH_ERROR_INVALID_ARGUMENT, "1 to 1024");
  EXPECT_FAILS(cinch_set_threads(1025), CINCH_ERROR_INVALID_ARGUMENT, "1025");
  ASSERT_EQ(cinch_set_threads(3), CINCH_OK);
  EXPECT_EQ(cinch_get_threads(), 3);
}

TEST_F(ThreadsTest, AnyNumberOfThreadsGivesTheSame) {
  open("dynamic");
  for (int threads : {1, 2, 3, 4, 7}) {
    ASSERT_EQ(cinch_set_threads(threads), CINCH_OK);
    for (int64_t batch : {1, 2, 3, 5, 64, 1001})
      EXPECT_EQ(countWrong(session, batch, 3), 0) << threads << " " << batch;
    cinch_counters_t counters = {};
    counters.struct_size = sizeof(counters);
    ASSERT_EQ(cinch_session_get_counters(session, &counters), CINCH_OK);
    EXPECT_EQ(counters.threads, threads);
    EXPECT_EQ(counters.parallel_calls, threads > 1 ? 3 : 0);
  }
}

TEST_F(ThreadsTest, SessionsRunSideBySide) {
  ASSERT_EQ(load("dynamic"), CINCH_OK);
  ASSERT_EQ(cinch_set_threads(4), CINCH_OK);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int index = 0; index < 6; ++index)
    threads.emplace_back([&, index]() {
      cinch_session_t *own = nullptr;
      if (cinch_session_create(model, nullptr, &own) != CINCH_OK)
        ++wrong;
      else
        wrong += countWrong(own, 10 + index, 200);
      cinch_session_release(own);
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(ThreadsTest, LoadsSideBySide) {
  std::string path = copyModel("dynamic");
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int index = 0; index < 4; ++index)
    threads.emplace_back([&]() {
      for (int repeat = 0; repeat < 20; ++repeat) {
        cinch_model_t *own = nullptr;
        if (cinch_model_load(path.c_str(), nullptr, &own) != CINCH_OK)
          ++wrong;
        cinch_model_release(own);
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(ThreadsTest, OneSessionOnTwoThreadsIsBusyOrWaits) {
  open("dynamic");
  std::atomic<int> other{0};
  auto work = [&]() {
    Rows x(400), y(400);
    cinch_tensor_t input = x.view(), output = y.view();
    for (int repeat = 0; repeat < 300; ++repeat) {
      cinch_status_t status = cinch_session_run(session, &input, 1, &output, 1);
      if (status != CINCH_OK && status != CINCH_ERROR_BUSY)
        ++other;
    }
  };
  std::thread first(work), second(work);
  first.join();
  second.join();
  EXPECT_EQ(other, 0);
}

TEST_F(ThreadsTest, ErrorsBelongToTheirThread) {
  EXPECT_EQ(cinch_set_threads(0), CINCH_ERROR_INVALID_ARGUMENT);
  std::string there;
  std::thread([&]() { there = cinch_last_error(); }).join();
  EXPECT_EQ(there, "");
  EXPECT_NE(std::string(cinch_last_error()), "");
}

TEST_F(ThreadsTest, ForkedChildMakesThreadsOfItsOwn) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "ThreadSanitizer ends a child that makes threads";
#endif
  open("dynamic");
  ASSERT_EQ(cinch_set_threads(4), CINCH_OK);
  ASSERT_EQ(countWrong(session, 100, 2), 0);
  pid_t child = fork();
  if (child == 0) {
    alarm(20); // a hang is a failure
    bool isGood = cinch_get_threads() == 4 &&
                  countWrong(session, 100, 2) == 0 && countThreads() == 4;
    _exit(isGood ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(countWrong(session, 100, 2), 0);
}

} // namespace
