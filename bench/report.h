// A load's summary, for people and as JSON.
#pragma once

#include <string>

#include "bench/arguments.h"
#include "bench/load_run.h"
#include "storage/base/status.h"

namespace holdfast::bench {

std::string LoadSummary(const Arguments& arguments, const LoadResult& result);
std::string LoadJson(const Arguments& arguments, const LoadResult& result);

// The text as a JSON string, with its quotes.
std::string JsonString(std::string_view text);

Status WriteFile(const std::string& path, const std::string& text);

}  // namespace holdfast::bench
