// gnomon lab: the page in which models are trained; needs the engine that tools/lab.sh builds.
#include "tools/commands.hpp"
#include "tools/embedded.hpp"
#include "tools/inspect/page.hpp"
#include "tools/output.hpp"
#include "tools/packed_engine.hpp"

GNOMON_EMBED(gnomon_lab_html, "/tools/lab/lab.html");
GNOMON_EMBED(gnomon_lab_css, "/tools/lab/lab.css");
GNOMON_EMBED(gnomon_lab_plot, "/tools/lab/plot.js");
GNOMON_EMBED(gnomon_lab_recipes, "/tools/lab/recipes.js");
GNOMON_EMBED(gnomon_lab_lessons, "/tools/lab/lessons.js");
GNOMON_EMBED(gnomon_lab_js, "/tools/lab/lab.js");
GNOMON_EMBED_FILE(gnomon_lab_d3, GNOMON_D3);

namespace gnomon {
namespace {

constexpr const char* kLabUsage =
    "usage: gnomon lab --out lab.html\n"
    "Writes a page in which models are trained and looked at. tools/lab.sh builds its engine.\n";

struct LabConfig {
  std::string out;
  void declare(Options& options) {
    options.group("options").text("out", out, "the page: one HTML file, complete in itself");
  }
};

std::string lab_page(const PackedEngine& engine) {
  std::string js = view_script() + engine_script();
  for (const std::string& part : {std::string(GNOMON_EMBEDDED(gnomon_lab_plot)),
                                  std::string(GNOMON_EMBEDDED(gnomon_lab_recipes)),
                                  std::string(GNOMON_EMBEDDED(gnomon_lab_lessons)),
                                  std::string(GNOMON_EMBEDDED(gnomon_lab_js))})
    js += part + "\n";
  return filled(
      {GNOMON_EMBEDDED(gnomon_lab_html)},
      {{"css", page_colours() + view_style() + std::string(GNOMON_EMBEDDED(gnomon_lab_css))},
       {"engine-script", engine.script},
       {"engine-wasm", engine.wasm},
       {"worker", engine_worker()},
       {"d3", {GNOMON_EMBEDDED(gnomon_lab_d3)}},
       {"js", js}});
}

Exit lab(const Words& words) {
  LabConfig config;
  if (!read_words(words, kLabUsage, config)) return Exit::ok;
  if (config.out.empty())
    fail(Fault::option, "--out is missing: the page to write, such as lab.html");
  const OutputFile page(config.out);
  const auto engine = packed_engine();
  if (!engine)
    fail(Fault::option, "lab: expected the engine for a browser in '{}'; tools/lab.sh builds it",
         packed_engine_folder());
  hand_out("", {{page, [&] { return lab_page(*engine); }}});
  if (!page.is_standard_output()) print(fmt::format("'{}': open it in a browser\n", config.out));
  return Exit::ok;
}

const Registration<Command> kLab{"lab", "a page in which models are trained and looked at",
                                 command(Place::using_runs, lab)};

}  // namespace
}  // namespace gnomon
