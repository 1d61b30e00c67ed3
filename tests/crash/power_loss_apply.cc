// power_loss_apply <dir> <shadow>: what a power loss leaves of a directory that ran under
// power_loss_shim. Run it when no process has the directory open any more. The shadow is removed:
// what is left is durable, and the next run begins a new one.
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <vector>

int main(int argc, char** argv) {
  namespace fs = std::filesystem;
  if (argc != 3) {
    std::fprintf(stderr, "usage: power_loss_apply <dir> <shadow>\n");
    return 2;
  }
  const fs::path dir = argv[1];
  const fs::path shadow = argv[2];
  std::error_code error;
  if (!fs::is_directory(shadow / "tree", error)) {
    std::fprintf(stderr, "power_loss_apply: %s is not a shadow\n", argv[2]);
    return 1;
  }
  std::vector<fs::path> before;
  for (const auto& entry : fs::directory_iterator(dir)) before.push_back(entry.path());
  for (const fs::path& path : before) fs::remove_all(path);
  fs::copy(shadow / "tree", dir, fs::copy_options::recursive);
  fs::remove_all(shadow);
  return 0;
}
