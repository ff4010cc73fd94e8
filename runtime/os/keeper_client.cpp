#include "runtime/os/keeper_client.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <utility>

namespace troupe::os {

namespace {

using namespace keeper;

/// Largest datagram that the keeper sends.
constexpr std::size_t largest = sizeof(slot_message) + max_blob;

template <class Message>
Message make(message_kind kind) {
  Message message{};
  message.head = {protocol_version, kind, sizeof(Message)};
  return message;
}

key to_key(const std::string& name, std::uint64_t incarnation) {
  key result{};
  result.incarnation = incarnation;
  result.length = static_cast<std::uint16_t>(std::min<std::size_t>(name.size(), max_name));
  std::memcpy(result.text, name.data(), result.length);
  return result;
}

slot_key from_key(const key& of) {
  return {std::string{of.text, std::min<std::size_t>(of.length, max_name)}, of.incarnation};
}

exit_info from_status(const exit_status& status) {
  return {status.code,      status.signal,      status.core != 0,  status.user_us,
          status.system_us, status.max_rss_kib, status.started_ns, status.ended_ns};
}

/// A request in the form in which it travels.
struct packed_spawn {
  spawn_message head = make<spawn_message>(message_kind::spawn);
  std::string payload;
  unique_fd payload_file;
  std::vector<int> fds;
};

std::string build_payload(const spawn_request& from) {
  std::size_t size =
      from.limits.size() * sizeof(limit_entry) + from.blob.size() + from.directory.size() + 1;
  const auto add_size = [&size](const std::vector<std::string>& texts) {
    for (const auto& text : texts) {
      size += text.size() + 1;
    }
  };
  add_size(from.argv);
  add_size(from.environment);
  std::string payload;
  payload.reserve(size + (from.groups ? from.groups->size() * sizeof(std::uint32_t) : 0));
  const auto append = [&payload](const void* bytes, std::size_t count) {
    payload.append(static_cast<const char*>(bytes), count);
  };
  for (const auto& [resource, values] : from.limits) {
    const limit_entry entry{static_cast<std::uint32_t>(resource), 0, values.rlim_cur,
                            values.rlim_max};
    append(&entry, sizeof entry);
  }
  if (from.groups) {
    for (const std::uint32_t group : *from.groups) {
      append(&group, sizeof group);
    }
  }
  const auto append_text = [&append](const std::string& text) {
    append(text.c_str(), text.size() + 1);
  };
  std::for_each(from.argv.begin(), from.argv.end(), append_text);
  std::for_each(from.environment.begin(), from.environment.end(), append_text);
  append_text(from.directory);
  payload += from.blob;
  return payload;
}

/// A memfd with the payload that nobody can change any more, or an errno.
int seal(const std::string& payload, unique_fd& file) {
  unique_fd made{memfd_create("troupe-spawn", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
  if (!made) {
    return errno;
  }
  std::size_t done = 0;
  while (done < payload.size()) {
    const auto count = ::write(made.get(), payload.data() + done, payload.size() - done);
    if (count < 0) {
      return errno;
    }
    done += static_cast<std::size_t>(count);
  }
  if (::fcntl(made.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0) {
    return errno;
  }
  file = std::move(made);
  return 0;
}

/// Why the request cannot travel, or 0. A count that is too large is seen by the keeper too, but
/// must not first be built here.
int check(const spawn_request& from) {
  if (from.argv.size() > max_strings || from.environment.size() > max_strings
      || (from.groups && from.groups->size() > max_groups) || from.limits.size() > max_limits
      || from.blob.size() > max_blob || from.keep.size() > max_kept_fds) {
    return E2BIG;
  }
  if (from.instance.size() > max_name) {
    return ENAMETOOLONG;
  }
  return 0;
}

packed_spawn pack(const spawn_request& from) {
  packed_spawn packed;
  auto& head = packed.head;
  head.of = to_key(from.instance, from.incarnation);
  head.sender_error = check(from);
  if (head.sender_error != 0) {
    return packed;
  }
  packed.payload = build_payload(from);
  if (packed.payload.size() > max_payload) {
    head.sender_error = E2BIG;
  } else if (packed.payload.size() > max_inline_payload) {
    head.sender_error = seal(packed.payload, packed.payload_file);
  }
  if (head.sender_error != 0) {
    packed.payload.clear();
    return packed;
  }
  const auto attach = [&packed](int fd, std::uint32_t flag) {
    if (fd >= 0) {
      packed.fds.push_back(fd);
      packed.head.fds |= flag;
    }
  };
  attach(from.in.get(), fd_flag::in);
  attach(from.out.get(), fd_flag::out);
  attach(from.err.get(), fd_flag::err);
  for (std::size_t i = 0; i < from.keep.size(); ++i) {
    attach(from.keep[i].get(), fd_flag::keep_0 << i);
  }
  attach(from.cgroup_fd, fd_flag::cgroup);
  attach(packed.payload_file.get(), fd_flag::payload);
  const auto set = [&head](const auto& optional, auto& field, std::uint32_t flag) {
    if (optional) {
      field = *optional;
      head.flags |= flag;
    }
  };
  set(from.uid, head.uid, spawn_flag::uid);
  set(from.gid, head.gid, spawn_flag::gid);
  set(from.nice, head.nice, spawn_flag::nice);
  set(from.oom_score_adj, head.oom_score_adj, spawn_flag::oom_score_adj);
  head.flags |= from.groups ? spawn_flag::groups : 0;
  head.flags |= from.no_new_privs ? spawn_flag::no_new_privs : 0;
  head.flags |= from.directory.empty() ? 0 : spawn_flag::directory;
  head.umask = from.umask;
  head.argument_count = static_cast<std::uint32_t>(from.argv.size());
  head.environment_count = static_cast<std::uint32_t>(from.environment.size());
  head.group_count = from.groups ? static_cast<std::uint32_t>(from.groups->size()) : 0;
  head.limit_count = static_cast<std::uint32_t>(from.limits.size());
  head.blob_size = static_cast<std::uint32_t>(from.blob.size());
  head.payload_size = static_cast<std::uint32_t>(packed.payload.size());
  return packed;
}

/// A received datagram: reads the struct at its start when it is at least that long.
class reader {
public:
  reader(const unsigned char* bytes, std::size_t size)
      : bytes_{bytes}
      , size_{size} {}

  template <class Message>
  bool read(Message& out) const {
    if (size_ < sizeof out) {
      return false;
    }
    std::memcpy(&out, bytes_, sizeof out);
    return true;
  }
  /// The bytes behind a struct of this size.
  std::string rest(std::size_t offset) const {
    return {reinterpret_cast<const char*>(bytes_) + offset, size_ - offset};
  }

private:
  const unsigned char* bytes_;
  std::size_t size_;
};

std::optional<keeper_event> decode_slot(const reader& in, std::vector<unique_fd>& fds) {
  slot_message message;
  if (!in.read(message)) {
    return std::nullopt;
  }
  slot result;
  static_cast<slot_key&>(result) = from_key(message.of);
  result.state = message.state;
  result.pid = message.pid;
  result.stopped_by = message.stopped_by;
  result.started_ns = message.status.started_ns;
  if (message.state == slot_state::exited) {
    result.exit = from_status(message.status);
  }
  result.keep = std::move(fds);
  result.blob = in.rest(sizeof message);
  return result;
}

std::optional<keeper_event> decode(message_kind kind, const reader& in,
                                   std::vector<unique_fd>& fds) {
  const auto as = [&in]<class Message>(Message message,
                                       auto convert) -> std::optional<keeper_event> {
    if (!in.read(message)) {
      return std::nullopt;
    }
    return convert(message);
  };
  switch (kind) {
  case message_kind::slot:
    return decode_slot(in, fds);
  case message_kind::ready:
    return as(ready_message{}, [](const auto& m) {
      return ready{m.epoch, m.keeper_pid, m.stop_pending != 0};
    });
  case message_kind::spawned:
    return as(spawned_message{}, [](const auto& m) {
      return spawned{from_key(m.of), m.pid, m.started_ns};
    });
  case message_kind::spawn_failed:
    return as(spawn_failed_message{}, [](const auto& m) {
      return spawn_failed{from_key(m.of), m.step, m.error};
    });
  case message_kind::exited:
    return as(exited_message{}, [](const auto& m) {
      return exited{from_key(m.of), m.pid, from_status(m.status)};
    });
  case message_kind::stopped:
    return as(stop_state_message{}, [](const auto& m) {
      return stopped{from_key(m.of), m.signal};
    });
  case message_kind::continued:
    return as(stop_state_message{}, [](const auto& m) { return continued{from_key(m.of)}; });
  case message_kind::signalled:
    return as(signal_message{}, [](const auto& m) {
      return signalled{from_key(m.of), m.signal, m.scope, m.error};
    });
  case message_kind::stored_fd:
    return as(key_message{}, [&fds](const auto& m) {
      return stored_fd{from_key(m.of).instance, fds.empty() ? unique_fd{} : std::move(fds.front())};
    });
  case message_kind::no_fd:
    return as(key_message{}, [](const auto& m) { return no_fd{from_key(m.of).instance}; });
  case message_kind::ping:
    return ping{};
  case message_kind::stop:
    return as(stop_message{}, [](const auto& m) { return stop_asked{m.signal, m.hurry != 0}; });
  case message_kind::reload:
    return reload_asked{};
  case message_kind::bad_request:
    return as(bad_request_message{}, [](const auto& m) {
      bad_request result{std::nullopt, m.kind, m.error};
      if (m.of.length > 0) {
        result.of = from_key(m.of);
      }
      return result;
    });
  default:
    return std::nullopt; // a newer keeper may tell more than we know
  }
}

} // namespace

keeper_client::keeper_client(unique_fd socket)
    : socket_{std::move(socket)}
    , inbox_(largest) {
  ::fcntl(socket_.get(), F_SETFL, ::fcntl(socket_.get(), F_GETFL) | O_NONBLOCK);
  ::fcntl(socket_.get(), F_SETFD, FD_CLOEXEC);
}

bool keeper_client::transmit(const void* bytes, std::size_t size, const std::vector<int>& fds) {
  if (closed_) {
    return false;
  }
  iovec part{const_cast<void*>(bytes), size};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) unsigned char control[CMSG_SPACE(sizeof(int) * max_message_fds)] = {};
  if (!fds.empty()) {
    const std::size_t fds_size = sizeof(int) * fds.size();
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(fds_size);
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(fds_size);
    std::memcpy(CMSG_DATA(rights), fds.data(), fds_size);
  }
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent >= 0) {
    return true;
  }
  closed_ = errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN;
  return false;
}

bool keeper_client::send(const hello&) {
  const auto message = make<plain_message>(message_kind::hello);
  return transmit(&message, sizeof message, {});
}

bool keeper_client::send(const pong&) {
  const auto message = make<plain_message>(message_kind::pong);
  return transmit(&message, sizeof message, {});
}

bool keeper_client::send(const spawn_request& request) {
  auto packed = pack(request);
  std::string datagram{reinterpret_cast<const char*>(&packed.head), sizeof packed.head};
  if (!packed.payload_file) {
    datagram += packed.payload;
  }
  const auto size = static_cast<std::uint32_t>(datagram.size());
  std::memcpy(datagram.data() + offsetof(header, size), &size, sizeof size);
  return transmit(datagram.data(), datagram.size(), packed.fds);
}

bool keeper_client::send(const signal_request& request) {
  auto message = make<signal_message>(message_kind::signal);
  message.of = to_key(request.instance, request.incarnation);
  message.signal = request.signal;
  message.scope = request.scope;
  return transmit(&message, sizeof message, {});
}

bool keeper_client::send(const release_request& request) {
  auto message = make<key_message>(message_kind::release);
  message.of = to_key(request.instance, request.incarnation);
  return transmit(&message, sizeof message, {});
}

bool keeper_client::send(const store_request& request) {
  auto message = make<key_message>(message_kind::store);
  message.of = to_key(request.name, 0);
  return transmit(&message, sizeof message, {request.fd});
}

bool keeper_client::send(const fetch_request& request) {
  auto message = make<key_message>(message_kind::fetch);
  message.of = to_key(request.name, 0);
  return transmit(&message, sizeof message, {});
}

bool keeper_client::send(const drop_request& request) {
  auto message = make<key_message>(message_kind::drop);
  message.of = to_key(request.name, 0);
  return transmit(&message, sizeof message, {});
}

std::optional<keeper_event> keeper_client::receive() {
  while (!closed_) {
    iovec part{inbox_.data(), inbox_.size()};
    alignas(cmsghdr) unsigned char control[CMSG_SPACE(sizeof(int) * max_message_fds)];
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t size = ::recvmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (size < 0 && errno == EINTR) {
      continue;
    }
    if (size < 0 && errno == EAGAIN) {
      return std::nullopt;
    }
    if (size <= 0) {
      closed_ = true; // the keeper sends no empty datagrams: this is the end
      return std::nullopt;
    }
    std::vector<unique_fd> fds;
    for (cmsghdr* it = CMSG_FIRSTHDR(&message); it != nullptr; it = CMSG_NXTHDR(&message, it)) {
      if (it->cmsg_level != SOL_SOCKET || it->cmsg_type != SCM_RIGHTS) {
        continue;
      }
      const std::size_t count = (it->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (std::size_t i = 0; i < count; ++i) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(it) + i * sizeof(int), sizeof fd);
        fds.emplace_back(fd);
      }
    }
    const reader in{inbox_.data(), static_cast<std::size_t>(size)};
    header head{};
    if (!in.read(head) || head.version != protocol_version) {
      continue;
    }
    if (auto event = decode(head.kind, in, fds)) {
      return event;
    }
  }
  return std::nullopt;
}

std::string_view to_string(spawn_step step) {
  switch (step) {
  case spawn_step::request:
    return "spawn request";
  case spawn_step::slots:
    return "slot table";
  case spawn_step::pipe:
    return "pipe";
  case spawn_step::fork:
    return "fork";
  case spawn_step::session:
    return "setsid";
  case spawn_step::cgroup:
    return "cgroup";
  case spawn_step::stdio:
    return "stdio";
  case spawn_step::oom_score:
    return "oom_score_adj";
  case spawn_step::nice:
    return "nice";
  case spawn_step::limits:
    return "setrlimit";
  case spawn_step::groups:
    return "setgroups";
  case spawn_step::gid:
    return "setgid";
  case spawn_step::uid:
    return "setuid";
  case spawn_step::no_new_privs:
    return "no_new_privs";
  case spawn_step::parent:
    return "parent-death signal";
  case spawn_step::directory:
    return "chdir";
  case spawn_step::exec:
    return "exec";
  }
  return "unknown step";
}

} // namespace troupe::os
