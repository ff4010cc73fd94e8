// Prints docs/commands.md; with --check FILE, says whether that file is what would be
// printed.

#include "runtime/shell/help.hpp"

#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>

int main(int argc, char** argv) {
  const auto text = troupe::shell::commands_markdown();
  if (argc == 3 && std::string_view{argv[1]} == "--check") {
    std::ifstream file{argv[2]};
    const std::string there{std::istreambuf_iterator<char>{file}, {}};
    if (there == text)
      return 0;
    std::cerr << argv[2] << " is not what the table of commands says; make it anew: commands-doc > "
              << argv[2] << "\n";
    return 1;
  }
  std::cout << text;
  return 0;
}
