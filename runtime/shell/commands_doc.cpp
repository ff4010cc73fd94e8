// Prints docs/commands.md; with --check FILE, says whether that file is what would be
// printed. `--man 1 DATE` and `--man 5 DATE` print the man pages.

#include "runtime/shell/help.hpp"

#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>

int main(int argc, char** argv) {
  if (argc == 4 && std::string_view{argv[1]} == "--man") {
    const std::string_view section{argv[2]};
    std::cout << (section == "5" ? troupe::shell::config_man(argv[3])
                                 : troupe::shell::commands_man(argv[3]));
    return 0;
  }
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
