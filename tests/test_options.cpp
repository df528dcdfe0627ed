// Options belong to what was chosen: every model, task and mixer declares its own, and no others
// are taken.
#include <doctest/doctest.h>

#include <set>

#include "tests/sentence.hpp"
#include "tools/training/experiment.hpp"

using namespace gnomon;

namespace {

template <class T>
std::set<std::string> option_names(T&& owner) {
  Fields fields;
  owner.declare(fields);
  std::set<std::string> names;
  for (const Field& f : fields.all()) names.insert(f.name);
  return names;
}

std::set<std::string> training_names() {
  Fields fields;
  TrainingConfig training;
  training.declare(fields, "");
  training.temperature.declare(fields);
  std::set<std::string> names;
  for (const Field& f : fields.all()) names.insert(f.name);
  return names;
}

std::string refusal(Options& options, const std::string& name) {
  return sentence([&] { Arguments({"--" + name, "1"}).set_all(options); });
}

}  // namespace

TEST_CASE("options: every model, task and mixer shows its own, and names the owner of others") {
  size_t refused = 0;
  for (const std::string& model : registered_names<ModelKind>())
    for (const std::string& task : registered_names<Task>())
      for (const std::string& mixer : registered_names<MixerKind>()) {
        CAPTURE(model);
        CAPTURE(task);
        CAPTURE(mixer);
        ExperimentNames names;
        names.model = model, names.task = task, names.mixers = mixer;
        Experiment experiment(names);
        Options options;
        experiment.declare(options);
        const std::string help = options.help();
        const auto kind = make_registered<MixerKind>(mixer, "mixer");
        for (const std::string& own : option_names(*kind))
          CHECK(help.find("--" + own + " ") != std::string::npos);
        for (const std::string& own : option_names(*make_registered<Task>(task, "task")))
          CHECK(help.find("--" + own + " ") != std::string::npos);
        CHECK((options.find("temperature") != nullptr) == kind->anneals());

        const auto check_foreign = [&](const std::string& owner, const std::string& name) {
          if (options.find(name)) return;  // the chosen one has one of this name, too
          CAPTURE(name);
          CHECK(help.find("--" + name + " ") == std::string::npos);
          const std::string says = refusal(options, name);
          CHECK_MESSAGE(says.starts_with("--" + name + " belongs to the "), says);
          CHECK_MESSAGE(says.find(owner) != std::string::npos, says);
          ++refused;
        };
        for (const auto& [other, entry] : registry<MixerKind>())
          for (const std::string& name : option_names(*entry.make())) check_foreign(other, name);
        for (const auto& [other, entry] : registry<Task>())
          for (const std::string& name : option_names(*entry.make())) check_foreign(other, name);
      }
  CHECK(refused > 1000);
}

TEST_CASE("options: no mixer or task has an option that another part of an experiment has") {
  const std::set<std::string> trunk = option_names(SequenceModel::Config()),
                              training = training_names(),
                              call{"out", "resume", "threads", "quiet", "model", "task", "config"};
  std::set<std::string> of_mixers, of_tasks;
  for (const auto& [name, entry] : registry<MixerKind>())
    of_mixers.merge(option_names(*entry.make()));
  for (const auto& [name, entry] : registry<Task>()) of_tasks.merge(option_names(*entry.make()));
  for (const auto* names : {&of_mixers, &of_tasks})
    for (const std::string& name : *names) {
      CAPTURE(name);
      CHECK(!trunk.contains(name));
      CHECK(!training.contains(name));
      CHECK(!call.contains(name));
      CHECK((names == &of_tasks || !of_tasks.contains(name)));
    }
}

TEST_CASE("options: what two groups have is one option, and their defaults must agree") {
  size_t first = 3, second = 4, only = 5;
  Options options;
  options.group("the mixer a", true).integer("kernel", first, 1, 9, "of a");
  Fields& b = options.group("the mixer b", true);
  b.integer("kernel", second, 1, 8, "of b");
  b.integer("only", only, 1, 9, "of b");
  CHECK(sentence([&] { options.ini(); }) ==
        "kernel: expected a value, since its defaults differ: 3, and 4 for the mixer b");
  CHECK(sentence([&] {
          Arguments({"--kernel", "9"}).set_all(options);
        }) == "kernel: expected a whole number from 1 to 8, got '9'");
  Arguments({"--kernel", "7"}).set_all(options);
  CHECK(first == 7);
  CHECK(second == 7);
  CHECK(only == 5);
  CHECK(options.ini() == "# the mixer a\nkernel = 7\n\n# the mixer b\nonly = 5\n");
  CHECK(options.help().find("the mixer b:\n  --kernel") != std::string::npos);
}

TEST_CASE("options: positions that no mixer reads are refused, and the table's length with them") {
  for (const std::string& mixer : registered_names<MixerKind>())
    for (const std::string position : {"none", "learned", "rope", "alibi", "carope", "urpe"}) {
      CAPTURE(mixer);
      CAPTURE(position);
      ExperimentNames names;
      names.model = "transformer", names.task = "copy", names.mixers = mixer;
      names.position = position;
      Experiment experiment(names);
      Options options;
      experiment.declare(options);
      CHECK((options.find("max-length") != nullptr) == (position == "learned"));
      if (position != "learned")
        CHECK(refusal(options, "max-length") ==
              "--max-length belongs to --position learned, and it is " + position);
      const auto kind = make_registered<MixerKind>(mixer, "mixer");
      const std::string says = sentence([&] { experiment.make_model(); });
      CHECK((says == "(no error)") == kind->takes(position));
      if (!kind->takes(position)) CHECK(says.starts_with("position: expected none or learned"));
    }
  // One that reads it is enough.
  SequenceModel::Config config;
  config.encoder.position = "rope";
  config.mixers = "convolution,attention";
  CHECK_NOTHROW(ModelKind(config).make(8));
}

TEST_CASE("options: a run's config.ini may hold what was ignored before") {
  const auto remarks = [](const std::string& more) {
    return Experiment::of_run(Arguments::of_text("model = transformer\ntask = copy\n" + more, "c"))
        ->remarks;
  };
  CHECK(remarks("").empty());
  CHECK(remarks("selection = straight-through\ntemperature = 2\nkernel = 3\ncredit = "
                "false\nmax-length = 2048\n"
                "longformer-window = 128\nvocabulary = 8192\nopening = \n")
            .empty());
  const auto said = remarks("selection = hard\nkernel = 4\npacked = true\nmax-length = 16\n");
  REQUIRE(said.size() == 4);
  CHECK(said[0] ==
        "c: selection = hard is passed over: it belongs to the mixer pointer, which is not among "
        "--mixers attention");
  CHECK(said[2] ==
        "c: packed = true is passed over: it belongs to the task listops, and --task is copy");
  CHECK(sentence([&] { remarks("stepz = 3\n"); }) ==
        "c: unknown option 'stepz'; did you mean 'steps'?");
  CHECK(sentence([&] { remarks("heads = 0\n"); }).starts_with("c: --heads: expected"));
}

TEST_CASE("options: an INI file says where it is wrong") {
  const auto read = [](const std::string& text) {
    return Arguments::of_text(text, "x.ini").in_file();
  };
  using Values = std::map<std::string, std::string>;
  const Values plain{{"a", "1"}, {"b", "x = y"}, {"c", ""}};
  CHECK(read("a = 1\nb = x = y\nc =\n") == plain);
  CHECK(read("# one\r\n\r\n a=1 # two\r\n\tb =  x = y \r\nc = #\r\n") == plain);
  CHECK(read("c =\nb = x = y\n\na = 1") == plain);
  CHECK(sentence([&] {
          read("a = 1\n[b]\n");
        }).starts_with("x.ini: line 2: sections, such as '[b]', are not known"));
  CHECK(sentence([&] { read("\n\nword\n"); }) ==
        "x.ini: not an INI file: the options configuration file contains an invalid line 'word'");
  CHECK(fault_of([&] { read("= 3\n"); }) == Fault::data);
}

TEST_CASE("options: words of the command line") {
  struct Values {
    size_t steps = 1;
    std::string out = "none";
    bool quiet = false, peer = false;
  };
  const auto read = [](const std::vector<std::string>& words) {
    Values v;
    Options options;
    Fields& f = options.group("");
    f.integer("steps", v.steps, 0, 99, "");
    f.text("out", v.out, "");
    f.flag("quiet", v.quiet, "");
    f.flag("peer", v.peer, "");
    Arguments(words).set_all(options);
    return fmt::format("{} {} {} {}", v.steps, v.out, v.quiet, v.peer);
  };
  CHECK(read({}) == "1 none false false");
  CHECK(read({"--steps", "3", "--quiet", "--out=a=b", "--peer=false"}) == "3 a=b true false");
  CHECK(read({"--quiet", "true", "--peer"}) == "1 none true true");
  CHECK(read({"--out", "-", "--steps=4"}) == "4 - false false");
  CHECK(read({"--out=--steps"}) == "1 --steps false false");
  CHECK(read({"--out", ""}) == "1  false false");
  for (const auto& [words, says] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"--out", "--quiet"}, "out: a value is missing"},
           {{"--steps"}, "steps: a value is missing"},
           {{"--steps", "-1"}, "steps: expected a whole number from 0 to 99, got '-1'"},
           {{"--quiet", "stray"}, "quiet: expected true or false, got 'stray'"},
           {{"--step", "3"}, "unknown option 'step'; did you mean 'steps'?"},
           {{"-s", "3"}, "unknown option '-s'"},
           {{"stray"}, "unexpected word 'stray'; options begin with --"},
           {{"--", "x"}, "unexpected word 'x'; options begin with --"},
           {{"--steps", "3", "4"}, "unexpected word '4'; options begin with --"},
           {{"--steps", "3", "--steps=3"}, "--steps is given twice"},
           {{"--config", "a", "--config", "b"}, "--config is given twice"},
           {{"--config"}, "config: expected the name of an INI file"}})
    CHECK(sentence([&, &words = words] { read(words); }) == says);
  CHECK(Arguments({"--out", "--help"}).help());
  CHECK(!Arguments({"--out=--help"}).help());
}

TEST_CASE("options: a word as a shell reads it back") {
  CHECK(quoted("runs/a-1.5,b=c") == "runs/a-1.5,b=c");
  CHECK(quoted("") == "''");
  CHECK(quoted("two words") == "'two words'");
  CHECK(quoted("it's $HOME") == "'it'\\''s $HOME'");
}

TEST_CASE("options: only an option that repeats may be given several times") {
  std::vector<std::string> stops;
  std::string run;
  Options options;
  Fields& f = options.group("options");
  f.texts("stop", stops, "");
  f.text("run", run, "");
  Arguments({"--stop", "a", "--run=x", "--stop=-b", "--stop="}).set_all(options);
  CHECK(stops == std::vector<std::string>{"a", "-b", ""});
  CHECK(sentence([&] {
          Arguments({"--run=a", "--run=b"}).set_all(options);
        }) == "--run is given twice");
  CHECK(sentence([&] { Arguments({"--stop"}).set_all(options); }) == "stop: a value is missing");
}
