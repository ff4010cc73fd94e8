// What shells ask, and what is counted.

#include "actors/messaging/hub_impl.hpp"

namespace troupe::messaging {

figures hub::counts() const {
  const auto& of = impl_->count;
  figures out;
  std::uint64_t messages = 0;
  for (const auto& [name, each] : impl_->peers)
    messages += each->box.messages();
  out.set("links", impl_->links.size());
  out.set("mailbox_messages", messages);
  out.set("mailbox_bytes", impl_->memory);
  out.set("messages_in", of.messages_in);
  out.set("bytes_in", of.bytes_in);
  out.set("messages_out", of.messages_out);
  out.set("bytes_out", of.bytes_out);
  out.set("rejected", of.rejected);
  out.set("dropped", of.dropped);
  out.set("expired", of.expired);
  out.set("dead_letters", of.dead);
  out.set("dead_letters_not_kept", of.dead_not_kept);
  out.set("redelivered", of.redelivered);
  out.set("duplicates", of.duplicates);
  out.set("links_failed", of.links_failed);
  out.set("spilled", of.spilled);
  out.set("spill_lost", of.spill_lost);
  out.set("queue_failures", of.queue_failures);
  out.set("subscriptions", impl_->topics.subscriptions());
  return out;
}

void hub::ask(const std::string& operation, const std::string&,
              std::function<void(std::string)> answer) {
  impl::turn scope{*impl_};
  answer(json{{"error", {{"code", "no_such_operation"}, {"text", operation}}}}.dump());
}

} // namespace troupe::messaging
