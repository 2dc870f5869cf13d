// Which `foretoken` is started: the one that the user's setting names, else the one that came with the
// extension, else the one on PATH. A setting that names nothing is an error, never passed over.

import * as path from 'node:path';

export type Found = { readonly program: string; readonly from: 'setting' | 'extension' | 'PATH' };
export type Missing = { readonly missing: string };

/** What the search looks at; tests state their own. */
export interface Places {
  /** `foretoken.path`; empty where it is not set. A leading `~` is the home directory. */
  readonly setting: string;
  /** Folder of the extension. */
  readonly extension: string;
  /** The variable PATH. */
  readonly path: string;
  readonly home: string;
  readonly platform: NodeJS.Platform;
  /** Whether this absolute path is a file that can be run. */
  readonly runs: (file: string) => boolean;
}

/** The program to start, or a sentence that says what to do. */
export function find(places: Places): Found | Missing {
  const { setting, platform, runs } = places;
  const name = platform === 'win32' ? 'foretoken.exe' : 'foretoken';
  if (setting.trim() !== '') {
    const program = setting.trim().replace(/^~(?=$|[\\/])/, () => places.home);
    if (!path.isAbsolute(program)) {
      return { missing: `The setting foretoken.path must be an absolute path; it is "${setting}".` };
    }
    return runs(program)
      ? { program, from: 'setting' }
      : { missing: `The setting foretoken.path names ${program}, which is no program that can be run.` };
  }
  const bundled = path.join(places.extension, 'server', name);
  if (runs(bundled)) {
    return { program: bundled, from: 'extension' };
  }
  for (const folder of places.path.split(path.delimiter)) {
    // A relative entry would depend on the folder that happens to be open.
    if (path.isAbsolute(folder) && runs(path.join(folder, name))) {
      return { program: path.join(folder, name), from: 'PATH' };
    }
  }
  return {
    missing:
      'This package of the extension holds no server for this machine, and there is no foretoken on PATH. ' +
      'Install the program, or name it in the setting foretoken.path.',
  };
}
