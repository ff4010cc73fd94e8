#include "runtime/keeper/main_loop.hpp"
#include "runtime/keeper/options.hpp"

#include <stdlib.h>

using namespace troupe::keeper;

int main(int argc, char** argv) {
  // Not on the stack: its inbox alone is larger than what a fork should have to copy there.
  static main_loop loop;
  options given;
  switch (parse(argc, argv, given)) {
  case parse_outcome::done:
    return 0;
  case parse_outcome::wrong:
    return 2;
  case parse_outcome::go_on:
    break;
  }
  return loop.open(given) ? loop.run() : 1;
}
