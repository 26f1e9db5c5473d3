//===- Counters.cpp - what a launch did -----------------------------------===//
#include "runtime/Emulator/Counters.h"

using namespace cinch::emulator;

void Traffic::add(const Traffic &other) {
  requests += other.requests;
  bytes += other.bytes;
  sectors += other.sectors;
  wavefronts += other.wavefronts;
}

uint64_t Counters::getWarpInstructions() const {
  uint64_t sum = 0;
  for (const auto &[opcode, count] : instructions)
    sum += count.warp;
  return sum;
}

void Counters::add(const Counters &other) {
  for (const auto &[opcode, count] : other.instructions) {
    instructions[opcode].warp += count.warp;
    instructions[opcode].thread += count.thread;
  }
  for (const auto &[shape, count] : other.matrix)
    matrix[shape] += count;
  globalLoad.add(other.globalLoad);
  globalStore.add(other.globalStore);
  globalAtomic.add(other.globalAtomic);
  sharedLoad.add(other.sharedLoad);
  sharedStore.add(other.sharedStore);
  sharedAtomic.add(other.sharedAtomic);
  divergentBranches += other.divergentBranches;
  barriers += other.barriers;
  launches += other.launches;
}

static std::string toJson(const Traffic &traffic) {
  return "{\"requests\": " + std::to_string(traffic.requests) +
         ", \"bytes\": " + std::to_string(traffic.bytes) +
         ", \"sectors\": " + std::to_string(traffic.sectors) +
         ", \"wavefronts\": " + std::to_string(traffic.wavefronts) + "}";
}

std::string Counters::toJson() const {
  std::string text =
      "{\"launches\": " + std::to_string(launches) + ", \"instructions\": {";
  const char *separator = "";
  for (const auto &[opcode, count] : instructions) {
    text += separator + ("\"" + opcode) +
            "\": {\"warp\": " + std::to_string(count.warp) +
            ", \"thread\": " + std::to_string(count.thread) + "}";
    separator = ", ";
  }
  text += "}, \"matrix\": {";
  separator = "";
  for (const auto &[shape, count] : matrix) {
    text += separator + ("\"" + shape) + "\": " + std::to_string(count);
    separator = ", ";
  }
  text += "}";
  const std::pair<const char *, const Traffic *> traffics[] = {
      {"globalLoad", &globalLoad},     {"globalStore", &globalStore},
      {"globalAtomic", &globalAtomic}, {"sharedLoad", &sharedLoad},
      {"sharedStore", &sharedStore},   {"sharedAtomic", &sharedAtomic}};
  for (const auto &[name, traffic] : traffics)
    text += std::string(", \"") + name + "\": " + ::toJson(*traffic);
  return text +
         ", \"divergentBranches\": " + std::to_string(divergentBranches) +
         ", \"barriers\": " + std::to_string(barriers) + "}";
}
