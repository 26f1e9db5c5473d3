//===- Progress.cpp - how far a long command is ---------------------------===//
#include "tools/Common/Progress.h"

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <unistd.h>

namespace cinch::tools {

Progress::Progress(std::string title)
    : title(std::move(title)), start(Clock::now()), updated(start) {
  if (!isatty(STDERR_FILENO))
    return;
  // Signals are for the thread that works.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  drawer = std::thread([this] { run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Progress::~Progress() {
  if (!drawer.joinable())
    return;
  {
    std::lock_guard<std::mutex> lock(mutex);
    isDone = true;
  }
  wake.notify_one();
  drawer.join();
  erase();
}

void Progress::update(double newShare, std::string newPhase) {
  std::lock_guard<std::mutex> lock(mutex);
  share = std::min(std::max(newShare, 0.0), 1.0);
  phase = std::move(newPhase);
  updated = Clock::now();
}

void Progress::clear() {
  std::lock_guard<std::mutex> lock(mutex);
  erase();
}

void Progress::run() {
  std::unique_lock<std::mutex> lock(mutex);
  auto next = start + std::chrono::seconds(2);
  while (!wake.wait_until(lock, next, [this] { return isDone; })) {
    draw();
    next = Clock::now() + std::chrono::milliseconds(500);
  }
}

void Progress::draw() {
  using Seconds = std::chrono::duration<double>;
  double sinceUpdate = Seconds(Clock::now() - updated).count();
  double untilUpdate = Seconds(updated - start).count();
  std::string left = "time left unknown";
  // The speed so far holds on; a phase that takes longer than that is shown as
  // one more second.
  if (share > 0 && untilUpdate > 0) {
    double rest = untilUpdate / share * (1 - share) - sinceUpdate;
    left = "about " + std::to_string(std::max(1L, lround(rest))) + " s left";
  }
  fprintf(stderr, "\r\033[K%s: %s, %d %%, %s", title.c_str(), phase.c_str(),
          static_cast<int>(share * 100), left.c_str());
  fflush(stderr);
  isDrawn = true;
}

void Progress::erase() {
  if (!isDrawn)
    return;
  fputs("\r\033[K", stderr);
  fflush(stderr);
  isDrawn = false;
}

} // namespace cinch::tools
