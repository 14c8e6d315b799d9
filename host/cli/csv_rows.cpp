// SPDX-License-Identifier: MIT
#include "host/cli/csv_rows.hpp"

#include <csv.h>

#include <exception>
#include <new>
#include <string_view>
#include <utility>
#include <vector>

#include "host/io/binary_file.hpp"
#include "idl/error.hpp"

namespace idl::cli {
namespace {

/// A parser of libcsv. Its callbacks only collect, since no exception may pass through C.
class Parser {
 public:
  Parser(const std::filesystem::path& path, char separator) : path_(path.string()) {
    if (csv_init(&parser_, CSV_STRICT | CSV_STRICT_FINI) != 0) throw std::bad_alloc();
    csv_set_delim(&parser_, static_cast<unsigned char>(separator));
  }
  ~Parser() { csv_free(&parser_); }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  /// One line with its end. @returns the rows that end on it
  std::vector<CsvRow> parse(std::string_view line) {
    ++line_;
    // Of blank lines between rows the parser says nothing.
    if (!inside_ && line.find_first_not_of(" \r\n") != std::string_view::npos) {
      row_.line = line_;
      inside_ = true;
    }
    if (csv_parse(&parser_, line.data(), line.size(), &Parser::take_field, &Parser::take_row,
                  this) != line.size())
      fail();
    return take_rows();
  }
  std::vector<CsvRow> finish() {
    if (csv_fini(&parser_, &Parser::take_field, &Parser::take_row, this) != 0) fail();
    return take_rows();
  }

 private:
  std::vector<CsvRow> take_rows() {
    if (error_) std::rethrow_exception(error_);
    return std::exchange(rows_, {});
  }
  [[noreturn]] void fail() {
    if (csv_error(&parser_) == CSV_ENOMEM || csv_error(&parser_) == CSV_ETOOBIG)
      throw std::bad_alloc();
    throw IoError(
        path_, "line " + std::to_string(line_) +
                   ": a double quote in the wrong place; a field with quotes inside is in "
                   "quotes itself, and these are doubled" +
                   (row_.line < line_ ? " (the row began on line " + std::to_string(row_.line) + ")"
                                      : ""));
  }
  template <class Action>
  void guarded(const Action& action) {
    try {
      action();
    } catch (...) {
      error_ = std::current_exception();
    }
  }
  static void take_field(void* text, std::size_t size, void* self) {
    auto& parser = *static_cast<Parser*>(self);
    parser.guarded([&] { parser.row_.fields.emplace_back(static_cast<const char*>(text), size); });
  }
  static void take_row(int, void* self) {
    auto& parser = *static_cast<Parser*>(self);
    parser.guarded([&] {
      parser.rows_.push_back(std::move(parser.row_));
      parser.row_ = {.line = parser.line_, .fields = {}};
      parser.inside_ = false;
    });
  }

  csv_parser parser_{};
  std::string path_;
  std::int64_t line_ = 0;
  bool inside_ = false;  ///< of a row
  CsvRow row_;
  std::vector<CsvRow> rows_;
  std::exception_ptr error_;
};

/// The separator of a file whose first line is this.
char separator_of(std::string_view line) {
  bool quoted = false;
  bool semicolon = false;
  for (const char c : line) {
    if (c == '"') quoted = !quoted;
    if (quoted) continue;
    if (c == '\t') return c;
    semicolon = semicolon || c == ';';
  }
  return semicolon ? ';' : ',';
}

/// The text from `begin` on, up to and with the next line break.
std::string_view line_at(std::string_view text, std::size_t begin) {
  const std::size_t end = text.find('\n', begin);
  return text.substr(begin, end == std::string_view::npos ? end : end + 1 - begin);
}

}  // namespace

void for_each_csv_row(const std::filesystem::path& path,
                      const std::function<void(const CsvRow& row)>& visit) {
  const std::string file = io::read_text(path);
  std::string_view text = file;
  constexpr std::string_view k_utf8_mark = "\xEF\xBB\xBF";
  if (text.starts_with(k_utf8_mark)) text.remove_prefix(k_utf8_mark.size());
  if (text.starts_with("\x1f\x8b"))
    throw IoError(path.string(), "is compressed by gzip: unpack it first");
  if (const std::size_t zero = text.find('\0'); zero != std::string_view::npos)
    throw IoError(path.string(), zero,
                  "text of UTF-8, but a zero byte is there: the file is in UTF-16, or no text");
  std::string_view first = line_at(text, 0);
  for (std::size_t place = 0;
       first.find_first_not_of(" \r\n") == std::string_view::npos && place < text.size();
       place += first.size())
    first = line_at(text, place);
  Parser parser(path, separator_of(first));
  const auto deliver = [&](const std::vector<CsvRow>& rows) {
    for (const CsvRow& row : rows) visit(row);
  };
  for (std::size_t place = 0; place < text.size();) {
    const std::string_view line = line_at(text, place);
    deliver(parser.parse(line));
    place += line.size();
  }
  deliver(parser.finish());
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",;\t\"\r\n") == std::string::npos && !text.starts_with(' ') &&
      !text.ends_with(' '))
    return text;
  std::string quoted(2 * text.size() + 2, '\0');
  quoted.resize(csv_write(quoted.data(), quoted.size(), text.data(), text.size()));
  return quoted;
}

}  // namespace idl::cli
