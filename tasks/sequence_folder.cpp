#include "tasks/sequence_folder.hpp"

#include <algorithm>
#include <filesystem>
#include <set>
#include <unordered_map>

#include "core/base/file.hpp"
#include "core/base/json.hpp"
#include "core/random.hpp"

namespace gnomon {
namespace {

constexpr const char* kFormat = "gnomon-sequences-1";
constexpr uint64_t kLargestFile = uint64_t{1} << 30;  // of a file: numbers as text
constexpr size_t kMostVocabulary = size_t{1} << 24;
constexpr std::array<const char*, 3> kNames{"train", "validation", "test"};

void expect_keys(const Json& object, const std::vector<std::string>& known,
                 const std::string& where) {
  if (!object.is_object()) fail(Fault::data, "{}: expected an object {{...}}", where);
  for (const auto& [key, value] : object.items())
    if (std::ranges::find(known, key) == known.end())
      fail(Fault::data, "{}: the key {} is unknown; known: {}", where, printable(key),
           fmt::join(known, ", "));
}

const Json& array_at(const Json& object, const std::string& key, const std::string& where) {
  const Json& value = json_at(object, key, where);
  if (!value.is_array()) fail(Fault::data, "{}: {}: expected a list of numbers", where, key);
  return value;
}

/// A number of the list, in [low, vocabulary).
int32_t element(const Json& list, size_t n, int64_t low, size_t vocabulary, const char* key,
                const std::string& where) {
  const Json& value = list[n];
  const bool inside = value.is_number_integer() && value.get<int64_t>() >= low &&
                      value.get<int64_t>() < static_cast<int64_t>(vocabulary) &&
                      !(value.is_number_unsigned() && value.get<uint64_t>() >= vocabulary);
  if (!inside)
    fail(Fault::data, "{}: {}[{}]: expected a whole number from {} to {}, got {}", where, key, n,
         low, vocabulary - 1, printable(value.dump(-1, ' ', true)));
  return static_cast<int32_t>(value.get<int64_t>());
}

/// A word that can stand among others in a line.
void expect_word(const std::string& word, const std::string& where) {
  const auto separates = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte <= ' ' || byte > '~' || c == ',';
  };
  if (word.empty() || word.size() > 32 || std::ranges::any_of(word, separates))
    fail(Fault::data,
         "{}: expected a word of 1 to 32 printable ASCII characters without blanks and commas, "
         "got {}",
         where, printable(word));
}

size_t commonest(const std::vector<size_t>& counts) {
  return static_cast<size_t>(std::ranges::max_element(counts) - counts.begin());
}

/// Lines by a hash of their tokens.
class Lines {
 public:
  explicit Lines(const SequenceFolder::Split& split) : split_(split) {
    for (size_t line = 0; line < split.lines(); ++line) at_.emplace(hash(split, line), line);
  }
  std::optional<size_t> find(const SequenceFolder::Split& other, size_t line) const {
    const auto [first, last] = at_.equal_range(hash(other, line));
    for (auto found = first; found != last; ++found)
      if (bytes(split_, found->second) == bytes(other, line)) return found->second;
    return std::nullopt;
  }

 private:
  static std::string_view bytes(const SequenceFolder::Split& split, size_t line) {
    return {reinterpret_cast<const char*>(split.tokens.data() + split.begins[line]),
            split.length(line) * sizeof(int32_t)};
  }
  static uint64_t hash(const SequenceFolder::Split& split, size_t line) {
    return std::hash<std::string_view>()(bytes(split, line));
  }
  const SequenceFolder::Split& split_;
  std::unordered_multimap<uint64_t, size_t> at_;
};

}  // namespace

SequenceVocabulary SequenceVocabulary::read(const std::string& text, const std::string& path) {
  SequenceVocabulary read{.text = text};
  const Json data = parse_json(text, path, {.bytes = size_t{1} << 28, .depth = 2});
  expect_keys(data, {"format", "vocabulary", "padding", "spelling", "chance", "what"}, path);
  const std::string& format = json_text(json_at(data, "format", path), path + ": format");
  if (format != kFormat)
    fail(Fault::data, "{}: format: expected \"{}\", got {}", path, kFormat, printable(format));
  read.count =
      json_integer(json_at(data, "vocabulary", path), 2, kMostVocabulary, path + ": vocabulary");
  if (data.contains("padding"))
    read.padding =
        static_cast<int32_t>(json_integer(data["padding"], 0, read.count - 1, path + ": padding"));
  if (data.contains("chance")) {
    read.chance = json_number(data["chance"], path + ": chance");
    if (*read.chance < 0 || *read.chance > 1)
      fail(Fault::data, "{}: chance: expected a share from 0 to 1, got {}", path, *read.chance);
  }
  if (data.contains("what")) read.what = json_text(data["what"], path + ": what");
  if (!data.contains("spelling")) return read;
  const Json& spelling = data["spelling"];
  if (!spelling.is_array() || spelling.size() != read.count)
    fail(Fault::data, "{}: spelling: expected a list of {} words, one for each token, got {}", path,
         read.count,
         spelling.is_array() ? std::to_string(spelling.size()) : std::string("no list"));
  std::set<std::string> words;
  for (size_t v = 0; v < read.count; ++v) {
    const std::string where = fmt::format("{}: spelling[{}]", path, v);
    read.spelling.push_back(json_text(spelling[v], where));
    expect_word(read.spelling.back(), where);
    if (!words.insert(read.spelling.back()).second)
      fail(Fault::data, "{}: the word {} is there twice", where, printable(read.spelling.back()));
  }
  return read;
}

SequenceFolder::SequenceFolder(const std::string& folder, bool overlap) : folder_(folder) {
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error))
    fail(Fault::data, "{}: there is no such folder", folder);
  const std::string data = folder + "/data.json";
  vocabulary_ = SequenceVocabulary::read(read(data), data);
  answers_.resize(vocabulary_.count);
  for (size_t s = 0; s < splits_.size(); ++s) {
    const std::string path = fmt::format("{}/{}.jsonl", folder, kNames[s]);
    if (s == 1 && !std::filesystem::exists(path, error)) continue;
    splits_[s] = read_split(path);
  }
  for (const int32_t target : train().targets)
    if (target >= 0) ++answers_[static_cast<size_t>(target)];
  for (size_t line = 0; line < test().lines(); ++line) tests_[test().length(line)].push_back(line);
  shortest_ = tests_.begin()->first;
  for (const Split& split : splits_)
    for (size_t line = 0; line < split.lines(); ++line)
      shortest_ = std::min(shortest_, split.length(line));
  if (!overlap) refuse_overlap();
  fingerprint_ = fmt::format("{} bytes, {:016x}", bytes_, hash_);
}

/// The file's text, which counts for the fingerprint.
std::string SequenceFolder::read(const std::string& path) {
  std::string text = read_file(path, kLargestFile);
  bytes_ += text.size();
  hash_ = fnv1a(fmt::format("{:016x}{:016x}", hash_, fnv1a(text)));
  return text;
}

SequenceFolder::Split SequenceFolder::read_split(const std::string& path) {
  const std::string text = read(path);
  Split split;
  size_t number = 1;
  for (size_t at = 0; at < text.size(); ++number) {
    const size_t end = std::min(text.find('\n', at), text.size());
    read_line(text.substr(at, end - at), fmt::format("{}: line {}", path, number), split);
    at = end + 1;
  }
  if (split.lines() == 0)
    fail(Fault::data, "{}: expected a sequence a line, got an empty file", path);
  return split;
}

void SequenceFolder::read_line(const std::string& line, const std::string& where,
                               Split& split) const {
  if (line.find_first_not_of(" \t\r") == line.npos)
    fail(Fault::data, "{}: expected a sequence, got an empty line", where);
  const Json record = parse_json(line, where, {.bytes = kLargestFile, .depth = 2});
  expect_keys(record, {"tokens", "targets", "next"}, where);
  const Json& tokens = array_at(record, "tokens", where);
  const bool next = record.contains("next");
  if (next == record.contains("targets"))
    fail(Fault::data, "{}: expected either `targets` or `next`, got {}", where,
         next ? "both" : "neither");
  if (tokens.size() < (next ? 2u : 1u))
    fail(Fault::data, "{}: tokens: expected {} or more, got {}", where, next ? 2 : 1,
         tokens.size());
  const size_t N = tokens.size() - (next ? 1 : 0);
  for (size_t n = 0; n < N; ++n)
    split.tokens.push_back(element(tokens, n, 0, vocabulary_.count, "tokens", where));
  if (next) {
    const size_t from = json_integer(record["next"], 0, N - 1, where + ": next");
    for (size_t n = 0; n < N; ++n)
      split.targets.push_back(
          n < from ? -1 : element(tokens, n + 1, 0, vocabulary_.count, "tokens", where));
  } else {
    const Json& targets = array_at(record, "targets", where);
    if (targets.size() != N)
      fail(Fault::data, "{}: targets: expected {}, as many as tokens, got {}", where, N,
           targets.size());
    for (size_t n = 0; n < N; ++n)
      split.targets.push_back(element(targets, n, -1, vocabulary_.count, "targets", where));
  }
  const auto begin = split.targets.end() - static_cast<std::ptrdiff_t>(N);
  if (std::all_of(begin, split.targets.end(), [](int32_t t) { return t < 0; }))
    fail(Fault::data, "{}: nothing is scored: all targets are -1", where);
  split.begins.push_back(split.tokens.size());
}

void SequenceFolder::refuse_overlap() const {
  for (size_t learned = 0; learned < 2; ++learned) {
    const Lines known(splits_[learned]);
    for (size_t judged = learned + 1; judged < 3; ++judged) {
      size_t count = 0, first = 0, twin = 0;
      for (size_t line = 0; line < splits_[judged].lines(); ++line)
        if (const auto found = known.find(splits_[judged], line)) {
          if (++count == 1) first = line, twin = *found;
        }
      if (count > 0)
        fail(Fault::data,
             "{0}/{1}.jsonl: line {2}: its tokens stand in {3}.jsonl too, in line {4}, and so do "
             "those of {5} of {6} lines: what is learned would be judged; remove them, or allow it "
             "with --overlap allowed",
             folder_, kNames[judged], first + 1, kNames[learned], twin + 1, count,
             splits_[judged].lines());
    }
  }
}

double SequenceFolder::chance(size_t length) const {
  if (vocabulary_.chance) return *vocabulary_.chance;
  const auto guess = static_cast<int32_t>(commonest(answers_));
  size_t right = 0, all = 0;
  const auto count = [&](size_t line) {
    for (size_t at = test().begins[line]; at < test().begins[line + 1]; ++at)
      all += test().targets[at] >= 0, right += test().targets[at] == guess;
  };
  if (const auto found = tests_.find(length); found != tests_.end())
    std::ranges::for_each(found->second, count);
  else
    for (size_t line = 0; line < test().lines(); ++line) count(line);
  return static_cast<double>(right) / static_cast<double>(all);
}

std::string SequenceFolder::described() const {
  std::string text =
      fmt::format("{}{}{}: {} tokens\n", folder_, vocabulary_.what.empty() ? "" : ": ",
                  vocabulary_.what, vocabulary_.count);
  for (size_t s = 0; s < splits_.size(); ++s) {
    const Split& split = splits_[s];
    if (split.lines() == 0) continue;
    size_t shortest = split.length(0), longest = 0;
    for (size_t line = 0; line < split.lines(); ++line)
      shortest = std::min(shortest, split.length(line)),
      longest = std::max(longest, split.length(line));
    text += fmt::format(
        "{:<10}  {} lines of {} to {} tokens, {} answers\n", kNames[s], split.lines(), shortest,
        longest, split.targets.size() - static_cast<size_t>(std::ranges::count(split.targets, -1)));
  }
  for (const auto& [length, lines] : tests_)
    text += fmt::format("length {}: {} test line{}, chance {:.2f} %\n", length, lines.size(),
                        lines.size() == 1 ? "" : "s", 100 * chance(length));
  return text;
}

std::vector<std::string> SequenceFolder::warnings() const {
  std::vector<std::string> all;
  std::vector<bool> seen(vocabulary_.count);
  for (const int32_t token : train().tokens) seen[static_cast<size_t>(token)] = true;
  std::set<int32_t> tokens, answers;
  for (const Split* split : {&validation(), &test()}) {
    for (const int32_t token : split->tokens)
      if (!seen[static_cast<size_t>(token)]) tokens.insert(token);
    for (const int32_t target : split->targets)
      if (target >= 0 && answers_[static_cast<size_t>(target)] == 0) answers.insert(target);
  }
  const auto warn = [&](const std::set<int32_t>& of, const char* what) {
    if (!of.empty())
      all.push_back(fmt::format("{} {} never stand{} in training: {}{}", of.size(), what,
                                of.size() == 1 ? "s" : "", *of.begin(),
                                of.size() > 1 ? ", ..." : ""));
  };
  warn(tokens, tokens.size() == 1 ? "token of what is judged" : "tokens of what is judged");
  warn(answers, answers.size() == 1 ? "answer of what is judged" : "answers of what is judged");
  size_t asked = 0;
  for (const size_t count : answers_) asked += count;
  const size_t guess = commonest(answers_);
  if (static_cast<double>(answers_[guess]) > 0.99 * static_cast<double>(asked))
    all.push_back(fmt::format("the answer {} is right in more than 99 % of all places", guess));
  return all;
}

}  // namespace gnomon
