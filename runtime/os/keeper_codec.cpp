#include "runtime/os/keeper_codec.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>

namespace troupe::os {

using namespace keeper;

key to_key(const std::string& name, std::uint64_t incarnation) {
  key result{};
  result.incarnation = incarnation;
  result.length = static_cast<std::uint16_t>(std::min<std::size_t>(name.size(), max_name));
  std::memcpy(result.text, name.data(), result.length);
  return result;
}

namespace {

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

} // namespace

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

namespace {

slot_key from_key(const key& of) {
  return {std::string{of.text, std::min<std::size_t>(of.length, max_name)}, of.incarnation};
}

exit_info from_status(const exit_status& status) {
  return {status.code,      status.signal,      status.core != 0,  status.user_us,
          status.system_us, status.max_rss_kib, status.started_ns, status.ended_ns};
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

} // namespace

std::optional<keeper_event> decode(const unsigned char* bytes, std::size_t size,
                                   std::vector<unique_fd>& fds) {
  const reader in{bytes, size};
  header head{};
  if (!in.read(head) || head.version != protocol_version) {
    return std::nullopt;
  }
  const auto as = [&in]<class Message>(Message message,
                                       auto convert) -> std::optional<keeper_event> {
    if (!in.read(message)) {
      return std::nullopt;
    }
    return convert(message);
  };
  switch (head.kind) {
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
