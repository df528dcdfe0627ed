// An inspection as one HTML file that needs nothing else: no network, no file beside it.
#pragma once

#include "tools/inspect/inspection.hpp"

namespace gnomon {

std::string inspection_page(const Inspection& inspection);

/// The colours of all pages, as CSS variables.
std::string page_colours();
/// The scripts of the view of one sample, createView() of view.js: d3 comes before them.
std::string view_script();
/// Its CSS.
std::string view_style();
/// The page's side of the engine, Engine and createAlive() of tools/lab/, after the view's scripts;
/// and what runs in its worker.
std::string engine_script();
std::string engine_worker();

/// Text as HTML shows it, with nothing in it that could be markup.
std::string escaped_html(const std::string& text);

/// JSON that may stand inside <script>: no '<' in it, so no </script> and no <!--.
std::string escaped_script(std::string json);

/// `text` with each @name@ replaced by its value, in order; what was inserted is left alone.
/// Throws Error for a name that does not occur.
std::string filled(std::string text,
                   const std::vector<std::pair<std::string, std::string>>& values);

}  // namespace gnomon
