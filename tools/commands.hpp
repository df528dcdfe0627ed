// tools/commands.hpp
// The subcommands of `gnomon`, one file each; main.cpp lists them in a table.
#pragma once

#include <string>
#include <vector>

#include "core/error.hpp"

namespace gnomon {

using Words = std::vector<std::string>;  ///< the command line behind the subcommand

Exit train(const Words& words);
Exit evaluate(const Words& words);
Exit generate(const Words& words);
Exit inspect(const Words& words);
Exit reproduce(const Words& words);
Exit list_models(const Words& words);
Exit list_tasks(const Words& words);
Exit list_variants(const Words& words);
Exit gradcheck_table(const Words& words);
Exit bench(const Words& words);

}  // namespace gnomon
