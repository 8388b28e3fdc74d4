"""Build with the compiler of this machine."""

from SCons.Script import Default, DefaultEnvironment  # type: ignore[import-not-found]

env = DefaultEnvironment()
# Loading the tools resets the flags that platformio.ini has already set.
kept = {name: list(env.get(name, [])) for name in ("CCFLAGS", "CFLAGS", "CXXFLAGS", "LINKFLAGS")}
for tool in ("gcc", "g++", "gnulink", "ar"):
    env.Tool(tool)
env.Append(**kept)
Default([env.BuildProgram()])
