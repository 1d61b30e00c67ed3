#include "server/startup_checks.h"

#include <cstdlib>

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace holdfast {
namespace {

TEST(ClientsThatFit, LeavesTheServersOwnDescriptorsAlone) {
  EXPECT_EQ(ClientsThatFit(10000, 10000 + kReservedDescriptors), 10000);
  EXPECT_EQ(ClientsThatFit(10000, 10000 + kReservedDescriptors - 1), 9999);
  EXPECT_EQ(ClientsThatFit(10000, kReservedDescriptors), 0);
  EXPECT_EQ(ClientsThatFit(10000, 3), 0);
  EXPECT_EQ(ClientsThatFit(1, INT64_MAX), 1);
}

TEST(BacklogWarning, TellsWhenTheSystemCutsTheBacklog) {
  EXPECT_EQ(BacklogWarning(511, "511\n"), std::nullopt);
  EXPECT_EQ(BacklogWarning(511, "4096\n"), std::nullopt);
  EXPECT_EQ(BacklogWarning(511, "510\n"),
            "tcp-backlog 511 is cut to 510 by the system; raise it with 'sysctl -w "
            "net.core.somaxconn=511'");
  EXPECT_EQ(BacklogWarning(511, ""), std::nullopt) << "a system that does not tell";
}

// Limits only go down for an ordinary user, so each case gets a process of its own.
void LimitDescriptors(rlim_t soft, rlim_t hard) {
  const rlimit limit{.rlim_cur = soft, .rlim_max = hard};
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) std::_Exit(2);
}

TEST(FitMaxClients, RaisesTheSoftLimitWithoutAWord) {
  const auto raise = [] {
    LimitDescriptors(600, 700);
    Config config;
    config.maxclients = 150;
    std::vector<std::string> warnings;
    const bool fits = FitMaxClients(config, warnings).ok();
    rlimit now{};
    ::getrlimit(RLIMIT_NOFILE, &now);
    const bool as_promised = fits && warnings.empty() && config.maxclients == 150 &&
                             now.rlim_cur == 150 + static_cast<rlim_t>(kReservedDescriptors);
    std::_Exit(as_promised ? 0 : 1);
  };
  EXPECT_EXIT(raise(), ::testing::ExitedWithCode(0), "");
}

// No process, however privileged, may go beyond fs.nr_open.
TEST(FitMaxClients, LowersMaxclientsToWhatTheSystemGrantsAndSaysSo) {
  const auto lower = [] {
    LimitDescriptors(600, 700);
    Config config;
    config.maxclients = 2'000'000'000;
    std::vector<std::string> warnings;
    const bool fits = FitMaxClients(config, warnings).ok();
    const bool as_promised =
        fits && config.maxclients == 700 - kReservedDescriptors && warnings.size() == 1 &&
        warnings[0] ==
            "the system grants 700 descriptors, so maxclients is 188 instead of 2000000000; raise "
            "the limit with 'ulimit -n 2000000512' (LimitNOFILE under systemd)";
    std::_Exit(as_promised ? 0 : 1);
  };
  EXPECT_EXIT(lower(), ::testing::ExitedWithCode(0), "");
}

TEST(FitMaxClients, RefusesToStartWithoutRoomForOneClient) {
  const auto refuse = [] {
    LimitDescriptors(100, 100);
    Config config;
    config.maxclients = 2'000'000'000;
    std::vector<std::string> warnings;
    const Status status = FitMaxClients(config, warnings);
    std::_Exit(status.code() == Status::Code::kInvalid && warnings.empty() ? 0 : 1);
  };
  EXPECT_EXIT(refuse(), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace holdfast
