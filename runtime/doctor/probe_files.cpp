#include "config/loader.hpp"
#include "config/problem.hpp"
#include "runtime/doctor/probe.hpp"
#include "runtime/os/files.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace troupe::doctor {

namespace {

namespace fs = std::filesystem;

struct known_type {
  std::uint32_t magic;
  const char* name;
};

// From statfs(2); those that mean something for us, and what is usual.
constexpr known_type types[] = {
    {0xef53, "ext4"},     {0x58465342, "xfs"},      {0x9123683e, "btrfs"},  {0x2fc12fc1, "zfs"},
    {0xf2f52010, "f2fs"}, {0x01021994, "tmpfs"},    {0x858458f6, "ramfs"},  {0x794c7630, "overlay"},
    {0x6969, "nfs"},      {0xff534d42, "cifs"},     {0xfe534d42, "smb2"},   {0x5346414f, "afs"},
    {0x00c36400, "ceph"}, {0x01021997, "9p"},       {0x0bd00bd0, "lustre"}, {0x01161970, "gfs2"},
    {0x65735546, "fuse"}, {0xca451a4e, "bcachefs"},
};

std::string type_name(std::uint32_t magic) {
  for (const auto& one : types)
    if (one.magic == magic)
      return one.name;
  char text[16];
  std::snprintf(text, sizeof text, "0x%x", magic);
  return text;
}

/// What a journal and a lock do, done once; empty, or what did not work.
std::string try_file(const std::string& directory, bool& tried) {
  const auto name = directory + "/.doctor-" + std::to_string(getpid());
  const os::unique_fd fd{
      open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)};
  if (!fd)
    return errno == EACCES || errno == EROFS || errno == EPERM
               ? ""
               : std::string{"make a file: "} + std::strerror(errno);
  tried = true;
  std::string wrong;
  const auto expect = [&](bool works, const char* what) {
    if (!works && wrong.empty())
      wrong = std::string{what} + ": " + std::strerror(errno);
  };
  struct flock lock {};
  lock.l_type = F_WRLCK;
  expect(fcntl(fd.get(), F_SETLK, &lock) == 0, "lock (fcntl)");
  expect(flock(fd.get(), LOCK_EX | LOCK_NB) == 0, "lock (flock)");
  expect(ftruncate(fd.get(), 4096) == 0, "make it longer");
  void* shared = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  expect(shared != MAP_FAILED, "shared memory (mmap)");
  if (shared != MAP_FAILED)
    munmap(shared, 4096);
  expect(fsync(fd.get()) == 0, "fsync");
  const auto renamed = name + ".renamed";
  const bool moved = rename(name.c_str(), renamed.c_str()) == 0;
  expect(moved, "rename");
  unlink(moved ? renamed.c_str() : name.c_str());
  return wrong;
}

disk look_at_disk(const std::string& path, bool ours) {
  disk result;
  result.path = path;
  struct statfs info {};
  struct statvfs counts {};
  if (statfs(path.c_str(), &info) != 0 || statvfs(path.c_str(), &counts) != 0) {
    result.error = errno;
    return result;
  }
  result.type = type_name(static_cast<std::uint32_t>(info.f_type));
  result.read_only = (counts.f_flag & ST_RDONLY) != 0;
  const auto block = static_cast<std::uint64_t>(counts.f_frsize);
  result.free_bytes = counts.f_bavail * block;
  result.total_bytes = counts.f_blocks * block;
  result.free_inodes = counts.f_favail;
  result.total_inodes = counts.f_files;
  if (ours && !result.read_only)
    result.fails = try_file(path, result.tried);
  return result;
}

void look_at_secrets(tree_facts& tree, uid_t uid) {
  const auto directory = tree.at.path + "/secrets";
  auto at = look_at(directory);
  if (at.error == ENOENT)
    return;
  std::error_code error;
  fs::directory_iterator files{directory, error};
  if (error && at.error == 0)
    at.error = error.value();
  for (; !error && files != fs::directory_iterator{}; files.increment(error)) {
    const auto name = files->path().filename().string();
    const auto file = look_at(files->path().string());
    if (file.error != 0 || file.directory)
      continue;
    if ((file.mode & 077) != 0)
      tree.open_secrets.push_back(name);
    else if (uid != 0 && file.owner != uid)
      tree.foreign_secrets.push_back(name);
  }
  tree.secrets = std::move(at);
}

} // namespace

void look_at_state(host_facts& host, const probe_options& options) {
  if (!options.state) {
    host.state_error = options.state.error();
    return;
  }
  std::error_code error;
  const auto path = fs::absolute(*options.state, error).lexically_normal();
  host.state = look_at(error ? *options.state : path.string());
  auto there = path;
  while (!fs::exists(there, error) && there != there.parent_path())
    there = there.parent_path();
  host.state_disk = look_at_disk(there.string(), there == path && host.state.directory);
}

void look_at_tree(host_facts& host, const probe_options& options) {
  if (options.tree.empty())
    return;
  auto& tree = host.tree.emplace();
  std::error_code error;
  const auto path = fs::absolute(options.tree, error).lexically_normal().string();
  tree.at = look_at(error ? options.tree : path);
  if (!tree.at.directory)
    return;
  const auto note = [&tree](const std::vector<config::problem>& problems) {
    tree.errors = problems.size();
    if (!problems.empty())
      tree.first_error = config::to_json(problems.front()).value("file", "") + ": "
                         + config::to_json(problems.front()).value("message", "");
  };
  const auto read = config::read_tree(tree.at.path, options.profile);
  if (!read) {
    note(read.error());
  } else {
    const auto loaded = config::load(*read);
    note(loaded.errors);
    tree.warnings = loaded.warnings.size();
    if (loaded.spec)
      for (const auto& [name, bot] : loaded.spec->bots)
        tree.instances += bot->instances.size();
  }
  look_at_secrets(tree, host.uid);
}

void look_at_service(host_facts& host, const probe_options& options) {
  host.companions = options.companions;
  for (auto& one : host.companions) {
    const auto text = one.path.empty() ? std::nullopt : output_of({one.path, "--version"});
    if (!text)
      continue;
    // «troupe-keeper 0.1.0, protocol 3», «0.1.0»
    const auto begin = text->find_first_of("0123456789");
    if (begin != std::string::npos)
      one.version = text->substr(begin, text->find_first_of(", \n", begin) - begin);
  }
  host.service.systemd = access("/run/systemd/system", F_OK) == 0;
  if (!host.service.systemd)
    return;
  const auto text = output_of(
      {"systemctl", "show", "troupe.service", "-p", "LoadState,ActiveState,Delegate,KillMode"});
  std::string_view rest = text ? std::string_view{*text} : std::string_view{};
  while (!rest.empty()) {
    const auto line = rest.substr(0, rest.find('\n'));
    if (const auto at = line.find('='); at != std::string_view::npos)
      host.service.of_unit[std::string{line.substr(0, at)}] = line.substr(at + 1);
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
  }
}

} // namespace troupe::doctor
