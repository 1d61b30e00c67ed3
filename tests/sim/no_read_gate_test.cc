// A server whose reads do not wait (no_read_gate.cc) must not get through the simulation.
#include <gtest/gtest.h>

#include "tests/sim/sale_sim.h"

namespace holdfast {
namespace {

TEST(SaleSimWithoutReadGate, IsCaught) {
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    if (RunSaleSim(seed)) return;
  }
  FAIL() << "no seed noticed that reads were answered before they were durable";
}

}  // namespace
}  // namespace holdfast
