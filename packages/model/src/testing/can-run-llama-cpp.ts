/** What node-llama-cpp brings a ready-made llama.cpp for, as far as the workspace installs it. */
const built = ['linux-x64', 'darwin-x64', 'darwin-arm64', 'win32-x64']

const here = `${process.platform}-${process.arch}`

/** Whether tests can ask llama.cpp; where not, they say that they left it out. */
export const canRunLlamaCpp: boolean = built.includes(here)

if (!canRunLlamaCpp) console.warn(`*** NOT TESTED: llama.cpp, of which there is no build for ${here} ***`)
