#include "runtime/shell/line_editor.hpp"

#include "config/secret_names.hpp"
#include "runtime/shell/text.hpp"

#include <histedit.h>

#include <algorithm>
#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cwchar>
#include <filesystem>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace troupe::shell {

namespace {

volatile std::sig_atomic_t got_interrupt = 0;
volatile std::sig_atomic_t got_resize = 0;

void on_signal(int number) {
  if (number == SIGINT)
    got_interrupt = 1;
  else
    got_resize = 1;
}

constexpr int history_lines = 1000;

} // namespace

struct line_editor::impl {
  EditLine* editor = nullptr;
  History* history = nullptr;
  HistEvent event{};
  std::string prompt;
  std::string history_file;
  name_source names;
  sigset_t waiting{}; ///< in force while waiting

  static impl* of(EditLine* e) {
    void* result = nullptr;
    el_get(e, EL_CLIENTDATA, &result);
    return static_cast<impl*>(result);
  }

  /// The next character. libedit's own reader would sleep through a Ctrl-C.
  static int next_character(EditLine* e, wchar_t* into) {
    auto* self = of(e);
    std::mbstate_t state{};
    for (;;) {
      pollfd what{STDIN_FILENO, POLLIN, 0};
      const int ready = ppoll(&what, 1, nullptr, &self->waiting);
      if (got_resize) {
        got_resize = 0;
        el_resize(e);
      }
      if (got_interrupt)
        return -1;
      if (ready < 0 && errno == EINTR)
        continue;
      char byte = 0;
      const auto got = ::read(STDIN_FILENO, &byte, 1);
      if (got <= 0)
        return static_cast<int>(got);
      const auto length = std::mbrtowc(into, &byte, 1, &state);
      if (length == static_cast<std::size_t>(-1)) {
        state = {};
        continue;
      }
      if (length != static_cast<std::size_t>(-2))
        return 1;
    }
  }

  static char* show_prompt(EditLine* e) { return of(e)->prompt.data(); }

  static unsigned char on_tab(EditLine* e, int) {
    auto* self = of(e);
    const auto* line = el_line(e);
    const std::string_view before{line->buffer,
                                  static_cast<std::size_t>(line->cursor - line->buffer)};
    const auto offer =
        complete(before, [&] { return self->names ? self->names() : std::vector<std::string>{}; });
    if (offer.candidates.empty())
      return CC_REFRESH_BEEP;
    const auto typed = before.substr(offer.begin);
    auto more = common_beginning(offer.candidates).substr(typed.size());
    if (offer.candidates.size() == 1 && !offer.candidates.front().ends_with('/'))
      more += ' ';
    if (!more.empty()) {
      el_insertstr(e, more.c_str());
      return CC_REFRESH;
    }
    list(offer.candidates);
    return CC_REDISPLAY;
  }

  static void list(const std::vector<std::string>& all) {
    constexpr std::size_t most = 200;
    const auto screen = std::max<std::size_t>(this_terminal().columns, 20);
    std::size_t widest = 0;
    for (const auto& one : all)
      widest = std::max(widest, width_of(one));
    const auto columns = std::max<std::size_t>(1, screen / (widest + 2));
    std::string out = "\n";
    for (std::size_t i = 0; i < std::min(all.size(), most); ++i) {
      out += all[i];
      const bool last = (i + 1) % columns == 0 || i + 1 == all.size();
      out += last ? "\n" : std::string(widest + 2 - width_of(all[i]), ' ');
    }
    if (all.size() > most)
      out += "\n… and " + std::to_string(all.size() - most) + " more\n";
    std::fputs(out.c_str(), stdout);
    std::fflush(stdout);
  }
};

std::string history_path() {
  const char* base = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  std::string directory;
  if (base && *base == '/')
    directory = base;
  else if (home && *home == '/')
    directory = std::string{home} + "/.local/state";
  else
    return "";
  directory += "/troupe";
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  return error ? "" : directory + "/shell_history";
}

bool may_be_kept(std::string_view line) {
  if (config::tells_a_secret(line))
    return false;
  const auto begin = std::min(line.find_first_not_of(" \t"), line.size());
  return !line.substr(begin).starts_with("set ") || !config::names_a_secret(line);
}

line_editor::line_editor()
    : impl_{std::make_unique<impl>()} {
  std::setlocale(LC_CTYPE, "");
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGWINCH);
  pthread_sigmask(SIG_BLOCK, &signals, &impl_->waiting);
  sigdelset(&impl_->waiting, SIGINT);
  sigdelset(&impl_->waiting, SIGWINCH);
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGWINCH, &action, nullptr);

  impl_->editor = el_init("troupe", stdin, stdout, stderr);
  el_set(impl_->editor, EL_CLIENTDATA, impl_.get());
  el_set(impl_->editor, EL_PROMPT, impl::show_prompt);
  el_set(impl_->editor, EL_EDITOR, "emacs");
  el_set(impl_->editor, EL_SIGNAL, 0);
  el_set(impl_->editor, EL_GETCFN, impl::next_character);
  el_set(impl_->editor, EL_ADDFN, "troupe-complete", "Complete a word", impl::on_tab);
  el_set(impl_->editor, EL_BIND, "^I", "troupe-complete", nullptr);
  el_set(impl_->editor, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  el_source(impl_->editor, nullptr);
  impl_->history = history_init();
  history(impl_->history, &impl_->event, H_SETSIZE, history_lines);
  history(impl_->history, &impl_->event, H_SETUNIQUE, 1);
  el_set(impl_->editor, EL_HIST, history, impl_->history);
  impl_->history_file = history_path();
  if (!impl_->history_file.empty())
    history(impl_->history, &impl_->event, H_LOAD, impl_->history_file.c_str());
}

line_editor::~line_editor() {
  if (!impl_->history_file.empty()) {
    // What was typed is nobody else's.
    const auto before = umask(0177);
    history(impl_->history, &impl_->event, H_SAVE, impl_->history_file.c_str());
    umask(before);
    chmod(impl_->history_file.c_str(), 0600);
  }
  history_end(impl_->history);
  el_end(impl_->editor);
}

void line_editor::complete_with(name_source names) {
  impl_->names = std::move(names);
}

const sigset_t* line_editor::interruptible() const {
  return &impl_->waiting;
}

void line_editor::clear_interrupt() {
  got_interrupt = 0;
}

std::optional<std::string> line_editor::read(const std::string& prompt) {
  impl_->prompt = prompt;
  for (;;) {
    int count = 0;
    const char* line = el_gets(impl_->editor, &count);
    if (got_interrupt) {
      got_interrupt = 0;
      std::fputs("^C\n", stdout);
      el_reset(impl_->editor);
      continue;
    }
    if (!line || count <= 0) {
      std::fputs("\n", stdout);
      return std::nullopt;
    }
    std::string text{line, static_cast<std::size_t>(count)};
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' '))
      text.pop_back();
    if (text.find_first_not_of(" \t") == std::string::npos)
      continue;
    if (may_be_kept(text))
      history(impl_->history, &impl_->event, H_ENTER, text.c_str());
    return text;
  }
}

bool line_editor::confirm(const std::string& question) {
  std::fprintf(stdout, "%s [y/N] ", escape(question).c_str());
  std::fflush(stdout);
  std::string word;
  for (;;) {
    pollfd what{STDIN_FILENO, POLLIN, 0};
    char c = 0;
    if (ppoll(&what, 1, nullptr, &impl_->waiting) < 0 || ::read(STDIN_FILENO, &c, 1) != 1) {
      std::fputs("\n", stdout);
      return false;
    }
    if (c == '\n')
      break;
    word += c;
  }
  return word == "y" || word == "yes" || word == "Y";
}

} // namespace troupe::shell
