// The user's settings in the two forms in which the server takes them. Only what somebody set is sent:
// a default of this package would else stand over the user's own `config.toml`.

import type { WorkspaceConfiguration } from 'vscode';
import * as vscode from 'vscode';
import keys from './settings.json';

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
type Tree = { [key: string]: Json | Tree };

export const SECTION = 'foretoken';

function configuration(): WorkspaceConfiguration {
  return vscode.workspace.getConfiguration(SECTION);
}

/** What was set for one key at any level; undefined where only the default is in force. */
function explicit(settings: WorkspaceConfiguration, key: string): Json | undefined {
  const found = settings.inspect<Json>(key);
  const set =
    found?.globalValue !== undefined ||
    found?.workspaceValue !== undefined ||
    found?.workspaceFolderValue !== undefined;
  return set ? settings.get<Json>(key) : undefined;
}

/** What the server is told on `workspace/configuration`: a tree below `foretoken`. */
export function forServer(): Tree {
  const settings = configuration();
  const tree: Tree = {};
  for (const key of keys.editor) {
    const value = explicit(settings, key);
    const names = key.split('.');
    const last = names.pop();
    if (value === undefined || value === null || last === undefined) {
      continue;
    }
    let place = tree;
    for (const name of names) {
      place = (place[name] ??= {}) as Tree;
    }
    place[last] = value;
  }
  return tree;
}

/**
 * What must not come from a workspace travels in the environment of the process. VS Code sees to it that
 * these keys are the machine's alone (their scope is `machine`), and the server takes them from no editor.
 */
export function environment(): { [name: string]: string } {
  const settings = configuration();
  const variables: { [name: string]: string } = {};
  for (const { key, variable, list } of keys.environment) {
    const value = explicit(settings, key);
    if (value === undefined || value === null || value === '') {
      continue;
    }
    if (typeof value === 'string') {
      variables[variable] = value;
    } else {
      variables[variable] = list && Array.isArray(value) ? value.join(',') : JSON.stringify(value);
    }
  }
  return variables;
}

/** Whether this change concerns what is only read when the server starts. */
export function needsRestart(event: vscode.ConfigurationChangeEvent): boolean {
  const read = ['path', ...keys.environment.map(({ key }) => key)];
  return read.some((key) => event.affectsConfiguration(`${SECTION}.${key}`));
}
