#include "actors/bot/core.hpp"

namespace troupe::bot {

using detail::access;
using detail::core;
using result = wire::done::result;

client::client()
    : client{options{}} {
  // nop
}

client::client(options from)
    : client{std::move(from), detail::make_host()} {
  // nop
}

client::client(options from, std::unique_ptr<detail::host> machine)
    : core_{std::make_unique<core>(std::move(from), std::move(machine))} {
  // nop
}

client::~client() = default;

std::unique_ptr<client> detail::access::make(options from, std::unique_ptr<host> machine) {
  return std::unique_ptr<client>{new client{std::move(from), std::move(machine)}};
}

bool client::linked() const {
  return core_->linked();
}

bool client::managed() const {
  return core_->managed();
}

std::string client::why_closed() const {
  return core_->why_closed();
}

std::string client::instance() const {
  return core_->who().instance;
}

std::uint64_t client::incarnation() const {
  return core_->who().incarnation;
}

std::string client::fleet() const {
  return core_->fleet();
}

settings client::config() const {
  return core_->config();
}

// -- what comes ----------------------------------------------------------------------------

void client::on_message(message_handler handler) {
  core_->set(&core::message_, std::move(handler));
}

void client::on_request(request_handler handler) {
  core_->set(&core::request_, std::move(handler));
}

code client::subscribe(std::string_view pattern, message_handler handler, subscribe_options how) {
  return core_->subscribe(pattern, std::move(handler), how.durable);
}

void client::unsubscribe(std::string_view pattern) {
  core_->unsubscribe(pattern);
}

void client::host(std::string_view name, message_handler handler) {
  core_->add_actor(name, std::move(handler));
}

void client::unhost(std::string_view name) {
  core_->remove_actor(name);
}

void client::on_drain(order_handler handler) {
  core_->set(&core::drain_, std::move(handler));
}

void client::on_flatten(order_handler handler) {
  core_->set(&core::flatten_, std::move(handler));
}

void client::on_config(settings_handler handler) {
  core_->set(&core::settings_, std::move(handler));
}

void client::on_link(link_handler handler) {
  core_->set(&core::link_changed_, std::move(handler));
}

void client::on_error(error_handler handler) {
  core_->set(&core::error_, std::move(handler));
}

void client::on_outcome(outcome_handler handler) {
  core_->set(&core::outcome_, std::move(handler));
}

// -- what goes -----------------------------------------------------------------------------

sent client::send(std::string_view to, std::string_view payload, const send_options& how) {
  detail::draft of{to, payload, how, 0, 0, {}, {}};
  return core_->send(of);
}

sent client::publish(std::string_view topic, std::string_view payload, const send_options& how) {
  const auto to = "topic:" + std::string{topic};
  return send(to, payload, how);
}

sent client::reply(const message& request, std::string_view payload) {
  return reply(request, payload, detail::reply_options(access::of(request)));
}

sent client::reply(const message& request, std::string_view payload, const send_options& how) {
  return core_->reply(access::of(request), payload, how, 0);
}

sent client::reply_failed(const message& request, std::string_view text) {
  const auto& of = access::of(request);
  return core_->reply(of, text, detail::reply_options(of), wire::failed);
}

sent client::request(std::string_view to, std::string_view payload, milliseconds within,
                     answer_handler handler, const send_options& how) {
  detail::draft of{to, payload, how, 0, 0, {}, detail::open_request{}};
  of.how.ttl = within;
  of.waits->handler = std::move(handler);
  of.waits->until = within;
  return core_->send(of);
}

answer client::request(std::string_view to, std::string_view payload, milliseconds within,
                       const send_options& how) {
  detail::draft of{to, payload, how, 0, 0, {}, {}};
  of.how.ttl = within;
  return core_->ask(of, within);
}

bool client::defer(const message& which) {
  return core_->defer(access::of(which));
}

void client::done(const message& which) {
  core_->end(access::of(which), result::done, {});
}

void client::failed(const message& which, std::string_view text) {
  core_->end(access::of(which), result::failed, text);
}

code client::wait(const sent& of, milliseconds within) {
  return core_->wait(of, within);
}

bool client::flush(milliseconds within) {
  return core_->flush(within);
}

void client::cork() {
  core_->cork();
}

void client::uncork() {
  core_->uncork();
}

// -- for the runtime -----------------------------------------------------------------------

void client::ready() {
  core_->ready();
}

void client::status(std::string_view text) {
  core_->status(text);
}

void client::stopping() {
  core_->stopping();
}

void client::drained(std::string_view problem) {
  core_->answer_order(true, problem);
}

void client::flattened(std::string_view problem) {
  core_->answer_order(false, problem);
}

// -- trace ---------------------------------------------------------------------------------

trace_context client::trace() const {
  return detail::current_trace();
}

void client::trace(const trace_context& to) {
  detail::current_trace() = to;
}

// -- running -------------------------------------------------------------------------------

int client::run() {
  return core_->run();
}

bool client::step(milliseconds wait) {
  return core_->step(wait);
}

void client::stop() noexcept {
  core_->stop();
}

int client::handle() const {
  return core_->handle();
}

} // namespace troupe::bot
