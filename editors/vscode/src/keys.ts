// Keys of endpoints: asked for in a box that hides them, and handed to the program, which keeps them for the
// endpoint's address alone. They stand in no setting, argument or log, and in no storage of the editor's.

import * as vscode from 'vscode';
import { endpointsIn, sentence, type Said } from './cli';

/** Runs a command of the server's program. */
export type Run = (args: readonly string[], input?: string) => Promise<Said>;

/** Asks for the key of an endpoint and has it stored. */
export async function setKey(run: Run): Promise<void> {
  const shown = await run(['config', 'show', '--json']);
  const names = endpointsIn(shown.out);
  if (names.length === 0) {
    return void vscode.window.showInformationMessage('Foretoken: no endpoint is configured, so there is nobody to have a key for. Name one in config.toml first.');
  }
  const title = 'Foretoken: Set an API Key';
  const name = names.length === 1 ? names[0] : await vscode.window.showQuickPick(names, { title, placeHolder: 'Whose key?' });
  if (name === undefined) {
    return;
  }
  const key = await vscode.window.showInputBox({
    title,
    prompt: `The key for ${name}. It is kept for the address of ${name} alone, outside of the editor.`,
    password: true,
    // Somebody who copies a key from elsewhere comes back.
    ignoreFocusOut: true,
  });
  if (key === undefined || key.trim() === '') {
    return;
  }
  const said = await run(['keys', 'set', name], `${key.trim()}\n`);
  const text = `Foretoken: ${sentence(said) || (said.code === 0 ? `The key for ${name} is stored.` : 'The key was not stored.')}`;
  void (said.code === 0 ? vscode.window.showInformationMessage(text) : vscode.window.showErrorMessage(text));
}
