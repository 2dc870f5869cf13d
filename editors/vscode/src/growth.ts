// The server answers at the end of a line and goes on writing. Other editors ask again by themselves; VS
// Code does not, and would show the first line of a block only. So somebody looks again a little later,
// and where the text has grown the editor is made to ask anew.

import * as vscode from 'vscode';

/** When to look again after an answer, ms. A block is written within these on the machines measured. */
const LOOKS_MS: readonly number[] = [150, 350, 700];

/** Asks the server for the text at a place; null where there is none. */
export type Ask = (
  document: vscode.TextDocument,
  position: vscode.Position,
  context: vscode.InlineCompletionContext,
  token: vscode.CancellationToken,
) => Promise<vscode.InlineCompletionList | vscode.InlineCompletionItem[] | null | undefined>;

/** A request that we made the editor repeat. */
interface Repeat {
  readonly document: vscode.TextDocument;
  readonly version: number;
  readonly position: vscode.Position;
}

export class Growth implements vscode.Disposable {
  private timer: NodeJS.Timeout | undefined;
  private repeat: Repeat | undefined;
  private source: vscode.CancellationTokenSource | undefined;

  /** A request of the editor begins. What it is told is whether a key was pressed for a suggestion. */
  begins(document: vscode.TextDocument, position: vscode.Position, context: vscode.InlineCompletionContext): vscode.InlineCompletionContext {
    this.dispose();
    const repeat = this.repeat;
    this.repeat = undefined;
    const ours = repeat !== undefined && repeat.document === document && repeat.version === document.version && repeat.position.isEqual(position);
    // Nobody pressed a key for this one.
    return ours ? { ...context, triggerKind: vscode.InlineCompletionTriggerKind.Automatic } : context;
  }

  /** The editor shows this answer; look whether it grows. */
  shown(document: vscode.TextDocument, position: vscode.Position, context: vscode.InlineCompletionContext, token: vscode.CancellationToken, text: string, ask: Ask): void {
    // The editor ends its own token with the request; this one ends with the next.
    this.source = new vscode.CancellationTokenSource();
    const { token: still } = this.source;
    if (context.triggerKind !== vscode.InlineCompletionTriggerKind.Automatic || context.selectedCompletionInfo !== undefined || token.isCancellationRequested) {
      return;
    }
    const version = document.version;
    const stands = (): boolean => {
      const editor = vscode.window.activeTextEditor;
      return !still.isCancellationRequested && editor?.document === document && document.version === version && editor.selection.isEmpty && editor.selection.active.isEqual(position);
    };
    const look = (number: number): void => {
      const wait = LOOKS_MS[number];
      if (wait === undefined) {
        return;
      }
      this.timer = setTimeout(() => {
        void (async () => {
          if (!stands()) {
            return;
          }
          const now = textOf(await ask(document, position, context, still));
          if (now === undefined || !stands()) {
            return;
          }
          if (now.length > text.length && now.startsWith(text)) {
            this.repeat = { document, version, position };
            await vscode.commands.executeCommand('editor.action.inlineSuggest.trigger');
          } else {
            look(number + 1);
          }
        })();
      }, wait);
    };
    look(0);
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.source?.cancel();
    this.source?.dispose();
    this.source = undefined;
  }
}

/** The text of the first item, where it is a plain one. */
export function textOf(answer: vscode.InlineCompletionList | vscode.InlineCompletionItem[] | null | undefined): string | undefined {
  const items = Array.isArray(answer) ? answer : answer?.items;
  const text = items?.[0]?.insertText;
  return typeof text === 'string' ? text : undefined;
}
