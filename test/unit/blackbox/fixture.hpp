#pragma once

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <stdlib.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace troupe::test {

/// A directory that goes with the test.
struct scratch {
  std::string path;

  scratch() {
    char name[] = "/tmp/troupe-logs-XXXXXX";
    path = mkdtemp(name);
  }
  ~scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::vector<std::string> files() const {
    std::vector<std::string> result;
    for (const auto& entry : std::filesystem::directory_iterator{path})
      result.push_back(entry.path().filename().string());
    std::sort(result.begin(), result.end());
    return result;
  }
  std::string read(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream{path + "/" + name}.rdbuf();
    return text.str();
  }
};

/// Runs it in a process of its own, and returns how that ended, as waitpid tells it.
inline int in_child(const std::function<void()>& what) {
  const auto child = fork();
  if (child == 0) {
    // Boost.Test's handlers would go on with the next case, in the child.
    for (int number = 1; number < NSIG; ++number)
      signal(number, SIG_DFL);
    alarm(90);
    what();
    _exit(0);
  }
  int status = -1;
  waitpid(child, &status, 0);
  return status;
}

} // namespace troupe::test
