# Writes OUTPUT, a C++ file that holds the schemas of DIRECTORY as text.
set(body "#include \"config/schema_text.hpp\"\n\nnamespace troupe::config {\n\n")
string(APPEND body "std::string_view schema_text(schema_kind which) {\n  switch (which) {\n")
foreach(name bot group profile runtime tenant)
  file(READ "${DIRECTORY}/${name}.json" text)
  string(APPEND body "  case schema_kind::${name}:\n    return R\"schema(${text})schema\";\n")
endforeach()
string(APPEND body "  }\n  return {};\n}\n\n} // namespace troupe::config\n")
file(WRITE "${OUTPUT}" "${body}")
