// Foretoken in VS Code: starts the server and shows what comes back. What is suggested is the server's
// business; ghost text, accepting words and lines, code actions and progress are the editor's own.

import * as vscode from 'vscode';
import { Answers, readNote } from './answers';
import { AnswerView } from './answerView';
import { setKey } from './keys';
import { describe, why } from './report';
import { openSettings, Server } from './server';
import * as settings from './settings';
import { StatusItem } from './statusItem';

/** At most one hint per this time; the server needs none. */
const HINT_MS = 100;
/** The lines on hover are asked for at most this often. */
const DETAIL_MS = 5000;

let server: Server | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const log = vscode.window.createOutputChannel('Foretoken', { log: true });
  const item = new StatusItem();
  const answers = new Answers();
  const view = new AnswerView(context.extensionUri, { stop: () => void server?.execute('foretoken.cancel') });
  const detail = atMostEvery(DETAIL_MS, async () => item.detail(await running.report()));
  const running = new Server(context, log, {
    condition: (condition) => {
      item.show(condition);
      detail();
    },
    assist: (value) => {
      const note = readNote(value);
      const answer = note === undefined ? undefined : answers.take(note);
      if (answer !== undefined) {
        view.show(answer);
      }
    },
    ended: () => view.update(answers.interrupt('The server ended before the answer did.')),
    answered: detail,
  });
  server = running;

  const hint = atMostEvery(HINT_MS, () => {
    const editor = vscode.window.activeTextEditor;
    if (editor !== undefined) {
      running.hint(editor);
    }
  });
  const actions: { readonly [command: string]: () => unknown } = {
    'foretoken.restartServer': () => running.restart(),
    'foretoken.showLog': () => log.show(),
    'foretoken.toggle': toggle,
    'foretoken.toggleLanguage': toggleLanguage,
    'foretoken.why': () => explainNothing(running),
    'foretoken.menu': () => menu(running),
    'foretoken.explainSelection': () =>
      vscode.commands.executeCommand('editor.action.codeAction', { kind: 'refactor.foretoken.explain', apply: 'first' }),
    'foretoken.askSelection': () => ask(running),
    'foretoken.setApiKey': () => setKey((args, input) => running.run(args, input)),
    'foretoken.walkthrough': () =>
      vscode.commands.executeCommand('workbench.action.openWalkthrough', `${context.extension.id}#start`, false),
  };
  context.subscriptions.push(
    log,
    item,
    view,
    running,
    ...Object.entries(actions).map(([name, action]) => vscode.commands.registerCommand(name, action)),
    vscode.window.onDidChangeTextEditorSelection((event) => {
      // While somebody types the changes themselves say where.
      if (event.kind !== undefined && event.textEditor === vscode.window.activeTextEditor) {
        hint();
      }
    }),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (settings.needsRestart(event)) {
        void running.restart();
      }
    }),
    // What was held back from an untrusted folder is asked for anew.
    vscode.workspace.onDidGrantWorkspaceTrust(() => void running.restart()),
  );
  await running.restart();
}

export async function deactivate(): Promise<void> {
  await server?.stop();
}

/** Runs `work` at once, and after that at most once per `ms`; the last call is never lost. */
function atMostEvery(ms: number, work: () => unknown): () => void {
  let resting = false;
  let again = false;
  const call = (): void => {
    if (resting) {
      again = true;
      return;
    }
    resting = true;
    again = false;
    void work();
    setTimeout(() => {
      resting = false;
      if (again) {
        call();
      }
    }, ms);
  };
  return call;
}

/** Switches suggestions on or off for this user. */
async function toggle(): Promise<void> {
  const found = vscode.workspace.getConfiguration(settings.SECTION);
  const wanted = !found.get<boolean>('completion.enabled', true);
  await found.update('completion.enabled', wanted, vscode.ConfigurationTarget.Global);
  const now = vscode.workspace.getConfiguration(settings.SECTION).get<boolean>('completion.enabled', true);
  if (now !== wanted) {
    void vscode.window.showWarningMessage('Foretoken: the settings of this workspace say otherwise and count more.');
  }
}

/** Switches suggestions on or off for the language of the file in view. */
async function toggleLanguage(): Promise<void> {
  const language = vscode.window.activeTextEditor?.document.languageId;
  if (language === undefined) {
    return;
  }
  const found = vscode.workspace.getConfiguration(settings.SECTION);
  const off = found.get<readonly string[]>('completion.disabledLanguages', []);
  const now = off.includes(language) ? off.filter((one) => one !== language) : [...off, language];
  await found.update('completion.disabledLanguages', now, vscode.ConfigurationTarget.Global);
}

/** Asks for a question about what is selected. */
async function ask(running: Server): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  if (editor === undefined) {
    return void vscode.window.showInformationMessage('Foretoken: no text editor has the focus.');
  }
  const question = await vscode.window.showInputBox({ title: 'Foretoken: Ask About the Selection', prompt: 'What do you want to know?' });
  if (question !== undefined && question.trim() !== '') {
    await running.ask(editor, question.trim());
  }
}

/** Says why nothing is shown at the cursor, with the way out where there is one. */
async function explainNothing(running: Server): Promise<void> {
  const document = vscode.window.activeTextEditor?.document;
  if (document === undefined) {
    return void vscode.window.showInformationMessage('Foretoken: no text editor has the focus.');
  }
  const inlineSuggest = vscode.workspace.getConfiguration('editor', document).get<boolean>('inlineSuggest.enabled', true);
  const { sentence, remedy } = why({ inlineSuggest, status: await running.report(), uri: document.uri.toString() });
  const ways = {
    enable: ['Switch On', toggle],
    'inline-suggest': [
      'Open Settings',
      () => vscode.commands.executeCommand('workbench.action.openSettings', 'editor.inlineSuggest.enabled'),
    ],
    restart: ['Start the Server', () => running.restart()],
    settings: ['Open Settings', () => openSettings('completion')],
  } as const;
  const [title, act] = remedy === undefined ? [undefined, undefined] : ways[remedy];
  const chosen = await vscode.window.showInformationMessage(`Foretoken: ${sentence}`, ...(title === undefined ? [] : [title]));
  if (chosen !== undefined && chosen === title) {
    await act?.();
  }
}

/** What a click on the status item offers: how things stand, and what can be done. */
async function menu(running: Server): Promise<void> {
  const report = await running.report();
  const on = vscode.workspace.getConfiguration(settings.SECTION).get<boolean>('completion.enabled', true);
  const language = vscode.window.activeTextEditor?.document.languageId;
  const off = vscode.workspace.getConfiguration(settings.SECTION).get<readonly string[]>('completion.disabledLanguages', []);
  type Item = vscode.QuickPickItem & { readonly command?: string };
  const items: Item[] = [
    { label: '$(question) Why is nothing shown?', command: 'foretoken.why' },
    { label: on ? '$(circle-slash) Switch suggestions off' : '$(sparkle) Switch suggestions on', command: 'foretoken.toggle' },
    ...(language === undefined
      ? []
      : [
          {
            label: off.includes(language) ? `$(sparkle) Switch on for ${language}` : `$(circle-slash) Switch off for ${language}`,
            command: 'foretoken.toggleLanguage',
          },
        ]),
    { label: '$(debug-restart) Restart the server', command: 'foretoken.restartServer' },
    { label: '$(output) Show the log', command: 'foretoken.showLog' },
    { label: '$(settings-gear) Settings', command: 'foretoken.openSettings' },
    { label: 'How things stand', kind: vscode.QuickPickItemKind.Separator },
    ...describe(report).map((label) => ({ label: `$(info) ${label}` })),
  ];
  const chosen = await vscode.window.showQuickPick(items, { title: 'Foretoken', placeHolder: 'What to do' });
  if (chosen?.command === 'foretoken.openSettings') {
    openSettings('');
  } else if (chosen?.command !== undefined) {
    await vscode.commands.executeCommand(chosen.command);
  }
}
