#include "runtime/os/probes.hpp"

#include "messages/records.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <netdb.h>
#include <sys/stat.h>
#include <utility>
#include <vector>

namespace troupe::os {

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using tcp = asio::ip::tcp;

constexpr std::uint32_t largest_header = 16 * 1024;
constexpr std::size_t most_addresses = 8;

std::string limit_text(std::chrono::nanoseconds limit) {
  return uptime_text(std::chrono::duration_cast<std::chrono::microseconds>(limit).count());
}

// What all have in common: one look at a time, its time limit, one answer. A look has a
// number, by which what comes late is known.
class timed_probe : public probe, public std::enable_shared_from_this<timed_probe> {
public:
  timed_probe(asio::io_context& io, std::string what)
      : io_(io)
      , what_(std::move(what))
      , timer_(io) {}

  void look(std::chrono::nanoseconds limit, done then) override {
    stop();
    then_ = std::move(then);
    const auto number = number_;
    timer_.expires_after(limit);
    timer_.async_wait([self = shared_from_this(), number, limit](error_code error) {
      if (!error)
        self->answer(number, {false, self->late(limit), {}});
    });
    begin(number);
  }

  void stop() override {
    ++number_;
    then_ = nullptr;
    timer_.cancel();
    end();
  }

protected:
  virtual void begin(std::uint64_t number) = 0;
  virtual void end() {}
  virtual std::string late(std::chrono::nanoseconds limit) const {
    return what_ + ": no answer within " + limit_text(limit);
  }

  bool current(std::uint64_t number) const { return number == number_ && then_; }

  void answer(std::uint64_t number, verdict x) {
    if (!current(number))
      return;
    const auto then = std::exchange(then_, nullptr);
    stop();
    then(std::move(x));
  }

  void fail(std::uint64_t number, const std::string& why) {
    answer(number, {false, what_ + ": " + why, {}});
  }

  // Has `work` done by a thread, and never twice at a time: one that hangs holds one thread.
  template <class Result>
  void ask(workers& hands, std::uint64_t number, std::function<Result()> work,
           std::function<void(Result)> then) {
    if (hanging_)
      return; // until its time is over; the one that hangs may come back
    hanging_ = hands.run(
        [self = weak(), number, work = std::move(work), then = std::move(then)]() -> workers::done {
          auto result = work();
          return [self, number, then, result = std::move(result)]() mutable {
            const auto still = self.lock();
            if (!still)
              return;
            still->hanging_ = false;
            if (still->current(number))
              then(std::move(result));
            else if (still->then_) // a later look has waited for the thread
              still->begin(still->number_);
          };
        });
    if (!hanging_)
      asio::post(io_, [self = shared_from_this(), number] {
        self->fail(number, "no thread can be had to find out");
      });
  }

  asio::io_context& io_;
  std::string what_;

private:
  std::weak_ptr<timed_probe> weak() { return weak_from_this(); }

  asio::steady_timer timer_;
  done then_;
  std::uint64_t number_ = 0;
  bool hanging_ = false;
};

class file_probe final : public timed_probe {
public:
  file_probe(asio::io_context& io, workers& hands, std::string path)
      : timed_probe(io, "file " + path)
      , hands_(hands)
      , path_(std::move(path)) {}

private:
  void begin(std::uint64_t number) override {
    ask<int>(
        hands_, number,
        [path = path_] {
          struct stat info {};
          return ::stat(path.c_str(), &info) == 0 ? 0 : errno;
        },
        [this, number](int error) {
          if (error == 0)
            answer(number, {true, what_ + " exists", {}});
          else
            fail(number, std::strerror(error));
        });
  }

  workers& hands_;
  std::string path_;
};

struct resolved {
  std::vector<tcp::endpoint> endpoints;
  std::string error;
};

// Not Asio's resolver: its one thread would be joined at the end, however long a name server
// is silent.
resolved resolve(const address& at) {
  resolved result;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(at.host.c_str(), at.port.c_str(), &hints, &found);
  if (error != 0) {
    result.error = ::gai_strerror(error);
    return result;
  }
  for (const auto* x = found; x && result.endpoints.size() < most_addresses; x = x->ai_next) {
    tcp::endpoint endpoint;
    if (x->ai_addrlen > endpoint.capacity())
      continue;
    std::memcpy(endpoint.data(), x->ai_addr, x->ai_addrlen);
    endpoint.resize(x->ai_addrlen);
    result.endpoints.push_back(endpoint);
  }
  ::freeaddrinfo(found);
  return result;
}

class tcp_probe : public timed_probe {
public:
  tcp_probe(asio::io_context& io, workers& hands, std::string what, address at)
      : timed_probe(io, std::move(what))
      , hands_(hands)
      , at_(std::move(at)) {}

protected:
  virtual void connected(std::uint64_t number) {
    answer(number, {true, what_ + " accepts connections", {}});
  }

  void end() override { socket_.reset(); }

  // Of one look: what still runs for an earlier one has another.
  std::shared_ptr<tcp::socket> socket_;

private:
  void begin(std::uint64_t number) override {
    error_code none;
    const auto number_of_host = asio::ip::make_address(at_.host, none);
    if (!none)
      return connect(number, {tcp::endpoint{number_of_host,
                                            static_cast<std::uint16_t>(std::stoul(at_.port))}});
    ask<resolved>(
        hands_, number, [at = at_] { return resolve(at); },
        [this, number](resolved x) {
          if (x.endpoints.empty())
            fail(number, at_.host + ": " + (x.error.empty() ? "has no address" : x.error));
          else
            connect(number, std::move(x.endpoints));
        });
  }

  void connect(std::uint64_t number, std::vector<tcp::endpoint> endpoints) {
    socket_ = std::make_shared<tcp::socket>(io_);
    auto all = std::make_shared<std::vector<tcp::endpoint>>(std::move(endpoints));
    asio::async_connect(*socket_, *all,
                        [self = shared_from_this(), this, number, all,
                         keep = socket_](error_code error, const tcp::endpoint&) {
                          if (!current(number))
                            return;
                          error_code ignored;
                          if (error)
                            fail(number, error.message());
                          else if (socket_->local_endpoint(ignored)
                                   == socket_->remote_endpoint(ignored))
                            // Nobody listens: of all ports of its own it got the one it asked for.
                            fail(number, "Connection refused");
                          else
                            connected(number);
                        });
  }

  workers& hands_;
  address at_;
};

class http_probe final : public tcp_probe {
public:
  http_probe(asio::io_context& io, workers& hands, const std::string& text, url target)
      : tcp_probe(io, hands, "GET " + text, target.at)
      , target_(std::move(target)) {}

private:
  struct exchange {
    http::request<http::empty_body> request;
    http::response_parser<http::empty_body> response;
    boost::beast::flat_buffer buffer{largest_header};
  };

  // Only the head of the answer is read: its status is all that counts.
  void connected(std::uint64_t number) override {
    auto x = std::make_shared<exchange>();
    x->request.version(11);
    x->request.method(http::verb::get);
    x->request.target(target_.path);
    x->request.set(http::field::host, target_.host_header);
    x->request.set(http::field::user_agent, "troupe");
    x->request.set(http::field::connection, "close");
    x->response.header_limit(largest_header);
    x->response.body_limit(std::numeric_limits<std::uint64_t>::max()); // none of it is read
    http::async_write(*socket_, x->request,
                      [self = shared_from_this(), this, number, x, keep = socket_](error_code error,
                                                                                   std::size_t) {
                        if (!current(number))
                          return;
                        if (error)
                          fail(number, error.message());
                        else
                          read(number, x);
                      });
  }

  void read(std::uint64_t number, const std::shared_ptr<exchange>& x) {
    http::async_read_header(*socket_, x->buffer, x->response,
                            [self = shared_from_this(), this, number, x,
                             keep = socket_](error_code error, std::size_t) {
                              if (!current(number))
                                return;
                              if (error)
                                return fail(number, reason(error));
                              const auto status = x->response.get().result_int();
                              const auto text = what_ + " answered " + std::to_string(status);
                              if (status >= 200 && status <= 299)
                                answer(number, {true, text, {}});
                              else
                                answer(number, {false, text + ", not 2xx", {}});
                            });
  }

  static std::string reason(const error_code& error) {
    if (error == http::error::end_of_stream)
      return "closed the connection without an answer";
    if (error.category() == http::make_error_code(http::error::end_of_stream).category())
      return "its answer is no HTTP (" + error.message() + ")";
    return error.message();
  }

  url target_;
};

bool valid_port(std::string_view text) {
  return !text.empty() && text.size() <= 5
         && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; })
         && std::stoul(std::string{text}) >= 1 && std::stoul(std::string{text}) <= 65535;
}

bool plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

} // namespace

std::optional<address> split_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || !valid_port(text.substr(colon + 1)))
    return std::nullopt;
  auto host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']'))
    host = host.substr(1, host.size() - 2);
  if (host.empty() || !plain(host) || host.find_first_of("/@[]") != std::string_view::npos)
    return std::nullopt;
  return address{std::string{host}, std::string{text.substr(colon + 1)}};
}

std::optional<url> split_url(std::string_view text) {
  constexpr std::string_view scheme = "http://";
  if (!text.starts_with(scheme) || !plain(text))
    return std::nullopt;
  text.remove_prefix(scheme.size());
  text = text.substr(0, text.find('#'));
  const auto host = text.substr(0, text.find_first_of("/?"));
  url result;
  result.host_header = host;
  result.path = text.substr(host.size());
  if (!result.path.starts_with('/'))
    result.path.insert(0, 1, '/');
  auto at = split_address(host);
  // A bracket at the end: an address of IPv6 without a port.
  if (!at && (host.find(':') == std::string_view::npos || host.ends_with(']')))
    at = split_address(std::string{host} + ":80");
  if (!at)
    return std::nullopt;
  result.at = std::move(*at);
  return result;
}

config::expected<std::shared_ptr<probe>, std::string>
make_probe(asio::io_context& io, workers& hands, config::ready_spec::kind how,
           const std::string& value, const std::string& directory) {
  using kind = config::ready_spec::kind;
  std::shared_ptr<probe> result;
  if (how == kind::tcp) {
    auto at = split_address(value);
    if (!at)
      return config::unexpected{"ready.tcp: \"" + value + "\" is no address such as host:80"};
    result = std::make_shared<tcp_probe>(io, hands, "tcp " + value, std::move(*at));
  } else if (how == kind::http) {
    auto target = split_url(value);
    if (!target)
      return config::unexpected{"ready.http: \"" + value
                                + "\" is no URL such as http://host:80/path"};
    result = std::make_shared<http_probe>(io, hands, value, std::move(*target));
  } else {
    const bool absolute = value.starts_with('/') || directory.empty();
    result = std::make_shared<file_probe>(io, hands, absolute ? value : directory + '/' + value);
  }
  return result;
}

} // namespace troupe::os
