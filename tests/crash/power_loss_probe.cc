// power_loss_probe <dir> <step>...: does what it is told to files, then dies by kill -9.
// Descriptors stay open from step to step, as a server's do.
//   make:<file>   write:<file>:<text> (append)   put:<file>:<offset>:<text>     cut:<file>:<size>
//   sync:<file> rename:<from>:<to>   remove:<file>   mkdir:<dir>   syncdir:<dir, "." for the top>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

std::map<std::string, int> descriptors;

int Open(const std::string& path) {
  const auto [it, fresh] = descriptors.try_emplace(path, -1);
  if (fresh) it->second = open(path.c_str(), O_CREAT | O_RDWR, 0600);
  return it->second;
}

bool SyncDirectory(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY);
  const bool synced = fd >= 0 && fsync(fd) == 0;
  close(fd);
  return synced;
}

bool WriteAt(int fd, off_t at, const std::string& text) {
  return pwrite(fd, text.data(), text.size(), at) == static_cast<ssize_t>(text.size());
}

bool Append(int fd, const std::string& text) {
  lseek(fd, 0, SEEK_END);
  return write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

bool Do(const std::vector<std::string>& step) {
  const std::string& verb = step.at(0);
  const std::string& path = step.at(1);
  if (verb == "make") return Open(path) >= 0;
  if (verb == "write") return Append(Open(path), step.at(2));
  if (verb == "put") return WriteAt(Open(path), std::atol(step.at(2).c_str()), step.at(3));
  if (verb == "cut") return ftruncate(Open(path), std::atol(step.at(2).c_str())) == 0;
  if (verb == "sync") return fdatasync(Open(path)) == 0;
  if (verb == "rename") return rename(path.c_str(), step.at(2).c_str()) == 0;
  if (verb == "remove") return unlink(path.c_str()) == 0;
  if (verb == "mkdir") return mkdir(path.c_str(), 0700) == 0;
  if (verb == "syncdir") return SyncDirectory(path);
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || chdir(argv[1]) != 0) return 2;
  for (int i = 2; i < argc; ++i) {
    std::vector<std::string> step;
    std::istringstream words(argv[i]);
    for (std::string word; std::getline(words, word, ':');) step.push_back(word);
    if (!Do(step)) {
      std::fprintf(stderr, "power_loss_probe: %s failed\n", argv[i]);
      return 1;
    }
  }
  kill(getpid(), SIGKILL);
}
