// The whole of it from a seed: shards, ledger, log, snapshots and recovery; every verb of stock and
// some ordinary keys; retries, crossing letters, quick peers, time steps, writes and syncs that
// fail, crashes at any step. A referee (referee.h) reads the log along and judges every fact, every
// reply and every recovered state. Which promise is checked where:
//
//   I1   sku_book.cc Differs: the server's sums against sums over the holds, whenever it is quiet
//        and after every recovery; explain.cc: in every STOCK.GET and STOCK.AUDIT
//   I2   sku_book.cc MayTake, Take: no prefix of the log has more units out than there are
//   I3   sku_book.cc On(HoldTaken), AddRef, Finish; explain.cc Find: once within RETAIN, and
//        remembered exactly so long, through retries and restarts
//   I4   sku_book.cc MayTake, the given_back of On(...), Differs (each buyer's use)
//   I7   explain.cc: every reply tells of a durable state; CheckRecovered: what was durable is
//        there, and nothing but a prefix of the log
//   I9   sku_book.cc Begin, InWindow, On(HoldsExpired); explain.cc Lives
//   I10  ledger_sim.cc Send: what a refusal left in the turn's batch and in memory
//   I11  sell_out_sim.h
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tests/sim/sim_server.h"

namespace holdfast {

struct LedgerSimOptions {
  int shards = 3;
  int steps = 500;  // between two crashes, on average
  int crashes = 3;
  // Of the first life, which then crashes; 0: the seed chooses.
  int first_steps = 0;
  // The k-th write (sync) of the first life fails; 0: the seed chooses.
  uint64_t fail_write = 0;
  uint64_t fail_sync = 0;
};

struct LedgerSimRun {
  std::optional<std::string> wrong;
  uint64_t trace = 0;      // of everything that was written and answered
  bool fault_met = false;  // the planned one, in the first life
};

// The same seed gives the same run.
LedgerSimRun RunLedgerSim(uint64_t seed, const LedgerSimOptions& options = {});

}  // namespace holdfast
