# cmake -DOUT=FILE -DSOURCE=DIR -P commit.cmake: writes the commit of the sources into a header,
# which keeps its time where nothing has changed.
cmake_minimum_required(VERSION 3.25)
execute_process(COMMAND git -C ${SOURCE} describe --always --dirty --abbrev=10
                OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT commit)
  set(commit unknown)
endif()
file(CONFIGURE OUTPUT ${OUT} CONTENT "#define GNOMON_COMMIT \"@commit@\"\n" @ONLY)
