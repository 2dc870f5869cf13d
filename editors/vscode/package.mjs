// Builds `foretoken-<target>.vsix` for this machine, with the server and ONNX Runtime inside:
//   npm run package                              builds the server in release mode first
//   npm run package -- --server PATH [--out DIR] takes a program that is there already
// The model is part of the program, so the package needs nothing else and no network.
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createVSIX } from '@vscode/vsce';

const here = dirname(fileURLToPath(import.meta.url));
const { values } = parseArgs({ options: { server: { type: 'string' }, out: { type: 'string', default: here } } });
const target = `${process.platform}-${process.arch}`;

/** Builds the server and returns its path, which Cargo names. */
function built() {
  const lines = execFileSync('cargo', ['build', '--release', '--package', 'foretoken', '--bin', 'foretoken', '--message-format', 'json'], {
    cwd: here,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 1 << 28,
  });
  const programs = lines.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line).executable);
  return programs.findLast((program) => typeof program === 'string');
}

/** The ONNX Runtime that this server loads, by its own word. */
function library(server) {
  let said;
  try {
    said = execFileSync(server, ['doctor', '--json'], { encoding: 'utf8' });
  } catch (error) {
    // Exit code 1 says that something is not well; which part, stands in the output.
    said = error.stdout;
  }
  const path = JSON.parse(said).parts['ONNX Runtime'].details.found?.path;
  if (typeof path !== 'string') {
    throw new Error(`${server} finds no ONNX Runtime to put into the package; \`foretoken doctor\` says what to do.`);
  }
  return path;
}

const server = resolve(values.server ?? built());
const folder = join(here, 'server');
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const program = join(folder, process.platform === 'win32' ? 'foretoken.exe' : 'foretoken');
copyFileSync(server, program);
chmodSync(program, 0o755);
try {
  execFileSync('strip', ['--strip-debug', program], { stdio: 'ignore' });
} catch {
  // Only smaller; a machine without `strip` packs what it has.
}
// The server looks for its library beside itself first.
const runtime = library(server);
copyFileSync(runtime, join(folder, basename(runtime)));
copyFileSync(join(here, '../../LICENSE'), join(here, 'LICENSE'));

const packagePath = resolve(values.out, `foretoken-${target}.vsix`);
await createVSIX({
  cwd: here,
  target,
  packagePath,
  dependencies: false,
  allowMissingRepository: true,
  rewriteRelativeLinks: false,
});
console.log(packagePath);
