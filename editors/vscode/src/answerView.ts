// The view beside the editor in which an answer appears while it is written. The page shows what it is
// sent and reports clicks; everything that happens, happens here.

import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import { type Answer } from './answers';
import { allowed, render } from './markdown';

/** What the page says. */
type FromPage = { readonly kind: 'ready' } | { readonly kind: 'open'; readonly target: string } | { readonly kind: 'stop' | 'document' };

/** What a view needs of the rest of the extension. */
export interface Actions {
  /** Ends the running answers. */
  stop(): void;
}

export class AnswerView implements vscode.Disposable {
  private panel: vscode.WebviewPanel | undefined;
  private shown: Answer | undefined;

  constructor(
    private readonly extension: vscode.Uri,
    private readonly actions: Actions,
  ) {}

  /** Shows an answer as it is now. A new one brings the view up; later steps leave the focus alone. */
  show(answer: Answer): void {
    const isNew = this.shown?.id !== answer.id;
    if (!isNew && this.panel === undefined) {
      // The user closed it while it was written.
      this.shown = answer;
      return;
    }
    this.shown = answer;
    const panel = this.panel ?? this.open();
    panel.title = answer.title;
    if (isNew && !panel.visible) {
      panel.reveal(undefined, true);
    }
    this.post();
  }

  /** The answer in view, brought to an end. */
  update(answers: readonly Answer[]): void {
    const same = answers.find((answer) => answer.id === this.shown?.id);
    if (same !== undefined) {
      this.show(same);
    }
  }

  dispose(): void {
    this.panel?.dispose();
  }

  private open(): vscode.WebviewPanel {
    const panel = vscode.window.createWebviewPanel(
      'foretoken.answer',
      'Foretoken',
      { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true },
      {
        enableScripts: true,
        enableFindWidget: true,
        localResourceRoots: [vscode.Uri.joinPath(this.extension, 'media')],
      },
    );
    panel.webview.html = page(panel.webview, this.extension);
    panel.webview.onDidReceiveMessage((message: unknown) => this.receive(message));
    // A page that was hidden starts anew when it is seen again, and says that it is ready.
    panel.onDidDispose(() => (this.panel = undefined));
    this.panel = panel;
    return panel;
  }

  private receive(message: unknown): void {
    const said = message as FromPage;
    switch (said.kind) {
      case 'ready':
        return this.post();
      case 'open':
        return void openTarget(said.target);
      case 'document':
        return void (this.shown?.document !== undefined && openTarget(this.shown.document));
      case 'stop':
        return this.actions.stop();
    }
  }

  private post(): void {
    const answer = this.shown;
    if (answer === undefined) {
      return;
    }
    void this.panel?.webview.postMessage({
      id: answer.id,
      title: answer.title,
      blocks: answer.blocks.map(render),
      notes: answer.notes,
      sources: answer.sources,
      running: answer.running,
      document: answer.document !== undefined,
      cut: answer.cut ?? null,
    });
  }
}

/** Opens a file at its `#L12`, or a page after the editor's own question. */
async function openTarget(target: unknown): Promise<void> {
  if (typeof target !== 'string') {
    return;
  }
  const place = target.startsWith('/') ? vscode.Uri.file(target) : vscode.Uri.parse(target);
  if (!allowed(place.toString())) {
    return;
  }
  if (place.scheme !== 'file') {
    return void (await vscode.env.openExternal(place));
  }
  const line = /^L(\d{1,9})/u.exec(place.fragment)?.[1];
  const from = line === undefined ? undefined : new vscode.Position(Math.max(0, Number(line) - 1), 0);
  try {
    await vscode.window.showTextDocument(place.with({ fragment: '' }), {
      viewColumn: vscode.ViewColumn.One,
      ...(from === undefined ? {} : { selection: new vscode.Range(from, from) }),
    });
  } catch {
    void vscode.window.showWarningMessage(`Foretoken: ${place.fsPath} cannot be opened. It may have been moved since.`);
  }
}

/** The page: no address of any kind can be reached from it, and only its own script runs. */
function page(webview: vscode.Webview, extension: vscode.Uri): string {
  const nonce = randomBytes(16).toString('base64url');
  const media = (name: string): vscode.Uri => webview.asWebviewUri(vscode.Uri.joinPath(extension, 'media', name));
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src ${webview.cspSource}; script-src 'nonce-${nonce}'">
<link rel="stylesheet" href="${media('answer.css').toString()}">
<title>Foretoken</title>
</head>
<body>
<header><h1 id="title"></h1><p id="notes" aria-live="polite"></p></header>
<main id="text" aria-live="polite"></main>
<section id="sources" hidden><h2>Sources</h2><ol></ol></section>
<footer>
<p id="cut" role="alert" hidden></p>
<button id="stop" hidden>Stop</button>
<button id="document" hidden>Open as a document</button>
</footer>
<script nonce="${nonce}" src="${media('answer.js').toString()}"></script>
</body>
</html>`;
}
