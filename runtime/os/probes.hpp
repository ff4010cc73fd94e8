#pragma once

// One look whether a bot is ready: does a port accept, does a URL answer, is a file there.

#include "config/result.hpp"
#include "config/spec.hpp"
#include "runtime/os/workers.hpp"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace troupe::os {

/// What a look showed.
struct verdict {
  bool passed = false;
  std::string text; ///< «tcp 127.0.0.1:6379 accepts connections», or why not
  std::string gist; ///< `text` without what differs each time; empty: all of it
};

/// Looks again and again at one thing; one look at a time. Of the io_context's thread alone.
struct probe {
  using done = std::function<void(verdict)>;

  virtual ~probe() = default;

  /// Calls `then` once, later, at the latest after `limit`; unless `stop` comes before.
  virtual void look(std::chrono::nanoseconds limit, done then) = 0;

  /// Gives the look up; nobody is told.
  virtual void stop() = 0;
};

/// `HOST:PORT`; the host may stand in brackets.
struct address {
  std::string host;
  std::string port;
};
std::optional<address> split_address(std::string_view text);

/// `http://HOST[:PORT][/PATH]`.
struct url {
  address at;
  std::string host_header;
  std::string path; ///< with the query, without the fragment
};
std::optional<url> split_url(std::string_view text);

/// The probe of a `tcp`, `http` or `file` check; `value` is without placeholders, a relative
/// path counts from `directory`. The error says what is wrong with the value.
config::expected<std::shared_ptr<probe>, std::string>
make_probe(boost::asio::io_context& io, workers& hands, config::ready_spec::kind how,
           const std::string& value, const std::string& directory);

} // namespace troupe::os
