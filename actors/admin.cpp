#include "actors/admin.hpp"

#include "actors/commands/request.hpp"

#include <utility>

namespace troupe {

namespace {

using commands::admin_pointer;
using commands::json;

admin_reply refused(const refusal& why) {
  admin_reply reply;
  reply.exit = static_cast<std::int32_t>(why.exit);
  reply.document = commands::dump(commands::error_document(why));
  return reply;
}

const refusal unknown_session{exit_code::not_permitted, "no-session",
                              "this connection is not known to the runtime", "connect again"};

std::size_t most_bytes(std::string_view command) {
  return command == "plan" || command == "apply" ? admin_limits::tree_bytes
                                                 : admin_limits::argument_bytes;
}

/// What keeps the request from being carried out, or nothing.
std::optional<refusal> check(const admin_pointer& self, const admin_request& what,
                             const std::optional<commands::peer>& who, const command_info* info,
                             const json& arguments) {
  if (!who)
    return unknown_session;
  if (!info || !commands::find_handler(what.command))
    return refusal{exit_code::usage, "no-such-command", "the runtime knows no command of this name",
                   "is it of an older version? `troupe version` shows both"};
  if (who->may < info->needs)
    return refusal{exit_code::not_permitted, "not-permitted",
                   std::string{info->name} + " needs the role "
                       + std::string{to_string(info->needs)} + ", and you have "
                       + std::string{to_string(who->may)},
                   ""};
  if (what.arguments.size() > most_bytes(what.command))
    return refusal{exit_code::usage, "too-long",
                   "the arguments are longer than "
                       + std::to_string(most_bytes(what.command) / 1024) + " KiB",
                   "name groups, or use a glob"};
  if (!arguments.is_object())
    return refusal{exit_code::usage, "bad-arguments", "the arguments must be one JSON object", ""};
  if (!self->state.all)
    return refusal{exit_code::failed, "starting", "the runtime is starting",
                   "try again in a moment"};
  return std::nullopt;
}

caf::result<admin_reply> handle(admin_pointer self, const admin_request& what) {
  const auto who = self->state.sessions->find(what.session);
  const auto* info = find_command(what.command);
  json arguments;
  if (what.arguments.size() <= most_bytes(what.command))
    arguments = commands::parse_given(what.arguments);
  if (const auto why = check(self, what, who, info, arguments))
    return refused(*why);
  auto request =
      std::make_shared<commands::request>(self, what.session, *who, *info, std::move(arguments));
  auto promise = request->promise;
  commands::find_handler(what.command)(request);
  return promise;
}

admin_reply next(admin_pointer self, std::uint64_t session, std::uint64_t cursor) {
  auto& sessions = *self->state.sessions;
  auto rest = sessions.take(session, cursor);
  if (!rest)
    return refused(
        {exit_code::failed, "no-cursor", "the rest of this answer is no longer kept", "ask again"});
  admin_reply reply;
  reply.exit = rest->exit;
  reply.document = rest->text.substr(rest->sent, max_reply_bytes);
  rest->sent += reply.document.size();
  if (rest->sent < rest->text.size())
    reply.cursor = sessions.keep(session, std::move(*rest));
  return reply;
}

} // namespace

command_actor::behavior_type make_admin(command_actor::stateful_pointer<admin_state> self,
                                        std::shared_ptr<commands::session_registry> sessions) {
  self->set_default_handler(caf::drop);
  self->state.sessions = std::move(sessions);
  self->state.started = commands::now_micros();
  return {
      [self](wire_atom, services_ptr all) { self->state.all = std::move(all); },
      [self](const admin_request& what) { return handle(self, what); },
      [self](next_atom, std::uint64_t session, std::uint64_t cursor) {
        return next(self, session, cursor);
      },
  };
}

} // namespace troupe
