//===- TeamTest.cpp - the parallel loop by itself -------------------------===//
#include "runtime/Threads.h"

#include "gtest/gtest.h"
#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

using namespace cinch::rt;

namespace {

class TeamTest : public ::testing::Test {
protected:
  void SetUp() override { ASSERT_EQ(cinch_set_threads(4), CINCH_OK); }
  void TearDown() override { cinch_set_threads(2); }
};

std::atomic<int> visits[1000];
void visit(const int64_t *, void *const *, int64_t begin, int64_t end) {
  for (int64_t tile = begin; tile < end; ++tile)
    ++visits[tile];
}

TEST_F(TeamTest, RunsEveryTileOnce) {
  for (int threads : {2, 3, 4})
    for (int64_t tiles : {1, 2, 3, 5, 8, 16, 17, 999}) {
      for (std::atomic<int> &count : visits)
        count = 0;
      Team team(threads);
      ASSERT_EQ(team.size(), threads);
      for (int repeat = 0; repeat < 50; ++repeat)
        team.run(visit, nullptr, nullptr, tiles, nullptr);
      for (int64_t tile = 0; tile < 1000; ++tile)
        EXPECT_EQ(visits[tile], tile < tiles ? 50 : 0)
            << threads << " " << tiles << " " << tile;
    }
}

/// A worker that is late for a loop of few chunks meets one of many.
TEST_F(TeamTest, LoopsOfManySizesFollowEachOther) {
  for (int round = 0; round < 200; ++round) {
    Team team(4);
    for (std::atomic<int> &count : visits)
      count = 0;
    for (int repeat = 0; repeat < 200; ++repeat)
      team.run(visit, nullptr, nullptr, repeat % 2 ? 16 : 1, nullptr);
    for (int64_t tile = 0; tile < 16; ++tile)
      ASSERT_EQ(visits[tile], tile ? 100 : 200) << round << " " << tile;
  }
}

std::atomic<int64_t> numRun; ///< tiles
std::thread::id caller;
std::atomic<bool> hasBegun, isTooLate; ///< another thread than the caller

void waitUntil(const std::function<bool()> &isReached) {
  auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (!isReached() && !isTooLate)
    if (std::chrono::steady_clock::now() > limit)
      isTooLate = true;
}

/// The caller begins when another thread has; that one keeps its first chunk
/// until all other chunks are done, those of its own share too.
void runLate(const int64_t *tiles, void *const *, int64_t begin, int64_t end) {
  if (std::this_thread::get_id() == caller) {
    waitUntil([] { return hasBegun.load(); });
  } else {
    hasBegun = true;
    waitUntil([&] { return numRun == *tiles - (end - begin); });
  }
  numRun += end - begin;
}

TEST_F(TeamTest, WaitsForNoThreadThatIsLate) {
  caller = std::this_thread::get_id();
  isTooLate = false;
  int64_t tiles = 64;
  Team team(2);
  for (int repeat = 0; repeat < 20; ++repeat) {
    numRun = 0;
    hasBegun = false;
    team.run(runLate, &tiles, nullptr, tiles, nullptr);
    EXPECT_EQ(numRun, tiles);
  }
  EXPECT_FALSE(isTooLate);
}

TEST_F(TeamTest, TakesWhatOtherTeamsLeave) {
  Team first(3);
  EXPECT_EQ(first.size(), 3);
  Team second(3);
  EXPECT_EQ(second.size(), 1);
  {
    Team third(0);
    EXPECT_EQ(third.size(), 1);
  }
  ASSERT_EQ(cinch_set_threads(6), CINCH_OK);
  Team fourth(0);
  EXPECT_EQ(fourth.size(), 3);
}

TEST_F(TeamTest, SetsTheTimesOfEveryThread) {
  Team team(4);
  cinch_trace_event_t events[4] = {};
  team.run(visit, nullptr, nullptr, 100, events);
  for (const cinch_trace_event_t &event : events) {
    EXPECT_GT(event.start_ns, 0);
    EXPECT_GE(event.end_ns, event.start_ns);
  }
}

} // namespace
