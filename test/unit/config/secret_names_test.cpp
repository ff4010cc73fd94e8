#include "config/secret_names.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe::config;

BOOST_AUTO_TEST_SUITE(secret_names_suite)

BOOST_AUTO_TEST_CASE(names_that_look_like_secrets) {
  for (const auto* name : {"API_TOKEN", "db_password", "PGPASSWORD", "SECRET", "AWS_ACCESS_KEY_ID",
                           "GOOGLE_CREDENTIALS", "BASIC_AUTH", "SENTRY_DSN"})
    BOOST_TEST(names_a_secret(name), name);
  for (const auto* name : {"PATH", "HOME", "LANG", "PORT", ""})
    BOOST_TEST(!names_a_secret(name), name);
}

BOOST_AUTO_TEST_CASE(words_that_are_secrets_on_their_own_only) {
  for (const auto* name : {"DB_PASS", "SMTP_PASS", "MYSQL_PWD", "pass", "PASS", "dbPass", "DBPass",
                           "db-pass", "db.pwd", "PASS2", "Pwd", "mysqlPwd", "SSL_PRIVATE",
                           "SESSION_COOKIE", "cookies", "ssh_passphrase"})
    BOOST_TEST(names_a_secret(name), name);
  for (const auto* name : {"COMPASS", "BYPASS", "bypassCache", "PWD", "OLDPWD", "PASSED", "passive",
                           "PASSENGERS", "DEPRIVATE", "Compass_Url", "PRIVATEER"})
    BOOST_TEST(!names_a_secret(name), name);
}

BOOST_AUTO_TEST_CASE(urls_with_a_password) {
  for (const auto* text : {"postgres://me:hush@host/db", "redis://:hush@host",
                           "http://plain.example amqp://u:p@h", "x=http://u:p/w@h"})
    BOOST_TEST(carries_password(text), text);
  for (const auto* text : {"http://host:8080/path", "http://me@host/", "me:hush@host", "://", "",
                           "http://host:80 mail me@host"})
    BOOST_TEST(!carries_password(text), text);
}

BOOST_AUTO_TEST_CASE(texts_that_tell_a_secret) {
  for (const auto* text :
       {"API_KEY=hush", "x --password=hush", "x --password hush", R"({"token": "hush"})",
        "db.pass: hush", "A=1 DB_PASS='hush'", "${API_KEY:-hush}", "redis://:hush@h", "key =hush",
        "API_KEY=${secret:A} TOKEN=hush"})
    BOOST_TEST(tells_a_secret(text), text);
  for (const auto* text : {"", "API_KEY", "API_KEY=", "set auth-gateway nice 3", "LEVEL=info",
                           "${secret:exchange}", "API_KEY=${secret:exchange}", "${env:API_KEY}",
                           "/environment/API_KEY", "topic:keys.>", "=:", "--token"})
    BOOST_TEST(!tells_a_secret(text), text);
}

BOOST_AUTO_TEST_SUITE_END()
