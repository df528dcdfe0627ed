#include "tools/opened_run.hpp"

#include "tools/engine.hpp"
#include "tools/output.hpp"
#include "tools/training/run_directory.hpp"

namespace gnomon {

void declare_checkpoint(Fields& f, std::string& checkpoint) {
  f.text("checkpoint", checkpoint,
         "last, best (of the validations), or a file such as checkpoint-500.safetensors");
}

OpenedRun::OpenedRun(const std::string& path, const std::string& checkpoint, size_t threads,
                     bool with_data) {
  if (path.empty()) fail(Fault::option, "--run is missing: the directory of a trained run");
  const Arguments config = Arguments::of_file(path + "/config.ini");
  const std::string file = checkpoint_file(path, checkpoint);
  experiment = with_data ? Experiment::of_run(config, path) : Experiment::unprepared(config, path);
  for (const std::string& remark : experiment->remarks) complain(remark);
  start_engine(threads);
  model = load_model(path, file, *experiment);
  const Metadata metadata = read_tensor_header(file).metadata;
  if (metadata.contains("step")) step = step_of(metadata, file);
  if (checkpoint == "last") return;
  std::string what = fmt::format("read {}", file);
  if (step > 0) what += fmt::format(", of step {}", step);
  const Standing standing = RunState::of(metadata, file).standing;
  if (standing.best && standing.best_step == step)
    what += fmt::format(", the best {} so far: {:.4g}", experiment->training.validation.watched(),
                        *standing.best);
  complain(what);
}

}  // namespace gnomon
