// Links an addon of Zig's: what node-gyp links with (zig.mjs), with the target's name before a linker's arguments. Of those it takes the
// objects and the file to make; the rest is meant for the linker of this machine.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readGyp } from '../gyp.mjs'
import { mustRun } from '../run.mjs'
import { stripMachO } from '../strip-mach-o.mjs'
import { offeredNames, targets } from '../targets.mjs'
import { compiler } from '../zig.mjs'

const [name, ...args] = process.argv.slice(2)
const target = targets[name]
const to = args[args.indexOf('-o') + 1]
const objects = args.filter((argument) => argument.endsWith('.o'))
/** Stands in for the library of C++, of which little is needed. */
const runtime = join(import.meta.dirname, 'runtime.cc')

const more = []
if (target.os === 'win') more.push(written('host.cc', bindingToHost()))
if (target.os === 'linux')
  more.push(`-Wl,--version-script=${written('exported.map', `{ global: ${offeredNames.join('; ')}; local: *; };\n`)}`)
const [program, ...before] = compiler(target.zig)
// With -Os Zig's linker joins equal texts, and its libraries are built small, too.
const flags = [...readGyp(target.os).flags, '-shared', '-s', '-Os', ...target.flags]
await mustRun(program, [...before, ...flags, '-o', to, ...objects, runtime, ...more], { cwd: process.cwd() })
if (target.os === 'mac') writeFileSync(to, stripMachO(readFileSync(to), offeredNames))

function written(file, text) {
  writeFileSync(file, text)
  return file
}

/**
 * On Windows an import names its file, but the program that hosts Node need not be called node.exe. So the addon looks its functions up in
 * whatever program it is loaded by, and refuses to be loaded where one is missing.
 */
function bindingToHost() {
  const names = new Set()
  for (const object of objects)
    for (const [, found] of readFileSync(object, 'latin1').matchAll(/__imp_((?:napi|node_api|uv)_\w+)/g))
      names.add(found)
  const each = (line) => [...names].sort().map(line).join('\n')
  return `#include <windows.h>
${each((called) => `void* __imp_${called};`)}
static const struct { void** to; const char* name; } functions[] = {
${each((called) => `  {&__imp_${called}, "${called}"},`)}
};
extern "C" BOOL WINAPI DllMain(HINSTANCE self, DWORD reason, LPVOID reserved) {
  (void)self; (void)reserved;
  if (reason != DLL_PROCESS_ATTACH) return TRUE;
  HMODULE host = GetModuleHandleA(NULL);
  for (unsigned i = 0; i < sizeof functions / sizeof functions[0]; ++i) {
    *functions[i].to = (void*)GetProcAddress(host, functions[i].name);
    if (*functions[i].to == NULL) return FALSE;
  }
  return TRUE;
}
`
}
