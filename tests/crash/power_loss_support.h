// A directory whose programs run under the shim, and the power loss that befalls it.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace holdfast {

class PowerLossTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "holdfast-power-XXXXXX").string();
    base_ = mkdtemp(name.data());
    dir_ = base_ + "/data";
    shadow_ = base_ + "/shadow";
    std::filesystem::create_directory(dir_);
  }
  void TearDown() override { std::filesystem::remove_all(base_); }

  // Runs `program` with `arguments` under the shim until it kills itself; gives its standard
  // output.
  std::string Live(const std::string& program, const std::vector<std::string>& arguments) {
    std::vector<std::string> words = {"env", std::string("LD_PRELOAD=") + POWER_LOSS_SHIM,
                                      "HOLDFAST_SHIM_DIR=" + dir_,
                                      "HOLDFAST_SHIM_SHADOW=" + shadow_, program};
    words.insert(words.end(), arguments.begin(), arguments.end());
    const auto [status, output] = Run(words);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
    return output;
  }

  void LosePower() { ASSERT_EQ(Run({POWER_LOSS_APPLY, dir_, shadow_}).first, 0); }

  std::string base_;
  std::string dir_;
  std::string shadow_;

 private:
  static std::pair<int, std::string> Run(const std::vector<std::string>& words) {
    int ends[2] = {-1, -1};
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    const pid_t child = fork();
    if (child == 0) {
      std::vector<char*> argv;
      for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
      argv.push_back(nullptr);
      dup2(ends[1], STDOUT_FILENO);
      execvp(argv[0], argv.data());
      _exit(127);
    }
    close(ends[1]);
    std::string output;
    char buffer[4096];
    for (ssize_t got = 0; (got = read(ends[0], buffer, sizeof buffer)) > 0;) {
      output.append(buffer, static_cast<size_t>(got));
    }
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    return {status, output};
  }
};

}  // namespace holdfast
