//===- AllocationTest.cpp - a run of planned sizes allocates nothing ------===//
#include "test/runtime/Fake/Fixture.h"
#include "test/runtime/Hooks/Hooks.h"

#include <sys/mman.h>

using namespace cinch::test;

namespace {

class AllocationTest : public RuntimeTest {
protected:
  /// Runs `batches` and returns the number of allocations.
  int64_t countRuns(std::vector<Rows> &inputs, std::vector<Rows> &outputs,
                    const int64_t *strides = nullptr) {
    bool failed = false;
    hooks_start_counting();
    for (size_t index = 0; index < inputs.size(); ++index) {
      cinch_tensor_t input = inputs[index].view();
      cinch_tensor_t output = outputs[index].view();
      input.strides = strides;
      failed |= cinch_session_run(session, &input, 1, &output, 1) != CINCH_OK;
    }
    int64_t allocations = hooks_stop_counting();
    EXPECT_FALSE(failed) << cinch_last_error();
    return allocations;
  }
  /// Rows for the sizes 1, 5 and 200.
  static std::vector<Rows> makeRows() {
    std::vector<Rows> rows;
    for (int64_t batch : {1, 5, 200})
      rows.emplace_back(batch);
    for (Rows &row : rows) // shapes point into themselves only
      EXPECT_EQ(row.data.size(), size_t(4 * row.shape[0]));
    return rows;
  }
};

TEST_F(AllocationTest, FindsThePeakOfLiveBytes) { // the hook works
  long before = hooks_start_peak();
  void *volatile block = malloc(1000000);
  block = realloc(block, 3000000);
  free(block);
  block = malloc(500000);
  free(block);
  long peak = hooks_peak_bytes() - before;
  EXPECT_GE(peak, 3000000);
  EXPECT_LT(peak, 3100000); // the two blocks of realloc are one
  EXPECT_EQ(hooks_start_peak(), before);
}

TEST_F(AllocationTest, CountsAllocations) { // the hook works
  hooks_start_counting();
  void *volatile block = malloc(8); // volatile: not optimized away
  free(block);
  munmap(mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
         4096);
  delete new int(1);
  EXPECT_GE(hooks_stop_counting(), 2);
}

TEST_F(AllocationTest, NewSizesAllocateAndPlannedOnesDoNot) {
  ASSERT_EQ(cinch_set_threads(4), CINCH_OK);
  open("dynamic");
  std::vector<Rows> inputs = makeRows(), outputs = makeRows();
  EXPECT_GT(countRuns(inputs, outputs), 0);
  for (int repeat = 0; repeat < 3; ++repeat)
    EXPECT_EQ(countRuns(inputs, outputs), 0);
  cinch_counters_t counters = {};
  counters.struct_size = sizeof(counters);
  ASSERT_EQ(cinch_session_get_counters(session, &counters), CINCH_OK);
  EXPECT_EQ(counters.plans_made, 3);
  EXPECT_EQ(counters.threads, 4);
  EXPECT_GT(counters.parallel_calls, 0);
}

TEST_F(AllocationTest, PreparedSizesDoNotAllocateInTheFirstRun) {
  ASSERT_EQ(cinch_set_threads(1), CINCH_OK);
  open("dynamic");
  std::vector<Rows> inputs = makeRows(), outputs = makeRows();
  for (const Rows &rows : inputs) {
    cinch_shape_t shape = rows.shapeView();
    ASSERT_EQ(cinch_session_prepare(session, &shape, 1), CINCH_OK);
  }
  EXPECT_EQ(countRuns(inputs, outputs), 0);
}

TEST_F(AllocationTest, StagingIsAllocatedOnce) {
  ASSERT_EQ(cinch_set_threads(2), CINCH_OK);
  open("dynamic");
  std::vector<Rows> inputs = makeRows(), outputs = makeRows();
  const int64_t broadcast[] = {0, 4}; // every row is the first one
  EXPECT_GT(countRuns(inputs, outputs, broadcast), 0);
  EXPECT_EQ(countRuns(inputs, outputs, broadcast), 0);
}

} // namespace
