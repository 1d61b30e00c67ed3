// What the files that write INFO's sections share.
#pragma once

#include <iterator>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "server/command.h"

namespace holdfast {

// Appends "field:value" lines.
class FieldWriter {
 public:
  explicit FieldWriter(std::string& text) : text_(text) {}

  template <typename Value>
  void operator()(std::string_view name, const Value& value) {
    fmt::format_to(std::back_inserter(text_), "{}:{}\r\n", name, value);
  }

 private:
  std::string& text_;
};

// replication.cc
void WriteReplication(const CommandContext& ctx, FieldWriter& field);
// Of what commands cost and answered: info_commands.cc.
void WriteCommandStats(const CommandContext& ctx, FieldWriter& field);
void WriteErrorStats(const CommandContext& ctx, FieldWriter& field);
void WriteLatencyStats(const CommandContext& ctx, FieldWriter& field);

}  // namespace holdfast
