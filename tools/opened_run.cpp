#include "tools/opened_run.hpp"

#include "tools/engine.hpp"
#include "tools/output.hpp"
#include "tools/training/run_directory.hpp"

namespace gnomon {

OpenedRun::OpenedRun(const std::string& path, size_t threads, bool with_data) {
  if (path.empty()) fail(Fault::option, "--run is missing: the directory of a trained run");
  const Arguments config = Arguments::of_file(path + "/config.ini");
  experiment = with_data ? Experiment::of_run(config, path) : Experiment::unprepared(config, path);
  for (const std::string& remark : experiment->remarks) complain(remark);
  start_engine(threads);
  model = load_model(path, *experiment);
}

}  // namespace gnomon
