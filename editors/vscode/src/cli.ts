// The server's program as a command: for what it does outside of a session. A secret goes in on its
// standard input only, where no list of processes and no log shows it.

import { spawn } from 'node:child_process';

/** How a command ended. `code` is null where it was ended. */
export interface Said {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Longest that a command may take, ms: a keychain may ask its user first. */
const LIMIT_MS = 60_000;

/** Runs a program to its end. Rejects where it does not start. */
export function run(program: string, args: readonly string[], given: { readonly env: NodeJS.ProcessEnv; readonly input?: string }): Promise<Said> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: given.env, stdio: 'pipe', timeout: LIMIT_MS, windowsHide: true });
    const said = { out: '', err: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said.out += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said.err += text));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, ...said }));
    // A program that reads nothing closes the pipe; what matters is how it ends.
    child.stdin.on('error', () => undefined);
    child.stdin.end(given.input ?? '');
  });
}

/** The names of the endpoints in the output of `config show --json`; none where it cannot be read. */
export function endpointsIn(output: string): string[] {
  try {
    const shown = JSON.parse(output) as { readonly settings?: { readonly [key: string]: { readonly value?: unknown } } };
    const names = shown.settings?.['remote.endpoints']?.value;
    return Array.isArray(names) ? names.filter((name) => typeof name === 'string') : [];
  } catch {
    return [];
  }
}

/** What a program said, without its name before each line, as one sentence or some. */
export function sentence({ out, err }: Said): string {
  const lines = `${err}\n${out}`.split('\n').map((line) => line.replace(/^foretoken: /u, '').trim());
  return lines.filter((line) => line !== '').join(' ');
}
